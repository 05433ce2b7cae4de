"""What a side is, to the worker that runs it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class UnavailableError(Exception):
    """This machine lacks what the side needs; the message says what, and what to do."""


class Side(Protocol):
    """Mutable: a model of one workload, with its first weights, and its optimizer."""

    description: str

    def step(self, ids: NDArray[np.int64], targets: NDArray[np.int64]) -> tuple[float, float]:
        """Train on one batch, (B, T) each; return its loss and the gradient's norm, unclipped."""

    def weight_norms(self) -> dict[str, float]:
        """Return the Euclidean norm of every weight, under GPT-2's names; without a large copy."""
