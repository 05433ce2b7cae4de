"""pygpt itself on the names protocol, through its public API, with the report of the peers."""

from __future__ import annotations

import time

SCRIPT_START = time.perf_counter()  # before anything else is imported: that is part of a cold run

from collections.abc import Sequence  # noqa: E402

from protocol import Config, Run, main  # noqa: E402

import pygpt  # noqa: E402


def run(documents: Sequence[str], config: Config, steps: int, seed: int, samples: int = 20) -> Run:
    """Train, then sample.

    The seconds of a step are the mean over one call of `train`, which is a little more than what
    the peers count: it also turns the text into tokens, makes gradients and moments, and waits for
    a Java thread.
    """
    options = pygpt.NamesConfig(
        steps=steps,
        seed=seed,
        samples=samples,
        n_layer=config.n_layer,
        n_embd=config.n_embd,
        n_head=config.n_head,
        block_size=config.block_size,
        learning_rate=config.learning_rate,
    )
    with pygpt.NamesRun(options, documents) as names:
        began = time.perf_counter()
        losses = names.train()
        step_s = (time.perf_counter() - began) / steps
        return Run(losses.tolist(), [step_s] * steps, names.sample())


if __name__ == "__main__":
    main("pygpt", run, SCRIPT_START)
