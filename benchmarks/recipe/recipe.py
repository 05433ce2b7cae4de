"""What both sides do: nanoGPT's recipe for Shakespeare's characters on a CPU.

It is the second run of https://github.com/karpathy/nanoGPT#quick-start, which reports 1.88.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.train.workload import draw_weights
from pygpt import Dataset, GPTConfig, TrainConfig

MODEL = GPTConfig(block_size=64, vocab_size=65, n_layer=4, n_head=4, n_embd=128, bias=False)
STEPS = 2000


def options(steps: int) -> TrainConfig:
    """Return the options of the run; each evaluation is over all of the validation text."""
    return TrainConfig(
        learning_rate=1e-3,
        max_iters=steps,
        batch_size=12,
        weight_decay=0.1,
        beta1=0.9,
        beta2=0.99,
        grad_clip=1.0,
        warmup_iters=100,
        lr_decay_iters=steps,
        min_lr=1e-4,
        schedule="cosine",
        batches="windows",
        eval_interval=250,
        eval_iters=0,
        seed=1337,
    )


def first_weights() -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield name and first value of every weight; matrices inside a block are (in, out)."""
    return draw_weights(MODEL.weight_shapes(), MODEL.n_layer)


@dataclass
class Outcome:
    """Mutable: what a side did.

    Attributes:
        description: what ran it.
        losses: mean nats a token of each step's batch, before the update.
        grad_norms: of each step, before clipping.
        step_s: seconds of each step, from drawing the batch to a loss that was read.
        evaluations: steps, and the validation loss after each, in nats a token.
        loop_s: all steps and all evaluations.
    """

    description: str
    losses: list[float] = field(default_factory=list)
    grad_norms: list[float] = field(default_factory=list)
    step_s: list[float] = field(default_factory=list)
    evaluations: list[tuple[int, float]] = field(default_factory=list)
    loop_s: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """Immutable: a run that a worker is asked for; `description` is the side's name."""

    description: str
    data: Path
    steps: int
    threads: int

    def train(self) -> Outcome:
        """Train to the end."""
        side = import_module(f"benchmarks.recipe.{self.description}_side")
        outcome: Outcome = side.train(Dataset.load(self.data), options(self.steps), self.threads)
        return outcome
