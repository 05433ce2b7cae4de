"""The sides: what each can be asked, and how it does it. Each loads the same folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

SIDES = (
    "transformers", "pygpt", "pygpt-bfloat16", "pygpt-int8", "pygpt-int4", "ctranslate2",
    "ctranslate2-int8", "llama.cpp", "llama.cpp-bfloat16", "llama.cpp-q8_0", "llama.cpp-q4_0",
    "openvino", "openvino-bfloat16", "openvino-int8",
)  # fmt: skip


class Side(Protocol):
    """Mutable: a model that generates greedily, from a key/value cache, a token a step."""

    description: str

    def generate(self, prompt: NDArray[np.int64], new: int) -> tuple[float, list[int]]:
        """Return the seconds that it took to continue the prompt, and the new tokens."""

    def generate_many(
        self, prompts: NDArray[np.int64], new: int
    ) -> tuple[float, list[list[int]]]:
        """Return the seconds that it took to continue prompts, (B, T), and the new tokens."""

    def forward(self, ids: NDArray[np.int64]) -> tuple[float, float]:
        """Return the seconds of one forward with its loss, and the loss, in nats."""

    def logits(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the logits, (T, V), without a cache."""


def cross_entropy(logits: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    """Return the mean loss of targets, (T,), in nats, of logits (T, V)."""
    exact = logits.astype(np.float64)
    top = exact.max(axis=-1, keepdims=True)
    sums = np.log(np.exp(exact - top).sum(axis=-1)) + top[:, 0]
    return float((sums - exact[np.arange(len(sums)), targets]).mean())


class PygptSide:
    """Mutable: pygpt, its weights as they are or rounded. See `Side`."""

    def __init__(self, folder: Path, threads: int, weights: str | None) -> None:
        import pygpt

        self._model = pygpt.GPT.from_pretrained(folder, threads=threads, weights=weights)
        self.description = f"pygpt {pygpt.__version__}, {self._model.description}"

    def generate(self, prompt: NDArray[np.int64], new: int) -> tuple[float, list[int]]:
        began = time.perf_counter()
        ids = self._model.generate(prompt, new, temperature=0, stop_tokens=())
        return time.perf_counter() - began, ids[len(prompt) :].tolist()

    def generate_many(
        self, prompts: NDArray[np.int64], new: int
    ) -> tuple[float, list[list[int]]]:
        began = time.perf_counter()
        ids = self._model.generate(prompts, new, temperature=0, stop_tokens=())
        seconds = time.perf_counter() - began
        return seconds, [row[prompts.shape[1] :].tolist() for row in ids]

    def forward(self, ids: NDArray[np.int64]) -> tuple[float, float]:
        began = time.perf_counter()
        loss = self._model.loss(ids[:-1], ids[1:])
        return time.perf_counter() - began, loss

    def logits(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self._model.logits(ids)[0]
        return logits


class TransformersSide:
    """Mutable: GPT-2 of Hugging Face `transformers` on PyTorch, eager, float32. See `Side`."""

    def __init__(self, folder: Path, threads: int) -> None:
        import torch
        import transformers

        torch.set_num_threads(threads)
        self._torch = torch
        model: Any = transformers.GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
        self._model = model.eval()
        versions = f"transformers {transformers.__version__}, PyTorch {torch.__version__}"
        self.description = f"{versions}, {torch.backends.cpu.get_cpu_capability()}"

    def generate(self, prompt: NDArray[np.int64], new: int) -> tuple[float, list[int]]:
        seconds, made = self.generate_many(prompt[None], new)
        return seconds, made[0]

    def generate_many(
        self, prompts: NDArray[np.int64], new: int
    ) -> tuple[float, list[list[int]]]:
        ids = self._torch.from_numpy(prompts)
        began = time.perf_counter()
        made = self._model.generate(
            ids,
            attention_mask=self._torch.ones_like(ids),
            max_new_tokens=new,
            do_sample=False,
            use_cache=True,
            eos_token_id=None,
            pad_token_id=0,
        )
        return time.perf_counter() - began, made[:, prompts.shape[1] :].tolist()

    def forward(self, ids: NDArray[np.int64]) -> tuple[float, float]:
        tokens = self._torch.from_numpy(ids)[None]
        began = time.perf_counter()
        with self._torch.inference_mode():
            logits = self._model(tokens[:, :-1]).logits[0]
            loss = self._torch.nn.functional.cross_entropy(logits, tokens[0, 1:]).item()
        return time.perf_counter() - began, loss

    def logits(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        with self._torch.inference_mode():
            logits: NDArray[np.float32] = self._model(
                self._torch.from_numpy(ids)[None]
            ).logits[0].numpy()
        return logits


def make_side(name: str, folder: Path, threads: int) -> Side:
    """Return the side of this name, with the model of a folder; pygpt's also with that of a file.

    Raises:
        UnavailableError: this machine lacks what it needs.
    """
    if name == "transformers":
        return TransformersSide(folder, threads)
    if name.startswith("ctranslate2"):
        from benchmarks.generate.ctranslate2_side import CTranslate2Side

        return CTranslate2Side(folder, threads, name.partition("-")[2] or "float32")
    if name.startswith("openvino"):
        from benchmarks.generate import openvino_side

        return openvino_side.make_side(folder, threads, name.partition("-")[2] or "float32")
    if name.startswith("llama.cpp"):
        from benchmarks.generate import llama_cpp_side

        return llama_cpp_side.make_side(folder, threads, name.partition("-")[2] or "float32")
    return PygptSide(folder, threads, name.partition("-")[2] or None)
