"""What a family of models is, and what many of them have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pygpt.checkpoints.translate import (
    Values,
    biases,
    read_rope,
    value_of,
    write_activation,
    write_rope,
)
from pygpt.errors import ConfigError
from pygpt.model.config import GPTConfig

Fields = dict[str, Any]
"""Fields of `GPTConfig`."""

# ---- keys and modules ------------------------------------------------------------------------

KEYS = {
    "vocab_size": "vocab_size",
    "block_size": "max_position_embeddings",
    "n_embd": "hidden_size",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_kv_head": "num_key_value_heads",
    "n_inner": "intermediate_size",
    "norm_eps": "rms_norm_eps",
    "tie_weights": "tie_word_embeddings",
}
WITHOUT_GROUPS = {name: key for name, key in KEYS.items() if name != "n_kv_head"}
HEAD_DIM = {"head_dim": "head_dim"}
LAYERNORM = {"norm": "layernorm", "final_norm": True, "norm_gain": True}
RMSNORM = {"norm": "rmsnorm", "final_norm": True, "norm_gain": True}
DEFAULTS = {"n_kv_head": 0, "norm_eps": 1e-6, "tie_weights": False, "head_dim": 0}
ONLY = {"quantization_config": None}
SILU = ("hidden_act", "silu", True)
ROPE = ("rope_parameters", "rope_scaling", "rope_theta", "partial_rotary_factor")
WINDOW = ("sliding_window", "layer_types")
ATTENTION_BIAS = ("attention_bias",)  # biases by a key, of attention alone
OUTER = {
    "wte.weight": "embed_tokens.weight",
    "ln_f.weight": "norm.weight",
    "ln_f.bias": "norm.bias",
}
ATTENTION = {
    "attn.c_attn": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attn.c_proj": "self_attn.o_proj",
    "attn.q_norm": "self_attn.q_norm",
    "attn.k_norm": "self_attn.k_norm",
}
MODULES = {
    "ln_1": "input_layernorm",
    **ATTENTION,
    "ln_2": "post_attention_layernorm",
    "mlp.c_fc": ("mlp.gate_proj", "mlp.up_proj"),
    "mlp.c_proj": "mlp.down_proj",
}
FOUR_NORMS = MODULES | {
    "attn.ln": "post_attention_layernorm",
    "ln_2": "pre_feedforward_layernorm",
    "mlp.ln": "post_feedforward_layernorm",
}
EPS = {"norm_eps": "layer_norm_eps"}
GPT2_KEYS = {
    "vocab_size": "vocab_size",
    "block_size": "n_positions",
    "n_embd": "n_embd",
    "n_layer": "n_layer",
    "n_head": "n_head",
    "n_inner": "n_inner",
    "norm_eps": "layer_norm_epsilon",
    "tie_weights": "tie_word_embeddings",
}
GPT2_ALIASES = {
    "hidden_size": "n_embd",
    "max_position_embeddings": "n_positions",
    "num_attention_heads": "n_head",
    "num_hidden_layers": "n_layer",
}
GPT_OUTER = {name: name for name in ("wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias")}
GPT2_DROPOUTS = ("resid_pdrop", "embd_pdrop", "attn_pdrop")
NEO_MODULES = {
    "ln_1": "input_layernorm",
    "attn.c_attn": "attention.query_key_value",
    "attn.c_proj": "attention.dense",
    "ln_2": "post_attention_layernorm",
    "mlp.c_fc": "mlp.dense_h_to_4h",
    "mlp.c_proj": "mlp.dense_4h_to_h",
}

# ---- a row -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Family:
    """Immutable: how transformers has a family of models.

    Attributes:
        architecture: its class with an output matrix.
        keys: our field -> the key there.
        defaults: our field -> what a missing key means; others must be there.
        fixed: fields that all its models have.
        only: key -> the one value that the engine has, which is also what a missing key means.
        activation: the key, what a missing one means, and whether there is a gate.
        reads: keys that `read` looks at, beside those.
        read: more fields, of a config.json and the fields so far.
        write: the keys for them.
        prefix: of all names of tensors but the output matrix.
        head: the output matrix.
        outer: our tensors outside of the layers -> theirs.
        layer: before the names in a layer, with `{}` for its number.
        modules: our modules in a layer -> theirs; several, where one of ours is made of them.
        is_conv: whether matrices are (in, out), as GPT-2's.
        fused: how queries, keys and values lie in one matrix: all queries first (`rows`), by head
            (`heads`), or a group of queries with its key and value (`groups`).
        order: of the rotated columns of a head: `halves`, `pairs`, or `swapped` halves.
        gain_offset: what is added to a gain there.
        skipped_positions: rows of the position embedding that no token has.
        renamed: modules that some of its models call otherwise.
        aliases: another name of a key -> the key.
    """

    architecture: str
    keys: Mapping[str, str]
    defaults: Mapping[str, Any]
    fixed: Mapping[str, Any]
    only: Mapping[str, Any]
    activation: tuple[str, str, bool]
    reads: tuple[str, ...]
    read: Callable[[Values, Fields], Fields]
    write: Callable[[GPTConfig], dict[str, Any]]
    outer: Mapping[str, str]
    modules: Mapping[str, str | tuple[str, ...]]
    prefix: str = "model."
    head: str = "lm_head"
    layer: str = "layers.{}."
    is_conv: bool = False
    fused: Callable[[GPTConfig], str] = field(default=lambda _: "rows")
    order: str = "halves"
    gain_offset: float = 0.0
    skipped_positions: int = 0
    renamed: Callable[[GPTConfig], Mapping[str, str]] = field(default=lambda _: {})
    aliases: Mapping[str, str] = field(default_factory=dict)


def llama_like(architecture: str, **changes: Any) -> Family:
    """Return a row with what Llama has, but for the changes; `reads`, `read` and `write` are among
    them."""
    row: dict[str, Any] = {
        "keys": KEYS | HEAD_DIM,
        "defaults": DEFAULTS,
        "fixed": RMSNORM,
        "only": ONLY,
        "activation": SILU,
        "outer": OUTER,
        "modules": MODULES,
    }
    return Family(architecture=architecture, **row | changes)


# ---- what several keys say -------------------------------------------------------------------


def dropout_of(values: Values) -> Fields:
    return {"dropout": values.get("dropout", 0.0)}  # ours alone


def positive(values: Values, key: str, default: float) -> float:
    number = value_of(values, key, default)
    if not isinstance(number, int | float) or not number > 0:
        raise ConfigError(key, f"expected a number above 0, got {number!r}")
    return number


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
