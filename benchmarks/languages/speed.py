"""Python's side of `python -m benchmarks.languages`: prints seconds, as Speed.java does."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from time import perf_counter as now

import pygpt


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    began = now()
    work()
    return now() - began


def main(run: str, steps: int, folder: str, prompt: str, tokens: int, repeats: int) -> None:
    """Arguments: those of Speed.java."""
    times: list[float] = []
    options = {"max_iters": 2 * steps, "eval_interval": 0}
    pygpt.train("shakespeare-char", out=run, on_record=lambda _: times.append(now()), **options)
    print(f"step {(times[-1] - times[steps - 1]) / steps:.6g}")
    with pygpt.GPT.from_pretrained(folder) as model:
        prompts, texts = [], []
        for _ in range(2 * repeats):
            prompts.append(seconds(lambda: model.generate(prompt, 1, temperature=0)))
            texts.append(seconds(lambda: model.generate(prompt[0], tokens, temperature=0)))
        print(f"prompt {statistics.median(prompts[repeats:]):.6g}")
        print(f"token {statistics.median(texts[repeats:]) / tokens:.6g}")


if __name__ == "__main__":
    run, steps, folder, prompt, tokens, repeats = sys.argv[1:]
    main(run, int(steps), folder, prompt, int(tokens), int(repeats))
