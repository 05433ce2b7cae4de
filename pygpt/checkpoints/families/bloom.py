"""BLOOM, MPT and Falcon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pygpt.checkpoints.families.family import (
    KEYS,
    LAYERNORM,
    NEO_MODULES,
    ONLY,
    ROPE,
    Fields,
    dropout_of,
    llama_like,
)
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

_BLOOM_MODULES = NEO_MODULES | {
    "attn.c_attn": "self_attention.query_key_value",
    "attn.c_proj": "self_attention.dense",
}


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


def _falcon_norms(config: GPTConfig) -> Mapping[str, str]:
    return {"ln_1": "ln_attn", "ln_2": "ln_mlp"} if config.residual == "parallel" else {}


FAMILIES = {
    "bloom": llama_like(
        "BloomForCausalLM",
        keys={
            "vocab_size": "vocab_size",
            "n_embd": "hidden_size",
            "n_layer": "n_layer",
            "n_head": "n_head",
            "norm_eps": "layer_norm_epsilon",
            "tie_weights": "tie_word_embeddings",
        },
        defaults={"norm_eps": 1e-5, "tie_weights": True},
        fixed=LAYERNORM | {"positions": "alibi", "embedding_norm": True},
        only=ONLY | {"apply_residual_connection_post_layernorm": False},
        activation=("", "gelu_new", False),
        reads=("seq_length", "n_positions", "slow_but_exact"),
        read=read_bloom,
        write=write_bloom,
        outer={
            "wte.weight": "word_embeddings.weight",
            "ln_emb.weight": "word_embeddings_layernorm.weight",
            "ln_emb.bias": "word_embeddings_layernorm.bias",
            "ln_f.weight": "ln_f.weight",
            "ln_f.bias": "ln_f.bias",
        },
        modules=_BLOOM_MODULES,
        prefix="transformer.",
        layer="h.{}.",
        fused=lambda _: "heads",
        aliases={
            "n_embed": "hidden_size",
            "num_attention_heads": "n_head",
            "num_hidden_layers": "n_layer",
        },
    ),
    "mpt": llama_like(
        "MptForCausalLM",
        keys={
            "vocab_size": "vocab_size",
            "block_size": "max_seq_len",
            "n_embd": "d_model",
            "n_layer": "n_layers",
            "n_head": "n_heads",
            "norm_eps": "layer_norm_epsilon",
            "tie_weights": "tie_word_embeddings",
        },
        defaults={"norm_eps": 1e-5, "tie_weights": True},
        fixed=LAYERNORM | {"positions": "alibi", "bias": False},
        only=ONLY | {"no_bias": True, "expansion_ratio": 4, "logit_scale": None},
        activation=("", "gelu", False),
        reads=("attn_config", "learned_pos_emb", "embedding_fraction", "norm_type"),
        read=read_mpt,
        write=write_mpt,
        outer={"wte.weight": "wte.weight", "ln_f.weight": "norm_f.weight"},
        modules={
            "ln_1": "norm_1",
            "attn.c_attn": "attn.Wqkv",
            "attn.c_proj": "attn.out_proj",
            "ln_2": "norm_2",
            "mlp.c_fc": "ffn.up_proj",
            "mlp.c_proj": "ffn.down_proj",
        },
        prefix="transformer.",
        layer="blocks.{}.",
        aliases={
            "hidden_size": "d_model",
            "num_attention_heads": "n_heads",
            "num_hidden_layers": "n_layers",
        },
    ),
    "falcon": llama_like(
        "FalconForCausalLM",
        keys={
            **{name: KEYS[name] for name in ("vocab_size", "block_size", "n_embd", "n_layer")},
            "n_head": "num_attention_heads",
            "norm_eps": "layer_norm_epsilon",
            "tie_weights": "tie_word_embeddings",
        },
        defaults={"norm_eps": 1e-5, "tie_weights": True, "block_size": 2048},
        fixed=LAYERNORM,
        only=ONLY | {"alibi": False},
        activation=("activation", "gelu", False),
        reads=(
            *(*ROPE, "new_decoder_architecture", "parallel_attn", "num_ln_in_parallel_attn"),
            *("num_kv_heads", "multi_query", "bias", "ffn_hidden_size"),
        ),
        read=read_falcon,
        write=write_falcon,
        outer={
            "wte.weight": "word_embeddings.weight",
            "ln_f.weight": "ln_f.weight",
            "ln_f.bias": "ln_f.bias",
        },
        modules=_BLOOM_MODULES,
        prefix="transformer.",
        layer="h.{}.",
        fused=falcon_fusion,
        renamed=_falcon_norms,
        aliases={"n_embed": "hidden_size"},
    ),
}
