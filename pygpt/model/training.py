"""A model's training, one update after another, and the memory that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pygpt.engine import EngineTraining
from pygpt.errors import ShapeError
from pygpt.model.batch import checked_batch

if TYPE_CHECKING:
    from pygpt.model.gpt import GPT


@dataclass(frozen=True)
class TrainingMemory:
    """What training takes, in bytes: known before any of it is allocated.

    Attributes:
        activations_bytes: what forward keeps for backward.
        evaluation_bytes: activations of evaluating in between, which are held beside those; 0 if
            there is no evaluation.
    """

    weights_bytes: int
    gradients_bytes: int
    moments_bytes: int
    activations_bytes: int
    evaluation_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.weights_bytes + self.beside_weights_bytes

    @property
    def beside_weights_bytes(self) -> int:
        """What a model that is there needs in addition."""
        optimizer = self.gradients_bytes + self.moments_bytes
        return optimizer + self.activations_bytes + self.evaluation_bytes

    def __str__(self) -> str:
        parts = (
            (self.weights_bytes, "weights"),
            (self.gradients_bytes, "gradients"),
            (self.moments_bytes, "AdamW's moments"),
            (self.activations_bytes, "activations"),
            (self.evaluation_bytes, "evaluation"),
        )
        listed = " + ".join(f"{size / 1e6:,.1f} {name}" for size, name in parts if size)
        return f"{self.total_bytes / 1e6:,.1f} MB = {listed}"


class Training:
    """Mutable: the training of one model, step by step; made by `GPT.training`.

    It owns gradients, AdamW's moments and activations. Use it in a `with` block, or call `close`.
    """

    def __init__(self, model: GPT, engine: EngineTraining, tokens: int) -> None:
        self.model = model
        self._engine = engine
        self._tokens = tokens

    def step(
        self, ids: ArrayLike, targets: ArrayLike, learning_rate: float
    ) -> tuple[float, float]:
        """Train on one batch.

        Args:
            ids: int32 or int64, (T,) or (B, T), each in [0, V); copied to the JVM.
            targets: of the same shape; -1 marks a position that is not scored.
            learning_rate: of this step.
        Returns:
            Mean cross-entropy in nats before the update, and the gradient's norm before clipping
            (0 where `grad_clip` is 0).
        Raises:
            ShapeError, TokenError: as in `GPT.loss`.
            EngineError: the loss or the gradient is no number; the weights are as they were.
            KeyboardInterrupt: Ctrl-C; the weights are as they were, or updated.
        """
        loss = self._engine.step(*self._batch(ids, targets), learning_rate)
        return loss, self._engine.gradient_norm

    def accumulate(self, ids: ArrayLike, targets: ArrayLike) -> float:
        """Add the gradient of one batch to that of the next `update`; return its loss.

        Args and errors are those of `step`.
        """
        return self._engine.step(*self._batch(ids, targets), None)

    def update(self, learning_rate: float) -> float:
        """Update the weights by the mean of the accumulated gradients; return its norm.

        Raises:
            EngineError: nothing was accumulated, or the gradient is no number.
        """
        self._engine.update(learning_rate)
        return self._engine.gradient_norm

    def _batch(
        self, ids: ArrayLike, targets: ArrayLike
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        tokens, wanted = checked_batch(self.model.config, ids, targets)
        if tokens.size > self._tokens:
            got = f"{tokens.shape}"
            raise ShapeError(f"batch: expected at most {self._tokens} tokens, got {got}")
        return tokens, wanted

    def gradients(self) -> dict[str, NDArray[Any]]:
        """Return name -> gradient of every weight, of the last backward, unclipped; shared."""
        return self._engine.gradients()

    @property
    def updates(self) -> int:
        """Number of updates so far."""
        return self._engine.updates

    @property
    def dropout_key(self) -> int:
        """What decides the dropout of the next batch; one more after each."""
        return self._engine.dropout_key

    def moments(self) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Return AdamW's first and second moments, name -> array; shared, not copied."""
        return self._engine.moments()

    def resume(self, updates: int, dropout_key: int) -> None:
        """Continue a training that was at these numbers; its moments are set by themselves."""
        self._engine.resume(updates, dropout_key)

    def close(self) -> None:
        """Free the memory; a second call does nothing."""
        self._engine.close()

    def __enter__(self) -> Training:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
