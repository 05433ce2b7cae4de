"""Llama, Mistral, and what differs from Llama in biases, gates or the order of columns."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.families.family import (
    DEFAULTS,
    MODULES,
    ROPE,
    SILU,
    WINDOW,
    Fields,
    dropout_of,
    llama_like,
)
from pygpt.checkpoints.translate import (
    Values,
    biases,
    read_rope,
    read_windows,
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
_BIAS_KEYS = ("attention_bias", "attention_out_bias", "mlp_bias", "use_bias")


def read_llama(values: Values, fields: Fields) -> Fields:
    qkv = value_of(values, "attention_bias", False)
    mlp = value_of(values, "mlp_bias", False)
    return {**biases(qkv, mlp=mlp), **read_rope(values, fields), **dropout_of(values)}


def write_llama(config: GPTConfig) -> dict[str, Any]:
    return {
        "attention_bias": config.has_bias("qkv"),
        "hidden_act": write_activation(config, "llama", True),
        "head_dim": config.head_size,
        "mlp_bias": config.has_bias("mlp"),
        **write_rope(config),
        "dropout": config.dropout,
    }


def _read_biased(values: Values, fields: Fields) -> Fields:
    """Return fields of one of these families."""
    family = values["model_type"]
    has = {part: value_of(values, *key) for part, key in _BIASES[family].items()}
    theta = _THETA.get(family, 1e4)
    return {
        **biases(**{"proj": False, **has}),
        **read_rope(values, fields, theta=theta),
        **dropout_of(values),
    }


def _write_biased(config: GPTConfig) -> dict[str, Any]:
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


def read_mistral(values: Values, fields: Fields) -> Fields:
    window = values.get("sliding_window", 4096)
    types = ["sliding_attention"] * min(fields["n_layer"], 1 << 20)
    read = {**biases(False), **read_rope(values, fields), **dropout_of(values)}
    return read | read_windows(fields, window, types)


def write_mistral(config: GPTConfig) -> dict[str, Any]:
    return {
        "hidden_act": write_activation(config, "mistral", True),
        "head_dim": config.head_size,
        "sliding_window": config.window or None,
        **write_rope(config),
        "dropout": config.dropout,
    }


FAMILIES = {
    "llama": llama_like(
        "LlamaForCausalLM",
        reads=(*ROPE, "attention_bias", "mlp_bias"),
        read=read_llama,
        write=write_llama,
    ),
    **{
        family: llama_like(
            f"{name}ForCausalLM",
            defaults=DEFAULTS | {"norm_eps": eps, "head_dim": head_dim, "tie_weights": tied},
            activation=SILU if family != "arcee" else ("hidden_act", "relu2", False),
            reads=(*ROPE, *_BIAS_KEYS),
            read=_read_biased,
            write=_write_biased,
            modules=MODULES | ({"mlp.c_fc": "mlp.up_proj"} if family == "arcee" else {}),
            order="pairs" if family in ("helium", "ernie4_5") else "halves",
        )
        for family, name, eps, head_dim, tied in (
            ("arcee", "Arcee", 1e-5, 0, False),
            ("seed_oss", "SeedOss", 1e-6, 128, False),
            ("helium", "Helium", 1e-8, 128, False),
            ("ernie4_5", "Ernie4_5", 1e-5, 128, True),
        )
    },
    "mistral": llama_like(
        "MistralForCausalLM",
        defaults={name: value for name, value in DEFAULTS.items() if name != "n_kv_head"},
        reads=(*ROPE, *WINDOW),
        read=read_mistral,
        write=write_mistral,
    ),
}
