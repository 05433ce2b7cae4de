"""What several keys of a config.json say, to fields of `GPTConfig` and back, a pair each family.

Keys that stand for one field are in the rows of families.py. `fields` has those by then.
"""

from __future__ import annotations

from typing import Any

from pygpt.checkpoints.translate import (
    Values,
    biases,
    is_windowed,
    part_of,
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

Fields = dict[str, Any]

# ---- GPT-2 and Llama -------------------------------------------------------------------------

GPT2_DROPOUTS = ("resid_pdrop", "embd_pdrop", "attn_pdrop")


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


def dropout_of(values: Values) -> Fields:
    return {"dropout": values.get("dropout", 0.0)}  # ours alone


def read_llama(values: Values, fields: Fields) -> Fields:
    qkv = value_of(values, "attention_bias", False)
    mlp = value_of(values, "mlp_bias", False)
    return {**biases(qkv, mlp=mlp), **read_rope(values, fields), **dropout_of(values)}


def write_llama(config: GPTConfig) -> dict[str, Any]:
    return {
        "attention_bias": config.has_bias("qkv"),
        "hidden_act": write_activation(config, "llama", True),
        "head_dim": config.head_size,
        "mlp_bias": config.has_bias("mlp"),
        **write_rope(config),
        "dropout": config.dropout,
    }


def read_mistral(values: Values, fields: Fields) -> Fields:
    window = values.get("sliding_window", 4096)
    types = ["sliding_attention"] * min(fields["n_layer"], 1 << 20)
    read = {**biases(False), **read_rope(values, fields), **dropout_of(values)}
    return read | read_windows(fields, window, types)


def write_mistral(config: GPTConfig) -> dict[str, Any]:
    return {
        "hidden_act": write_activation(config, "mistral", True),
        "head_dim": config.head_size,
        "sliding_window": config.window or None,
        **write_rope(config),
        "dropout": config.dropout,
    }


# ---- Qwen, SmolLM 3, Phi 3 -------------------------------------------------------------------


def _qwen_windows(values: Values, fields: Fields) -> Fields:
    used = value_of(values, "use_sliding_window", False)
    window = values.get("sliding_window", 4096) if used else None
    first = value_of(values, "max_window_layers", 28)
    types = types_of(values, fields, lambda layer: window is not None and layer >= first)
    return read_windows(fields, window, types)


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


def read_qwen2(values: Values, fields: Fields) -> Fields:
    read = {**biases(True, proj=False, mlp=False), **read_rope(values, fields)}
    return read | dropout_of(values) | _qwen_windows(values, fields)


def read_qwen3(values: Values, fields: Fields) -> Fields:
    qkv = value_of(values, "attention_bias", False)
    read = {**biases(qkv, mlp=False), **read_rope(values, fields), **dropout_of(values)}
    return read | _qwen_windows(values, fields)


def read_smollm3(values: Values, fields: Fields) -> Fields:
    layers = range(min(fields["n_layer"], 1 << 20))
    interval = value_of(values, "no_rope_layer_interval", 4)
    rotated = value_of(values, "no_rope_layers", [int((i + 1) % interval != 0) for i in layers])
    if not isinstance(rotated, list) or len(rotated) < len(layers):
        problem = f"expected a number for each layer, got {rotated!r}"
        raise ConfigError("no_rope_layers", problem)
    used = value_of(values, "use_sliding_window", False)
    window = values.get("sliding_window") if used else None
    types = types_of(values, fields, lambda i: window is not None and not rotated[i])
    read = read_llama(values, fields) | read_rope(values, fields, theta=2e6)
    read["unrotated_layers"] = [i for i in layers if not rotated[i]]
    return read | read_windows(fields, window, types)


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


def read_phi3(values: Values, fields: Fields) -> Fields:
    types = ["sliding_attention"] * min(fields["n_layer"], 1 << 20)
    read = {**biases(False), **read_rope(values, fields, partial=1.0), **dropout_of(values)}
    if read["rope_scaling"]:  # transformers takes yarn for longrope here
        kind = read["rope_scaling"][0]
        raise ConfigError("rope_type", f"expected 'default', as the engine has, got {kind!r}")
    return read | read_windows(fields, values.get("sliding_window"), types)


def write_phi3(config: GPTConfig) -> dict[str, Any]:
    return {
        "hidden_act": write_activation(config, "phi3", True),
        **write_rope(config, partial=True),
        "sliding_window": config.window or None,
        "original_max_position_embeddings": config.block_size,
        "dropout": config.dropout,
        "pad_token_id": None,
    }


# ---- OLMo, Granite, nanochat -----------------------------------------------------------------


def read_with_bias(values: Values, fields: Fields) -> Fields:
    """Biases of attention alone, by a key."""
    qkv = value_of(values, "attention_bias", False)
    return {**biases(qkv, mlp=False), **read_rope(values, fields), **dropout_of(values)}


def write_with_bias(config: GPTConfig) -> dict[str, Any]:
    return {
        "attention_bias": config.has_bias("qkv"),
        "hidden_act": write_activation(config, config.family, True),
        **write_rope(config),
        "dropout": config.dropout,
        "pad_token_id": None,
    }


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


def positive(values: Values, key: str, default: float) -> float:
    number = value_of(values, key, default)
    if not isinstance(number, int | float) or not number > 0:
        raise ConfigError(key, f"expected a number above 0, got {number!r}")
    return number


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


# ---- GPT-NeoX, GPT-J, GPT-Neo ----------------------------------------------------------------


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


# ---- Phi, OPT, StableLM, Cohere, StarCoder 2 -------------------------------------------------


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


# ---- BLOOM, MPT, Falcon ----------------------------------------------------------------------


def read_bloom(values: Values, fields: Fields) -> Fields:
    # the context is what the file says; ALiBi itself has no end
    length = values.get("seq_length", values.get("n_positions", 2048))
    return {"block_size": length, "alibi": 8.0, **dropout_of(values)}


def write_bloom(config: GPTConfig) -> dict[str, Any]:
    return {"seq_length": config.block_size, "dropout": config.dropout}


def read_mpt(values: Values, fields: Fields) -> Fields:
    attention = value_of(values, "attn_config", {})
    if not isinstance(attention, dict):
        raise ConfigError("attn_config", f"expected an object, got {attention!r}")
    only: dict[str, Any] = {"alibi": True, "clip_qkv": None, "qk_ln": False, "prefix_lm": False}
    only["attn_type"] = "multihead_attention"
    for key, allowed in only.items():
        if attention.get(key, allowed) != allowed:
            problem = f"{key}: expected {allowed}, as the engine has, got {attention[key]!r}"
            raise ConfigError("attn_config", problem)
    return {
        "alibi": 8.0,  # whatever alibi_bias_max is, which transformers does not use
        "attention_scale": value_of(attention, "softmax_scale", 0.0),
        **dropout_of(values),
    }


def write_mpt(config: GPTConfig) -> dict[str, Any]:
    attention = {"alibi": True, "alibi_bias_max": 8}
    scale = config.attention_scale or None
    return {
        "attn_config": attention | {"softmax_scale": scale},
        "no_bias": True,
        "expansion_ratio": 4,
        "dropout": config.dropout,
    }


def read_falcon(values: Values, fields: Fields) -> Fields:
    new = value_of(values, "new_decoder_architecture", False)
    parallel = value_of(values, "parallel_attn", True)
    norms = value_of(values, "num_ln_in_parallel_attn", 2 if new else 1)
    if not new and norms != 1 or new and not parallel:
        problem = "expected that of a published model, got another"
        raise ConfigError("num_ln_in_parallel_attn", problem)
    n_kv_head = value_of(values, "num_kv_heads", 0)
    if not new:
        n_kv_head = 1 if value_of(values, "multi_query", True) else 0
    residual = {1: "parallel_one_norm", 2: "parallel"}[norms] if parallel else "serial"
    return {
        **biases(value_of(values, "bias", False), norm=True),
        **read_rope(values, fields),
        **dropout_of(values),
        "n_inner": value_of(values, "ffn_hidden_size", 0),
        "n_kv_head": n_kv_head,
        "residual": residual,
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
        "ffn_hidden_size": config.n_inner,
        **write_rope(config),
        "dropout": config.dropout,
    }


def falcon_fusion(config: GPTConfig) -> str:
    """Return how a Falcon's queries, keys and values lie in one matrix."""
    if config.residual == "parallel" or 1 < config.n_kv_head < config.n_head:
        return "groups"
    return "rows" if config.n_kv_head == 1 else "heads"


