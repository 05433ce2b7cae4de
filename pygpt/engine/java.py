"""Protocols of the Java classes that are called, so that a type checker sees the border.

A class `Thing` describes objects of a Java class, `ThingClass` the class itself: its constructor,
as `__call__`, and static methods. Java takes no argument by name. A string that Java returns is
Java's: `str` makes it Python's. Numbers and truth values are Python's already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
NAMES: dict[type, str] = {}  # Protocol -> full name of the Java class


def describes(name: str) -> Callable[[type[T]], type[T]]:
    """Mark a Protocol as that of the Java class of this full name."""

    def note(protocol: type[T]) -> type[T]:
        NAMES[protocol] = name
        return protocol

    return note


class Closeable(Protocol):
    """Something that has memory of its own."""

    def close(self) -> None: ...


# ---- tensors -------------------------------------------------------------------------------------


@describes("org.pygpt.tensor.DType")
class DType(Protocol):
    """What the numbers of a tensor are."""


@describes("org.pygpt.tensor.DType")
class DTypeClass(Protocol):
    """See `DType`."""

    def of(self, name: str, /) -> DType: ...


@describes("org.pygpt.tensor.Tensor")
class Tensor(Protocol):
    """A matrix or a vector in somebody's memory."""

    def offset(self) -> int: ...
    def rows(self) -> int: ...
    def columns(self) -> int: ...
    def flat(self, length: int, /) -> Flat: ...


@describes("org.pygpt.tensor.Flat")
class Flat(Protocol):
    """A run of elements in somebody's memory."""

    def length(self) -> int: ...
    def isHost(self) -> bool: ...
    def address(self) -> int: ...
    def read(self, address: int, /) -> None: ...
    def write(self, address: int, /) -> None: ...


@describes("org.pygpt.model.Parameters")
class Parameters(Protocol):
    """One number for each weight of a model."""

    def names(self) -> Iterable[object]: ...
    def get(self, name: object, /) -> Tensor: ...
    def isVector(self, name: object, /) -> bool: ...
    def flat(self) -> Flat: ...


# ---- the model -----------------------------------------------------------------------------------


@describes("org.pygpt.model.GPTConfig")
class GPTConfig(Protocol):
    """The architecture."""


@describes("org.pygpt.model.GPTConfig")
class GPTConfigClass(Protocol):
    """See `GPTConfig`."""

    def ofJson(self, json: str, /) -> GPTConfig: ...


@describes("org.pygpt.kernels.Kernels")
class Kernels(Protocol):
    """What computes."""

    def description(self) -> object: ...


@describes("org.pygpt.graph.Tape")
class Tape(Protocol):
    """The ops of a program and their memory."""

    def byteSize(self) -> int: ...


@describes("org.pygpt.model.Session")
class Session(Closeable, Protocol):
    """A tape, and where it reads its tokens from."""

    def tape(self) -> Tape: ...
    def ids(self) -> Tensor: ...
    def targets(self) -> Tensor: ...
    def logits(self) -> Tensor: ...
    def loss(self) -> float: ...
    def probabilities(self, layer: int, /) -> Tensor: ...


@describes("org.pygpt.model.GPT")
class GPT(Closeable, Protocol):
    """A model's weights, and the programs that use them."""

    def kernels(self) -> Kernels: ...
    def weights(self) -> Parameters: ...
    def initialize(self, seed: int, /) -> None: ...
    def quantize(self, weights: str, /) -> None: ...
    def activationBytes(self, B: int, T: int, /) -> int: ...
    def evaluationBytes(self, B: int, T: int, /) -> int: ...
    def describeOps(self, B: int, T: int, /) -> Iterable[object]: ...
    def evaluation(self, B: int, T: int, /) -> Session: ...
    def attention(self, T: int, /) -> Session: ...


@describes("org.pygpt.model.GPT")
class GPTClass(Protocol):
    """See `GPT`."""

    def create(
        self, config: GPTConfig, backend: str, dtype: DType, threads: int, /
    ) -> GPT: ...


# ---- training ------------------------------------------------------------------------------------


@describes("org.pygpt.train.AdamW")
class AdamW(Protocol):
    """Options of the optimizer."""


@describes("org.pygpt.train.AdamW")
class AdamWClass(Protocol):
    """See `AdamW`."""

    def __call__(
        self,
        beta1: float,
        beta2: float,
        epsilon: float,
        weight_decay: float,
        grad_clip: float,
        /,
    ) -> AdamW: ...


@describes("org.pygpt.train.Training")
class Training(Closeable, Protocol):
    """Gradients, AdamW's moments and activations of training one model."""

    def freeze(self, names: list[str], /) -> None: ...
    def ids(self) -> Tensor: ...
    def targets(self) -> Tensor: ...
    def update(self, learning_rate: float, /) -> None: ...
    def gradients(self) -> Parameters: ...
    def firstMoments(self) -> Parameters: ...
    def secondMoments(self) -> Parameters: ...
    def gradientNorm(self) -> float: ...
    def updates(self) -> int: ...
    def dropoutKey(self) -> int: ...
    def resume(self, updates: int, dropout_key: int, /) -> None: ...


@describes("org.pygpt.train.Training")
class TrainingClass(Protocol):
    """See `Training`."""

    def __call__(self, model: GPT, B: int, T: int, options: AdamW, /) -> Training: ...


# ---- jobs ----------------------------------------------------------------------------------------


@describes("org.pygpt.jobs.Job")
class Job(Protocol):
    """Work on a thread of its own."""

    def start(self) -> None: ...
    def isDone(self) -> bool: ...


@describes("org.pygpt.jobs.ForwardJob")
class ForwardJobClass(Protocol):
    """Forward of a program's tokens."""

    def __call__(self, session: Session, B: int, T: int, /) -> Job: ...


@describes("org.pygpt.jobs.StepJob")
class StepJob(Job, Protocol):
    """Backward of a training's tokens, and an update unless the learning rate is NaN."""

    def loss(self) -> float: ...


@describes("org.pygpt.jobs.StepJob")
class StepJobClass(Protocol):
    """See `StepJob`."""

    def __call__(
        self, training: Training, B: int, T: int, learning_rate: float, /
    ) -> StepJob: ...


@describes("org.pygpt.jobs.StepsJob")
class StepsJob(Job, Protocol):
    """Many steps, batch after batch and round again."""

    def completed(self) -> int: ...
    def losses(self, first: int, end: int, /) -> Sequence[float]: ...


@describes("org.pygpt.jobs.StepsJob")
class StepsJobClass(Protocol):
    """See `StepsJob`."""

    def __call__(
        self,
        training: Training,
        ids: NDArray[np.int32],
        targets: NDArray[np.int32],
        sizes: NDArray[np.int32],
        learning_rates: NDArray[np.float64],
        /,
    ) -> StepsJob: ...
