"""pygpt as a side of the benchmark."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.train.workload import LEARNING_RATE, Workload


def make_model_and_trainer(work: Workload, threads: int) -> tuple[Any, Any]:
    """Return a `pygpt.GPT` of these sizes and its trainer: AdamW, clipping, on so many threads.

    The trainer has `step(ids, targets, learning_rate) -> (loss, grad_norm)`; its other options are
    those of `workload.py` (BETA1, BETA2, ADAM_EPS, WEIGHT_DECAY on matrices, GRAD_CLIP).
    """
    # ---- fill in here, once the engine has a step trainer --------------------------------------
    raise NotImplementedError(
        "pygpt has no step trainer yet: fill in make_model_and_trainer in "
        "benchmarks/train/pygpt_side.py, or leave pygpt out (--sides torch torch-compile)"
    )


class PygptSide:
    """Mutable: a model and its trainer. See `side.Side`."""

    def __init__(self, work: Workload, threads: int) -> None:
        self._model, self._trainer = make_model_and_trainer(work, threads)
        weights = self._model.parameters()
        if weights.keys() != work.shapes.keys():
            difference = sorted(weights.keys() ^ work.shapes.keys())
            raise ValueError(f"expected GPT-2's weights, got others: {', '.join(difference)}")
        for name, value in work.first_weights():
            weights[name][...] = value
        self.description = "pygpt"

    def step(self, ids: NDArray[np.int64], targets: NDArray[np.int64]) -> tuple[float, float]:
        loss, grad_norm = self._trainer.step(ids, targets, LEARNING_RATE)
        return float(loss), float(grad_norm)

    def weight_norms(self) -> dict[str, float]:
        norms = {}
        for name, weight in self._model.parameters().items():
            squares = np.einsum("...i,...i->...", weight, weight)  # of each row
            norms[name] = float(np.sqrt(squares.sum(dtype=np.float64)))
        return norms
