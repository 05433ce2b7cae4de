"""OLMo 1 and 2, Granite and nanochat: how they are written."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.families.family import write_with_bias
from pygpt.checkpoints.families.llama import write_llama
from pygpt.checkpoints.translate import write_activation, write_rope
from pygpt.model.config import GPTConfig


def write_granite(config: GPTConfig) -> dict[str, Any]:
    values = write_llama(config) | {
        "embedding_multiplier": config.embedding_scale,
        "residual_multiplier": config.residual_scale,
        "attention_multiplier": config.attention_scale or config.head_size**-0.5,
        "logits_scaling": inverse(config.logit_scale),
    }
    del values["head_dim"]
    return values


def inverse(number: float) -> float:
    """Return a number whose reciprocal is this one, if there is one beside the reciprocal."""
    guess = 1 / number
    for candidate in (guess, round(guess, 12), float(f"{guess:.15g}")):
        if 1 / candidate == number:
            return candidate
    return guess


def write_nanochat(config: GPTConfig) -> dict[str, Any]:
    return {
        "attention_bias": config.has_bias("qkv"),
        "hidden_act": write_activation(config, "nanochat", False),
        **write_rope(config),
        "final_logit_softcapping": config.logit_softcap or None,
        "dropout": config.dropout,
        "pad_token_id": None,
    }


WRITES = {
    "olmo": write_with_bias,
    "olmo2": write_with_bias,
    "granite": write_granite,
    "nanochat": write_nanochat,
}
