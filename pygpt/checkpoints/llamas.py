"""Families that differ from Llama in biases, gates or the order of columns; see readers.py."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.readers import Fields, dropout_of
from pygpt.checkpoints.translate import (
    Values,
    biases,
    read_rope,
    value_of,
    write_activation,
    write_rope,
)
from pygpt.model.config import GPTConfig

# family -> part -> the key that says whether it has biases, and what a missing one means
_BIASES: dict[str, dict[str, tuple[str, bool]]] = {
    "arcee": {
        "qkv": ("attention_bias", False),
        "proj": ("attention_bias", False),
        "mlp": ("mlp_bias", False),
    },
    "seed_oss": {
        "qkv": ("attention_bias", True),
        "proj": ("attention_out_bias", False),
        "mlp": ("mlp_bias", False),
    },
    "helium": {"qkv": ("attention_bias", False), "mlp": ("mlp_bias", False)},
    "ernie4_5": dict.fromkeys(("qkv", "proj", "mlp"), ("use_bias", False)),
}
_THETA = {"helium": 1e5, "ernie4_5": 5e5}
BIAS_KEYS = ("attention_bias", "attention_out_bias", "mlp_bias", "use_bias")


def read(values: Values, fields: Fields) -> Fields:
    """Return fields of one of these families."""
    family = values["model_type"]
    has = {part: value_of(values, *key) for part, key in _BIASES[family].items()}
    theta = _THETA.get(family, 1e4)
    return {
        **biases(**{"proj": False, **has}),
        **read_rope(values, fields, theta=theta),
        **dropout_of(values),
    }


def write(config: GPTConfig) -> dict[str, Any]:
    """Return the keys for them."""
    family = config.family
    return {
        **{key: config.has_bias(part) for part, (key, _) in _BIASES[family].items()},
        "hidden_act": write_activation(config, family, family != "arcee"),
        "head_dim": config.head_size,
        **write_rope(config),
        "dropout": config.dropout,
        "pad_token_id": None,
    }
