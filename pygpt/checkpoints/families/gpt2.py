"""GPT-2: how it is written."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.families.family import GPT2_DROPOUTS
from pygpt.checkpoints.translate import write_activation
from pygpt.model.config import GPTConfig


def write_gpt2(config: GPTConfig) -> dict[str, Any]:
    values: dict[str, Any] = {"activation_function": write_activation(config, "gpt2", False)}
    values |= dict.fromkeys(GPT2_DROPOUTS, config.dropout)
    if config.attention_scale:
        values["scale_attn_weights"] = False
    if config.attention_scale_by_layer:
        values["scale_attn_by_inverse_layer_idx"] = True
    return values


WRITES = {
    "gpt2": write_gpt2,
}
