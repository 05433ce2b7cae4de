"""What follows prompts: sequences that Java continues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jbridge import is_forked
from pygpt.engine import java
from pygpt.engine.door import java_class, translated
from pygpt.engine.handle import Handle
from pygpt.engine.model import Model
from pygpt.fields import INT_MAX

AT_ONCE = 32  # sequences of a step, at most


class EngineSequence:
    """Mutable: what is added to a prompt."""

    def __init__(self, sequence: java.GeneratedSequence, top_count: int) -> None:
        self.java = sequence
        self._top_count = top_count

    def end(self, count: int) -> None:
        """End it after the first `count` of its new tokens, and forget later ones."""
        with translated():
            self.java.end(count)

    def check(self) -> None:
        """Raise what went wrong with this sequence.

        Raises:
            EngineError: the logits are no numbers.
            TooLargeError: there was no memory to read it with.
        """
        with translated():
            self.java.throwIfFailed()

    def tokens(self, start: int = 0) -> NDArray[np.int64]:
        """Return the new tokens from index `start` on; a copy."""
        with translated():
            return np.array(self.java.tokens(start), np.int64)

    def log_probabilities(self) -> NDArray[np.float64]:
        """Return the logarithms of what the model gives these tokens, in nats; a copy."""
        with translated():
            return np.array(self.java.logProbabilities(), np.float64)

    def top(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the likeliest tokens in the places of the first `count` new ones.

        Returns:
            Them and their log-probabilities: two copies, (count, top_count).
        """
        with translated():
            ids = np.array(self.java.topTokens(), np.int64)
            values = np.array(self.java.topLogProbabilities(), np.float64)
        shape, size = (count, self._top_count), count * self._top_count
        return ids[:size].reshape(shape), values[:size].reshape(shape)


class SampledPrompt(NamedTuple):
    """A prompt, and how it is continued.

    Attributes:
        prompt: int32, (T,); copied.
        sampling: options of Java's `org.pygpt.generate.SamplingOptions`, in its order.
        stop_tokens: int32; the sequence ends after one of these; copied.
        never_tokens: int32; not chosen; copied.
        slides: whether prompt and new tokens may be more than the context.
        top_count: how many of the likeliest tokens are kept for each new one.
        seed: of the random numbers, below 2^63.
        lookup: whether tokens are guessed from those before them.
    """

    prompt: NDArray[np.int32]
    max_new_tokens: int
    sampling: tuple[float, int, float, float, float]
    stop_tokens: NDArray[np.int32]
    never_tokens: NDArray[np.int32]
    slides: bool
    top_count: int
    seed: int
    lookup: bool


class EngineGenerator(Handle[java.Generator]):
    """Mutable: sequences that a model continues together, and their key/value caches.

    The model works only inside `advance`: between two calls it is free for anything else.

    Args:
        at_once: most sequences of a step, up to 32; others wait.
        exact: whether every sequence is computed as it would be alone.
        java: an object to use, which somebody else closes; by default a new one.
    """

    def __init__(
        self, model: Model, at_once: int, exact: bool, java_object: java.Generator | None = None
    ) -> None:
        with translated():
            self._job_class = java_class(java.GenerateJobClass)
            self._sequence_class = java_class(java.SequenceClass)
            generator = java_object
            if generator is None:
                generator = java_class(java.GeneratorClass)(model.java, at_once, exact)
        super().__init__("generator", generator, model.dtype, model)
        self._is_shared = java_object is not None
        if self._is_shared:
            self._freeing.detach()

    @classmethod
    def shared(cls, model: Model) -> EngineGenerator:
        """Return the generator that all threads use together that continue prompts on a model."""
        return cls(model, AT_ONCE, True, model.shared_generator(AT_ONCE))

    def submit(self, prompts: Sequence[SampledPrompt]) -> list[EngineSequence]:
        """Return what will be added to prompts, which wait for their turn.

        Raises:
            EngineError: Java refused, or there is no room for a cache; none is queued.
        """
        with translated():
            options, requests = java_class(java.SamplingOptionsClass), java_class(java.RequestClass)
            group = java_class(java.ArrayListClass)()
            for p in prompts:
                sampling, ends, never = options(*p.sampling), p.stop_tokens, p.never_tokens
                group.add(
                    requests.seeded(
                        p.prompt, p.max_new_tokens, sampling, ends, never, p.slides, p.top_count,
                        p.seed,
                    ).withLookup(p.lookup)
                )  # fmt: skip
            submitted = self.java.submit(group)
            return [
                EngineSequence(sequence, prompt.top_count)
                for sequence, prompt in zip(submitted, prompts, strict=True)
            ]

    def cancel(self, sequences: Iterable[EngineSequence]) -> None:
        """End sequences where they are; the next `advance` gives their caches back, if not this."""
        if is_forked() or self._java is None:
            return
        with translated():
            for sequence in sequences:
                self._java.cancel(sequence.java)
            if self._is_shared and self._turns.acquire(blocking=False):
                try:
                    if self._model is not None and self._model._java is not None:
                        self._java.tidy()
                finally:
                    self._turns.release()

    def close(self) -> None:
        """Free the memory, unless others share it."""
        if self._is_shared:
            self._java = None
        else:
            super().close()

    def advance(self, time_ms: int, wanted: Iterable[EngineSequence] = ()) -> bool:
        """Run the model once, and more for a while; return whether there are more tokens to add.

        Args:
            wanted: sequences that the caller waits for: it returns when they have ended. By
                default all.
        Raises:
            EngineError: Java failed.
            KeyboardInterrupt: Ctrl-C.
        """
        with translated():
            job = self._job_class(self.java, time_ms, [sequence.java for sequence in wanted])
        self._run(job)
        return not job.ended()

    def progress(self, sequences: Iterable[EngineSequence]) -> NDArray[np.int32]:
        """Return whether each has ended, whether it has failed, and its length: int32, (n, 3)."""
        with translated():
            rows = self._sequence_class.progress([sequence.java for sequence in sequences])
            return np.array(rows, np.int32).reshape(-1, 3)

    def queued(self) -> int:
        """Return the number of sequences that wait for a cache."""
        with translated():
            return int(self.java.queued())

    def running(self) -> int:
        """Return the number of sequences that have a cache."""
        with translated():
            return int(self.java.running())

    def cache_bytes(self) -> int:
        """Return the size of all caches."""
        with translated():
            return int(self.java.cacheBytes())

    def forget(self) -> None:
        """Let no prompt reuse what was read before."""
        with translated():
            self.java.forget()


def drawn_from(
    logits: NDArray[Any],
    sampling: tuple[float, int, float, float, float],
    never: NDArray[np.int32],
) -> NDArray[np.float64]:
    """Return the probabilities that Java draws a token by, (V,); those left out have 0.

    Args:
        logits: (V,).
        sampling: see `SampledPrompt`; the repetition penalty does not count.
        never: ids that are not chosen.
    Raises:
        EngineError: a logit is no number.
    """
    with translated():
        options = java_class(java.SamplingOptionsClass)(*sampling)
        numbers = np.asarray(logits, np.float64)
        return np.array(java_class(java.DistributionClass).of(numbers, options, never), np.float64)


def sample_documents(
    model: Model,
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
    with EngineGenerator(model, at_once=1, exact=True) as generator:
        with translated():
            requests = java_class(java.RequestClass)
            ends = np.array([bos], np.int32)
            options = java_class(java.SamplingOptionsClass)(temperature, 0, 1.0, 0.0, 1.0)
            numbers = requests.numbers(uniforms)
            request = requests(ends, max_tokens, options, ends, 0, numbers)
            documents = [generator.java.submit(request) for _ in range(count)]
        generator.advance(INT_MAX)  # one after another
        with translated():
            for document in documents:
                document.throwIfFailed()
            return [[int(token) for token in d.tokensBeforeStop()] for d in documents]
