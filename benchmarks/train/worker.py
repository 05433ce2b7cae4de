"""One side in a process of its own: takes one line of JSON on stdin, answers with one on stdout.

    {"run": 3}            {"step_s": [...], "losses": [...], "grad_norms": [...]}, 3 each
    {"weight_norms": {}}  name -> Euclidean norm of every weight, GPT-2's names

The first answer comes unasked, once the model is ready: {"ready": what runs it}, or
{"unavailable": why} where this machine lacks something. Between questions it waits on stdin.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, TextIO

from benchmarks.train.side import Side, UnavailableError
from benchmarks.train.workload import WORKLOADS, Workload


def make_side(name: str, work: Workload, threads: int) -> Side:
    """Return the side of this name.

    Raises:
        UnavailableError: this machine lacks what it needs.
    """
    if name == "pygpt":
        from benchmarks.train.pygpt_side import PygptSide

        return PygptSide(work, threads)
    from benchmarks.train.torch_side import TorchSide

    return TorchSide(work, threads, compiled=name == "torch-compile", bfloat16=name == "torch-bf16")


def serve(side: Side, work: Workload, questions: TextIO, answers: TextIO) -> None:
    """Answer until the questions end."""
    batches, step = work.batches(), 0

    def answer(value: dict[str, Any]) -> None:
        print(json.dumps(value), file=answers, flush=True)

    answer({"ready": side.description})
    for line in questions:
        question = json.loads(line)
        if "weight_norms" in question:
            answer(side.weight_norms())
            continue
        step_s, losses, grad_norms = [], [], []
        for _ in range(question["run"]):
            ids, targets = batches[step % len(batches)]
            began = time.perf_counter()
            loss, grad_norm = side.step(ids, targets)
            step_s.append(time.perf_counter() - began)
            losses.append(loss)
            grad_norms.append(grad_norm)
            step += 1
        answer({"step_s": step_s, "losses": losses, "grad_norms": grad_norms})


def main() -> None:
    """`python -m benchmarks.train.worker SIDE MODEL THREADS`."""
    # Whatever a library prints must not get between the answers: it goes to stderr.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    name, model, threads = sys.argv[1:]
    work = next(work for work in WORKLOADS if work.name == model)
    try:
        side = make_side(name, work, int(threads))
    except UnavailableError as error:
        print(json.dumps({"unavailable": str(error)}), file=answers, flush=True)
        return
    serve(side, work, sys.stdin, answers)


if __name__ == "__main__":
    main()
