"""What follows prompts: sequences that Java continues."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pygpt.engine import java
from pygpt.engine.door import java_class, translated
from pygpt.engine.handle import Handle
from pygpt.engine.model import Model
from pygpt.fields import INT_MAX


class EngineSequence:
    """Mutable: what is added to a prompt."""

    def __init__(self, sequence: java.GeneratedSequence, top_count: int) -> None:
        self.java = sequence
        self._top_count = top_count

    def end(self, count: int) -> None:
        """End it after the first `count` of its new tokens, and forget later ones."""
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
        return np.array(self.java.tokens(start), np.int64)

    def log_probabilities(self) -> NDArray[np.float64]:
        """Return the logarithms of what the model gives these tokens, in nats; a copy."""
        return np.array(self.java.logProbabilities(), np.float64)

    def top(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the likeliest tokens in the place of each new one, and their log-probabilities.

        Returns:
            Two copies, (new, top_count).
        """
        ids = np.array(self.java.topTokens(), np.int64)
        values = np.array(self.java.topLogProbabilities(), np.float64)
        shape = (int(self.java.length()), self._top_count)
        return ids.reshape(shape), values.reshape(shape)


class EngineGenerator(Handle[java.Generator]):
    """Mutable: sequences that a model continues together, and their key/value caches.

    The model works only inside `advance`: between two calls it is free for anything else.

    Args:
        at_once: most sequences of a step, up to 32; others wait.
        exact: whether every prompt is read whole, as it would be alone.
    """

    def __init__(self, model: Model, at_once: int, exact: bool) -> None:
        with translated():
            generator = java_class(java.GeneratorClass)(model.java, at_once, exact)
            self._job_class = java_class(java.GenerateJobClass)
            self._sequence_class = java_class(java.SequenceClass)
        super().__init__("generator", generator, model.dtype, model)

    def submit(
        self,
        prompt: NDArray[np.int32],
        max_new_tokens: int,
        sampling: tuple[float, int, float, float, float],
        stop_tokens: NDArray[np.int32],
        top_count: int,
        seed: int,
    ) -> EngineSequence:
        """Return what will be added to a prompt, which waits for its turn.

        Args:
            prompt: int32, (T,); copied.
            sampling: options of Java's `org.pygpt.generate.SamplingOptions`, in its order.
            stop_tokens: int32; the sequence ends after one of these; copied.
            top_count: how many of the likeliest tokens are kept for each new one.
            seed: of the random numbers, below 2^63.
        Raises:
            EngineError: Java refused, or there is no room for a cache.
        """
        with translated():
            options = java_class(java.SamplingOptionsClass)(*sampling)
            request = java_class(java.RequestClass).seeded(
                prompt, max_new_tokens, options, stop_tokens, top_count, seed
            )
            return EngineSequence(self.java.submit(request), top_count)

    def cancel(self, sequence: EngineSequence) -> None:
        """End a sequence where it is; the next `advance` gives its cache back."""
        self.java.cancel(sequence.java)

    def advance(self, time_ms: int) -> bool:
        """Run the model once, and more for a while; return whether there are more tokens to add.

        Raises:
            EngineError: Java failed.
            KeyboardInterrupt: Ctrl-C.
        """
        with translated():
            job = self._job_class(self.java, time_ms)
        self._run(job)
        return not job.ended()

    def progress(self, sequences: Iterable[EngineSequence]) -> NDArray[np.int32]:
        """Return whether each has ended, whether it has failed, and its length: int32, (n, 3)."""
        rows = self._sequence_class.progress([sequence.java for sequence in sequences])
        return np.array(rows, np.int32).reshape(-1, 3)


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
