"""Gemma 1 to 3."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.families.family import (
    ATTENTION_BIAS,
    DEFAULTS,
    FOUR_NORMS,
    ONLY,
    RMSNORM,
    ROPE,
    WINDOW,
    Fields,
    dropout_of,
    llama_like,
    positive,
    read_with_bias,
    write_with_bias,
)
from pygpt.checkpoints.translate import (
    Values,
    biases,
    read_scaling,
    read_windows,
    types_of,
    value_of,
    write_activation,
    write_rope,
    write_types,
)
from pygpt.errors import ConfigError
from pygpt.model.config import GPTConfig


def read_gemma(values: Values, fields: Fields) -> Fields:
    read = read_with_bias(values, fields) | {"embedding_scale": _root(fields)}
    if values.get("hidden_act", "gelu_pytorch_tanh") == "gelu":  # what old files mean by it
        read["activation"] = "gated_gelu"
    return read


def _root(fields: Fields) -> float:
    width = fields["n_embd"]
    return float(width) ** 0.5 if type(width) is int and width > 0 else 1.0


def write_gemma(config: GPTConfig) -> dict[str, Any]:
    return write_with_bias(config) | {"head_dim": config.head_size}


def read_gemma2(values: Values, fields: Fields) -> Fields:
    types = types_of(values, fields, lambda layer: (layer + 1) % 2)
    read = read_with_bias(values, fields) | _options(values, fields, 50.0, 30.0)
    return read | read_windows(fields, values.get("sliding_window", 4096), types)


def _options(values: Values, fields: Fields, cap: float, logit_cap: float) -> Fields:
    return {
        "embedding_scale": _root(fields),
        "attention_scale": positive(values, "query_pre_attn_scalar", 256) ** -0.5,
        "attention_softcap": values.get("attn_logit_softcapping", cap) or 0.0,
        "logit_softcap": values.get("final_logit_softcapping", logit_cap) or 0.0,
    }


def write_gemma2(config: GPTConfig) -> dict[str, Any]:
    scale = config.attention_scale or config.head_size**-0.5
    return {
        "attention_bias": config.has_bias("qkv"),
        "hidden_activation": write_activation(config, config.family, True),
        "head_dim": config.head_size,
        **write_rope(config),
        "query_pre_attn_scalar": round(scale**-2),
        "sliding_window": config.window or config.block_size,
        "layer_types": write_types(config),
        "attn_logit_softcapping": config.attention_softcap or None,
        "final_logit_softcapping": config.logit_softcap or None,
        "use_bidirectional_attention": False,
        "dropout": config.dropout,
        "pad_token_id": None,
    }


def read_gemma3(values: Values, fields: Fields) -> Fields:
    pattern = value_of(values, "sliding_window_pattern", 6)
    types = types_of(values, fields, lambda layer: (layer + 1) % pattern)
    parameters = values.get("rope_parameters") or {}
    if not isinstance(parameters, dict):
        raise ConfigError("rope_parameters", f"expected an object, got {parameters!r}")
    for key in parameters.keys() - {"full_attention", "sliding_attention"}:
        raise ConfigError("rope_parameters", f"expected no {key} beside those of layer types")
    full = {**(parameters.get("full_attention") or {}), **(values.get("rope_scaling") or {})}
    local = parameters.get("sliding_attention") or {}
    if read_scaling(local, values, fields, False):
        problem = "expected rope_type 'default' in sliding_attention, as the engine has"
        raise ConfigError("rope_parameters", problem)
    read = {
        **biases(value_of(values, "attention_bias", False), mlp=False),
        **dropout_of(values),
        **_options(values, fields, 0.0, 0.0),
        "positions": "rotary",
        "rope_theta": full.get("rope_theta", values.get("rope_theta", 1e6)),
        "rope_scaling": read_scaling(full, values, fields, False),
        "attention_softcap": 0.0,  # transformers reads the key, and does nothing with it
    }
    windows = read_windows(fields, values.get("sliding_window", 4096), types)
    if windows:
        theta = local.get("rope_theta", values.get("rope_local_base_freq", 1e4))
        read["local_rope_theta"] = 0.0 if _is_same_rope(theta, read) else theta
    return read | windows


def _is_same_rope(theta: Any, read: Fields) -> bool:
    return theta == read["rope_theta"] and not read["rope_scaling"]


def write_gemma3(config: GPTConfig) -> dict[str, Any]:
    values = write_gemma2(config)
    full = values.pop("rope_parameters")
    for key in ("rope_theta", "rope_scaling"):
        values.pop(key, None)
    theta = config.local_rope_theta or config.rope_theta
    local = {"rope_theta": theta, "rope_type": "default"}
    values["rope_parameters"] = {"full_attention": full, "sliding_attention": local}
    return values


FAMILIES = {
    "gemma": llama_like(
        "GemmaForCausalLM",
        defaults=DEFAULTS | {"head_dim": 256, "tie_weights": True},
        only=ONLY | {"use_bidirectional_attention": None},
        activation=("hidden_act", "gelu_pytorch_tanh", True),
        reads=(*ROPE, *ATTENTION_BIAS),
        read=read_gemma,
        write=write_gemma,
        gain_offset=1.0,
    ),
    "gemma2": llama_like(
        "Gemma2ForCausalLM",
        defaults=DEFAULTS | {"head_dim": 256, "tie_weights": True},
        fixed=RMSNORM | {"branch_norm": True},
        only=ONLY,
        activation=("hidden_activation", "gelu_pytorch_tanh", True),
        reads=(
            *(*ROPE, *WINDOW, *ATTENTION_BIAS, "query_pre_attn_scalar", "attn_logit_softcapping"),
            *("final_logit_softcapping", "use_bidirectional_attention"),
        ),
        read=read_gemma2,
        write=write_gemma2,
        modules=FOUR_NORMS,
        gain_offset=1.0,
    ),
    "gemma3_text": llama_like(
        "Gemma3ForCausalLM",
        defaults=DEFAULTS | {"head_dim": 256, "tie_weights": True},
        fixed=RMSNORM | {"branch_norm": True, "qk_norm": "head"},
        activation=("hidden_activation", "gelu_pytorch_tanh", True),
        reads=(
            *(*ROPE, *WINDOW, *ATTENTION_BIAS, "query_pre_attn_scalar", "attn_logit_softcapping"),
            *("final_logit_softcapping", "use_bidirectional_attention", "rope_local_base_freq"),
            "sliding_window_pattern",
        ),
        read=read_gemma3,
        write=write_gemma3,
        modules=FOUR_NORMS,
        gain_offset=1.0,
    ),
}
