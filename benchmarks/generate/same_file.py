"""llama.cpp and pygpt continue the same texts by the same GGUF files: the same tokens.

    python -m benchmarks.generate.same_file [--steps N]

Two small models, of GPT-2's architecture and of Llama's with grouped queries, are trained on
Shakespeare and exported in four formats. Of each file llama.cpp and pygpt continue three prompts
greedily. From float32 files both must give the same tokens. Beside rounded weights llama.cpp
rounds what they are multiplied by, too: each of its tokens must be the likeliest by pygpt's logits
of the same file, or as likely to 5 % of the largest; how many are the same is printed.
`llama-cpp-python` must be installed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

import pygpt
from benchmarks.generate.check import ROUNDED, TABLE, check_greedy, equal_tokens
from benchmarks.generate.llama_cpp_side import LlamaCppSide
from benchmarks.harness.check import DisagreementError
from benchmarks.harness.command import exit_status, make_console, make_note
from benchmarks.harness.peer import WorkerError
from benchmarks.harness.worker import UnavailableError

PROMPTS = ("ROMEO:\nI ", "First Citizen:\n", "What say you to ")
NEW = 40
FORMATS = ("float32", "bfloat16", "q8_0", "q4_0")
MODELS: dict[str, dict[str, Any]] = {
    "GPT-2": {"bias": True},
    "Llama": {
        "norm": "rmsnorm", "activation": "swiglu", "positions": "rotary", "n_kv_head": 2,
        "n_inner": 352, "tie_weights": False,
    },
}  # fmt: skip


def compare(name: str, path: Path, weights: str) -> list[int]:
    """Return how many greedy tokens of each prompt are equal before the first that is not.

    Raises:
        DisagreementError: one of llama.cpp's is less likely than the bound allows.
        UnavailableError: llama-cpp-python is not installed.
    """
    theirs, equal = LlamaCppSide(path, 1), []
    label, bound = f"{name}, {weights}", TABLE if weights == "float32" else ROUNDED
    with pygpt.GPT.from_pretrained(path) as ours:
        for prompt in PROMPTS:
            assert ours.tokenizer is not None
            ids = np.array(ours.tokenizer.encode(prompt), dtype=np.int64)
            _, tokens = theirs.generate(ids, NEW)
            check_greedy(label, ids, tokens, ours.logits(np.append(ids, tokens))[0], bound)
            mine = ours.generate(ids, NEW, temperature=0, stop_tokens=())[len(ids) :].tolist()
            equal.append(equal_tokens(tokens, mine))
    if weights == "float32" and equal != [NEW] * len(PROMPTS):
        raise DisagreementError(f"{label}: expected {NEW} equal tokens of each prompt, got {equal}")
    return equal


def run(arguments: Sequence[str] | None = None) -> None:
    """Train, export and compare; print how many tokens are equal."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.generate.same_file", description="llama.cpp and pygpt on the same files."
    )
    parser.add_argument("--steps", type=int, default=300, metavar="N", help="default: 300")
    options = parser.parse_args(arguments)
    note = make_note(0)
    shown = Table("model", "weights", f"equal greedy tokens of {NEW}, prompt by prompt")
    with tempfile.TemporaryDirectory(prefix="bench-same-file-") as scratch:
        folder = Path(scratch)
        pygpt.prepare("shakespeare", "char", folder / "data")
        for name, kind in MODELS.items():
            note(f"{name}: trains")
            trained = pygpt.train(
                "shakespeare-char", out=folder / name, data=folder / "data", eval_interval=0,
                max_iters=options.steps, **kind,
            )  # fmt: skip
            with pygpt.GPT.from_pretrained(trained.checkpoint) as model:
                for weights in FORMATS:
                    model.export_gguf(folder / f"{name}-{weights}.gguf", weights=weights)
            for weights in FORMATS:
                note(f"{name}, {weights}: is compared")
                try:
                    equal = compare(name, folder / f"{name}-{weights}.gguf", weights)
                except UnavailableError as error:
                    raise WorkerError(f"llama.cpp: {error}") from error
                shown.add_row(name, weights, " ".join(map(str, equal)))
    make_console().print(shown)


if __name__ == "__main__":
    sys.exit(exit_status(run))
