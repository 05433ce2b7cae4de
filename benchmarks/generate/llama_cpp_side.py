"""A GGUF file in llama.cpp, by its C interface, as `llama-cpp-python` has it.

That package compiles llama.cpp for the processor that it is installed on, where wheels of others
are made for any: `pip install llama-cpp-python==0.3.36` takes some 20 minutes.
https://github.com/ggml-org/llama.cpp/blob/master/include/llama.h
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.generate.side import cross_entropy
from benchmarks.harness.worker import UnavailableError

NEEDED = "pip install llama-cpp-python==0.3.36 compiles it for this processor"

Array = NDArray[np.float32]
Ids = NDArray[np.int64]


def gguf_file(folder: Path, weights: str) -> Path:
    """Return where the model of a folder lies as GGUF, its matrices in a format of `export`."""
    return folder.with_name(f"{folder.name}-{weights}.gguf")


def make_side(folder: Path, threads: int, weights: str) -> LlamaCppSide:
    """Return llama.cpp on the model of a folder, which pygpt writes as GGUF in a process apart.

    Raises:
        UnavailableError: llama-cpp-python is not installed.
    """
    _interface()
    path = gguf_file(folder, weights)
    command = [sys.executable, "-m", "pygpt", "export", folder, path, "--weights", weights]
    subprocess.run(command, check=True)
    return LlamaCppSide(path, threads)


def _interface() -> Any:
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:  # missing, or its library does not load
        raise UnavailableError(f"{error}; {NEEDED}") from error
    return llama_cpp


class LlamaCppSide:
    """Mutable: llama.cpp on the model of a GGUF file. See `side.Side`.

    Args:
        path: of the file. Keys and values are float32 beside float32 weights, as pygpt's are; else
            float16, as llama.cpp has them unless told otherwise.
    Raises:
        UnavailableError: llama-cpp-python is not installed.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._api = _interface()
        self._silent = self._api.llama_log_callback(lambda level, text, data: None)
        self._api.llama_log_set(self._silent, None)
        self._api.llama_backend_init()
        self._model = self._api.llama_model_load_from_file(
            str(path).encode(), self._api.llama_model_default_params()
        )
        if not self._model:
            raise ValueError(f"llama.cpp does not load {path}")
        vocabulary = self._api.llama_model_get_vocab(self._model)
        self._words = self._api.llama_vocab_n_tokens(vocabulary)
        self._positions = self._api.llama_model_n_ctx_train(self._model)
        self._threads = threads
        self._float32 = self._api.llama_model_ftype(self._model) == 0
        self._contexts: dict[tuple[int, int], _Context] = {}
        info = self._api.llama_print_system_info().decode().strip()
        self.description = f"llama.cpp of llama-cpp-python {self._api.__version__}, {info}"

    def generate(self, prompt: Ids, new: int) -> tuple[float, list[int]]:
        seconds, made = self.generate_many(prompt[None], new)
        return seconds, made[0]

    def generate_many(self, prompts: Ids, new: int) -> tuple[float, list[list[int]]]:
        count, length = prompts.shape
        context = self._context(count, self._positions if count == 1 else length + new)
        began = time.perf_counter()
        logits = context.begin(prompts)
        made = [logits.argmax(axis=1)]
        for position in range(length, length + new - 1):
            logits = context.step(made[-1], position)
            made.append(logits.argmax(axis=1))
        seconds = time.perf_counter() - began
        rows: list[list[int]] = np.stack(made, axis=1).tolist()
        return seconds, rows

    def forward(self, ids: Ids) -> tuple[float, float]:
        began = time.perf_counter()
        loss = cross_entropy(self.logits(ids[:-1]), ids[1:])
        return time.perf_counter() - began, loss

    def logits(self, ids: Ids) -> Array:
        """Return the logits of all positions, (T, V); a copy."""
        return self._context(1, self._positions).begin(ids[None], every=True).copy()

    def _context(self, sequences: int, length: int) -> _Context:
        key = sequences, length
        if key not in self._contexts:
            self._contexts[key] = _Context(
                self._api, self._model, self._words, *key, self._threads, self._float32
            )
        return self._contexts[key]


class _Context:
    """Mutable: caches of so many sequences of equal length, and the batch that is handed over."""

    def __init__(
        self,
        api: Any,
        model: Any,
        words: int,
        sequences: int,
        length: int,
        threads: int,
        float32: bool,
    ) -> None:
        self._api, self._words, self._sequences = api, words, sequences
        options = api.llama_context_default_params()
        each = -(-length // 256) * 256  # llama.cpp's unit of a cache
        options.n_ctx = options.n_batch = sequences * each
        options.n_seq_max = sequences
        options.n_threads = options.n_threads_batch = threads
        if float32:
            options.type_k = options.type_v = api.GGML_TYPE_F32
        self._context = api.llama_init_from_model(model, options)
        if not self._context:
            raise ValueError(f"llama.cpp makes no context of {sequences} x {each} tokens")
        self._capacity = sequences * each
        self._batch = api.llama_batch_init(self._capacity, 0, 1)
        array: Callable[..., Any] = np.ctypeslib.as_array
        shape = (self._capacity,)
        self._tokens = array(self._batch.token, shape)
        self._at = array(self._batch.pos, shape)
        self._wanted = array(self._batch.logits, shape)
        array(self._batch.n_seq_id, shape)[:] = 1

    def begin(self, prompts: Ids, every: bool = False) -> Array:
        """Read prompts, (B, T), into empty caches; return the logits of the last position, (B, V).

        Args:
            every: return those of each position, (B * T, V).
        """
        self._api.llama_memory_clear(self._api.llama_get_memory(self._context), False)
        B, T = prompts.shape
        self._fill(prompts.ravel(), np.tile(np.arange(T), B), np.repeat(np.arange(B), T))
        self._wanted[: B * T] = every
        self._wanted[T - 1 : B * T : T] = 1
        logits = self._decode(B * T, B * T if every else B)
        if not every:
            self._fill(np.zeros(B), np.zeros(B), np.arange(B))
            self._wanted[:B] = 1
        return logits

    def step(self, tokens: NDArray[Any], position: int) -> Array:
        """Append a token to each sequence; return the logits, (B, V), good until the next call."""
        self._tokens[: self._sequences] = tokens
        self._at[: self._sequences] = position
        return self._decode(self._sequences, self._sequences)

    def _fill(self, tokens: NDArray[Any], at: NDArray[Any], sequences: NDArray[Any]) -> None:
        count = len(tokens)
        if count > self._capacity:
            raise ValueError(f"expected at most {self._capacity} tokens, got {count}")
        self._tokens[:count], self._at[:count] = tokens, at
        for i, sequence in enumerate(sequences.tolist()):
            self._batch.seq_id[i][0] = sequence

    def _decode(self, count: int, rows: int) -> Array:
        self._batch.n_tokens = count
        status = self._api.llama_decode(self._context, self._batch)
        if status:
            raise ValueError(f"llama_decode of {count} tokens: status {status}")
        logits = self._api.llama_get_logits(self._context)
        found: Array = np.ctypeslib.as_array(logits, (rows, self._words))
        return found
