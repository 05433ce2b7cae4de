"""BLOOM, MPT and Falcon: how they are written."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.translate import write_activation, write_rope
from pygpt.model.config import GPTConfig


def write_bloom(config: GPTConfig) -> dict[str, Any]:
    return {"dropout": config.dropout}


def write_mpt(config: GPTConfig) -> dict[str, Any]:
    attention = {"alibi": True, "alibi_bias_max": 8}
    scale = config.attention_scale or None
    return {
        "attn_config": attention | {"softmax_scale": scale},
        "no_bias": True,
        "expansion_ratio": 4,
        "dropout": config.dropout,
    }


def write_falcon(config: GPTConfig) -> dict[str, Any]:
    new = falcon_fusion(config) == "groups"
    return {
        "activation": write_activation(config, "falcon", False),
        "alibi": False,
        "bias": config.has_bias("qkv"),
        "new_decoder_architecture": new,
        "num_ln_in_parallel_attn": {"parallel": 2, "parallel_one_norm": 1}.get(config.residual),
        "parallel_attn": config.residual != "serial",
        "multi_query": not new and config.n_kv_head == 1,
        "num_kv_heads": config.n_kv_head,
        **write_rope(config),
        "dropout": config.dropout,
    }


def falcon_fusion(config: GPTConfig) -> str:
    """Return how a Falcon's queries, keys and values lie in one matrix."""
    if config.residual == "parallel" or 1 < config.n_kv_head < config.n_head:
        return "groups"
    return "rows" if config.n_kv_head == 1 else "heads"


WRITES = {
    "bloom": write_bloom,
    "mpt": write_mpt,
    "falcon": write_falcon,
}
