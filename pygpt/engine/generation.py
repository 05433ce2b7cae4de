"""What follows prompts: sequences that Java continues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pygpt.engine import java
from pygpt.engine.door import java_class, translated
from pygpt.engine.handle import Handle
from pygpt.engine.model import Model


@java.describes("org.pygpt.generate.SamplingOptions")
class JavaSampling(Protocol):
    """How a token is chosen."""


@java.describes("org.pygpt.generate.SamplingOptions")
class JavaSamplingClass(Protocol):
    """See `JavaSampling`."""

    def __call__(
        self,
        temperature: float,
        top_k: int,
        top_p: float,
        min_p: float,
        repetition_penalty: float,
        /,
    ) -> JavaSampling: ...


@java.describes("org.pygpt.generate.Generator$Options")
class JavaOptions(Protocol):
    """How prompts are continued."""


@java.describes("org.pygpt.generate.Generator$Options")
class JavaOptionsClass(Protocol):
    """See `JavaOptions`."""

    def __call__(
        self,
        max_new_tokens: int,
        sampling: JavaSampling,
        stop_tokens: NDArray[np.int32],
        seed: int,
        top_count: int,
        /,
    ) -> JavaOptions: ...


@java.describes("org.pygpt.generate.Generator")
class JavaGenerator(java.Closeable, Protocol):
    """Sequences that are continued, and their key/value caches."""

    def end(self, sequence: int, count: int, /) -> None: ...
    def lengths(self) -> Sequence[int]: ...
    def tokens(self, sequence: int, start: int, /) -> Sequence[int]: ...
    def logProbabilities(self, sequence: int, /) -> Sequence[float]: ...
    def topTokens(self, sequence: int, /) -> Sequence[int]: ...
    def topLogProbabilities(self, sequence: int, /) -> Sequence[float]: ...


@java.describes("org.pygpt.generate.Generator")
class JavaGeneratorClass(Protocol):
    """See `JavaGenerator`."""

    def __call__(
        self,
        model: java.GPT,
        prompts: NDArray[np.int32],
        starts: NDArray[np.int32],
        options: JavaOptions,
        /,
    ) -> JavaGenerator: ...


@java.describes("org.pygpt.jobs.GenerateJob")
class GenerateJob(java.Job, Protocol):
    """Lets a generator work for a while."""

    def ended(self) -> bool: ...


@java.describes("org.pygpt.jobs.GenerateJob")
class GenerateJobClass(Protocol):
    """See `GenerateJob`."""

    def __call__(self, generator: JavaGenerator, millis: int, /) -> GenerateJob: ...


@java.describes("org.pygpt.jobs.SampleJob")
class SampleJob(java.Job, Protocol):
    """Samples documents one after another."""

    def tokens(self, document: int, /) -> Sequence[int]: ...


@java.describes("org.pygpt.jobs.SampleJob")
class SampleJobClass(Protocol):
    """See `SampleJob`."""

    def __call__(
        self,
        model: java.GPT,
        start: int,
        stop: int,
        count: int,
        max_tokens: int,
        temperature: float,
        uniforms: NDArray[np.float64],
        /,
    ) -> SampleJob: ...


class EngineGeneration(Handle[JavaGenerator]):
    """Mutable: sequences that a model continues, and their key/value caches.

    The model works only inside `advance`: between two calls it is free for anything else.

    Args:
        prompts: int32, all of them one after another; copied.
        starts: int32, (n + 1,): prompt b is prompts[starts[b]:starts[b + 1]]; copied.
        sampling: options of Java's `org.pygpt.generate.SamplingOptions`, in its order.
        stop_tokens: int32; a sequence ends after one of these; copied.
        seed: of the random numbers of prompt 0, below 2^63.
        top_count: how many of the likeliest tokens are kept for each new one.
    Raises:
        EngineError: Java refused, or there is no room for a cache.
    """

    def __init__(
        self,
        engine: Model,
        prompts: NDArray[np.int32],
        starts: NDArray[np.int32],
        max_new_tokens: int,
        sampling: tuple[float, int, float, float, float],
        stop_tokens: NDArray[np.int32],
        seed: int,
        top_count: int,
    ) -> None:
        with translated():
            options = java_class(JavaOptionsClass)(
                max_new_tokens,
                java_class(JavaSamplingClass)(*sampling),
                stop_tokens,
                seed,
                top_count,
            )
            generator = java_class(JavaGeneratorClass)(engine.java, prompts, starts, options)
        super().__init__("generation", generator, engine.dtype, engine)
        self._top_count = top_count

    def advance(self, time_ms: int) -> bool:
        """Run the model once, and more for a while; return whether there are more to add.

        Raises:
            EngineError: the logits are no numbers, or Java failed.
            KeyboardInterrupt: Ctrl-C.
        """
        with translated():
            job = java_class(GenerateJobClass)(self.java, time_ms)
        self.run(job)
        return not job.ended()

    def end(self, sequence: int, count: int) -> None:
        """End a sequence after the first `count` of its new tokens, and forget later ones."""
        self.java.end(sequence, count)

    def lengths(self) -> NDArray[np.int64]:
        """Return how many tokens each sequence has got; a copy."""
        return np.array(self.java.lengths(), np.int64)

    def tokens(self, sequence: int, start: int = 0) -> NDArray[np.int64]:
        """Return the new tokens of a sequence from index `start` on; a copy."""
        return np.array(self.java.tokens(sequence, start), np.int64)

    def log_probabilities(self, sequence: int) -> NDArray[np.float64]:
        """Return the logarithms of what the model gives these tokens, in nats; a copy."""
        return np.array(self.java.logProbabilities(sequence), np.float64)

    def top(self, sequence: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the likeliest tokens in the place of each new one, and their log-probabilities.

        Returns:
            Two copies, (new, top_count).
        """
        ids = np.array(self.java.topTokens(sequence), np.int64)
        values = np.array(self.java.topLogProbabilities(sequence), np.float64)
        shape = (int(self.lengths()[sequence]), self._top_count)
        return ids.reshape(shape), values.reshape(shape)


def sample_documents(
    engine: Model,
    bos: int,
    count: int,
    max_tokens: int,
    temperature: float,
    uniforms: NDArray[np.float64],
) -> list[list[int]]:
    """Return `count` documents, each from BOS to the next BOS or `max_tokens`, without them.

    Args:
        uniforms: float64 in [0, 1), one a token, used in order; copied.
    Raises:
        EngineError: Java refused, or failed.
        KeyboardInterrupt: Ctrl-C.
    """
    if count == 0:
        return []
    with translated():
        job = java_class(SampleJobClass)(
            engine.java, bos, bos, count, max_tokens, temperature, uniforms
        )
    engine.run(job)
    with translated():
        return [[int(token) for token in job.tokens(i)] for i in range(count)]
