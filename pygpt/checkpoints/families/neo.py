"""GPT-NeoX (Pythia), GPT-J and GPT-Neo: how they are written."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.families.family import GPT2_DROPOUTS
from pygpt.checkpoints.translate import is_windowed, part_of, write_activation, write_rope
from pygpt.model.config import GPTConfig


def write_gpt_neox(config: GPTConfig) -> dict[str, Any]:
    rope = write_rope(config, partial=True)
    del rope["rope_theta"], rope["partial_rotary_factor"]
    return {
        "hidden_act": write_activation(config, "gpt_neox", False),
        "attention_bias": config.has_bias("qkv"),
        "use_parallel_residual": config.residual == "parallel",
        **rope,
        "rotary_emb_base": config.rope_theta,
        "rotary_pct": part_of(config),
        "dropout": config.dropout,
    }


def write_gptj(config: GPTConfig) -> dict[str, Any]:
    return {
        "activation_function": write_activation(config, "gptj", False),
        "rotary_dim": config.rotary_dim or config.head_size,
        **dict.fromkeys(GPT2_DROPOUTS, config.dropout),
    }


def write_gpt_neo(config: GPTConfig) -> dict[str, Any]:
    kinds = [["global", "local"][is_windowed(config, i)] for i in range(config.n_layer)]
    return {
        "activation_function": write_activation(config, "gpt_neo", False),
        "attention_types": [[[kind], 1] for kind in kinds],
        "window_size": config.window or config.block_size,
        "dropout": config.dropout,
    }


WRITES = {
    "gpt_neox": write_gpt_neox,
    "gptj": write_gptj,
    "gpt_neo": write_gpt_neo,
}
