"""GPT-NeoX (Pythia), GPT-J and GPT-Neo."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.families.family import (
    ATTENTION_BIAS,
    EPS,
    GPT2_ALIASES,
    GPT2_DROPOUTS,
    GPT2_KEYS,
    GPT_OUTER,
    LAYERNORM,
    NEO_MODULES,
    ROPE,
    WITHOUT_GROUPS,
    Fields,
    dropout_of,
    llama_like,
)
from pygpt.checkpoints.translate import (
    Values,
    biases,
    is_windowed,
    part_of,
    read_rope,
    read_windows,
    value_of,
    write_activation,
    write_rope,
)
from pygpt.errors import ConfigError
from pygpt.model.config import GPTConfig


def read_gpt_neox(values: Values, fields: Fields) -> Fields:
    qkv = value_of(values, "attention_bias", True)
    keys = {"theta_key": "rotary_emb_base", "partial_key": "rotary_pct"}
    parallel = value_of(values, "use_parallel_residual", True)
    return {
        **biases(qkv, mlp=True, norm=True),
        **read_rope(values, fields, partial=0.25, **keys),  # type: ignore[arg-type]
        **dropout_of(values),
        "residual": "parallel" if parallel else "serial",
    }


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


def read_gptj(values: Values, fields: Fields) -> Fields:
    rotated = values.get("rotary_dim", 64)
    if type(rotated) is not int or rotated % 2 or rotated < 2:
        raise ConfigError("rotary_dim", f"expected an even number from 2 on, got {rotated!r}")
    first, *others = (values.get(key, 0.0) for key in GPT2_DROPOUTS)
    return {
        **biases(False, mlp=True, norm=True, head=True),
        "positions": "rotary",
        "rotary_dim": rotated,
        "dropout": first if others == [first, first] else 0.0,
    }


def write_gptj(config: GPTConfig) -> dict[str, Any]:
    return {
        "activation_function": write_activation(config, "gptj", False),
        "rotary_dim": config.rotary_dim or config.head_size,
        **dict.fromkeys(GPT2_DROPOUTS, config.dropout),
    }


def read_gpt_neo(values: Values, fields: Fields) -> Fields:
    types = value_of(values, "attention_types", [[["global", "local"], 12]])
    names = {"global": "full_attention", "local": "sliding_attention"}
    try:
        kinds = [names[kind] for block, count in types for _ in range(count) for kind in block]
    except (KeyError, TypeError, ValueError) as error:
        problem = f"expected lists of global and local with a count, got {types!r}"
        raise ConfigError("attention_types", problem) from error
    read = {**biases(False, proj=True, mlp=True, norm=True), **dropout_of(values)}
    read |= {"positions": "learned", "attention_scale": 1.0}
    return read | read_windows(fields, values.get("window_size", 256), kinds)


def write_gpt_neo(config: GPTConfig) -> dict[str, Any]:
    kinds = [["global", "local"][is_windowed(config, i)] for i in range(config.n_layer)]
    return {
        "activation_function": write_activation(config, "gpt_neo", False),
        "attention_types": [[[kind], 1] for kind in kinds],
        "window_size": config.window or config.block_size,
        "dropout": config.dropout,
    }


FAMILIES = {
    "gpt_neox": llama_like(
        "GPTNeoXForCausalLM",
        keys=WITHOUT_GROUPS | EPS,
        defaults={"norm_eps": 1e-5, "tie_weights": False},
        fixed=LAYERNORM,
        activation=("hidden_act", "gelu", False),
        reads=(*ROPE, *ATTENTION_BIAS, "rotary_emb_base", "rotary_pct", "use_parallel_residual"),
        read=read_gpt_neox,
        write=write_gpt_neox,
        outer={
            "wte.weight": "embed_in.weight",
            "ln_f.weight": "final_layer_norm.weight",
            "ln_f.bias": "final_layer_norm.bias",
        },
        modules=NEO_MODULES,
        prefix="gpt_neox.",
        head="embed_out",
        fused=lambda _: "heads",
    ),
    "gptj": llama_like(
        "GPTJForCausalLM",
        keys=GPT2_KEYS,
        defaults={"n_inner": 0, "norm_eps": 1e-5, "tie_weights": False},
        fixed=LAYERNORM | {"residual": "parallel_one_norm"},
        activation=("activation_function", "gelu_new", False),
        reads=(*GPT2_DROPOUTS, "rotary_dim"),
        read=read_gptj,
        write=write_gptj,
        outer=GPT_OUTER,
        modules={
            "ln_1": "ln_1",
            "attn.c_attn": ("attn.q_proj", "attn.k_proj", "attn.v_proj"),
            "attn.c_proj": "attn.out_proj",
            "mlp.c_fc": "mlp.fc_in",
            "mlp.c_proj": "mlp.fc_out",
        },
        prefix="transformer.",
        layer="h.{}.",
        order="pairs",
        aliases=GPT2_ALIASES,
    ),
    "gpt_neo": llama_like(
        "GPTNeoForCausalLM",
        keys={
            **WITHOUT_GROUPS,
            "n_layer": "num_layers",
            "n_head": "num_heads",
            "norm_eps": "layer_norm_epsilon",
        },
        defaults={"norm_eps": 1e-5, "tie_weights": True, "n_inner": 0},
        fixed=LAYERNORM,
        activation=("activation_function", "gelu_new", False),
        reads=("attention_types", "attention_layers", "window_size"),
        read=read_gpt_neo,
        write=write_gpt_neo,
        outer=GPT_OUTER,
        modules={
            "ln_1": "ln_1",
            "attn.c_attn": tuple(f"attn.attention.{name}_proj" for name in "qkv"),
            "attn.c_proj": "attn.attention.out_proj",
            "ln_2": "ln_2",
            "mlp.c_fc": "mlp.c_fc",
            "mlp.c_proj": "mlp.c_proj",
        },
        prefix="transformer.",
        layer="h.{}.",
        aliases={"num_attention_heads": "num_heads", "num_hidden_layers": "num_layers"},
    ),
}
