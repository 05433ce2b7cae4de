"""Phi 1 to 2, OPT, StableLM, Cohere and StarCoder 2."""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.families.family import (
    ATTENTION,
    ATTENTION_BIAS,
    EPS,
    KEYS,
    LAYERNORM,
    MODULES,
    ONLY,
    ROPE,
    WINDOW,
    WITHOUT_GROUPS,
    Fields,
    dropout_of,
    llama_like,
    write_with_bias,
)
from pygpt.checkpoints.translate import (
    Values,
    biases,
    read_rope,
    read_windows,
    types_of,
    value_of,
    write_activation,
    write_rope,
    write_types,
)
from pygpt.errors import ConfigError
from pygpt.model.config import GPTConfig

_OPT_MODULES = ATTENTION | {
    "attn.c_proj": "self_attn.out_proj",
    "ln_1": "self_attn_layer_norm",
    "ln_2": "final_layer_norm",
    "mlp.c_fc": "fc1",
    "mlp.c_proj": "fc2",
}


def _even(read: Fields) -> Fields:
    """Refuse an odd number of rotated columns, for which transformers has no meaning here."""
    if read["rotary_dim"] % 2:
        problem = f"expected an even number of rotated columns, got {read['rotary_dim']}"
        raise ConfigError("partial_rotary_factor", problem)
    return read


def read_phi(values: Values, fields: Fields) -> Fields:
    normed = value_of(values, "qk_layernorm", False)
    return {
        **biases(True, head=True, qk_norm=bool(normed)),
        **_even(read_rope(values, fields, partial=0.5)),
        **dropout_of(values),
        "qk_norm": "head" if normed else "none",
    }


def write_phi(config: GPTConfig) -> dict[str, Any]:
    return {
        "hidden_act": write_activation(config, "phi", False),
        "qk_layernorm": config.qk_norm == "head",
        **write_rope(config, partial=True),
        "dropout": config.dropout,
    }


def read_opt(values: Values, fields: Fields) -> Fields:
    width = values.get("word_embed_proj_dim")
    if width not in (None, fields["n_embd"]):
        problem = f"expected hidden_size = {fields['n_embd']}, as the engine has, got {width!r}"
        raise ConfigError("word_embed_proj_dim", problem)
    has = value_of(values, "enable_bias", True)
    affine = value_of(values, "layer_norm_elementwise_affine", True)
    return {
        **biases(has, norm=bool(affine)),
        "norm_gain": affine,
        "dropout": values.get("dropout", 0.1),
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


def read_stablelm(values: Values, fields: Fields) -> Fields:
    qkv = value_of(values, "use_qkv_bias", False)
    parallel = value_of(values, "use_parallel_residual", False)
    return {
        **biases(qkv, proj=False, mlp=False, norm=True),
        **_even(read_rope(values, fields, partial=0.25)),
        **dropout_of(values),
        "residual": "parallel_one_norm" if parallel else "serial",
        "qk_norm": "heads" if value_of(values, "qk_layernorm", False) else "none",
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


def read_cohere(values: Values, fields: Fields) -> Fields:
    qkv = value_of(values, "attention_bias", False)
    return {
        **biases(qkv, mlp=False, norm=False),
        **read_rope(values, fields, theta=5e5),
        **dropout_of(values),
        "logit_scale": values.get("logit_scale", 0.0625),
        "qk_norm": "heads" if value_of(values, "use_qk_norm", False) else "none",
    }


def write_cohere(config: GPTConfig) -> dict[str, Any]:
    return write_with_bias(config) | {
        "logit_scale": config.logit_scale,
        "use_qk_norm": config.qk_norm == "heads",
    }


def read_cohere2(values: Values, fields: Fields) -> Fields:
    pattern = value_of(values, "sliding_window_pattern", 4)
    types = types_of(values, fields, lambda layer: (layer + 1) % pattern)
    window = values.get("sliding_window", 4096)
    read = read_cohere({**values, "use_qk_norm": False}, fields)
    read |= read_rope(values, fields) | read_windows(fields, window, types)
    rotated = [kind == "sliding_attention" and window is not None for kind in types]
    return read | {"unrotated_layers": [i for i, has in enumerate(rotated) if not has]}


def write_cohere2(config: GPTConfig) -> dict[str, Any]:
    values = write_cohere(config)
    del values["use_qk_norm"]
    window = config.window or None
    return values | {"sliding_window": window, "layer_types": write_types(config)}


def read_starcoder2(values: Values, fields: Fields) -> Fields:
    types = ["sliding_attention"] * min(fields["n_layer"], 1 << 20)
    has = value_of(values, "use_bias", True)
    read = {**biases(has, norm=True), **read_rope(values, fields), **dropout_of(values)}
    return read | read_windows(fields, values.get("sliding_window"), types)


def write_starcoder2(config: GPTConfig) -> dict[str, Any]:
    return {
        "hidden_act": write_activation(config, "starcoder2", False),
        "use_bias": config.has_bias("qkv"),
        **write_rope(config),
        "sliding_window": config.window or None,
        "dropout": config.dropout,
    }


FAMILIES = {
    "phi": llama_like(
        "PhiForCausalLM",
        keys=KEYS | EPS,
        defaults={"n_kv_head": 0, "norm_eps": 1e-5, "tie_weights": False},
        fixed=LAYERNORM | {"residual": "parallel_one_norm"},
        activation=("hidden_act", "gelu_new", False),
        reads=(*ROPE, "qk_layernorm"),
        read=read_phi,
        write=write_phi,
        outer={
            "wte.weight": "embed_tokens.weight",
            "ln_f.weight": "final_layernorm.weight",
            "ln_f.bias": "final_layernorm.bias",
        },
        modules=MODULES
        | {
            "attn.c_proj": "self_attn.dense",
            "attn.q_norm": "self_attn.q_layernorm",
            "attn.k_norm": "self_attn.k_layernorm",
            "mlp.c_fc": "mlp.fc1",
            "mlp.c_proj": "mlp.fc2",
        },
    ),
    "opt": llama_like(
        "OPTForCausalLM",
        keys={
            **{name: key for name, key in WITHOUT_GROUPS.items() if name != "norm_eps"},
            "n_inner": "ffn_dim",
        },
        defaults={"tie_weights": True},
        fixed=LAYERNORM | {"positions": "learned", "norm_eps": 1e-5},
        only=ONLY | {"do_layer_norm_before": True, "_remove_final_layer_norm": False},
        activation=("activation_function", "relu", False),
        reads=("word_embed_proj_dim", "enable_bias", "layer_norm_elementwise_affine"),
        read=read_opt,
        write=write_opt,
        outer={
            "wte.weight": "decoder.embed_tokens.weight",
            "wpe.weight": "decoder.embed_positions.weight",
            "ln_f.weight": "decoder.final_layer_norm.weight",
            "ln_f.bias": "decoder.final_layer_norm.bias",
        },
        modules=_OPT_MODULES,
        layer="decoder.layers.{}.",
        skipped_positions=2,
    ),
    "stablelm": llama_like(
        "StableLmForCausalLM",
        keys=KEYS | EPS,
        defaults={"norm_eps": 1e-5, "tie_weights": False},
        fixed=LAYERNORM,
        reads=(*ROPE, "use_qkv_bias", "qk_layernorm", "use_parallel_residual"),
        read=read_stablelm,
        write=write_stablelm,
        modules=MODULES
        | {
            "attn.q_norm": "self_attn.q_layernorm.norms.{}",
            "attn.k_norm": "self_attn.k_layernorm.norms.{}",
        },
    ),
    "cohere": llama_like(
        "CohereForCausalLM",
        keys=KEYS | EPS,
        defaults={"n_kv_head": 0, "norm_eps": 1e-5, "tie_weights": True},
        fixed=LAYERNORM | {"residual": "parallel_one_norm"},
        reads=(*ROPE, *ATTENTION_BIAS, "logit_scale", "use_qk_norm"),
        read=read_cohere,
        write=write_cohere,
        order="pairs",
    ),
    "cohere2": llama_like(
        "Cohere2ForCausalLM",
        keys=KEYS | EPS,
        defaults={"n_kv_head": 0, "norm_eps": 1e-5, "tie_weights": True},
        fixed=LAYERNORM | {"residual": "parallel_one_norm"},
        reads=(*ROPE, *WINDOW, *ATTENTION_BIAS, "logit_scale", "sliding_window_pattern"),
        read=read_cohere2,
        write=write_cohere2,
        order="pairs",
    ),
    "starcoder2": llama_like(
        "Starcoder2ForCausalLM",
        keys=KEYS | {"norm_eps": "norm_epsilon"},
        defaults={"norm_eps": 1e-5, "tie_weights": True},
        fixed=LAYERNORM,
        activation=("hidden_act", "gelu_pytorch_tanh", False),
        reads=(*ROPE, *WINDOW, "use_bias"),
        read=read_starcoder2,
        write=write_starcoder2,
        modules=MODULES | {"mlp.c_fc": "mlp.c_fc", "mlp.c_proj": "mlp.c_proj"},
    ),
}
