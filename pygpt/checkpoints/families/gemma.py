"""Gemma 1 to 3: how they are written."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.families.family import write_with_bias
from pygpt.checkpoints.translate import write_activation, write_rope, write_types
from pygpt.model.config import GPTConfig


def write_gemma(config: GPTConfig) -> dict[str, Any]:
    return write_with_bias(config) | {"head_dim": config.head_size}


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


def write_gemma3(config: GPTConfig) -> dict[str, Any]:
    values = write_gemma2(config)
    full = values.pop("rope_parameters")
    for key in ("rope_theta", "rope_scaling"):
        values.pop(key, None)
    theta = config.local_rope_theta or config.rope_theta
    local = {"rope_theta": theta, "rope_type": "default"}
    values["rope_parameters"] = {"full_attention": full, "sliding_attention": local}
    return values


WRITES = {
    "gemma": write_gemma,
    "gemma2": write_gemma2,
    "gemma3_text": write_gemma3,
}
