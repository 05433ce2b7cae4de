"""Protocols of the Java classes that train word vectors; see `pygpt.engine.java`."""

from __future__ import annotations

from typing import NewType, Protocol

import numpy as np
from numpy.typing import NDArray

from pygpt.engine.java import Closeable, Ints, Job, describes

Longs = NDArray[np.int64]  # copied to a long[]
WordVectorConfig = NewType("WordVectorConfig", object)


@describes("org.pygpt.vectors.WordVectorConfig")
class WordVectorConfigClass(Protocol):
    def __call__(
        self,
        size: int,
        window: int,
        negative: int,
        sample: float,
        ns_exponent: float,
        alpha: float,
        min_alpha: float,
        epochs: int,
        seed: int,
        skip_gram: bool,
        parts: int,
        threads: int,
        /,
    ) -> WordVectorConfig: ...


@describes("org.pygpt.vectors.WordVectorTraining")
class WordVectorTraining(Closeable, Protocol):
    """An input and an output vector for each word of a text, while they are trained."""

    def total(self) -> int: ...
    def done(self) -> int: ...
    def write(self, inputs: int, outputs: int, /) -> None: ...
    def read(self, inputs: int, outputs: int, /) -> None: ...


@describes("org.pygpt.vectors.WordVectorTraining")
class WordVectorTrainingClass(Protocol):
    def __call__(
        self,
        config: WordVectorConfig,
        backend: str,
        ids: Ints,
        ends: Ints,
        counts: Longs,
        /,
    ) -> WordVectorTraining: ...


@describes("org.pygpt.jobs.WordVectorJob")
class WordVectorJobClass(Protocol):
    def __call__(self, training: WordVectorTraining, /) -> Job: ...
