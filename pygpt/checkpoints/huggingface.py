"""Hugging Face's GPT-2 and Llama: their config.json and tensor names, to ours and back.

GPT-2's tensors are ours, by name and shape. Llama's linear layers are (out, in), and what one
product makes here (query, key, value; gate, up) are several there. What the engine cannot do is
refused by name; https://github.com/huggingface/transformers is the reference, at version 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pygpt.checkpoints.safetensors import Place
from pygpt.errors import ConfigError
from pygpt.fields import from_dict
from pygpt.model.config import GPTConfig
from pygpt.tokenizers.protocol import SpecialIds

LM_HEAD = "lm_head.weight"
PREFIXES = {"gpt2": "transformer.", "llama": "model."}  # of all names but the output matrix
READ_TYPES = ("gpt2", "llama", "mistral")

# Our field -> the key there.
_KEYS = {
    "gpt2": {
        "vocab_size": "vocab_size",
        "block_size": "n_positions",
        "n_embd": "n_embd",
        "n_layer": "n_layer",
        "n_head": "n_head",
        "n_inner": "n_inner",
        "norm_eps": "layer_norm_epsilon",
        "tie_weights": "tie_word_embeddings",
    },
    "llama": {
        "vocab_size": "vocab_size",
        "block_size": "max_position_embeddings",
        "n_embd": "hidden_size",
        "n_layer": "num_hidden_layers",
        "n_head": "num_attention_heads",
        "n_kv_head": "num_key_value_heads",
        "n_inner": "intermediate_size",
        "norm_eps": "rms_norm_eps",
        "tie_weights": "tie_word_embeddings",
        "bias": "attention_bias",
    },
}
# What a missing key means there; the others must be present.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "gpt2": {"n_inner": 0, "norm_eps": 1e-5, "tie_weights": True},
    "llama": {"n_kv_head": 0, "norm_eps": 1e-6, "tie_weights": False, "bias": False},
}
# What all models of a family are.
_BOTH = {"norm_gain": True, "final_norm": True, "embedding_norm": False}
_FIXED: dict[str, dict[str, Any]] = {
    "gpt2": {"norm": "layernorm", "positions": "learned", "bias": True, **_BOTH},
    "llama": {"norm": "rmsnorm", "positions": "rotary", "activation": "swiglu", **_BOTH},
}
# Key -> the one value that the engine does, which is also what a missing key means there.
_REFUSED: dict[str, dict[str, Any]] = {
    "gpt2": {
        "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": False,
        "add_cross_attention": False,
        "quantization_config": None,
    },
    "llama": {"quantization_config": None, "partial_rotary_factor": 1.0},
}
_ACTIVATIONS = {
    "gelu_new": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "gelu": "gelu_exact",
    "relu": "relu",
    "relu2": "relu2",
}
_GPT2_DROPOUTS = ("resid_pdrop", "embd_pdrop", "attn_pdrop")


# ---- config.json -----------------------------------------------------------------------------


def family_of(model_type: str) -> str:
    """Return `gpt2` or `llama` for one of `READ_TYPES`."""
    return "gpt2" if model_type == "gpt2" else "llama"


def read_config(values: Mapping[str, Any]) -> GPTConfig:
    """Return the architecture of a config.json whose model_type is one of `READ_TYPES`.

    GPT-2's dropout is taken where its three probabilities agree, and is 0 otherwise.

    Raises:
        ConfigError: under its key there: what the engine cannot do, or a value that is not allowed.
    """
    family = family_of(values["model_type"])
    for key, allowed in _REFUSED[family].items():
        if values.get(key, allowed) != allowed:
            raise ConfigError(key, f"expected {allowed}, as the engine has, got {values[key]!r}")
    fields = dict(_FIXED[family])
    for name, key in _KEYS[family].items():
        value = values.get(key)
        if name == "block_size" and family == "gpt2" and value is None:
            value = values.get("n_ctx")  # its old name
        if value is None:
            if name not in _DEFAULTS[family]:
                raise ConfigError(key, "expected a value, got none")
            value = _DEFAULTS[family][name]
        fields[name] = value
    fields |= _gpt2_fields(values) if family == "gpt2" else _llama_fields(values)
    try:
        config = from_dict(GPTConfig, fields)
    except ConfigError as error:
        raise ConfigError(_KEYS[family].get(error.name, error.name), error.problem) from error
    if family == "llama":
        _check_llama(values, config)
    return config


def _gpt2_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    activation = _choice(values, "activation_function", "gelu_new", _ACTIVATIONS)
    first, *others = (values.get(key, 0.1) for key in _GPT2_DROPOUTS)
    return {"activation": activation, "dropout": first if others == [first, first] else 0.0}


def _llama_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    _choice(values, "hidden_act", "silu", {"silu": "swiglu", "swish": "swiglu"})
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    if not isinstance(rope, dict):
        raise ConfigError("rope_parameters", f"expected an object, got {rope!r}")
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise ConfigError("rope_type", f"expected 'default', as the engine has, got {kind!r}")
    for key in rope.keys() - {"rope_type", "type", "rope_theta"}:
        raise ConfigError("rope_parameters", f"expected no {key}, which the engine lacks")
    theta = rope.get("rope_theta", values.get("rope_theta", 1e4))
    return {"rope_theta": theta, "dropout": values.get("dropout", 0.0)}


def _choice(
    values: Mapping[str, Any], key: str, default: str, choices: Mapping[str, str]
) -> str:
    value = values.get(key, default)
    if not isinstance(value, str) or value not in choices:
        raise ConfigError(key, f"expected one of {', '.join(choices)}, got {value!r}")
    return choices[value]


def _check_llama(values: Mapping[str, Any], config: GPTConfig) -> None:
    head_dim = values.get("head_dim")
    if head_dim not in (None, config.head_size):
        expected = f"expected hidden_size / num_attention_heads = {config.head_size}"
        raise ConfigError("head_dim", f"{expected}, as the engine has, got {head_dim!r}")
    if values.get("mlp_bias", False) != config.bias:
        expected = f"expected attention_bias, {config.bias}, as the engine has"
        raise ConfigError("mlp_bias", f"{expected}, got {values.get('mlp_bias', False)!r}")
    if values["model_type"] == "mistral":
        if "num_key_value_heads" not in values:
            raise ConfigError("num_key_value_heads", "expected a value, got none")
        window = values.get("sliding_window", 4096)
        if window is not None and not (type(window) is int and window >= config.block_size):
            expected = f"expected none, or at least max_position_embeddings = {config.block_size}"
            raise ConfigError("sliding_window", f"{expected}, got {window!r}")


def read_special_ids(values: Mapping[str, Any]) -> SpecialIds:
    """Return the special ids of a config.json or generation_config.json; whole numbers alone."""
    found: dict[str, Any] = {}
    for key in ("bos_token_id", "eos_token_id", "pad_token_id"):
        value = values.get(key)
        ids = value if isinstance(value, list) and key == "eos_token_id" else [value]
        if value is None:
            ids = []
        if any(type(number) is not int for number in ids):
            raise ConfigError(key, f"expected a whole number, got {value!r}")
        found[key[:3]] = tuple(ids)
    bos, eos, pad = found["bos"], found["eos"], found["pad"]
    return SpecialIds(bos[0] if bos else None, eos, pad[0] if pad else None)


def special_ids_as_json(ids: SpecialIds) -> dict[str, Any]:
    """Return the keys of the special ids, for both files."""
    eos = list(ids.eos) if len(ids.eos) > 1 else next(iter(ids.eos), None)
    return {"bos_token_id": ids.bos, "eos_token_id": eos, "pad_token_id": ids.pad}


def family_for(config: GPTConfig) -> str:
    """Return the family that has this architecture; a `ConfigError` says why neither has."""
    family = "llama" if config.norm == "rmsnorm" else "gpt2"
    required = dict(_FIXED[family])
    if family == "gpt2":
        required["n_kv_head"] = config.n_head
    for name, expected in required.items():
        got = getattr(config, name)
        if got != expected:
            problem = f"expected {expected!r}, as Hugging Face's {family} has, got {got!r}"
            raise ConfigError(name, problem)
    if family == "gpt2" and config.activation not in _ACTIVATIONS.values():
        problem = f"expected another, Hugging Face's gpt2 has no {config.activation}"
        raise ConfigError("activation", problem)
    return family


def config_as_json(config: GPTConfig, family: str, ids: SpecialIds) -> dict[str, Any]:
    """Return the config.json of an architecture whose `family_for` is this family."""
    values: dict[str, Any] = {"model_type": family, "dtype": "float32", "use_cache": True}
    values |= {key: getattr(config, name) for name, key in _KEYS[family].items()}
    if family == "gpt2":
        names = [theirs for theirs, ours in _ACTIVATIONS.items() if ours == config.activation]
        values |= {"architectures": ["GPT2LMHeadModel"], "activation_function": names[0]}
        values |= dict.fromkeys(_GPT2_DROPOUTS, config.dropout)
    else:
        rope = {"rope_theta": config.rope_theta, "rope_type": "default"}
        values |= {
            "architectures": ["LlamaForCausalLM"],
            "hidden_act": "silu",
            "head_dim": config.head_size,
            "mlp_bias": config.bias,
            "rope_parameters": rope,
            "rope_theta": config.rope_theta,  # where transformers 4 looks for it
            "dropout": config.dropout,  # ours alone: Llama has none
        }
    return values | special_ids_as_json(ids)


# ---- tensors ---------------------------------------------------------------------------------


def layout(config: GPTConfig, family: str) -> dict[str, Place]:
    """Return name there, with its prefix -> where it lies here."""
    prefix = PREFIXES[family]
    shapes = config.weight_shapes()
    if family == "gpt2":
        return {name if name == LM_HEAD else prefix + name: Place(name) for name in shapes}
    parts = _llama_parts(config)
    places: dict[str, Place] = {}
    for name in shapes:
        found = re.fullmatch(r"h\.(\d+)\.(.*)\.(weight|bias)", name)
        if found is None:
            places[_LLAMA_OUTER[name]] = Place(name)
            continue
        layer, module, kind = found.groups()
        for theirs, columns in parts[module]:
            transposed = kind == "weight" and not module.startswith("ln_")
            places[f"{prefix}layers.{layer}.{theirs}.{kind}"] = Place(name, columns, transposed)
    return places


_LLAMA_OUTER = {
    "wte.weight": "model.embed_tokens.weight",
    "ln_f.weight": "model.norm.weight",
    LM_HEAD: LM_HEAD,
}


def _llama_parts(config: GPTConfig) -> dict[str, list[tuple[str, Any]]]:
    """Module of a block here -> the modules there, each with its columns."""
    C, F = config.n_embd, config.n_inner
    KV = config.n_kv_head * config.head_size
    return {
        "ln_1": [("input_layernorm", ...)],
        "attn.c_attn": [
            ("self_attn.q_proj", slice(0, C)),
            ("self_attn.k_proj", slice(C, C + KV)),
            ("self_attn.v_proj", slice(C + KV, C + 2 * KV)),
        ],
        "attn.c_proj": [("self_attn.o_proj", ...)],
        "ln_2": [("post_attention_layernorm", ...)],
        "mlp.c_fc": [("mlp.gate_proj", slice(0, F)), ("mlp.up_proj", slice(F, 2 * F))],
        "mlp.c_proj": [("mlp.down_proj", ...)],
    }


def is_buffer(name: str) -> bool:
    """Whether a tensor, named without prefix, is no weight but a constant that old files hold."""
    pattern = r"h\.\d+\.attn\.(masked_)?bias|layers\.\d+\.self_attn\.rotary_emb\.inv_freq"
    return re.fullmatch(pattern, name) is not None
