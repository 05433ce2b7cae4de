"""GPT: a model's weights, training and sampling."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt import checkpoint, memory
from pygpt.config import BACKENDS, INT_MAX, GPTConfig
from pygpt.engine import Engine, Losses
from pygpt.errors import CheckpointError, ConfigError, ShapeError
from pygpt.tokenizers.char import CharTokenizer

DTYPES = ("float32", "float64")


def dtype_of(backend: str) -> str:
    """Return the dtype that a model has by default."""
    return "float64" if backend == "plain" else "float32"


def training_bytes(config: GPTConfig, dtype: str, length: int) -> int:
    """Return the least memory in which a model can be trained on documents of this length.

    That is weights, gradients and Adam's two moments, and the attention of all heads, (L, H, T, T).
    """
    attention = config.n_layer * config.n_head * length * length
    return (4 * config.num_parameters + attention) * np.dtype(dtype).itemsize


class GPT:
    """Mutable: a model, in Java's memory. Use it in a `with` block, or call `close`.

    All weights are zero at first: see `parameters`, `pygpt.names.draw_weights` and
    `from_pretrained`.

    Args:
        config: the sizes.
        backend: `cpu` (fast), `nd4j` (each matrix operation is one of ND4J's) or `plain` (scalar
            loops: the reference).
        dtype: `float32` or `float64`; by default float64 on `plain`, which alone has it.
        tokenizer: turns text into ids and back; needed only for text.
    Raises:
        ConfigError: an unknown backend or dtype, a tokenizer of another vocabulary.
        TooLargeError: the weights do not fit into memory.
        EngineError: the JVM does not start.
    """

    def __init__(
        self,
        config: GPTConfig,
        backend: str = "cpu",
        dtype: str | None = None,
        tokenizer: CharTokenizer | None = None,
    ) -> None:
        if dtype is None:
            dtype = dtype_of(backend)
        if backend not in BACKENDS:
            expected = ", ".join(BACKENDS)
            raise ConfigError("backend", f"expected one of {expected}, got {backend!r}")
        if dtype not in DTYPES or (dtype == "float64" and backend != "plain"):
            expected = "float32 or float64" if backend == "plain" else "float32"
            raise ConfigError("dtype", f"expected {expected} on backend {backend}, got {dtype!r}")
        if tokenizer is not None and tokenizer.vocab_size != config.vocab_size:
            expected = f"{tokenizer.vocab_size}, as the tokenizer has"
            raise ConfigError("vocab_size", f"expected {expected}, got {config.vocab_size}")
        memory.require(config.num_parameters * np.dtype(dtype).itemsize, "a model of these sizes")
        self.config = config
        self.backend = backend
        self.dtype = dtype
        self.tokenizer = tokenizer
        self._engine = Engine(config, backend, dtype)

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
        """Return name -> array of every weight, (rows, columns), in the model's dtype.

        The arrays are shared with Java, not copied: writing to one changes the model.
        """
        return self._engine.parameters()

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
        encoded = [tokenizer.encode_document(text) for text in documents[: len(rates)]]
        if not encoded:  # no steps
            return rates
        starts = np.cumsum([0, *map(len, encoded)])
        if starts[-1] > INT_MAX:
            raise ShapeError(f"documents: expected at most {INT_MAX} tokens, got {starts[-1]}")
        length = min(self.config.block_size, max(map(len, encoded)) - 1)
        weights_bytes = self.num_parameters * np.dtype(self.dtype).itemsize
        more_bytes = training_bytes(self.config, self.dtype, length) - weights_bytes
        memory.require(more_bytes, "training this model")
        tokens = np.concatenate([np.array(document, np.int32) for document in encoded])
        return self._engine.train_documents(tokens, starts.astype(np.int32), rates, on_losses)

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
        sampled = self._engine.sample_documents(
            tokenizer.bos, count, length, temperature, uniforms
        )
        return [tokenizer.decode(ids) for ids in sampled]

    def _text(self) -> CharTokenizer:
        if self.tokenizer is None:
            raise ConfigError("tokenizer", "expected one, since there is text; got none")
        return self.tokenizer

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write the model to a folder: model.safetensors (float32) and config.json.

        A folder that pygpt wrote before is replaced, in one step; anything else is refused.

        Raises:
            OutputError: the folder is not pygpt's, or cannot be written.
        """
        characters = None if self.tokenizer is None else self.tokenizer.characters
        checkpoint.save(Path(folder), self.config, characters, self.parameters())

    @classmethod
    def from_pretrained(
        cls, folder: str | os.PathLike[str], backend: str = "cpu", dtype: str | None = None
    ) -> GPT:
        """Return the model of a folder that `save_pretrained` or Java's `org.pygpt.Names` wrote.

        Raises:
            CheckpointError: the folder is missing, damaged or not pygpt's.
        """
        saved = checkpoint.load(Path(folder))
        tokenizer = None
        if saved.characters is not None:
            bos = saved.config.vocab_size > len(saved.characters)
            tokenizer = CharTokenizer(saved.characters, bos)
        model = cls(saved.config, backend, dtype, tokenizer)
        parameters = model.parameters()
        if parameters.keys() != saved.weights.keys():
            raise CheckpointError(f"model folder {folder}: its weights are not this model's")
        for name, weight in saved.weights.items():
            parameters[name][:] = weight
        return model
