"""Phi 1 to 2, OPT, StableLM, Cohere and StarCoder 2: how they are written."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.families.family import write_with_bias
from pygpt.checkpoints.translate import write_activation, write_rope, write_types
from pygpt.model.config import GPTConfig


def write_phi(config: GPTConfig) -> dict[str, Any]:
    return {
        "hidden_act": write_activation(config, "phi", False),
        "qk_layernorm": config.qk_norm == "head",
        **write_rope(config, partial=True),
        "dropout": config.dropout,
    }


def write_opt(config: GPTConfig) -> dict[str, Any]:
    return {
        "activation_function": write_activation(config, "opt", False),
        "word_embed_proj_dim": config.n_embd,
        "enable_bias": config.has_bias("qkv"),
        "layer_norm_elementwise_affine": config.norm_gain,
        "dropout": config.dropout,
        "pad_token_id": None,
    }


def write_stablelm(config: GPTConfig) -> dict[str, Any]:
    return {
        "hidden_act": write_activation(config, "stablelm", True),
        "use_qkv_bias": config.has_bias("qkv"),
        "use_parallel_residual": config.residual == "parallel_one_norm",
        "qk_layernorm": config.qk_norm == "heads",
        **write_rope(config, partial=True),
        "dropout": config.dropout,
    }


def write_cohere(config: GPTConfig) -> dict[str, Any]:
    return write_with_bias(config) | {
        "logit_scale": config.logit_scale,
        "use_qk_norm": config.qk_norm == "heads",
    }


def write_cohere2(config: GPTConfig) -> dict[str, Any]:
    values = write_cohere(config)
    del values["use_qk_norm"]
    window = config.window or None
    return values | {"sliding_window": window, "layer_types": write_types(config)}


def write_starcoder2(config: GPTConfig) -> dict[str, Any]:
    return {
        "hidden_act": write_activation(config, "starcoder2", False),
        "use_bias": config.has_bias("qkv"),
        **write_rope(config),
        "sliding_window": config.window or None,
        "dropout": config.dropout,
    }


WRITES = {
    "phi": write_phi,
    "opt": write_opt,
    "stablelm": write_stablelm,
    "cohere": write_cohere,
    "cohere2": write_cohere2,
    "starcoder2": write_starcoder2,
}
