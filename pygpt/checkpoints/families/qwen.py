"""Qwen 2 and 3, SmolLM 3 and Phi 3."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.families.family import (
    ATTENTION_BIAS,
    DEFAULTS,
    KEYS,
    MODULES,
    ONLY,
    RMSNORM,
    ROPE,
    WINDOW,
    Fields,
    dropout_of,
    llama_like,
)
from pygpt.checkpoints.families.llama import read_llama
from pygpt.checkpoints.translate import (
    Values,
    biases,
    read_rope,
    read_windows,
    types_of,
    value_of,
    write_activation,
    write_rope,
    write_types,
)
from pygpt.errors import ConfigError
from pygpt.model.config import GPTConfig


def _qwen_windows(values: Values, fields: Fields) -> Fields:
    used = value_of(values, "use_sliding_window", False)
    window = values.get("sliding_window", 4096) if used else None
    first = value_of(values, "max_window_layers", 28)
    types = types_of(values, fields, lambda layer: window is not None and layer >= first)
    return read_windows(fields, window, types)


def write_qwen(config: GPTConfig) -> dict[str, Any]:
    values = {
        "hidden_act": write_activation(config, config.family, True),
        **write_rope(config),
        "use_sliding_window": config.window > 0,
        "sliding_window": config.window or None,
        "max_window_layers": config.n_layer,
        "layer_types": write_types(config),
        "dropout": config.dropout,
    }
    if config.family == "qwen3":
        values |= {"attention_bias": config.has_bias("qkv"), "head_dim": config.head_size}
    return values


def read_qwen2(values: Values, fields: Fields) -> Fields:
    read = {**biases(True, proj=False, mlp=False), **read_rope(values, fields)}
    return read | dropout_of(values) | _qwen_windows(values, fields)


def read_qwen3(values: Values, fields: Fields) -> Fields:
    qkv = value_of(values, "attention_bias", False)
    read = {**biases(qkv, mlp=False), **read_rope(values, fields), **dropout_of(values)}
    return read | _qwen_windows(values, fields)


def read_smollm3(values: Values, fields: Fields) -> Fields:
    layers = range(min(fields["n_layer"], 1 << 20))
    interval = value_of(values, "no_rope_layer_interval", 4)
    rotated = value_of(values, "no_rope_layers", [int((i + 1) % interval != 0) for i in layers])
    if not isinstance(rotated, list) or len(rotated) < len(layers):
        problem = f"expected a number for each layer, got {rotated!r}"
        raise ConfigError("no_rope_layers", problem)
    used = value_of(values, "use_sliding_window", False)
    window = values.get("sliding_window") if used else None
    types = types_of(values, fields, lambda i: window is not None and not rotated[i])
    read = read_llama(values, fields) | read_rope(values, fields, theta=2e6)
    read["unrotated_layers"] = [i for i in layers if not rotated[i]]
    return read | read_windows(fields, window, types)


def write_smollm3(config: GPTConfig) -> dict[str, Any]:
    unrotated = set(config.unrotated_layers)
    return {
        "attention_bias": config.has_bias("qkv"),
        "mlp_bias": config.has_bias("mlp"),
        "hidden_act": write_activation(config, "smollm3", True),
        **write_rope(config),
        "no_rope_layers": [int(layer not in unrotated) for layer in range(config.n_layer)],
        "use_sliding_window": config.window > 0,
        "sliding_window": config.window or None,
        "layer_types": write_types(config),
        "dropout": config.dropout,
    }


def read_phi3(values: Values, fields: Fields) -> Fields:
    types = ["sliding_attention"] * min(fields["n_layer"], 1 << 20)
    read = {**biases(False), **read_rope(values, fields, partial=1.0), **dropout_of(values)}
    if read["rope_scaling"]:  # transformers takes yarn for longrope here
        kind = read["rope_scaling"][0]
        raise ConfigError("rope_type", f"expected 'default', as the engine has, got {kind!r}")
    return read | read_windows(fields, values.get("sliding_window"), types)


def write_phi3(config: GPTConfig) -> dict[str, Any]:
    return {
        "hidden_act": write_activation(config, "phi3", True),
        **write_rope(config, partial=True),
        "sliding_window": config.window or None,
        "original_max_position_embeddings": config.block_size,
        "dropout": config.dropout,
        "pad_token_id": None,
    }


FAMILIES = {
    "qwen2": llama_like(
        "Qwen2ForCausalLM",
        keys=KEYS,
        reads=(*ROPE, *WINDOW, "use_sliding_window", "max_window_layers"),
        read=read_qwen2,
        write=write_qwen,
    ),
    "qwen3": llama_like(
        "Qwen3ForCausalLM",
        defaults=DEFAULTS | {"head_dim": 128},
        fixed=RMSNORM | {"qk_norm": "head"},
        reads=(*ROPE, *WINDOW, *ATTENTION_BIAS, "use_sliding_window", "max_window_layers"),
        read=read_qwen3,
        write=write_qwen,
    ),
    "smollm3": llama_like(
        "SmolLM3ForCausalLM",
        keys=KEYS,
        defaults=DEFAULTS | {"tie_weights": True},
        reads=(
            *(*ROPE, *WINDOW, *ATTENTION_BIAS, "mlp_bias", "use_sliding_window"),
            *("no_rope_layers", "no_rope_layer_interval"),
        ),
        read=read_smollm3,
        write=write_smollm3,
    ),
    "phi3": llama_like(
        "Phi3ForCausalLM",
        keys=KEYS,
        defaults=DEFAULTS | {"norm_eps": 1e-5},
        only=ONLY | {"attention_bias": False},
        reads=(*ROPE, *WINDOW, "original_max_position_embeddings"),
        read=read_phi3,
        write=write_phi3,
        modules=MODULES
        | {"attn.c_attn": "self_attn.qkv_proj", "mlp.c_fc": "mlp.gate_up_proj"},
    ),
}
