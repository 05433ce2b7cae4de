"""Llama, Mistral, and what differs from Llama in biases, gates or the order of columns: how
they are written."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.families.family import bias_keys
from pygpt.checkpoints.translate import write_activation, write_rope
from pygpt.model.config import GPTConfig


def write_llama(config: GPTConfig) -> dict[str, Any]:
    return {
        "attention_bias": config.has_bias("qkv"),
        "hidden_act": write_activation(config, "llama", True),
        "head_dim": config.head_size,
        "mlp_bias": config.has_bias("mlp"),
        **write_rope(config),
        "dropout": config.dropout,
    }


def _write_biased(config: GPTConfig) -> dict[str, Any]:
    """Return the keys for them."""
    family = config.family
    return {
        **{key: config.has_bias(part) for part, key in bias_keys(family).items()},
        "hidden_act": write_activation(config, family, family != "arcee"),
        "head_dim": config.head_size,
        **write_rope(config),
        "dropout": config.dropout,
        "pad_token_id": None,
    }


def write_mistral(config: GPTConfig) -> dict[str, Any]:
    return {
        "hidden_act": write_activation(config, "mistral", True),
        "head_dim": config.head_size,
        "sliding_window": config.window or None,
        **write_rope(config),
        "dropout": config.dropout,
    }


WRITES = {
    "llama": write_llama,
    "arcee": _write_biased,
    "seed_oss": _write_biased,
    "helium": _write_biased,
    "ernie4_5": _write_biased,
    "mistral": write_mistral,
}
