"""A model's weights in Java's memory, and what is computed of token ids."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Unpack, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jbridge import JarsNotFoundError, JdkNotFoundError, JvmStartError
from pygpt.engine import java
from pygpt.engine.arrays import FlatArrays, download
from pygpt.engine.auto import resolved
from pygpt.engine.door import java_class, require, translated
from pygpt.engine.freeing import Memory, free_later
from pygpt.engine.handle import Handle
from pygpt.engine.training import Training, TrainingMemory, java_dtype
from pygpt.errors import ConfigError, ShapeError
from pygpt.fields import INT_MAX, check_some, from_dict
from pygpt.model.batch import checked_batch, checked_ids
from pygpt.model.config import BACKENDS, GPTConfig, names_backend
from pygpt.model.lora import LoraConfig
from pygpt.training.config import AdamWConfig, AdamWOptions

if TYPE_CHECKING:
    from pygpt.engine.probe import GradientProbe, Probe

_log = logging.getLogger("pygpt")

DTYPES = ("float32", "float64")
QUANTIZED_BITS = {"int4": 4, "int8": 8, "bfloat16": 16}  # of a weight
LOGITS_AT_ONCE = 1 << 26  # numbers: 256 MB
_ADAPTER = "adapter"  # its arrays among those of a model


def _has_backend(name: str) -> bool:
    """Tell whether Java has a backend of this name, be it in another jar on the class path.

    Where Java does not start there is none.
    """
    try:
        with translated():
            return java_class(java.BackendClass).has(name)
    except (JdkNotFoundError, JarsNotFoundError, JvmStartError):
        return False


def dtype_of(backend: str) -> str:
    """Return the dtype that a model has by default."""
    return "float64" if backend == "plain" else "float32"


def chosen_dtype(backend: str, dtype: str | None, threads: int) -> str:
    """Return the dtype of a model: what was asked for, or that of the backend.

    Raises:
        ConfigError: an unknown backend, one without this dtype, or fewer than 0 threads.
    """
    if not names_backend(backend) and not _has_backend(backend):
        expected = ", ".join(BACKENDS)
        raise ConfigError("backend", f"expected one of {expected}, got {backend!r}")
    if dtype is None:
        dtype = dtype_of(backend)
    if dtype not in DTYPES or (dtype == "float64" and backend != "plain"):
        expected = "float32 or float64" if backend == "plain" else "float32"
        raise ConfigError("dtype", f"expected {expected} on backend {backend}, got {dtype!r}")
    if threads < 0:
        raise ConfigError("threads", f"expected at least 0, got {threads}")
    return dtype


def check_format(weights: str) -> None:
    """Raise ConfigError unless weights can be rounded to this."""
    if weights not in QUANTIZED_BITS:
        expected = ", ".join(QUANTIZED_BITS)
        raise ConfigError("weights", f"expected one of {expected}, got {weights!r}")


def check_kv_cache(kv_cache: str, backend: str) -> None:
    """Raise ConfigError unless key/value caches can be kept in these numbers."""
    kept = (dtype_of(backend), "int8") if backend == "cpu" else (dtype_of(backend),)
    if kv_cache not in kept:
        raise ConfigError(
            "kv_cache", f"expected {' or '.join(kept)} on backend {backend}, got {kv_cache!r}"
        )


class Model(Handle[java.GPT]):
    """Mutable: a model, in Java's memory, for any thread.

    The arguments and what they raise are those of `GPT`, which adds text and folders.
    """

    def __init__(
        self,
        config: GPTConfig,
        *,
        seed: int | None = 1,
        backend: str = "cpu",
        dtype: str | None = None,
        threads: int = 0,
    ) -> None:
        dtype = chosen_dtype(backend, dtype, threads)
        backend = resolved(backend, config.num_parameters)
        self.config = config
        self.backend = backend
        self.quantized: str | None = None
        self.adapter: LoraConfig | None = None
        with translated():
            sizes = java_class(java.GPTConfigClass).ofJson(json.dumps(config.to_dict()))
            java_dtype = java_class(java.DTypeClass).of(dtype)
            model = java_class(java.GPTClass).create(sizes, backend, java_dtype, threads)
        super().__init__("model", model, dtype)
        self._evaluation: java.Session | None = None
        self._shared: java.Generator | None = None
        self._evaluation_tokens = 0
        if seed is not None:
            signed = (seed + 2**63) % 2**64 - 2**63  # a Java long
            with self._computing(changes=True):
                self.java.initialize(signed)
        _log.info("backend %s: %s", backend, self.description)

    @property
    def description(self) -> str:
        """What runs the matrix products."""
        with translated():
            return str(self.java.kernels().description())

    @property
    def num_parameters(self) -> int:
        """Number of weights."""
        return self.config.num_parameters

    @property
    def _weights_bytes(self) -> int:
        return self.config.num_parameters * np.dtype(self.dtype).itemsize

    def parameters(self) -> dict[str, NDArray[Any]]:
        """Return name -> array of every weight, in the model's dtype; see `weight_shapes`.

        The arrays are shared with Java, not copied: writing to one changes the model; see
        `quantize` for the exception. On a device with memory of its own, arrays that are held
        are uploaded before each computation and downloaded after each that changes them.
        """
        return self._numbers("weights", self.java.weights).named()

    def weights_changed(self) -> None:
        """Tell that arrays of `parameters` were written to: generators reuse nothing older."""
        with translated():
            self.java.changed()

    def quantize(self, weights: str) -> None:
        """Round the weights to fewer bits, for good: generation is faster by what it need not read.

        The matrices of all layers, the token embedding and the output matrix are rounded in place,
        to the nearest: biases, norms and positions are not. All that the model computes or saves
        has the rounded weights from then on, on every backend. It cannot be trained any more. On
        backend cpu a smaller copy serves generation, which later writes to arrays of `parameters`
        do not reach.

        Args:
            weights: `int8`: whole numbers from -127 to 127, with one scale for each output of a
                matrix (each token of the embedding); `int4`: from -8 to 7, with one scale for each
                32 inputs of an output, but int8 for the token embedding and the output matrix; or
                `bfloat16`: 8 bits of precision.
        Raises:
            ConfigError: another format, or weights that are rounded already.
            TooLargeError: the copy does not fit into memory.
            EngineError: a weight is not finite.
        """
        check_format(weights)
        with self._computing(changes=True):
            self._require_unquantized("load the model again to round it otherwise")
            self.java.quantize(weights)
            self.quantized = weights

    def put_adapter(self, config: LoraConfig, parts: str) -> None:
        """Lay an adapter of zeros beside the weights; see `Adapted.add_adapter`.

        Args:
            parts: as JSON for Java's `org.pygpt.model.Adapter`.
        """
        with self._computing(changes=True):
            self.java.adapt(parts)
            self.adapter = config
            self._close_evaluation()

    def drop_adapter(self) -> None:
        """Take the adapter away; its memory goes when nobody holds an array of it."""
        with self._computing(changes=True):
            arrays = self._arrays.pop(_ADAPTER, None)
            removed = self.java.removeAdapter()
            self.adapter = None
            self._close_evaluation()
        free_later(Memory((), removed, {} if arrays is None else {_ADAPTER: arrays}))

    def enable_adapter(self, enabled: bool) -> None:
        """Say whether the model computes with its adapter."""
        with self._computing():
            cast(java.Adapter, self.java.trained()).setEnabled(enabled)

    def _adapter_arrays(self) -> FlatArrays:
        return self._numbers(_ADAPTER, lambda: self.java.trained().weights())

    def trained_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of all that a training may move: the adapter, or every weight."""
        if self.adapter is None:
            return self.config.weight_shapes()
        return {name: shape for name, (_, shape) in self._adapter_arrays().places.items()}

    def keep_caches_as(self, kv_cache: str) -> None:
        """Say in which numbers generation keeps the keys and values of what it has read.

        `int8`, on backend cpu, takes about a quarter of the memory of `float32`: whole numbers
        with a scale for each head of a position. Requests that are running keep what they have.

        Raises:
            ConfigError: other numbers than the model's dtype or int8, or int8 on another backend.
        """
        if kv_cache != self.dtype:
            check_kv_cache(kv_cache, self.backend)
        with self._computing(changes=True):
            self.java.keepCachesAs(kv_cache)

    def _require_unquantized(self, hint: str) -> None:
        if self.quantized is not None:
            raise ConfigError("weights", f"expected unrounded ones, got {self.quantized}; {hint}")

    @property
    def rounded(self) -> str | None:
        """The same as `quantized`, by its older name."""
        return self.quantized

    def shared_generator(self, at_once: int) -> java.Generator:
        """Return the Java generator of all threads, for so many sequences at once."""
        with self._turns, translated():
            if self._shared is None:
                self._shared = java_class(java.GeneratorClass)(self.java, at_once, True)
                self._parts.append(self._shared)
            return self._shared

    # ---- evaluation ------------------------------------------------------------------------------

    def logits(self, ids: ArrayLike) -> NDArray[Any]:
        """Return the logits of the token after each position.

        Args:
            ids: int32 or int64, (T,) or (B, T), each in [0, V); copied to the JVM.
        Returns:
            float32 (on `plain` the model's dtype), (B, T, V); a copy.
        Raises:
            ShapeError: T is 0 or above block_size, or ids have another number of dimensions.
            TokenError: an id outside the vocabulary.
            KeyboardInterrupt: Ctrl-C.
        """
        tokens = checked_ids("ids", ids, self.config)
        B, T = tokens.shape
        logits = np.empty((B, T, self.config.vocab_size), self.dtype)
        blank = np.full_like(tokens, -1)
        for some in self._chunks(B, T):
            self._evaluate(tokens[some], blank[some], logits[some])
        return logits

    def loss(self, ids: ArrayLike, targets: ArrayLike) -> float:
        """Return the mean cross-entropy of the targets, in nats a scored token.

        Args:
            ids: int32 or int64, (T,) or (B, T), each in [0, V); copied to the JVM.
            targets: of the same shape; -1 marks a position that is not scored.
        Returns:
            0 if no position is scored.
        Raises:
            ShapeError: the shapes differ, or T is 0 or above block_size.
            TokenError: an id outside the vocabulary.
            KeyboardInterrupt: Ctrl-C.
        """
        tokens, wanted = checked_batch(self.config, ids, targets)
        total, scored = 0.0, 0
        for some in self._chunks(*tokens.shape):
            loss = self._evaluate(tokens[some], wanted[some])
            count = int(np.count_nonzero(wanted[some] >= 0))
            total, scored = total + loss * count, scored + count
        return total / scored if scored else 0.0

    def losses(self, ids: ArrayLike, targets: ArrayLike) -> NDArray[np.float64]:
        """Return the cross-entropy of each target in nats: minus its log-probability.

        Args:
            ids, targets: see `loss`.
        Returns:
            float64, (B, T); 0 where a position is not scored.
        Errors are those of `loss`.
        """
        tokens, wanted = checked_batch(self.config, ids, targets)
        B, T = tokens.shape
        found = np.empty((B, T))
        for some in self._chunks(B, T):
            count = len(tokens[some])
            with self._turns, translated():
                session = self._evaluation_of(count, T)
                session.scoreRows(True)
                job_class = java_class(java.ForwardJobClass)
                try:
                    batch = tokens[some].ravel(), wanted[some].ravel()
                    self._run(job_class(session, *batch, count, T))
                    found[some] = np.array(session.rowLosses(count * T)).reshape(count, T)
                finally:
                    session.scoreRows(False)
        return found

    def _chunks(self, B: int, T: int) -> Iterator[slice]:
        """Sequences to evaluate at once, one chunk after another."""
        count = self._at_once(T)
        return (slice(first, first + count) for first in range(0, B, count))

    def _at_once(self, T: int) -> int:
        """How many sequences to evaluate, so that their logits stay below `LOGITS_AT_ONCE`."""
        return max(1, LOGITS_AT_ONCE // (T * self.config.vocab_size))

    def _evaluate(
        self,
        ids: NDArray[np.int32],
        targets: NDArray[np.int32],
        logits: NDArray[Any] | None = None,
    ) -> float:
        """Run forward on (B, T) tokens, fill `logits`, (B, T, V), and return the loss in nats."""
        B, T = ids.shape
        with self._turns, translated():
            session = self._evaluation_of(B, T)
            job_class = java_class(java.ForwardJobClass)
            self._run(job_class(session, ids.ravel(), targets.ravel(), B, T))
            if logits is not None:
                download(session.logits(), logits)
            return float(session.loss())

    def _evaluation_of(self, B: int, T: int) -> java.Session:
        """Return what evaluates B * T tokens: the one there is, if it is large enough."""
        model = self.java
        if self._evaluation is None or B * T > self._evaluation_tokens:
            self._close_evaluation()
            self._evaluation = model.evaluation(B, T)
            self._parts.append(self._evaluation)
            self._evaluation_tokens = B * T
        return self._evaluation

    def _close_evaluation(self) -> None:
        session, self._evaluation, self._evaluation_tokens = self._evaluation, None, 0
        if session is not None:
            self._parts.remove(session)
            session.close()

    def hidden_states(self, ids: ArrayLike) -> NDArray[Any]:
        """Return what the model makes of each position: the vectors that the logits are made of.

        Args:
            ids: int32 or int64, (T,) or (B, T), each in [0, V); copied to the JVM.
        Returns:
            After the last norm: float32 (on `plain` the model's dtype), (B, T, C); a copy.
        Raises:
            ShapeError: T is 0 or above block_size, or ids have another number of dimensions.
            TokenError: an id outside the vocabulary.
            TooLargeError: so many numbers do not fit into memory.
            KeyboardInterrupt: Ctrl-C.
        """
        tokens = checked_ids("ids", ids, self.config)
        B, T = tokens.shape
        states = np.empty((B, T, self.config.n_embd), self.dtype)
        blank = np.full(T, -1, np.int32)
        with translated():
            session = self.java.hidden(1, T)
        try:
            for row, into in zip(tokens, states, strict=True):
                with self._turns, translated():
                    self._run(java_class(java.ForwardJobClass)(session, row, blank, 1, T))
                    download(session.hidden(), into)
        finally:
            with translated():
                session.close()  # waits for a job that was interrupted
        return states

    def attention(self, ids: ArrayLike) -> NDArray[Any]:
        """Return how every head of every layer weighs the positions: its attention.

        Entry (layer, head, t, s) is how much of what position t takes in comes from position s. A
        row sums to 1; positions after t have 0.

        Args:
            ids: int32 or int64, (T,) or (B, T), each in [0, V); copied to the JVM.
        Returns:
            float32 (on `plain` the model's dtype), (L, H, T, T) or (B, L, H, T, T); a copy.
        Raises:
            ShapeError: T is 0 or above block_size, or ids have another number of dimensions.
            TokenError: an id outside the vocabulary.
            TooLargeError: so many numbers do not fit into memory.
            KeyboardInterrupt: Ctrl-C.
        """
        tokens = checked_ids("ids", ids, self.config)
        B, T = tokens.shape
        shape = (B, self.config.n_layer, self.config.n_head, T, T)
        rows = B + 1  # Java's too, which has one sequence at a time
        needed = rows * math.prod(shape[1:]) * np.dtype(self.dtype).itemsize
        require(needed, f"the attention of {B} x {T} tokens")
        probabilities = np.empty(shape, self.dtype)
        blank = np.full(T, -1, np.int32)
        with translated():
            session = self.java.attention(T)
        try:
            for row, layers in zip(tokens, probabilities, strict=True):
                with translated():
                    self._run(java_class(java.ForwardJobClass)(session, row, blank, 1, T))
                    for i, layer in enumerate(layers):
                        download(session.probabilities(i), layer)
        finally:
            with translated():
                session.close()  # waits for a job that was interrupted
        return probabilities[0] if np.ndim(ids) == 1 else probabilities

    def probe(self, block_size: int, layers: tuple[int, int] | None = None) -> Probe:
        """Return what looks into the model at sequences of this length; use it in a `with` block.

        Args:
            block_size: number of tokens, T.
            layers: first and end of those of which everything is kept: queries, keys, values,
                attention, MLP; of others only the residual stream. By default all.
        Raises:
            ShapeError: T is 0 or above the model's block_size.
            ConfigError: there are no such layers.
            TooLargeError: it does not fit into memory.
        """
        from pygpt.engine.probe import Probe

        T = self._checked_length(1, block_size)
        return Probe(self, self.config, T, self._checked_layers(layers))

    def gradient_probe(
        self, block_size: int, layers: tuple[int, int] | None = None
    ) -> GradientProbe:
        """Return what computes the gradient of a sequence's loss by each activation.

        Args and errors are those of `probe`.

        Raises:
            EngineError: the weights are rounded.
        """
        from pygpt.engine.probe import GradientProbe

        T = self._checked_length(1, block_size)
        return GradientProbe(self, self.config, T, self._checked_layers(layers))

    def _checked_layers(self, layers: tuple[int, int] | None) -> tuple[int, int]:
        L = self.config.n_layer
        first, end = layers or (0, L)
        if not 0 <= first <= end <= L:
            raise ConfigError("layers", f"expected some of 0 to {L}, got {first} to {end}")
        return first, end

    # ---- training --------------------------------------------------------------------------------

    def training(
        self,
        batch_size: int,
        block_size: int | None = None,
        *,
        frozen: Sequence[str] = (),
        evaluation: bool = False,
        shard: tuple[int, int] = (0, 1),
        dtype: str = "float32",
        dropout: bool = True,
        **options: Unpack[AdamWOptions],
    ) -> Training:
        """Return what trains this model on batches of at most this size; use it in a `with` block.

        Args:
            batch_size: sequences of a batch, B.
            block_size: positions of each, T; by default the longest.
            frozen: names of weights that stay as they are, bit for bit.
            evaluation: whether there has to be memory to evaluate such batches in between.
            shard: number of this worker and number of all, where several train one model.
            dtype: `bfloat16`: products are of weights and activations rounded to it, and so are
                most activations; weights, their gradients, sums, norms and the loss stay float32,
                and so do moments, unless the option `moments` says otherwise. `float32` is the
                model's own dtype, whichever that is.
            dropout: whether the model's dropout is in it.
            options: fields of `AdamWConfig`.
        Raises:
            ShapeError: sizes that do not fit the model.
            ConfigError: an option that cannot be, a name that is no weight's, rounded weights, or a
                backend or processor without bfloat16.
            TooLargeError: it does not fit into memory; nothing has been allocated.
        """
        self._require_unquantized("load the model again without rounding it")
        if self.adapter is not None and options.get("optimizer", "adamw") != "adamw":
            problem = f"expected adamw for an adapter, got {options['optimizer']}"
            raise ConfigError("optimizer", problem)
        config = from_dict(AdamWConfig, options)
        needed = self.memory(
            batch_size,
            block_size,
            frozen=frozen,
            evaluation=evaluation,
            workers=shard[1],
            dtype=dtype,
            moments=config.moments,
        )
        T = self.config.block_size if block_size is None else block_size
        what = f"training on batches of {batch_size} x {T} tokens"
        require(needed.beside_weights_bytes, what)
        with self._turns, translated():
            try:
                self.java.setDropout(self.config.dropout if dropout else 0.0)
                return Training(self, self.config, batch_size, T, config, frozen, dtype, shard)
            finally:
                self.java.setDropout(self.config.dropout)

    def memory(
        self,
        batch_size: int,
        block_size: int | None = None,
        *,
        frozen: Sequence[str] = (),
        evaluation: bool = False,
        workers: int = 1,
        dtype: str = "float32",
        moments: str = "float32",
    ) -> TrainingMemory:
        """Return what training takes on batches of this size, allocating none of it.

        Args:
            batch_size: sequences, B.
            block_size: positions of each, T; by default the longest.
            frozen: names of weights that stay as they are, which have no gradients and moments.
            evaluation: whether the model is evaluated in between, on batches of the same size.
            workers: that train it together, each of which has its part of the moments.
            dtype: see `training`.
            moments: see `AdamWConfig`.
        Raises:
            ShapeError: sizes that do not fit the model.
            ConfigError: a name that is no weight's, or no such dtype or moments here.
        """
        T = self._checked_length(batch_size, block_size)
        shapes = self.trained_shapes()
        for name in set(frozen) - shapes.keys():
            raise ConfigError("frozen", f"expected names of weights, got {name!r}")
        if self.adapter is not None and dtype != "float32":
            raise ConfigError("dtype", f"expected float32 for an adapter, got {dtype}")
        check_some(AdamWConfig, {"moments": moments})
        if moments != "float32" and self.dtype != "float32":
            problem = f"expected float32 with a {self.dtype} model, got {moments}"
            raise ConfigError("moments", problem)
        all_of_it = sum(math.prod(shape) for shape in shapes.values())
        count = all_of_it - sum(math.prod(shapes[name]) for name in set(frozen))
        item = np.dtype(self.dtype).itemsize
        trained, evaluated, copies = count * item, 0, 0
        weights = self._weights_bytes + (0 if self.adapter is None else all_of_it * item)
        computed = java_dtype(self, dtype)
        with translated():
            layout = self.java.trained().weights().layout().freeze(list(frozen))
            activations = int(self.java.activationBytes(batch_size, T, layout, computed))
            if dtype == "bfloat16":
                copies = int(java_class(java.ProductWeightsClass).byteSize(layout))
            if evaluation:
                rows = min(batch_size, self._at_once(T))
                evaluated = int(self.java.evaluationBytes(rows, T))
        moment_bytes = 2 * count * (item if moments == "float32" else 2)
        each = -(-moment_bytes // workers)
        return TrainingMemory(weights, trained, each, activations, evaluated, copies)

    def ops(self, batch_size: int = 1, block_size: int | None = None) -> list[str]:
        """Return the ops of a training step, first to last, as text."""
        T = self._checked_length(batch_size, block_size)
        with translated():
            return [str(op) for op in self.java.describeOps(batch_size, T)]

    def _checked_length(self, B: int, block_size: int | None) -> int:
        """Return T of batches of B sequences, by default the longest."""
        limit = self.config.block_size
        T = limit if block_size is None else block_size
        if B < 1 or not 1 <= T <= limit or B * T > INT_MAX:
            raise ShapeError(f"batch: expected (B, T) with T from 1 to {limit}, got ({B}, {T})")
        return T
