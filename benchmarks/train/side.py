"""What a side is, and the worker's end of it: timed steps on batches that take turns."""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.check import Steps
from benchmarks.train.workload import Workload


class Side(Protocol):
    """Mutable: a model of one workload, with its first weights, and its optimizer."""

    description: str

    def step(self, ids: NDArray[np.int64], targets: NDArray[np.int64]) -> tuple[float, float]:
        """Train on one batch, (B, T) each; return its loss and the gradient's norm, unclipped."""

    def weight_norms(self) -> dict[str, float]:
        """Return the Euclidean norm of every weight, under GPT-2's names; without a large copy."""


class Runner:
    """Mutable: takes and times steps of a side on the workload's batches, which take turns."""

    def __init__(self, side: Side, work: Workload) -> None:
        self.description = side.description
        self.weight_norms = side.weight_norms
        self._side, self._batches, self._step = side, work.batches(), 0

    def run(self, steps: int) -> Steps:
        """Take so many steps."""
        taken = Steps([], [], [])
        for _ in range(steps):
            ids, targets = self._batches[self._step % len(self._batches)]
            began = time.perf_counter()
            loss, grad_norm = self._side.step(ids, targets)
            taken.step_s.append(time.perf_counter() - began)
            taken.losses.append(loss)
            taken.grad_norms.append(grad_norm)
            self._step += 1
        return taken


def make_runner(name: str, work: Workload, threads: int) -> Runner:
    """Return the side of this name, ready to run.

    Raises:
        UnavailableError: this machine lacks what it needs.
    """
    if name.startswith("pygpt"):
        from benchmarks.train.pygpt_side import PygptSide

        dtype = "bfloat16" if name == "pygpt-bf16" else "float32"
        return Runner(PygptSide(work, threads, dtype), work)
    if name == "jax":
        from benchmarks.train.jax_side import JaxSide

        return Runner(JaxSide(work, threads), work)
    from benchmarks.train.torch_side import TorchSide

    compiled, bfloat16 = name == "torch-compile", name == "torch-bf16"
    return Runner(TorchSide(work, threads, compiled, bfloat16), work)
