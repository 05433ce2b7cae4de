"""GPT-2."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.families.family import (
    GPT2_ALIASES,
    GPT2_DROPOUTS,
    GPT2_KEYS,
    GPT_OUTER,
    LAYERNORM,
    Fields,
    llama_like,
)
from pygpt.checkpoints.translate import Values, write_activation
from pygpt.model.config import GPTConfig


def read_gpt2(values: Values, fields: Fields) -> Fields:
    first, *others = (values.get(key, 0.1) for key in GPT2_DROPOUTS)
    return {
        "dropout": first if others == [first, first] else 0.0,
        "attention_scale": 0.0 if values.get("scale_attn_weights", True) else 1.0,
        "attention_scale_by_layer": values.get("scale_attn_by_inverse_layer_idx", False),
    }


def write_gpt2(config: GPTConfig) -> dict[str, Any]:
    values: dict[str, Any] = {"activation_function": write_activation(config, "gpt2", False)}
    values |= dict.fromkeys(GPT2_DROPOUTS, config.dropout)
    if config.attention_scale:
        values["scale_attn_weights"] = False
    if config.attention_scale_by_layer:
        values["scale_attn_by_inverse_layer_idx"] = True
    return values


FAMILIES = {
    "gpt2": llama_like(
        "GPT2LMHeadModel",
        keys=GPT2_KEYS,
        defaults={"n_inner": 0, "norm_eps": 1e-5, "tie_weights": True},
        fixed=LAYERNORM | {"positions": "learned", "bias": True, "embedding_norm": False},
        only={"add_cross_attention": False, "quantization_config": None},
        activation=("activation_function", "gelu_new", False),
        reads=(*GPT2_DROPOUTS, "scale_attn_weights", "scale_attn_by_inverse_layer_idx", "n_ctx"),
        read=read_gpt2,
        write=write_gpt2,
        outer=GPT_OUTER,
        modules={
            name: name
            for name in ("ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj")
        },
        prefix="transformer.",
        layer="h.{}.",
        is_conv=True,
        aliases=GPT2_ALIASES,
    ),
}
