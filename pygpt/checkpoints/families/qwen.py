"""Qwen 2 and 3, SmolLM 3 and Phi 3: how they are written."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.translate import write_activation, write_rope, write_types
from pygpt.model.config import GPTConfig


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


def write_phi3(config: GPTConfig) -> dict[str, Any]:
    return {
        "hidden_act": write_activation(config, "phi3", True),
        **write_rope(config, partial=True),
        "sliding_window": config.window or None,
        "original_max_position_embeddings": config.block_size,
        "dropout": config.dropout,
        "pad_token_id": None,
    }


WRITES = {
    "qwen2": write_qwen,
    "qwen3": write_qwen,
    "smollm3": write_smollm3,
    "phi3": write_phi3,
}
