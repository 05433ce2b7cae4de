"""Training of word vectors: one coarse call, from numbers of words to their vectors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jbridge import JavaError
from pygpt.engine import java, java_vectors
from pygpt.engine.door import java_class, processors, require, translated, wait


@dataclass(frozen=True)
class WordVectorOptions:
    """Immutable: what Java's `WordVectorConfig` has beside the vectors' size and the threads."""

    window: int
    negative: int
    sample: float
    ns_exponent: float
    alpha: float
    min_alpha: float
    epochs: int
    seed: int
    skip_gram: bool
    workers: int


def train_word_vectors(
    options: WordVectorOptions,
    text: tuple[NDArray[np.int32], NDArray[np.int32]],
    counts: NDArray[np.int64],
    vectors: tuple[NDArray[np.float32], NDArray[np.float32]],
    on_progress: Callable[[int, int], None] | None = None,
    backend: str = "cpu",
) -> None:
    """Train vectors in place: the same arguments give the same bits.

    Args:
        text: the numbers of all words, and for each sentence the index after its last one.
        counts: (V,), how often each word occurs, at least once.
        vectors: of inputs and of outputs, each (V, C) and contiguous; overwritten at the end alone.
        on_progress: called now and then with the words that are done, and all of them.
        backend: cpu, or plain for the reference in double precision.
    Raises:
        TooLargeError: not enough memory.
        EngineError: more numbers than Java holds in an array, and whatever else goes wrong.
        KeyboardInterrupt: Ctrl-C; the vectors are as they were.
    """
    inputs, outputs = vectors
    copies = text[0].nbytes + text[1].nbytes + inputs.nbytes + outputs.nbytes
    require(copies, "training these word vectors")
    with translated():
        config = java_class(java_vectors.WordVectorConfigClass)(
            inputs.shape[1],
            options.window,
            options.negative,
            options.sample,
            options.ns_exponent,
            options.alpha,
            options.min_alpha,
            options.epochs,
            (options.seed + 2**63) % 2**64 - 2**63,  # a Java long
            options.skip_gram,
            max(2, options.workers),  # so that one worker has the bits of two
            max(1, min(options.workers, processors())),
        )
        create = java_class(java_vectors.WordVectorTrainingClass)
        training = create(config, backend, text[0], text[1], counts)
        training.write(inputs.ctypes.data, outputs.ctypes.data)
        job = java_class(java_vectors.WordVectorJobClass)(training)

    def poll() -> None:
        if on_progress is not None:
            on_progress(int(training.done()), int(training.total()))

    try:
        job.start()
        wait(job, poll)
        with translated():
            training.read(inputs.ctypes.data, outputs.ctypes.data)
    finally:
        _end(job, training)


def _end(job: java.Job, training: java_vectors.WordVectorTraining) -> None:
    """Free a training once its job has ended, however."""
    if job.isRunning():
        job.cancel()
        with suppress(JavaError):
            wait(job)
    with translated():
        training.close()
