"""An encoder-decoder transformer's weights in Java's memory, and what is computed with them."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from pygpt.engine import java
from pygpt.engine.arrays import download
from pygpt.engine.auto import resolved
from pygpt.engine.door import java_class, translated
from pygpt.engine.handle import Handle
from pygpt.engine.model import chosen_dtype
from pygpt.errors import ConfigError, ShapeError
from pygpt.fields import from_dict
from pygpt.generate.translate_config import TranslateConfig
from pygpt.model.encoder_decoder_config import EncoderDecoderConfig
from pygpt.model.pair_batch import PairBatch, checked_pairs
from pygpt.training.config import AdamWConfig, AdamWOptions

_log = logging.getLogger("pygpt")


class Target(NamedTuple):
    """What was made of a source.

    Attributes:
        ids: int64, without what begins and ends a target.
        ended: whether the model ended it, rather than the limit of its length.
        log_probability: of all of it, its end too, in nats.
    """

    ids: NDArray[np.int64]
    ended: bool
    log_probability: float


class AttentionMaps(NamedTuple):
    """How every head of every layer weighs positions; each row sums to 1.

    Attributes:
        encoder: (layers, H, S, S): how a position of the source takes in those of the source.
        decoder: (layers, H, T, T): a position of the target those of the target up to itself.
        cross: (layers, H, T, S): a position of the target those of the source.
    """

    encoder: NDArray[Any]
    decoder: NDArray[Any]
    cross: NDArray[Any]


class EncoderDecoderModel(Handle[java.EncoderDecoder]):
    """Mutable: a model, in Java's memory, for any thread.

    The arguments and what they raise are those of `EncoderDecoder`, which adds text and folders.
    """

    def __init__(
        self,
        config: EncoderDecoderConfig,
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
        with translated():
            sizes = java_class(java.EncoderDecoderConfigClass).ofJson(json.dumps(config.to_dict()))
            java_dtype = java_class(java.DTypeClass).of(dtype)
            create = java_class(java.EncoderDecoderClass).create
            model = create(sizes, backend, java_dtype, threads)
        super().__init__("model", model, dtype)
        self._translator: java.Translator | None = None
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

    def parameters(self) -> dict[str, NDArray[Any]]:
        """Return name -> array of every weight, in the model's dtype; shared, not copied.

        As with `GPT.parameters`, writing to an array changes the model.
        """
        return self._numbers("weights", self.java.weights).named()

    # ---- evaluation ------------------------------------------------------------------------------

    def logits(self, batch: PairBatch) -> NDArray[Any]:
        """Return the logits of what follows each token of the targets: (B, T, V); a copy.

        Raises:
            ShapeError, TokenError: a batch that does not fit the model.
            KeyboardInterrupt: Ctrl-C.
        """
        B, _, T = checked_pairs(batch, self.config).size
        logits = np.empty((B, T, self.config.target_vocab_size), self.dtype)
        self._evaluate(batch, logits)
        return logits

    def loss(self, batch: PairBatch) -> float:
        """Return the mean cross-entropy of the targets, in nats a scored token.

        Errors are those of `logits`.
        """
        return self._evaluate(batch, None)

    def _evaluate(self, batch: PairBatch, logits: NDArray[Any] | None) -> float:
        checked = checked_pairs(batch, self.config)
        with translated():
            session = self.java.evaluation(*checked.size)
        try:
            self._forward(session, checked)
            with translated():
                if logits is not None:
                    download(session.logits(), logits)
                return float(session.loss())
        finally:
            with translated():
                session.close()  # waits for a job that was interrupted

    def _forward(self, session: java.PairSession, batch: PairBatch) -> None:
        with translated():
            job = java_class(java.PairForwardJobClass)(session, *flat(batch))
        self._run(job)

    def attention_maps(self, source: Sequence[int], target: Sequence[int]) -> AttentionMaps:
        """Return how every head weighs positions, for one pair; copies.

        Args:
            source: ids, (S,).
            target: ids that the decoder reads, (T,), the first being what begins a target.
        Raises:
            ShapeError, TokenError: a pair that does not fit the model.
            KeyboardInterrupt: Ctrl-C.
        """
        ids = np.array([target], np.int32)
        lengths = np.array([len(source)], np.int32)
        blank = np.full_like(ids, -1)
        batch = PairBatch(np.array([source], np.int32), lengths, ids, blank)
        batch = checked_pairs(batch, self.config)
        _, S, T = batch.size
        H, encoder, decoder = (
            self.config.n_head,
            self.config.n_encoder_layer,
            self.config.n_decoder_layer,
        )
        maps = AttentionMaps(
            np.empty((encoder, H, S, S), self.dtype),
            np.empty((decoder, H, T, T), self.dtype),
            np.empty((decoder, H, T, S), self.dtype),
        )
        with translated():
            session = self.java.attention(S, T)
        try:
            self._forward(session, batch)
            with translated():
                for i, layer in enumerate(maps.encoder):
                    download(session.encoderProbabilities(i), layer)
                for i in range(decoder):
                    download(session.decoderProbabilities(i), maps.decoder[i])
                    download(session.crossProbabilities(i), maps.cross[i])
        finally:
            with translated():
                session.close()
        return maps

    # ---- generation ------------------------------------------------------------------------------

    def targets(
        self,
        sources: Sequence[Sequence[int]],
        begin: int,
        end: int,
        config: TranslateConfig,
        seed: int,
    ) -> list[Target]:
        """Return what the model makes of each source.

        Args:
            begin, end: the ids that begin and end a target.
            seed: of the first source's random numbers.
        Raises:
            ShapeError: a source that is empty or too long.
            EngineError: the logits are no numbers.
            KeyboardInterrupt: Ctrl-C.
        """
        longest = self.config.source_block_size
        for source in sources:
            if not 1 <= len(source) <= longest:
                expected = f"expected 1 to {longest} tokens"
                raise ShapeError(f"source: {expected}, got {len(source)}")
        if not sources:
            return []
        most = config.max_new_tokens or self.config.target_block_size
        ids = np.concatenate([np.asarray(source, np.int32) for source in sources])
        lengths = np.array([len(source) for source in sources], np.int32)
        with self._turns, translated():
            sampling = java_class(java.SamplingOptionsClass)(*config.sampling)
            options = java_class(java.TranslateOptionsClass)(
                sampling, config.beams, config.length_penalty, most, begin, end, seed
            )
            if self._translator is None:
                self._translator = java_class(java.TranslatorClass)(self.java)
                self._parts.append(self._translator)
            job = java_class(java.TranslateJobClass)(self._translator, ids, lengths, options)
            self._run(job)
            tokens = np.array(job.tokens(), np.int64)
            ends = np.cumsum(np.array(job.lengths(), np.int64))
            found = zip(job.ended(), job.logProbabilities(), strict=True)
            rows = np.split(tokens, ends[:-1])
            return [
                Target(row, bool(ended), float(nats))
                for row, (ended, nats) in zip(rows, found, strict=True)
            ]

    # ---- training --------------------------------------------------------------------------------

    def training(
        self,
        batch_size: int,
        source_length: int | None = None,
        target_length: int | None = None,
        **options: Unpack[AdamWOptions],
    ) -> PairTraining:
        """Return what trains this model on batches of at most this size; use it in a `with` block.

        Args:
            batch_size: pairs of a batch, B.
            source_length: tokens of each source, S; by default the longest.
            target_length: likewise of each target, T, what begins it included.
            options: fields of `AdamWConfig`.
        Raises:
            ShapeError: sizes that do not fit the model.
            ConfigError: an option that cannot be.
            TooLargeError: it does not fit into memory; nothing has been allocated.
        """
        S = self.config.source_block_size if source_length is None else source_length
        T = self.config.target_block_size if target_length is None else target_length
        fits = 1 <= S <= self.config.source_block_size and 1 <= T <= self.config.target_block_size
        if batch_size < 1 or not fits:
            raise ShapeError(
                f"batch: expected sources of up to {self.config.source_block_size} and targets of "
                f"up to {self.config.target_block_size} tokens, got {batch_size} x ({S}, {T})"
            )
        return PairTraining(self, batch_size, S, T, from_dict(AdamWConfig, options))

    def ops(self, batch_size: int, source_length: int, target_length: int) -> list[str]:
        """Return the ops of a training step, first to last, as text."""
        with translated():
            found = self.java.describeOps(batch_size, source_length, target_length)
            return [str(op) for op in found]


class PairTraining(Handle[java.PairTraining]):
    """Mutable: the training of an encoder-decoder transformer, step by step; made by its
    `training`.

    It owns gradients, AdamW's moments and activations. Use it in a `with` block, or call `close`.

    Attributes:
        model: the one that is trained.
    """

    def __init__(
        self, model: EncoderDecoderModel, B: int, S: int, T: int, options: AdamWConfig
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
            training = java_class(java.PairTrainingClass)(model.java, B, S, T, adamw)
        super().__init__("training", training, model.dtype, model)
        self._most = B * S, B * T
        self._step_job = java_class(java.PairStepJobClass)
        self.model = model

    def step(self, batch: PairBatch, learning_rate: float) -> tuple[float, float]:
        """Train on one batch.

        Returns:
            Mean cross-entropy in nats before the update, and the gradient's norm before clipping
            (0 where `grad_clip` is 0).
        Raises:
            ShapeError, TokenError: a batch that does not fit the model or this training.
            ConfigError: a learning rate that is not finite.
            EngineError: the loss or the gradient is no number; the weights are as they were.
            KeyboardInterrupt: Ctrl-C; the weights are as they were, or updated.
        """
        if not math.isfinite(learning_rate):
            raise ConfigError("learning_rate", f"expected a finite number, got {learning_rate}")
        with self._turns:
            loss = self._step(batch, learning_rate)
            with translated():
                return loss, float(self.java.gradientNorm())

    def accumulate(self, batch: PairBatch) -> float:
        """Add the gradient of one batch to that of the next `update`; return its loss."""
        return self._step(batch, float("nan"))

    def update(self, learning_rate: float) -> float:
        """Update the weights by the mean of the accumulated gradients; return its norm."""
        if not math.isfinite(learning_rate):
            raise ConfigError("learning_rate", f"expected a finite number, got {learning_rate}")
        with self._computing(changes=True):
            self.java.update(learning_rate)
            return float(self.java.gradientNorm())

    def _step(self, batch: PairBatch, learning_rate: float) -> float:
        checked = checked_pairs(batch, self.model.config)
        B, S, T = checked.size
        if B * S > self._most[0] or B * T > self._most[1]:
            most = f"{self._most[0]} source and {self._most[1]} target tokens"
            raise ShapeError(f"batch: expected at most {most}, got {B} x ({S}, {T})")
        with translated():
            job = self._step_job(self.java, *flat(checked), learning_rate)
        self._run(job, changes=True)
        return float(job.loss())

    def gradients(self) -> dict[str, NDArray[Any]]:
        """Return name -> gradient of every weight, of the last backward; shared."""
        return self._numbers("gradients", self.java.gradients).named()


def flat(
    batch: PairBatch,
) -> tuple[java.Ints, java.Ints, java.Ints, java.Ints, java.Ints]:
    """Return a batch as Java's jobs take it: its arrays row by row, and B, S and T."""
    return (
        batch.sources.ravel(),
        batch.lengths,
        batch.ids.ravel(),
        batch.targets.ravel(),
        np.array(batch.size, np.int32),
    )
