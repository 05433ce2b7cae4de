"""A model's training, one update after another, and the memory that it takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jbridge import JavaValueError
from pygpt.engine import java
from pygpt.engine.arrays import FlatArrays, rounded_to_bfloat16
from pygpt.engine.door import EngineError, java_class, translated
from pygpt.engine.handle import Handle
from pygpt.errors import ConfigError, ShapeError
from pygpt.fields import INT_MAX
from pygpt.model.batch import checked_batch
from pygpt.model.config import GPTConfig
from pygpt.training.config import DTYPES, AdamWConfig

Losses = Callable[[int, NDArray[np.float64]], None]
"""Called with the number of the first step (from 0) and the losses of the steps since."""


def _check_rate(learning_rate: float) -> None:
    if not math.isfinite(learning_rate):
        raise ConfigError("learning_rate", f"expected a finite number, got {learning_rate}")


@dataclass(frozen=True)
class TrainingMemory:
    """What training takes, in bytes: known before any of it is allocated.

    Attributes:
        activations_bytes: what forward keeps for backward.
        evaluation_bytes: activations of evaluating in between, which are held beside those; 0 if
            there is no evaluation.
        copies_bytes: weights in bfloat16, if it is what products are computed in.
    """

    weights_bytes: int
    gradients_bytes: int
    moments_bytes: int
    activations_bytes: int
    evaluation_bytes: int = 0
    copies_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.weights_bytes + self.beside_weights_bytes

    @property
    def beside_weights_bytes(self) -> int:
        """What a model that is there needs in addition."""
        optimizer = self.gradients_bytes + self.moments_bytes + self.copies_bytes
        return optimizer + self.activations_bytes + self.evaluation_bytes

    def __str__(self) -> str:
        parts = (
            (self.weights_bytes, "weights"),
            (self.gradients_bytes, "gradients"),
            (self.moments_bytes, "AdamW's moments"),
            (self.copies_bytes, "weights in bfloat16"),
            (self.activations_bytes, "activations"),
            (self.evaluation_bytes, "evaluation"),
        )
        listed = " + ".join(f"{size / 1e6:,.1f} {name}" for size, name in parts if size)
        return f"{self.total_bytes / 1e6:,.1f} MB = {listed}"


def java_dtype(model: Handle[java.GPT], dtype: str) -> java.DType:
    """Return what a model is trained in: bfloat16, or, as float32 says, its own dtype.

    Raises:
        ConfigError: another dtype, or the backend or the processor has no bfloat16.
    """
    if dtype not in DTYPES:
        raise ConfigError("dtype", f"expected one of {', '.join(DTYPES)}, got {dtype!r}")
    try:
        with translated():
            if dtype == "bfloat16":
                model.java.kernels().requireBfloat16()
            return java_class(java.DTypeClass).of(dtype if dtype == "bfloat16" else model.dtype)
    except JavaValueError as error:
        raise ConfigError("dtype", str(error).partition("dtype: ")[2]) from error


class Training(Handle[java.Training]):
    """Mutable: the training of one model, step by step; made by `GPT.training`.

    It owns gradients, AdamW's moments and activations. Use it in a `with` block, or call `close`.

    Attributes:
        model: the one that is trained.

    Args:
        config: of the model.
        B, T: it trains on batches of at most B * T tokens.
        frozen: names of the weights that stay as they are.
        dtype: float32 (which stands for the model's own) or bfloat16; see `GPT.training`.
        shard: number of this worker and number of all: it holds the moments of its part alone.
    """

    def __init__(
        self,
        model: Handle[java.GPT],
        config: GPTConfig,
        B: int,
        T: int,
        options: AdamWConfig,
        frozen: Sequence[str] = (),
        dtype: str = "float32",
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        with translated():
            adamw = java_class(java.AdamWClass)(
                options.beta1,
                options.beta2,
                options.epsilon,
                options.weight_decay,
                options.grad_clip,
                options.optimizer == "muon",
                java_class(java.DTypeClass).of(options.moments),
            )
            layout = model.java.trained().weights().layout().freeze(list(frozen))
            computed = java_dtype(model, dtype)
            part = java_class(java.ShardClass)(*shard)
            make = java_class(java.TrainingClass)
            training = make(model.java, B, T, adamw, layout, computed, part)
        super().__init__("training", training, model.dtype, model)
        self._config, self._tokens = config, B * T
        self._shape = (0, 0)  # of the last batch whose losses were asked for
        self._step_job = java_class(java.StepJobClass)
        self._options = options
        self.model = model

    def step(self, ids: ArrayLike, targets: ArrayLike, learning_rate: float) -> tuple[float, float]:
        """Train on one batch.

        Args:
            ids: int32 or int64, (T,) or (B, T), each in [0, V); copied to the JVM.
            targets: of the same shape; -1 marks a position that is not scored.
            learning_rate: of this step.
        Returns:
            Mean cross-entropy in nats before the update, and the gradient's norm before clipping
            (0 where `grad_clip` is 0).
        Raises:
            ShapeError, TokenError: as in `GPT.loss`.
            ConfigError: a learning rate that is not finite.
            EngineError: the loss or the gradient is no number; the weights are as they were.
            KeyboardInterrupt: Ctrl-C; the weights are as they were, or updated.
        """
        _check_rate(learning_rate)
        with self._turns:
            return self._step(ids, targets, learning_rate), self._gradient_norm

    def accumulate(self, ids: ArrayLike, targets: ArrayLike, share: float = 1.0) -> float:
        """Add the gradient of one batch to that of the next `update`; return its loss.

        Args:
            share: times which its gradient is added. `update` takes the mean over the batches; of
                those that score different numbers of targets it is the mean over all targets if
                each has its number, divided by the mean of the numbers.
        Other args and errors are those of `step`.
        """
        return self._step(ids, targets, float("nan"), share)

    def _step(
        self, ids: ArrayLike, targets: ArrayLike, learning_rate: float, share: float = 1.0
    ) -> float:
        """Run forward and backward and, unless the learning rate is NaN, update the weights."""
        tokens, wanted = self._checked(ids, targets)
        B, T = tokens.shape
        with translated():
            job = self._step_job(
                self.java, tokens.ravel(), wanted.ravel(), B, T, learning_rate, share
            )
        self._run(job, changes=True)
        return float(job.loss())

    def losses(self, ids: ArrayLike, targets: ArrayLike) -> NDArray[np.float64]:
        """Run forward on one batch; `backward` goes on with it, and nothing else may come between.

        Returns:
            float64, (B, T): the cross-entropy of each target in nats, 0 where it is not scored.
        Other args and errors are those of `step`.
        """
        tokens, wanted = self._checked(ids, targets)
        B, T = self._shape = tokens.shape
        with self._turns:
            with translated():
                make = java_class(java.LossesJobClass)
                job = make(self.java, tokens.ravel(), wanted.ravel(), B, T)
            self._run(job)
            return np.array(job.losses(), np.float64).reshape(B, T)

    def backward(self, weights: ArrayLike) -> None:
        """Add the gradient of the sum of weight * loss over a batch to that of the next `update`.

        So any function of the losses can be learned: its derivative by each of them is the weight.

        Args:
            weights: (B, T), of any sign; the batch is that of the last call of `losses`.
        Raises:
            ShapeError: another shape.
            EngineError: there was no such call.
        """
        numbers = np.ascontiguousarray(weights, np.float64)
        if numbers.shape != self._shape:
            raise ShapeError(f"weights: expected {self._shape}, got {numbers.shape}")
        with translated():
            job = java_class(java.WeighedJobClass)(self.java, numbers.ravel())
        self._run(job, changes=True)

    def _checked(
        self, ids: ArrayLike, targets: ArrayLike
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        tokens, wanted = checked_batch(self._config, ids, targets)
        if tokens.size > self._tokens:
            got = f"{tokens.shape}"
            raise ShapeError(f"batch: expected at most {self._tokens} tokens, got {got}")
        return tokens, wanted

    def update(self, learning_rate: float) -> float:
        """Update the weights by the mean of the accumulated gradients; return its norm.

        Raises:
            ConfigError: a learning rate that is not finite.
            EngineError: nothing was accumulated, or the gradient is no number.
        """
        _check_rate(learning_rate)
        with self._computing(changes=True):
            self.java.update(learning_rate)
            return self._gradient_norm

    @property
    def _gradient_norm(self) -> float:
        with translated():
            return float(self.java.gradientNorm())

    def steps(
        self,
        batches: Sequence[tuple[ArrayLike, ArrayLike]],
        learning_rates: ArrayLike,
        on_losses: Losses | None = None,
    ) -> NDArray[np.float64]:
        """Train on many batches in one call, which is faster where a step is short.

        Step s takes batch s mod n; so a few batches may serve many steps.

        Args:
            batches: ids and targets of each, as in `step`; copied to the JVM.
            learning_rates: one for each step.
            on_losses: called about 20 times a second with the number of the first step (from 0)
                and the losses of the steps since the last call; also before a failure.
        Returns:
            float64, (steps,): the loss of each step, as `step` returns it.
        Raises:
            ConfigError: a learning rate that is not finite.
            ShapeError: no batch, or rates that are no row of numbers; else as in `step`.
            TokenError, EngineError: as in `step`.
            KeyboardInterrupt: Ctrl-C; the training stops within half a second.
        """
        rates = np.array(learning_rates, np.float64)
        if rates.ndim != 1:
            raise ShapeError(f"learning_rates: expected (steps,), got {rates.shape}")
        for rate in rates[~np.isfinite(rates)]:
            _check_rate(float(rate))
        if not batches:
            raise ShapeError("batches: expected at least one, got none")
        checked = [self._checked(ids, targets) for ids, targets in batches]
        return self.run_steps(
            np.concatenate([ids.ravel() for ids, _ in checked]),
            np.concatenate([targets.ravel() for _, targets in checked]),
            np.array([ids.shape for ids, _ in checked], np.int32).ravel(),
            rates,
            on_losses,
        )

    def run_steps(
        self,
        ids: NDArray[np.int32],
        targets: NDArray[np.int32],
        sizes: NDArray[np.int32],
        learning_rates: NDArray[np.float64],
        on_losses: Losses | None = None,
    ) -> NDArray[np.float64]:
        """Do what `steps` does with batches that lie one after another, and that Java checks.

        Args:
            ids: int32, (tokens,), of all batches.
            targets: int32, (tokens,).
            sizes: int32, (2 * batches,): B and T of each.
            learning_rates: float64, (steps,).
        """
        if ids.size > INT_MAX:
            raise ShapeError(f"batches: expected at most {INT_MAX} tokens, got {ids.size}")
        with translated():
            job = java_class(java.StepsJobClass)(self.java, ids, targets, sizes, learning_rates)
        seen = 0

        def poll() -> None:
            nonlocal seen
            done = int(job.completed())
            if on_losses is not None and done > seen:
                first, seen = seen, done
                on_losses(first, np.array(job.losses(first, done), dtype=np.float64))

        try:
            self._run(job, poll, changes=True)
        except EngineError:
            poll()  # the steps before the one that failed
            raise
        return np.array(job.losses(0, job.completed()), dtype=np.float64)

    def gradients(self) -> dict[str, NDArray[Any]]:
        """Return name -> gradient of every trained weight, of the last backward; shared."""
        return self._gradients.named()

    @property
    def flat_gradient(self) -> NDArray[Any]:
        """All gradients as one array, (n,), in the model's dtype; `gradients` are parts of it.

        Matrices come first, then vectors (biases and gains), each in the order of `gradients` and
        filled up with zeros to a multiple of 64 bytes; beside frozen weights, which have no
        gradient, by more of them. Shared: an `update` takes what is written to
        it. After several batches it is their sum.
        """
        return self._gradients.flat()

    def read_gradient(self, out: NDArray[Any]) -> None:
        """Copy `flat_gradient` to an array.

        On a device with memory of its own this is one copy, and `flat_gradient`, which is kept as
        it is on the device, costs two in every step.

        Args:
            out: (n,), contiguous, in the model's dtype.
        Raises:
            ShapeError: another array.
        """
        self._gradients.read(out)

    def write_gradient(self, array: NDArray[Any]) -> None:
        """Copy an array to `flat_gradient`; see `read_gradient`."""
        self._gradients.write(array)

    @property
    def _gradients(self) -> FlatArrays:
        return self._numbers("gradients", self.java.gradients)

    # ---- several workers -------------------------------------------------------------------------

    def end_microbatch(self, microbatches: int, rounded: bool) -> None:
        """Add the gradient of all batches since the last call to those of other microbatches.

        That is along a binary tree; after the last one `flat_gradient` is the sum of all.

        Args:
            microbatches: of this worker in a step, a power of two.
            rounded: whether each sum, and what is summed, is rounded to bfloat16.
        """
        with self._computing(changes=True):
            self.java.endMicrobatch(microbatches, rounded)

    def bounds(self, workers: int) -> list[int]:
        """Return where in `flat_gradient` the part of each worker begins, and the end of all."""
        with self._turns, translated():
            length = int(self.java.gradients().flat().length())
            block = int(java_class(java.ShardClass).block(length))
        blocks = -(-length // block)
        return [min(length, blocks * worker // workers * block) for worker in range(workers + 1)]

    def block_count(self, first: int, end: int) -> int:
        """Return how many numbers `squares` has for such a part of `flat_gradient`."""
        with self._turns, translated():
            length = int(self.java.gradients().flat().length())
            return -(-(end - first) // int(java_class(java.ShardClass).block(length)))

    def squares(self) -> NDArray[np.float64]:
        """Return the sum of the squares of each block of this worker's part; float64, (blocks,)."""
        with self._computing():
            return np.array(self.java.squares(), dtype=np.float64)

    def update_shard(
        self, learning_rate: float, count: int, squares: float, rounded: bool
    ) -> float:
        """Update this worker's part of the weights, and leave in `flat_gradient` what others need.

        Args:
            count: batches of all workers, whose mean gradient is taken.
            squares: sum of the squares of the whole gradient.
            rounded: whether weights move by numbers in bfloat16.
        Returns:
            The norm of the mean gradient, before clipping.
        Raises:
            EngineError: the gradient is no number; the weights are as they were.
        """
        with self._computing(changes=True):
            self.java.updateShard(learning_rate, count, squares, rounded)
            return self._gradient_norm

    def receive(self, rounded: bool) -> None:
        """Take from `flat_gradient` what the others left there with `update_shard`."""
        with self._computing(changes=True):
            self.java.receive(rounded)

    def read_moments(self, moment: str, first: int, out: NDArray[Any]) -> None:
        """Copy moments of this worker's part.

        Args:
            moment: `m` or `v`.
            first: number of the first, from the beginning of the part.
            out: (n,), contiguous, in the model's dtype; bfloat16 is widened.
        """
        raw = np.empty(out.size, np.uint16) if self.has_bfloat16_moments else out
        with self._turns, translated():
            self._shard_of(moment).part(first, out.size).read(raw.ctypes.data)
        if raw is not out:
            out.view(np.uint32)[:] = raw.astype(np.uint32) << 16

    def write_moments(self, moment: str, first: int, array: NDArray[Any]) -> None:
        """Set moments of this worker's part; see `read_moments`. For bfloat16 they are rounded to
        the nearest, and so what `read_moments` returned comes back as it was.
        """
        raw = rounded_to_bfloat16(array) if self.has_bfloat16_moments else array
        with self._turns, translated():
            self._shard_of(moment).part(first, array.size).write(raw.ctypes.data)

    @property
    def has_bfloat16_moments(self) -> bool:
        """Whether AdamW's moments are bfloat16 rather than of the model's dtype."""
        return self._options.moments == "bfloat16"

    def _shard_of(self, moment: str) -> java.Flat:
        return self.java.firstOfShard() if moment == "m" else self.java.secondOfShard()

    def places(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        """Return of every trained weight where in `flat_gradient` it begins, and its shape."""
        return self._gradients.places

    # ---- state -----------------------------------------------------------------------------------

    def moments(self) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Return AdamW's first and second moments of the trained weights, name -> array; shared.

        Those that are bfloat16 are copied, as float32.
        """
        if self.has_bfloat16_moments:
            return self._widened("m"), self._widened("v")
        first = self._numbers("first moments", self.java.firstMoments)
        second = self._numbers("second moments", self.java.secondMoments)
        return first.named(), second.named()

    def _widened(self, moment: str) -> dict[str, NDArray[Any]]:
        arrays = {}
        for name, (place, shape) in self.places().items():
            flat = np.empty(math.prod(shape), np.float32)
            self.read_moments(moment, place, flat)
            arrays[name] = flat.reshape(shape)
        return arrays

    @property
    def updates(self) -> int:
        """Number of updates so far."""
        with translated():
            return int(self.java.updates())

    @property
    def dropout_key(self) -> int:
        """What decides the dropout of the next batch; one more after each."""
        with translated():
            return int(self.java.dropoutKey())

    def resume(self, updates: int, dropout_key: int) -> None:
        """Continue a training that was at these numbers; its moments are set by themselves."""
        with self._turns, translated():
            self._settle()
            self.java.resume(updates, dropout_key)
