"""OLMo 1 and 2, Granite and nanochat."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.families.family import (
    ATTENTION_BIAS,
    DEFAULTS,
    FOUR_NORMS,
    KEYS,
    LAYERNORM,
    MODULES,
    ONLY,
    RMSNORM,
    ROPE,
    Fields,
    llama_like,
    positive,
    read_with_bias,
    write_with_bias,
)
from pygpt.checkpoints.families.llama import read_llama, write_llama
from pygpt.checkpoints.translate import Values, biases, value_of, write_activation, write_rope
from pygpt.model.config import GPTConfig


def read_olmo(values: Values, fields: Fields) -> Fields:
    read = read_with_bias(values, fields)
    return read | biases(read["bias"], mlp=False, norm=read["bias"])


def read_granite(values: Values, fields: Fields) -> Fields:
    return read_llama(values, fields) | {
        "embedding_scale": value_of(values, "embedding_multiplier", 1.0),
        "residual_scale": value_of(values, "residual_multiplier", 1.0),
        "attention_scale": value_of(values, "attention_multiplier", 1.0),
        "logit_scale": 1 / positive(values, "logits_scaling", 1.0),
    }


def write_granite(config: GPTConfig) -> dict[str, Any]:
    values = write_llama(config) | {
        "embedding_multiplier": config.embedding_scale,
        "residual_multiplier": config.residual_scale,
        "attention_multiplier": config.attention_scale or config.head_size**-0.5,
        "logits_scaling": inverse(config.logit_scale),
    }
    del values["head_dim"]
    return values


def inverse(number: float) -> float:
    """Return a number whose reciprocal is this one, if there is one beside the reciprocal."""
    guess = 1 / number
    for candidate in (guess, round(guess, 12), float(f"{guess:.15g}")):
        if 1 / candidate == number:
            return candidate
    return guess


def read_nanochat(values: Values, fields: Fields) -> Fields:
    return read_with_bias(values, fields) | {
        "logit_softcap": values.get("final_logit_softcapping", 15.0) or 0.0
    }


def write_nanochat(config: GPTConfig) -> dict[str, Any]:
    return {
        "attention_bias": config.has_bias("qkv"),
        "hidden_act": write_activation(config, "nanochat", False),
        **write_rope(config),
        "final_logit_softcapping": config.logit_softcap or None,
        "dropout": config.dropout,
        "pad_token_id": None,
    }


FAMILIES = {
    "olmo": llama_like(
        "OlmoForCausalLM",
        keys={name: key for name, key in KEYS.items() if name != "norm_eps"},
        fixed=LAYERNORM | {"norm_gain": False, "norm_eps": 1e-5},
        only=ONLY | {"clip_qkv": None},
        reads=(*ROPE, *ATTENTION_BIAS),
        read=read_olmo,
        write=write_with_bias,
    ),
    "olmo2": llama_like(
        "Olmo2ForCausalLM",
        keys=KEYS,
        defaults=DEFAULTS | {"norm_eps": 1e-5},
        fixed=RMSNORM | {"qk_norm": "row", "block_norm": False, "branch_norm": True},
        reads=(*ROPE, *ATTENTION_BIAS),
        read=read_with_bias,
        write=write_with_bias,
        modules=FOUR_NORMS,
    ),
    "granite": llama_like(
        "GraniteForCausalLM",
        keys=KEYS,
        reads=(
            *(*ROPE, *ATTENTION_BIAS, "mlp_bias", "embedding_multiplier", "residual_multiplier"),
            *("attention_multiplier", "logits_scaling"),
        ),
        read=read_granite,
        write=write_granite,
    ),
    "nanochat": llama_like(
        "NanoChatForCausalLM",
        keys=KEYS,
        fixed=RMSNORM | {"norm_gain": False, "qk_norm": "head", "embedding_norm": True},
        activation=("hidden_act", "relu2", False),
        reads=(*ROPE, *ATTENTION_BIAS, "final_logit_softcapping"),
        read=read_nanochat,
        write=write_nanochat,
        modules=MODULES | {"mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"},
        order="swapped",
    ),
}
