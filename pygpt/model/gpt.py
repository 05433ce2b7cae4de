"""GPT: a model's weights, and what is done with them."""

from __future__ import annotations

import logging
import math
import operator
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeGuard, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pygpt import memory
from pygpt.checkpoints import folder as checkpoint
from pygpt.checkpoints import hub
from pygpt.engine.generation import sample_documents
from pygpt.engine.model import Engine
from pygpt.engine.training import Losses, Training, TrainingMemory
from pygpt.errors import ConfigError, ShapeError
from pygpt.fields import INT_MAX, from_dict
from pygpt.generate.config import GenerateConfig
from pygpt.generate.generation import Continuation, Generation
from pygpt.model.batch import checked_batch, checked_ids
from pygpt.model.config import BACKENDS, GPTConfig
from pygpt.model.documents import MICROGPT, document_batches
from pygpt.model.embeddings import Embeddings
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.protocol import NO_SPECIAL_IDS, Tokenizer
from pygpt.training.config import AdamWConfig

_log = logging.getLogger("pygpt")

DTYPES = ("float32", "float64")
ROUNDED_BITS = {"int8": 8, "bfloat16": 16}  # of a weight
LOGITS_AT_ONCE = 1 << 26  # numbers: 256 MB


def _is_texts(prompt: Any) -> TypeGuard[list[str]]:
    return isinstance(prompt, list) and bool(prompt) and all(isinstance(p, str) for p in prompt)


def dtype_of(backend: str) -> str:
    """Return the dtype that a model has by default."""
    return "float64" if backend == "plain" else "float32"


def _check_format(weights: str) -> None:
    if weights not in ROUNDED_BITS:
        expected = ", ".join(ROUNDED_BITS)
        raise ConfigError("weights", f"expected one of {expected}, got {weights!r}")


class GPT:
    """Mutable: a model, in Java's memory. Use it in a `with` block, or call `close`.

    Args:
        config: the architecture; by default GPT-2's.
        seed: of the first weights, which are drawn as nanoGPT does: N(0, 0.02), projections to the
            residual stream N(0, 0.02 / sqrt(2 * n_layer)), biases 0, gains 1. The same seed gives
            the same weights on every backend. None leaves them all zero.
        backend: `cpu` (fast), `nd4j` (each matrix operation is one of ND4J's) or `plain` (scalar
            loops: the reference).
        dtype: `float32` or `float64`; by default float64 on `plain`, which alone has it.
        threads: of backend `cpu`; 0 for one a processor.
        tokenizer: turns text into ids and back; needed only for text.

    Attributes:
        special_ids: those of the folder that it came from; none by default.
        rounded: `int8` or `bfloat16` once `quantize` has rounded the weights, else None.

    Raises:
        ConfigError: an unknown backend or dtype, a tokenizer of another vocabulary.
        TooLargeError: the weights do not fit into memory.
        EngineError: the JVM does not start.
    """

    def __init__(
        self,
        config: GPTConfig | None = None,
        *,
        seed: int | None = 1,
        backend: str = "cpu",
        dtype: str | None = None,
        threads: int = 0,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        config = GPTConfig() if config is None else config
        if backend not in BACKENDS:
            expected = ", ".join(BACKENDS)
            raise ConfigError("backend", f"expected one of {expected}, got {backend!r}")
        if dtype is None:
            dtype = dtype_of(backend)
        if dtype not in DTYPES or (dtype == "float64" and backend != "plain"):
            expected = "float32 or float64" if backend == "plain" else "float32"
            raise ConfigError("dtype", f"expected {expected} on backend {backend}, got {dtype!r}")
        if threads < 0:
            raise ConfigError("threads", f"expected at least 0, got {threads}")
        if tokenizer is not None and tokenizer.vocab_size != config.vocab_size:
            expected = f"{tokenizer.vocab_size}, as the tokenizer has"
            raise ConfigError("vocab_size", f"expected {expected}, got {config.vocab_size}")
        self.config = config
        self.backend = backend
        self.dtype = dtype
        self.tokenizer = tokenizer
        self.special_ids = NO_SPECIAL_IDS
        self.rounded: str | None = None
        memory.require(self._weights_bytes, "a model of these sizes")
        self._engine = Engine(config, backend, dtype, threads)
        if seed is not None:
            self._engine.initialize(seed)
        _log.info("backend %s: %s", backend, self._engine.description)

    @classmethod
    def preset(cls, name: str, **options: Any) -> GPT:
        """Return a new model of a known architecture; `options` are those of the constructor.

        Raises:
            ConfigError: there is no architecture of this name.
        """
        return cls(GPTConfig.preset(name), **options)

    def __enter__(self) -> GPT:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory; a second call does nothing.

        Arrays from `parameters` stay valid: as long as there is one, so is the memory.
        """
        self._engine.close()

    @property
    def description(self) -> str:
        """What runs the matrix products."""
        return self._engine.description

    @property
    def num_parameters(self) -> int:
        """Number of weights."""
        return self.config.num_parameters

    def parameters(self) -> dict[str, NDArray[Any]]:
        """Return name -> array of every weight, in the model's dtype; see `weight_shapes`.

        The arrays are shared with Java, not copied: writing to one changes the model; see
        `quantize` for the exception.
        """
        return self._engine.parameters()

    def quantize(self, weights: str) -> None:
        """Round the weights to fewer bits, for good: generation is faster by what it need not read.

        The matrices of all layers, the token embedding and the output matrix are rounded in place,
        to the nearest: biases, norms and positions are not. All that the model computes or saves
        has the rounded weights from then on, on every backend. It cannot be trained any more. On
        backend cpu a smaller copy serves generation, which later writes to arrays of `parameters`
        do not reach.

        Args:
            weights: `int8`: whole numbers from -127 to 127, with one scale for each output of a
                matrix (each token of the embedding); or `bfloat16`: 8 bits of precision.
        Raises:
            ConfigError: another format, or weights that are rounded already.
            TooLargeError: the copy does not fit into memory.
            EngineError: a weight is not finite.
        """
        _check_format(weights)
        if self.rounded is not None:
            again = "load the model again to round it otherwise"
            raise ConfigError("weights", f"expected unrounded ones, got {self.rounded}; {again}")
        if self.backend == "cpu":
            copied_bytes = self.config.num_parameters * ROUNDED_BITS[weights] // 8
            memory.require(copied_bytes, f"a copy of the weights as {weights}")
        self._engine.quantize(weights)
        self.rounded = weights

    def _require_trainable(self) -> None:
        if self.rounded is not None:
            hint = "load the model again without rounding it"
            raise ConfigError("weights", f"expected unrounded ones, got {self.rounded}; {hint}")

    @property
    def embeddings(self) -> Embeddings:
        """The token embeddings, to compare tokens by; shared with Java, not copied."""
        return Embeddings(self.parameters()["wte.weight"], self.tokenizer)

    @property
    def _weights_bytes(self) -> int:
        return self.config.num_parameters * np.dtype(self.dtype).itemsize

    def memory(
        self, batch_size: int, block_size: int | None = None, *, evaluation: bool = False
    ) -> TrainingMemory:
        """Return what training takes on batches of this size, allocating none of it.

        Args:
            batch_size: sequences, B.
            block_size: positions of each, T; by default the longest.
            evaluation: whether the model is evaluated in between, on batches of the same size.
        """
        T = self.config.block_size if block_size is None else block_size
        self._check_batch(batch_size, T)
        activations = self._engine.activation_bytes(batch_size, T)
        weights, evaluated = self._weights_bytes, 0
        if evaluation:
            evaluated = self._engine.evaluation_bytes(min(batch_size, self._at_once(T)), T)
        return TrainingMemory(weights, weights, 2 * weights, activations, evaluated)

    def ops(self, batch_size: int = 1, block_size: int | None = None) -> list[str]:
        """Return the ops of a training step, first to last, as text."""
        T = self.config.block_size if block_size is None else block_size
        self._check_batch(batch_size, T)
        return self._engine.ops(batch_size, T)

    def _check_batch(self, B: int, T: int) -> None:
        if B < 1 or not 1 <= T <= self.config.block_size or B * T > INT_MAX:
            limit = self.config.block_size
            raise ShapeError(f"batch: expected (B, T) with T from 1 to {limit}, got ({B}, {T})")

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
            self._engine.evaluate(tokens[some], blank[some], logits[some])
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
            loss = self._engine.evaluate(tokens[some], wanted[some])
            count = int(np.count_nonzero(wanted[some] >= 0))
            total, scored = total + loss * count, scored + count
        return total / scored if scored else 0.0

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
        memory.require(needed, f"the attention of {B} x {T} tokens")
        probabilities = np.empty(shape, self.dtype)
        self._engine.attention(tokens, probabilities)
        return probabilities[0] if np.ndim(ids) == 1 else probabilities

    def _chunks(self, B: int, T: int) -> Iterator[slice]:
        """Sequences to evaluate at once, one chunk after another."""
        count = self._at_once(T)
        return (slice(first, first + count) for first in range(0, B, count))

    def _at_once(self, T: int) -> int:
        """How many sequences to evaluate, so that their logits stay below `LOGITS_AT_ONCE`."""
        return max(1, LOGITS_AT_ONCE // (T * self.config.vocab_size))

    def training(
        self,
        batch_size: int,
        block_size: int | None = None,
        *,
        frozen: Sequence[str] = (),
        evaluation: bool = False,
        **options: Any,
    ) -> Training:
        """Return what trains this model on batches of at most this size; use it in a `with` block.

        Args:
            batch_size: sequences of a batch, B.
            block_size: positions of each, T; by default the longest.
            frozen: names of weights that stay as they are, bit for bit.
            evaluation: whether there has to be memory to evaluate such batches in between.
            options: fields of `AdamWConfig`.
        Raises:
            ShapeError: sizes that do not fit the model.
            ConfigError: an option that cannot be, a name that is no weight's, or rounded weights.
            TooLargeError: it does not fit into memory; nothing has been allocated.
        """
        self._require_trainable()
        needed = self.memory(batch_size, block_size, evaluation=evaluation)
        T = self.config.block_size if block_size is None else block_size
        what = f"training on batches of {batch_size} x {T} tokens"
        memory.require(needed.beside_weights_bytes, what)
        config = from_dict(AdamWConfig, options)
        for name in set(frozen) - self.config.weight_shapes().keys():
            raise ConfigError("frozen", f"expected names of weights, got {name!r}")
        return Training(self._engine, batch_size, T, config, frozen)

    def train_documents(
        self,
        documents: Sequence[str],
        learning_rates: Sequence[float] | NDArray[np.float64],
        on_losses: Losses | None = None,
    ) -> NDArray[np.float64]:
        """Train on one document a step, as microgpt does; return the loss of each step.

        Step s takes document s mod n: BOS, its characters, BOS, cut to `block_size` predictions.
        Adam starts anew with each call: β = (0.85, 0.99), ε = 1e-8, bias-corrected.

        Args:
            documents: text, not empty.
            learning_rates: one for each step.
            on_losses: called about 20 times a second with the number of the first step (from 0)
                and the losses of the steps since the last call.
        Returns:
            float64, (steps,): mean nats per predicted token, taken before the step's update.
        Raises:
            ConfigError: the weights are rounded.
            ShapeError: no documents, or rates that are no row of numbers.
            TokenError: a character that the tokenizer lacks.
            TooLargeError: what training needs beside the weights does not fit into memory.
            KeyboardInterrupt: Ctrl-C; the training stops within half a second.
        """
        rates = np.array(learning_rates, dtype=np.float64)
        if rates.ndim != 1:
            raise ShapeError(f"learning_rates: expected (steps,), got {rates.shape}")
        if not documents:
            raise ShapeError("documents: expected at least one, got none")
        tokenizer = self._text()
        self._require_trainable()
        if not len(rates):
            return rates
        used = documents[: len(rates)]
        batches = document_batches(tokenizer, used, self.config.block_size)
        with self.training(1, int(batches[-1].max()), **MICROGPT) as training:
            return training.run_steps(*batches, rates, on_losses)

    def sample_documents(
        self, count: int, rng: random.Random, temperature: float = 1.0
    ) -> list[str]:
        """Return new documents, each ended by BOS or after `block_size` characters.

        A token takes one number of the stream, and chooses as `random.choices` does. All that
        could be needed, count * block_size, are drawn before the first.

        Args:
            count: how many, 0 or more.
            rng: where the numbers come from.
            temperature: divides the logits; more than 0.
        Raises:
            ConfigError: count or temperature out of range, or a tokenizer without BOS.
            KeyboardInterrupt: Ctrl-C.
        """
        if count < 0:
            raise ConfigError("count", f"expected at least 0, got {count}")
        if not 0 < temperature < float("inf"):
            raise ConfigError("temperature", f"expected more than 0, got {temperature}")
        tokenizer, length = self._text(), self.config.block_size
        if tokenizer.bos is None:
            raise ConfigError("tokenizer", "expected one with BOS, which begins a document")
        uniform = rng.random
        uniforms = np.fromiter((uniform() for _ in range(count * length)), np.float64)
        sampled = sample_documents(
            self._engine, tokenizer.bos, count, length, temperature, uniforms
        )
        return [tokenizer.decode(ids) for ids in sampled]

    @overload
    def generate(self, prompt: str, max_new_tokens: int = ..., **options: Any) -> str: ...
    @overload
    def generate(
        self, prompt: list[str], max_new_tokens: int = ..., **options: Any
    ) -> list[str]: ...
    @overload
    def generate(
        self, prompt: ArrayLike, max_new_tokens: int = ..., **options: Any
    ) -> NDArray[np.int64]: ...
    def generate(
        self, prompt: str | list[str] | ArrayLike, max_new_tokens: int = 50, **options: Any
    ) -> str | list[str] | NDArray[np.int64]:
        """Return prompts and what the model makes follow them, many at a time.

        Args:
            prompt: text, a list of texts, or ids: int32 or int64, (T,) or (B, T), each in [0, V).
            max_new_tokens: most tokens to add; with the prompt at most block_size.
            options: fields of `GenerateConfig`: temperature, top_k, top_p, seed, stop and others.
        Returns:
            Of text the text, without the stop token or stop string that may have ended it; of ids
            int64, (T + new,) or (B, T + new), with the token that ended a row. Rows that ended
            early are filled up with `pad_token_id`, or else the first stop token.
        Raises:
            ConfigError: an option that cannot be, or text or stop strings without a tokenizer.
            ShapeError: an empty prompt, or one that with max_new_tokens is above block_size and
                is not to be truncated.
            TokenError: an id outside the vocabulary, a character that the tokenizer lacks.
            EngineError: the logits are no numbers.
            KeyboardInterrupt: Ctrl-C.
        """
        with self._generation(prompt, max_new_tokens, options) as generation:
            generation.run()
            if isinstance(prompt, str):
                return prompt + generation.texts()[0]
            if _is_texts(prompt):
                return [*map(operator.add, prompt, generation.texts())]
            ids = generation.ids()
            return ids[0] if np.ndim(prompt) == 1 else ids

    def stream(
        self, prompt: str | ArrayLike, max_new_tokens: int = 50, **options: Any
    ) -> Iterator[str]:
        """Yield the text that follows a prompt, piece by piece; what `generate` adds to a text.

        No piece ends within a character, or with what may be the beginning of a stop string. The
        model works while the next piece is waited for, and between two pieces may be used for
        anything else.

        Args:
            prompt: one, as text or as ids, (T,).
        Args and errors are those of `generate`; errors in arguments are raised at once.
        """
        if not isinstance(prompt, str) and np.ndim(prompt) != 1:
            raise ShapeError(f"prompt: expected text or (T,), got {np.shape(prompt)}")
        generation = self._generation(prompt, max_new_tokens, options, spells=True)
        return (piece for (piece,) in generation.pieces())

    def streams(
        self, prompts: list[str], max_new_tokens: int = 50, **options: Any
    ) -> Iterator[list[str]]:
        """Yield what follows many texts at a time: a new piece of each, which may be empty.

        Else as `stream`.
        """
        return self._generation(prompts, max_new_tokens, options).pieces()

    def continuations(
        self, prompt: str | list[str] | ArrayLike, max_new_tokens: int = 50, **options: Any
    ) -> list[Continuation]:
        """Return what follows each prompt, with the probabilities of its tokens.

        Args and errors are those of `generate`.
        """
        with self._generation(prompt, max_new_tokens, options) as generation:
            generation.run()
            return generation.continuations()

    def _generation(
        self,
        prompt: str | list[str] | ArrayLike,
        max_new_tokens: int,
        options: dict[str, Any],
        spells: bool = False,
    ) -> Generation:
        config = from_dict(GenerateConfig, {"max_new_tokens": max_new_tokens, **options})
        texts = [prompt] if isinstance(prompt, str) else prompt if _is_texts(prompt) else None
        if texts is None:
            rows = [*checked_ids("prompt", prompt, self.config, longest=INT_MAX)]
        else:
            rows = [self._encoded(text) for text in texts]
        if spells:
            self._needed_tokenizer()
        spells = spells or texts is not None
        return Generation(self._engine, self.config, self.tokenizer, config, rows, spells)

    def _encoded(self, text: str) -> NDArray[np.int32]:
        tokenizer = self._needed_tokenizer()
        if not text:
            raise ShapeError("prompt: expected text, got none; ids may be BOS alone")
        tokens = tokenizer.encode(text)
        (ids,) = checked_ids("prompt", tokens, self.config, longest=INT_MAX)
        return np.asarray(ids, np.int32)

    def _needed_tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise ConfigError("tokenizer", "expected one, since there is text; got none")
        return self.tokenizer

    def _text(self) -> CharTokenizer:
        tokenizer = self._needed_tokenizer()
        if not isinstance(tokenizer, CharTokenizer):
            raise ConfigError("tokenizer", "expected one of characters, which documents are")
        return tokenizer

    def save_pretrained(
        self, folder: str | os.PathLike[str], format: str | None = None
    ) -> None:
        """Write the model to a folder, its weights as float32.

        A folder that pygpt wrote before is replaced, in one step; anything else is refused.

        Args:
            format: `huggingface` is for `transformers`, which gives the same logits; `pygpt` holds
                every architecture. By default Hugging Face's if GPT-2 or Llama is the architecture.
        Raises:
            ConfigError: Hugging Face has no such architecture, or the format is unknown.
            OutputError: the folder is not pygpt's, or cannot be written.
        """
        checkpoint.save(
            Path(folder),
            self.config,
            self.parameters(),
            tokenizer=self.tokenizer,
            special_ids=self.special_ids,
            format=format,
        )

    @classmethod
    def from_pretrained(
        cls,
        source: str | os.PathLike[str],
        *,
        backend: str = "cpu",
        dtype: str | None = None,
        threads: int = 0,
        weights: str | None = None,
    ) -> GPT:
        """Return a saved model, its numbers converted to `dtype` while they are copied.

        Args:
            source: a folder that `save_pretrained` or Java's `org.pygpt.Names` wrote, or with
                Hugging Face's GPT-2 or Llama (float32, float16 or bfloat16); or its .safetensors
                file; or, as text, a name on the Hugging Face hub if there is no such folder.
            backend: and dtype and threads: as in the constructor.
            weights: what to round them to, as `quantize` does: `int8`, `bfloat16`, or None.
        Raises:
            CheckpointError: it is missing, damaged, or a model that the engine does not have.
            ConfigError, TooLargeError, EngineError: as in the constructor and in `quantize`.
        """
        if weights is not None:
            _check_format(weights)
        path = hub.fetch(source) if isinstance(source, str) and hub.is_name(source) else source
        with checkpoint.opened(Path(path)) as saved:
            model = cls(saved.config, seed=None, backend=backend, dtype=dtype, threads=threads)
            try:
                saved.copy_to(model.parameters())
                if weights is not None:
                    model.quantize(weights)
            except BaseException:
                model.close()
                raise
        model.tokenizer = saved.tokenizer
        model.special_ids = saved.special_ids
        return model
