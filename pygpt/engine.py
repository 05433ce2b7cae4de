"""The one door to Java: a model's weights, training and sampling as a few coarse calls.

Nothing here knows of text, files or schedules.
"""

from __future__ import annotations

import weakref
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import jbridge
from jbridge import JarsNotFoundError
from jbridge import JBridgeError as EngineError
from jbridge.jvm import find_jars
from pygpt.config import GPTConfig
from pygpt.errors import ClosedError

__all__ = ["Engine", "EngineError", "Losses", "jar_resource"]

Losses = Callable[[int, NDArray[np.float64]], None]
"""Called with the number of the first step (from 0) and the losses of the steps since."""


def jar_resource(artifact: str, name: str) -> bytes:
    """Return a file that lies in a jar; this starts no JVM.

    Args:
        artifact: the jar's name up to its version.
        name: the file's path in the jar.
    Raises:
        EngineError: there is no such jar, it is damaged, or it lacks the file.
    """
    jars = find_jars()
    for path in jars:
        if path.name.startswith(f"{artifact}-"):
            try:
                with zipfile.ZipFile(path) as jar:
                    return jar.read(name)
            except (OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
                raise JarsNotFoundError(f"cannot read {name} in {path}: {error}") from error
    raise JarsNotFoundError(
        f"the folder of jars {jars[0].parent} lacks {artifact}; build or install pygpt again"
    )


class _Handle:
    """Mutable: a Java object with memory of its own. Use it from one thread.

    Args:
        what: it is called in messages.
    """

    def __init__(self, what: str, java: Any, dtype: str) -> None:
        self._what = what
        self._java = java
        self._dtype = np.dtype(dtype)
        self._views: list[weakref.ref[NDArray[Any]]] = []
        self._job: Any = None

    def _open(self) -> Any:
        if self._java is None:
            raise ClosedError(f"the {self._what} is closed; make another one")
        return self._java

    def _view(self, tensor: Any, shape: tuple[int, ...], dtype: Any = None) -> NDArray[Any]:
        """Return the memory of a Java tensor as an array; shared, and kept alive by the array."""
        address = jbridge.java_class("org.pygpt.tensor.HostMemory").address(tensor)
        array = jbridge.view(self._open(), address, shape, dtype or self._dtype)
        self._views = [view for view in self._views if view() is not None]
        self._views.append(weakref.ref(array))
        return array

    def _named_views(self, parameters: Any) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {}
        with jbridge.translate():
            for name in parameters.names():
                tensor = parameters.get(name)
                columns = int(tensor.columns())
                is_vector = parameters.isVector(name)
                shape = (columns,) if is_vector else (int(tensor.rows()), columns)
                arrays[str(name)] = self._view(tensor, shape)
        return arrays

    def _run(self, job: Any, poll: Callable[[], None] | None = None) -> None:
        """Start a job and wait for its end; it is forgotten only when it has ended by itself."""
        self._job = job
        with jbridge.translate():
            job.start()
        try:
            jbridge.wait(job, poll)
        except EngineError:
            self._job = None
            raise
        self._job = None

    def close(self) -> None:
        """Free the memory, at once if it can: arrays of it that are alive keep it.

        So does a job that was interrupted and may still be running. Java's collector frees the
        memory after them.
        """
        java, self._java = self._java, None
        in_use = self._job is not None or any(view() is not None for view in self._views)
        if java is not None and not in_use:
            with jbridge.translate():
                java.close()


class Engine(_Handle):
    """Mutable: one model in Java, all weights zero at first. Use it from one thread.

    Args:
        config: the architecture.
        backend: `cpu`, `nd4j` or `plain`.
        dtype: `float32`, or `float64` on `plain`.
        threads: of backend `cpu`; 0 for one a processor.
    Raises:
        EngineError: no JVM, or an unknown backend (also a ValueError).
    """

    def __init__(self, config: GPTConfig, backend: str, dtype: str, threads: int = 0) -> None:
        java_config = jbridge.java_class("org.pygpt.model.GPTConfig")
        java_dtype = jbridge.java_class("org.pygpt.tensor.DType")
        gpt = jbridge.java_class("org.pygpt.model.GPT")
        with jbridge.translate():
            sizes = java_config.of(*config.to_dict().values())
            model = gpt.create(sizes, backend, java_dtype.of(dtype), threads)
        super().__init__("model", model, dtype)
        self._evaluation: Any = None
        self._evaluation_tokens = 0

    @property
    def description(self) -> str:
        """What runs the matrix products."""
        with jbridge.translate():
            return str(self._open().kernels().description())

    def initialize(self, seed: int) -> None:
        """Draw every weight anew, as nanoGPT does; `seed` is taken modulo 2^64."""
        signed = (seed + 2**63) % 2**64 - 2**63  # a Java long
        with jbridge.translate():
            self._open().initialize(signed)

    def quantize(self, weights: str) -> None:
        """Round every matrix but the position embedding to `int8` or `bfloat16`, for good.

        Raises:
            EngineError: a weight is not finite, or there is no room for a copy of them.
        """
        with jbridge.translate():
            self._open().quantize(weights)

    def parameters(self) -> dict[str, NDArray[Any]]:
        """Return name -> array of every weight; shared: writing to one changes the model."""
        return self._named_views(self._open().weights())

    def activation_bytes(self, B: int, T: int) -> int:
        """Return the size of what a training step keeps between forward and backward."""
        with jbridge.translate():
            return int(self._open().activationBytes(B, T))

    def evaluation_bytes(self, B: int, T: int) -> int:
        """Return the size of what `evaluate` keeps for batches of at most B * T tokens."""
        with jbridge.translate():
            return int(self._open().evaluationBytes(B, T))

    def ops(self, B: int, T: int) -> list[str]:
        """Return the ops of a training step, first to last, as text."""
        with jbridge.translate():
            return [str(op) for op in self._open().describeOps(B, T)]

    def training(
        self, B: int, T: int, options: tuple[float, ...], frozen: Sequence[str] = ()
    ) -> EngineTraining:
        """Return what trains on batches of at most B * T tokens.

        Args:
            options: those of Java's `org.pygpt.train.AdamW`, in its order.
            frozen: names of the weights that stay as they are.
        """
        trainer = jbridge.java_class("org.pygpt.train.Training")
        adam = jbridge.java_class("org.pygpt.train.AdamW")
        with jbridge.translate():
            java = trainer(self._open(), B, T, adam(*options))
            java.freeze(list(frozen))
        return EngineTraining(java, str(self._dtype), B * T)

    def evaluate(
        self, ids: NDArray[np.int32], targets: NDArray[np.int32]
    ) -> tuple[float, NDArray[Any]]:
        """Run forward; return the loss, in nats, and the logits.

        Args:
            ids: int32, (B, T).
            targets: int32, (B, T); a negative one is not scored.
        Returns:
            The loss, and logits (B, T, V), shared until the next call.
        Raises:
            EngineError: Java refused, or failed.
            KeyboardInterrupt: Ctrl-C.
        """
        B, T = ids.shape
        job_class = jbridge.java_class("org.pygpt.jobs.ForwardJob")
        with jbridge.translate():
            if B * T > self._evaluation_tokens:
                self._close_evaluation()
                self._evaluation = self._open().evaluation(B, T)
                self._evaluation_tokens = B * T
            program = self._evaluation
            for tensor, values in ((program.ids(), ids), (program.targets(), targets)):
                self._view(tensor, (B, T), np.int32)[:] = values
            self._run(job_class(program, B, T))
            logits = program.logits()
            return float(program.loss()), self._view(logits, (B, T, int(logits.columns())))

    def _close_evaluation(self) -> None:
        program, self._evaluation, self._evaluation_tokens = self._evaluation, None, 0
        if program is not None and self._job is None:
            program.close()

    def attention(self, ids: NDArray[np.int32], probabilities: NDArray[Any]) -> None:
        """Run forward on one sequence after another; write how each head weighs the keys.

        Args:
            ids: int32, (B, T).
            probabilities: (B, L, H, T, T), overwritten.
        Raises:
            EngineError: Java refused, or failed.
            KeyboardInterrupt: Ctrl-C.
        """
        T = ids.shape[1]
        job_class = jbridge.java_class("org.pygpt.jobs.ForwardJob")
        with jbridge.translate():
            program = self._open().attention(T)
        try:
            for row, layers in zip(ids, probabilities, strict=True):
                with jbridge.translate():
                    self._view(program.ids(), (T,), np.int32)[:] = row
                    self._run(job_class(program, 1, T))
                    for i, layer in enumerate(layers):
                        layer[:] = self._view(program.probabilities(i), layer.shape)
        finally:
            if self._job is None:
                program.close()

    def train_documents(
        self,
        tokens: NDArray[np.int32],
        starts: NDArray[np.int32],
        learning_rates: NDArray[np.float64],
        on_losses: Losses | None = None,
    ) -> NDArray[np.float64]:
        """Train with one document a step, one after another and round again; return the losses.

        Args:
            tokens: int32, all documents one after another, BOS at both ends of each; copied.
            starts: int32, (n + 1,): document d is tokens[starts[d]:starts[d + 1]]; copied.
            learning_rates: float64, one a step; copied.
            on_losses: called about 20 times a second, and with the steps before a failure.
        Raises:
            EngineError: Java refused, or failed.
            KeyboardInterrupt: Ctrl-C; the model is between two steps or within one.
        """
        job_class = jbridge.java_class("org.pygpt.jobs.DocumentJob")
        with jbridge.translate():
            job = job_class(self._open(), tokens, starts, learning_rates)
        seen = 0

        def poll() -> None:
            nonlocal seen
            done = int(job.completed())
            if on_losses is not None and done > seen:
                first, seen = seen, done
                on_losses(first, np.array(job.losses(first, done), dtype=np.float64))

        try:
            self._run(job, poll)
        except EngineError:
            poll()  # the steps before the one that failed
            raise
        return np.array(job.losses(0, job.completed()), dtype=np.float64)

    def sample_documents(
        self,
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
        job_class = jbridge.java_class("org.pygpt.jobs.SampleJob")
        with jbridge.translate():
            job = job_class(self._open(), bos, bos, count, max_tokens, temperature, uniforms)
        self._run(job, None)
        with jbridge.translate():
            return [[int(token) for token in job.tokens(i)] for i in range(count)]

    def generation(
        self,
        prompts: NDArray[np.int32],
        starts: NDArray[np.int32],
        max_new_tokens: int,
        sampling: tuple[float, int, float, float, float],
        stop_tokens: NDArray[np.int32],
        seed: int,
        top_count: int,
    ) -> EngineGeneration:
        """Return what continues prompts, many at a time.

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
        generator = jbridge.java_class("org.pygpt.generate.Generator")
        java_sampling = jbridge.java_class("org.pygpt.generate.SamplingOptions")
        with jbridge.translate():
            options = generator.Options(
                max_new_tokens, java_sampling(*sampling), stop_tokens, seed, top_count
            )
            java = generator(self._open(), prompts, starts, options)
        return EngineGeneration(self, java, top_count)

    def close(self) -> None:
        """Free the memory, at once if it can; see `_Handle.close`."""
        if self._java is not None:
            with jbridge.translate():
                self._close_evaluation()
        super().close()


class EngineGeneration:
    """Mutable: sequences that a model continues, and their key/value caches.

    The model works only inside `advance`: between two calls it is free for anything else.
    """

    def __init__(self, engine: Engine, java: Any, top_count: int) -> None:
        self._engine = engine
        self._java = java
        self._top_count = top_count
        self._job_class = jbridge.java_class("org.pygpt.jobs.GenerateJob")

    def advance(self, time_ms: int) -> bool:
        """Run the model once, and more for a while; return whether there are more to add.

        Raises:
            EngineError: the logits are no numbers, or Java failed.
            KeyboardInterrupt: Ctrl-C.
        """
        self._engine._open()  # the weights
        with jbridge.translate():
            job = self._job_class(self._java, time_ms)
        self._engine._run(job)
        return not bool(job.ended())

    def end(self, sequence: int, count: int) -> None:
        """End a sequence after the first `count` of its new tokens, and forget later ones."""
        self._java.end(sequence, count)

    def lengths(self) -> NDArray[np.int64]:
        """Return how many tokens each sequence has got; a copy."""
        return np.array(self._java.lengths(), np.int64)

    def tokens(self, sequence: int, start: int = 0) -> NDArray[np.int64]:
        """Return the new tokens of a sequence from index `start` on; a copy."""
        return np.array(self._java.tokens(sequence, start), np.int64)

    def log_probabilities(self, sequence: int) -> NDArray[np.float64]:
        """Return the logarithms of what the model gives these tokens, in nats; a copy."""
        return np.array(self._java.logProbabilities(sequence), np.float64)

    def top(self, sequence: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the likeliest tokens in the place of each new one, and their log-probabilities.

        Returns:
            Two copies, (new, top_count).
        """
        ids = np.array(self._java.topTokens(sequence), np.int64)
        values = np.array(self._java.topLogProbabilities(sequence), np.float64)
        shape = (int(self.lengths()[sequence]), self._top_count)
        return ids.reshape(shape), values.reshape(shape)

    def close(self) -> None:
        """Free the cache, at once unless an interrupted job may still use it."""
        java, self._java = self._java, None
        if java is not None and self._engine._job is None:
            with jbridge.translate():
                java.close()


class EngineTraining(_Handle):
    """Mutable: AdamW's state and the activations of training one model."""

    def __init__(self, java: Any, dtype: str, tokens: int) -> None:
        super().__init__("training", java, dtype)
        with jbridge.translate():
            self._ids = self._view(java.ids(), (tokens,), np.int32)
            self._targets = self._view(java.targets(), (tokens,), np.int32)
        self._views.clear()  # these two live as long as this object does
        self._step_job = jbridge.java_class("org.pygpt.jobs.StepJob")

    def step(
        self, ids: NDArray[np.int32], targets: NDArray[np.int32], learning_rate: float | None
    ) -> float:
        """Run forward and backward on a batch and, with a learning rate, update the weights.

        Args:
            ids: int32, (B, T), of no more tokens than were planned for; copied.
            targets: int32, (B, T), likewise; a negative one is not scored.
        Returns:
            Mean cross-entropy in nats.
        Raises:
            EngineError: an id out of range; the loss or the gradient is no number (the weights
                are then as they were).
            KeyboardInterrupt: Ctrl-C; the weights are as they were, or updated.
        """
        java, (B, T) = self._open(), ids.shape
        self._ids[: B * T] = ids.ravel()
        self._targets[: B * T] = targets.ravel()
        rate = float("nan") if learning_rate is None else learning_rate
        with jbridge.translate():
            job = self._step_job(java, B, T, rate)
        self._run(job)
        return float(job.loss())

    def update(self, learning_rate: float) -> None:
        """Update the weights by the mean of the gradients since the last update."""
        with jbridge.translate():
            self._open().update(learning_rate)

    @property
    def gradient_norm(self) -> float:
        """Norm of the gradient in the last update before clipping; 0 without clipping."""
        return float(self._open().gradientNorm())

    @property
    def updates(self) -> int:
        """Number of updates so far."""
        return int(self._open().updates())

    @property
    def dropout_key(self) -> int:
        """What decides the dropout of the next step."""
        return int(self._open().dropoutKey())

    def resume(self, updates: int, dropout_key: int) -> None:
        """Continue a run that was at these numbers."""
        self._open().resume(updates, dropout_key)

    def gradients(self) -> dict[str, NDArray[Any]]:
        """Return name -> gradient of every weight, of the last backward; shared."""
        return self._named_views(self._open().gradients())

    def moments(self) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Return AdamW's first and second moments, name -> array; shared."""
        java = self._open()
        first, second = java.firstMoments(), java.secondMoments()
        return self._named_views(first), self._named_views(second)

    def close(self) -> None:
        """Free the memory, at once if it can; see `_Handle.close`."""
        self._ids = self._targets = np.empty(0, np.int32)
        super().close()
