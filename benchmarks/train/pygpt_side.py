"""pygpt as a side of the benchmark."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import pygpt
from benchmarks.harness.worker import UnavailableError
from benchmarks.train.workload import (
    ADAM_EPS,
    BETA1,
    BETA2,
    GRAD_CLIP,
    WEIGHT_DECAY,
    Workload,
)
from pygpt import GPT, GPTConfig
from pygpt.errors import ConfigError


def make_model_and_trainer(work: Workload, threads: int, dtype: str = "float32") -> tuple[Any, Any]:
    """Return a `pygpt.GPT` of these sizes and its training: AdamW, clipping, so many threads."""
    C = work.n_embd
    config = GPTConfig(work.block_size, work.vocab_size, work.n_layer, work.n_head, C)
    model = GPT(config, threads=threads)
    narrow = {} if dtype == "float32" else {"dtype": dtype}  # older pygpts have no other
    training = model.training(
        work.batch_size,
        **narrow,
        beta1=BETA1,
        beta2=BETA2,
        epsilon=ADAM_EPS,
        weight_decay=WEIGHT_DECAY,
        grad_clip=GRAD_CLIP,
    )
    return model, training


class PygptSide:
    """Mutable: a model and its trainer. See `side.Side`."""

    def __init__(self, work: Workload, threads: int, dtype: str) -> None:
        self._learning_rate = work.learning_rate
        try:
            self._model, self._trainer = make_model_and_trainer(work, threads, dtype)
        except ConfigError as error:
            raise UnavailableError(str(error)) from error
        weights = self._model.parameters()
        if weights.keys() != work.shapes.keys():
            difference = sorted(weights.keys() ^ work.shapes.keys())
            raise ValueError(f"expected GPT-2's weights, got others: {', '.join(difference)}")
        for name, value in work.first_weights():
            weights[name][...] = value
        self.description = f"pygpt {pygpt.__version__}, {dtype}, {self._model.description}"

    def step(self, ids: NDArray[np.int64], targets: NDArray[np.int64]) -> tuple[float, float]:
        loss, grad_norm = self._trainer.step(ids, targets, self._learning_rate)
        return float(loss), float(grad_norm)

    def weight_norms(self) -> dict[str, float]:
        norms = {}
        for name, weight in self._model.parameters().items():
            squares = np.einsum("...i,...i->...", weight, weight)  # of each row
            norms[name] = float(np.sqrt(squares.sum(dtype=np.float64)))
        return norms
