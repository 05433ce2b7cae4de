"""Frozen answers, read: those of Hugging Face's models and those of `tests.golden.make_gpt`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from tests.reference import gpt

GOLDEN = Path(__file__).parents[1] / "golden"


def from_gpt2(arrays: gpt.Params) -> gpt.Params:
    return {name.removeprefix("transformer."): w.astype(float) for name, w in arrays.items()}


def from_llama(arrays: gpt.Params) -> gpt.Params:
    """Rename, turn (out, in) round, and lay what one product makes side by side."""
    params = {
        "wte.weight": arrays["model.embed_tokens.weight"],
        "ln_f.weight": arrays["model.norm.weight"],
        "lm_head.weight": arrays["lm_head.weight"],
    }
    for prefix in (name[: -len("mlp.up_proj.weight")] for name in arrays if "up_proj" in name):
        block = f"h.{re.findall('[0-9]+', prefix)[0]}"

        def joined(*names: str, prefix: str = prefix) -> gpt.Array:
            return np.concatenate([arrays[f"{prefix}{n}_proj.weight"].T for n in names], axis=1)

        params[f"{block}.ln_1.weight"] = arrays[f"{prefix}input_layernorm.weight"]
        params[f"{block}.attn.c_attn.weight"] = joined("self_attn.q", "self_attn.k", "self_attn.v")
        params[f"{block}.attn.c_proj.weight"] = joined("self_attn.o")
        params[f"{block}.ln_2.weight"] = arrays[f"{prefix}post_attention_layernorm.weight"]
        params[f"{block}.mlp.c_fc.weight"] = joined("mlp.gate", "mlp.up")
        params[f"{block}.mlp.c_proj.weight"] = joined("mlp.down")
    return {name: w.astype(float) for name, w in params.items()}


GPT2_TINY = gpt.Config(block_size=48, vocab_size=101, n_layer=2, n_head=2, n_embd=32)
LLAMA_TINY = gpt.Config(
    block_size=48, vocab_size=97, n_layer=2, n_head=4, n_embd=32, n_kv_head=2, n_inner=56,
    bias=False, norm="rmsnorm", norm_eps=1e-6, activation="swiglu", tie_weights=False,
    positions="rotary",
)  # fmt: skip


def hugging_face(folder: str, converted: Any) -> tuple[gpt.Params, dict[str, gpt.Array]]:
    """The weights, renamed, and the arrays of expected.npz."""
    with np.load(GOLDEN / folder / "expected.npz") as file:
        return converted(load_file(GOLDEN / folder / "model.safetensors")), dict(file)


class Frozen:
    """One file of golden/gpt, read; params are a float64 copy that a test may train."""

    def __init__(self, case: str) -> None:
        with np.load(GOLDEN / "gpt" / f"{case}.npz") as file:
            arrays = dict(file)
        self.config = gpt.Config(**json.loads(str(arrays["config"])))
        self.training = gpt.Training(**json.loads(str(arrays["training"])))
        self.batches = list(zip(arrays["ids"], arrays["targets"], strict=True))
        self.logits, self.losses = arrays["logits"], arrays["losses"]
        self.params, self.grads = (
            {n.partition(":")[2]: w.astype(float) for n, w in arrays.items() if n.startswith(kind)}
            for kind in ("weight:", "grad:")
        )
