"""What the trainers of preferences share: how a step is taken, and what it tells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import ConfigError
from pygpt.model.gpt import GPT
from pygpt.preferences.config import USED
from pygpt.preferences.pairs import Text, batch_of
from pygpt.training.config import LORA, TrainConfig
from pygpt.training.schedule import learning_rate
from pygpt.training.trainer import first_dropout_key, frozen_weights

R = TypeVar("R")


@dataclass(frozen=True)
class Told:
    """Immutable: what every step tells.

    Attributes:
        step: updates done.
        loss: what is minimised.
        learning_rate, gradient_norm: of the step; the norm is that before clipping.
    """

    step: int
    loss: float
    learning_rate: float
    gradient_norm: float

    def to_dict(self) -> dict[str, Any]:
        """Return name -> value."""
        return asdict(self)


class Tuning(ABC, Generic[R]):
    """Mutable: trains a model, a step for each record that is taken from it.

    Attributes:
        model: the one that is trained; stays the caller's.
        step: updates of the weights that have been done.

    Args:
        config: options of the run; see `USED` in config.py for those that count. The model's
            dropout does not, so that log-probabilities can be compared.
        rows, longest: it trains on at most so many texts of so many tokens at once.
    Raises:
        ConfigError: an option that does not count, or that does not fit the model.
        TooLargeError: it does not fit into memory.
    """

    def __init__(self, model: GPT, config: TrainConfig, rows: int, longest: int) -> None:
        for name, value in config.to_dict().items():
            if name not in (*USED, *LORA) and value != getattr(TrainConfig, name):
                raise ConfigError(name, "has no part in learning preferences")
        self.model, self.config, self.step = model, config, 0
        frozen = frozen_weights(model.config, config.frozen)
        how: dict[str, Any] = {"frozen": frozen, "dropout": False, **config.adamw()}
        self._training = model.training(rows, longest, **how)
        self._training.resume(0, first_dropout_key(config.seed))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> R:
        """Train one step.

        Raises:
            EngineError: the loss or the gradient is NaN or infinite; the weights are as they were.
            KeyboardInterrupt: Ctrl-C.
        """
        if self.step >= self.config.max_iters:
            raise StopIteration
        return self._train(learning_rate(self.config, self.step + 1))

    @abstractmethod
    def _train(self, rate: float) -> R: ...

    def _forward(self, texts: Sequence[Text]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the log-probability of each target, and which are scored, (texts, T)."""
        ids, targets = batch_of(texts)
        return -self._training.losses(ids, targets), targets >= 0

    def _update(self, slopes: NDArray[np.float64], rate: float) -> float:
        """Go on with derivatives by those log-probabilities; return the gradient's norm."""
        self._training.backward(-slopes)
        norm = self._training.update(rate)
        self.step += 1
        return norm

    def fit(self) -> R | None:
        """Train to the end; return the last record, or None if there was no step left."""
        last = None
        for record in self:
            last = record
        return last

    def close(self) -> None:
        """Free AdamW's state; a second call does nothing."""
        self._training.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def log_probabilities(model: GPT, texts: Sequence[Text], at_once: int) -> NDArray[np.float64]:
    """Return the log-probability of each answer, in nats, (texts,)."""
    found = []
    for first in range(0, len(texts), at_once):
        found.append(-model.losses(*batch_of(texts[first : first + at_once])).sum(axis=1))
    return np.concatenate(found)
