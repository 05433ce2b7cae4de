"""GPT-2 in CTranslate2: its own engine for transformers on CPUs, float32 or int8.

The model is handed over weight by weight, with the numbers of the tokens as their texts, so that
neither a tokenizer nor its converter's PyTorch is needed.
https://opennmt.net/CTranslate2/python/ctranslate2.specs.TransformerDecoderModelSpec.html
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.specs import TransformerDecoderModelSpec
from ctranslate2.specs.common_spec import Activation
from numpy.typing import NDArray

from benchmarks.generate.side import cross_entropy
from pygpt import GPT, GPTConfig

Array = NDArray[np.float32]


class CTranslate2Side:
    """Mutable: CTranslate2, its weights float32 or int8. See `side.Side`."""

    def __init__(self, folder: Path, threads: int, weights: str) -> None:
        with tempfile.TemporaryDirectory(prefix="bench-ctranslate2-") as scratch:
            with GPT.from_pretrained(folder) as model:
                spec = _spec(model.config, model.parameters())
            spec.validate()
            spec.optimize(quantization=None if weights == "float32" else weights)
            spec.save(scratch)
            self._model = ctranslate2.Generator(
                scratch, device="cpu", compute_type=weights, inter_threads=1, intra_threads=threads
            )
        self.description = f"CTranslate2 {ctranslate2.__version__}, {self._model.compute_type}"

    def generate(self, prompt: NDArray[np.int64], new: int) -> tuple[float, list[int]]:
        seconds, made = self.generate_many(prompt[None], new)
        return seconds, made[0]

    def generate_many(
        self, prompts: NDArray[np.int64], new: int
    ) -> tuple[float, list[list[int]]]:
        tokens = [[str(i) for i in prompt] for prompt in prompts.tolist()]
        began = time.perf_counter()
        made = self._model.generate_batch(
            tokens, max_length=new, min_length=new, sampling_topk=1, include_prompt_in_result=False
        )
        return time.perf_counter() - began, [result.sequences_ids[0] for result in made]

    def forward(self, ids: NDArray[np.int64]) -> tuple[float, float]:
        began = time.perf_counter()
        loss = cross_entropy(self.logits(ids[:-1]), ids[1:])
        return time.perf_counter() - began, loss

    def logits(self, ids: NDArray[np.int64]) -> Array:
        got = self._model.forward_batch([ids.tolist()])
        return np.asarray(got, dtype=np.float32)[0]


def _spec(config: GPTConfig, weights: Mapping[str, NDArray[Any]]) -> TransformerDecoderModelSpec:
    spec = TransformerDecoderModelSpec.from_config(
        config.n_layer, config.n_head, activation=Activation.GELUTanh
    )
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = _copy(weights["wte.weight"])
    decoder.position_encodings.encodings = _copy(weights["wpe.weight"])
    decoder.projection.weight = _copy(weights["wte.weight"])
    _norm(decoder.layer_norm, weights, "ln_f")
    for layer, to in enumerate(decoder.layer):
        block = f"h.{layer}"
        _norm(to.self_attention.layer_norm, weights, f"{block}.ln_1")
        _linear(to.self_attention.linear[0], weights, f"{block}.attn.c_attn")
        _linear(to.self_attention.linear[1], weights, f"{block}.attn.c_proj")
        _norm(to.ffn.layer_norm, weights, f"{block}.ln_2")
        _linear(to.ffn.linear_0, weights, f"{block}.mlp.c_fc")
        _linear(to.ffn.linear_1, weights, f"{block}.mlp.c_proj")
    spec.register_vocabulary([str(i) for i in range(config.vocab_size)])
    spec.config.bos_token = spec.config.eos_token = spec.config.unk_token = "0"
    return spec


def _linear(to: Any, weights: Mapping[str, NDArray[Any]], name: str) -> None:
    to.weight = _copy(weights[f"{name}.weight"].T)  # (out, in)
    to.bias = _copy(weights[f"{name}.bias"])


def _norm(to: Any, weights: Mapping[str, NDArray[Any]], name: str) -> None:
    to.gamma, to.beta = _copy(weights[f"{name}.weight"]), _copy(weights[f"{name}.bias"])


def _copy(array: NDArray[Any]) -> Array:
    return np.array(array, dtype=np.float32, order="C")
