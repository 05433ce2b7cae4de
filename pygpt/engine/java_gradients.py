"""Protocols of the Java classes that give gradients of activations; see `java.py`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pygpt.engine.java import GPT, Closeable, Ints, Job, Session, Tensor, describes


@describes("org.pygpt.model.GradientProbe")
class GradientProbe(Closeable, Protocol):
    """A backward of which everything is kept."""

    def session(self) -> Session: ...
    def names(self) -> Iterable[object]: ...
    def get(self, name: str, /) -> Tensor: ...
    def byteSize(self) -> int: ...


@describes("org.pygpt.model.GradientProbe")
class GradientProbeClass(Protocol):
    def __call__(self, model: GPT, T: int, first: int, end: int, /) -> GradientProbe: ...


@describes("org.pygpt.jobs.GradientJob")
class GradientJobClass(Protocol):
    def __call__(self, probe: GradientProbe, ids: Ints, targets: Ints, /) -> Job: ...
