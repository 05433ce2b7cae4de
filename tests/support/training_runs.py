"""Small runs for the tests of the trainer: data, configurations, and what is left of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from pygpt import GPT, CharTokenizer, DataError, GPTConfig, TrainConfig
from pygpt.datasets.sampler import Batch, Streams

MODEL = GPTConfig(block_size=17, vocab_size=31, n_layer=2, n_head=2, n_embd=46, dropout=0.1)
TOKENIZER = CharTokenizer("".join(chr(ord("A") + i) for i in range(31)), bos=False)


class Windows:
    """Mutable: random windows of a text that repeats itself; what `Trainer` asks of a stream."""

    def __init__(self, text: np.ndarray, T: int, B: int, seed: int) -> None:
        self._text, self._shape, self._seed = text, (B, T), seed
        self.taken = 0

    def _at(self, number: int) -> Batch:
        B, T = self._shape
        rng = np.random.default_rng((self._seed, number))
        rows = rng.integers(0, len(self._text) - T, B)[:, None] + np.arange(T + 1)
        windows = self._text[rows].astype(np.int32)
        return Batch(windows[:, :-1], windows[:, 1:])

    def __next__(self) -> Batch:
        self.taken += 1
        return self._at(self.taken)

    def state(self) -> Mapping[str, Any]:
        return {"size": len(self._text), "taken": self.taken}

    def restore(self, state: Mapping[str, Any]) -> None:
        if state["size"] != len(self._text):
            raise DataError(f"sampler state: size: expected {len(self._text)}, got {state['size']}")
        self.taken = state["taken"]

    def eval_batches(self, count: int | None = None) -> Iterator[Batch]:
        return (self._at(2**31 + i) for i in range(3 if count is None else count))


class Data:
    """Immutable: a text of 31 letters, each likely to be followed by the next but two."""

    def __init__(self, tokenizer: CharTokenizer = TOKENIZER, size: int = 1009) -> None:
        self.tokenizer = tokenizer
        rng = np.random.default_rng(5)
        steps = np.where(rng.random(size) < 0.8, 3, rng.integers(0, 31, size))
        self._text = np.cumsum(steps) % 31

    def streams(self, block_size: int, config: TrainConfig) -> Streams:
        train = Windows(self._text, block_size, config.batch_size, config.seed % 2**32)
        validation = Windows(self._text[:211], block_size, config.batch_size, 0)
        return Streams(train, validation, bytes_per_token=2.0)


def config(**changes: Any) -> TrainConfig:
    """A run of 23 steps."""
    values = dict(
        max_iters=23, batch_size=5, learning_rate=0.01, warmup_iters=3, eval_interval=7,
        eval_iters=2, checkpoint_interval=10, seed=3,
    )  # fmt: skip
    return TrainConfig(**values | changes)


def model(**options: Any) -> GPT:
    """A model with new weights, the same ones each time."""
    return GPT(MODEL, **{"seed": 2} | options)


def digest(weights: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of the bits of all weights."""
    sha256 = hashlib.sha256()
    for name in sorted(weights):
        sha256.update(np.ascontiguousarray(weights[name]).tobytes())
    return sha256.hexdigest()


def saved(folder: Path) -> str:
    """The digest of a checkpoint's weights."""
    return digest(load_file(folder / "model.safetensors"))
