"""The families of transformers that are points in `GPTConfig`'s space: a row of a table each.

A row says under which keys config.json has our fields, which keys have one value that the engine
has, how what several keys say becomes fields and back, and where the tensors lie. How they lie in
ours (one product for queries, keys and values; rotated columns in halves) says layouts.py.
https://github.com/huggingface/transformers is the reference, at version 5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pygpt.checkpoints import gemma, llamas, readers
from pygpt.checkpoints.readers import Fields
from pygpt.checkpoints.translate import Values
from pygpt.model.config import GPTConfig


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


# ---- what many have --------------------------------------------------------------------------

_KEYS = {
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
_WITHOUT_GROUPS = {name: key for name, key in _KEYS.items() if name != "n_kv_head"}
_HEAD_DIM = {"head_dim": "head_dim"}
_LAYERNORM = {"norm": "layernorm", "final_norm": True, "norm_gain": True}
_RMSNORM = {"norm": "rmsnorm", "final_norm": True, "norm_gain": True}
_DEFAULTS = {"n_kv_head": 0, "norm_eps": 1e-6, "tie_weights": False, "head_dim": 0}
_ONLY = {"quantization_config": None}
_SILU = ("hidden_act", "silu", True)
_ROPE = ("rope_parameters", "rope_scaling", "rope_theta", "partial_rotary_factor")
_WINDOW = ("sliding_window", "layer_types")
_OUTER = {
    "wte.weight": "embed_tokens.weight",
    "ln_f.weight": "norm.weight",
    "ln_f.bias": "norm.bias",
}
_ATTENTION = {
    "attn.c_attn": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attn.c_proj": "self_attn.o_proj",
    "attn.q_norm": "self_attn.q_norm",
    "attn.k_norm": "self_attn.k_norm",
}
_MODULES = {
    "ln_1": "input_layernorm",
    **_ATTENTION,
    "ln_2": "post_attention_layernorm",
    "mlp.c_fc": ("mlp.gate_proj", "mlp.up_proj"),
    "mlp.c_proj": "mlp.down_proj",
}
_FOUR_NORMS = _MODULES | {
    "attn.ln": "post_attention_layernorm",
    "ln_2": "pre_feedforward_layernorm",
    "mlp.ln": "post_feedforward_layernorm",
}


def _llama(architecture: str, **changes: Any) -> Family:
    """Return a row with what Llama has, but for the changes."""
    row: dict[str, Any] = {
        "keys": _KEYS | _HEAD_DIM,
        "defaults": _DEFAULTS,
        "fixed": _RMSNORM,
        "only": _ONLY,
        "activation": _SILU,
        "reads": (*_ROPE, "attention_bias", "mlp_bias"),
        "read": readers.read_llama,
        "write": readers.write_llama,
        "outer": _OUTER,
        "modules": _MODULES,
    }
    return Family(architecture=architecture, **row | changes)


# ---- the table -------------------------------------------------------------------------------

_GPT2_KEYS = {
    "vocab_size": "vocab_size",
    "block_size": "n_positions",
    "n_embd": "n_embd",
    "n_layer": "n_layer",
    "n_head": "n_head",
    "n_inner": "n_inner",
    "norm_eps": "layer_norm_epsilon",
    "tie_weights": "tie_word_embeddings",
}
_EPS = {"norm_eps": "layer_norm_eps"}
_NEO_MODULES = {
    "ln_1": "input_layernorm",
    "attn.c_attn": "attention.query_key_value",
    "attn.c_proj": "attention.dense",
    "ln_2": "post_attention_layernorm",
    "mlp.c_fc": "mlp.dense_h_to_4h",
    "mlp.c_proj": "mlp.dense_4h_to_h",
}
_BLOOM_MODULES = _NEO_MODULES | {
    "attn.c_attn": "self_attention.query_key_value",
    "attn.c_proj": "self_attention.dense",
}
_OPT_MODULES = _ATTENTION | {
    "attn.c_proj": "self_attn.out_proj",
    "ln_1": "self_attn_layer_norm",
    "ln_2": "final_layer_norm",
    "mlp.c_fc": "fc1",
    "mlp.c_proj": "fc2",
}
_GPT_OUTER = {name: name for name in ("wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias")}
_MLP = ("attention_bias",)  # biases by a key, of attention alone


def _falcon_norms(config: GPTConfig) -> Mapping[str, str]:
    return {"ln_1": "ln_attn", "ln_2": "ln_mlp"} if config.residual == "parallel" else {}


FAMILIES = {
    "gpt2": _llama(
        "GPT2LMHeadModel",
        keys=_GPT2_KEYS,
        defaults={"n_inner": 0, "norm_eps": 1e-5, "tie_weights": True},
        fixed=_LAYERNORM | {"positions": "learned", "bias": True, "embedding_norm": False},
        only={"add_cross_attention": False, "quantization_config": None},
        activation=("activation_function", "gelu_new", False),
        reads=(*readers.GPT2_DROPOUTS, "scale_attn_weights", "scale_attn_by_inverse_layer_idx"),
        read=readers.read_gpt2,
        write=readers.write_gpt2,
        outer=_GPT_OUTER,
        modules={
            name: name
            for name in ("ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj")
        },
        prefix="transformer.",
        layer="h.{}.",
        is_conv=True,
    ),
    "llama": _llama("LlamaForCausalLM"),
    **{
        family: _llama(
            f"{name}ForCausalLM",
            defaults=_DEFAULTS | {"norm_eps": eps, "head_dim": head_dim, "tie_weights": tied},
            activation=_SILU if family != "arcee" else ("hidden_act", "relu2", False),
            reads=(*_ROPE, *llamas.BIAS_KEYS),
            read=llamas.read,
            write=llamas.write,
            modules=_MODULES | ({"mlp.c_fc": "mlp.up_proj"} if family == "arcee" else {}),
            order="pairs" if family in ("helium", "ernie4_5") else "halves",
        )
        for family, name, eps, head_dim, tied in (
            ("arcee", "Arcee", 1e-5, 0, False),
            ("seed_oss", "SeedOss", 1e-6, 128, False),
            ("helium", "Helium", 1e-8, 128, False),
            ("ernie4_5", "Ernie4_5", 1e-5, 128, True),
        )
    },
    "mistral": _llama(
        "MistralForCausalLM",
        defaults={name: value for name, value in _DEFAULTS.items() if name != "n_kv_head"},
        reads=(*_ROPE, *_WINDOW),
        read=readers.read_mistral,
        write=readers.write_mistral,
    ),
    "qwen2": _llama(
        "Qwen2ForCausalLM",
        keys=_KEYS,
        reads=(*_ROPE, *_WINDOW, "use_sliding_window", "max_window_layers"),
        read=readers.read_qwen2,
        write=readers.write_qwen,
    ),
    "qwen3": _llama(
        "Qwen3ForCausalLM",
        defaults=_DEFAULTS | {"head_dim": 128},
        fixed=_RMSNORM | {"qk_norm": "head"},
        reads=(*_ROPE, *_WINDOW, *_MLP, "use_sliding_window", "max_window_layers"),
        read=readers.read_qwen3,
        write=readers.write_qwen,
    ),
    "smollm3": _llama(
        "SmolLM3ForCausalLM",
        keys=_KEYS,
        defaults=_DEFAULTS | {"tie_weights": True},
        reads=(
            *(*_ROPE, *_WINDOW, *_MLP, "mlp_bias", "use_sliding_window"),
            *("no_rope_layers", "no_rope_layer_interval"),
        ),
        read=readers.read_smollm3,
        write=readers.write_smollm3,
    ),
    "phi3": _llama(
        "Phi3ForCausalLM",
        keys=_KEYS,
        defaults=_DEFAULTS | {"norm_eps": 1e-5},
        reads=(*_ROPE, *_WINDOW, "original_max_position_embeddings"),
        read=readers.read_phi3,
        write=readers.write_phi3,
        modules=_MODULES
        | {"attn.c_attn": "self_attn.qkv_proj", "mlp.c_fc": "mlp.gate_up_proj"},
    ),
    "olmo": _llama(
        "OlmoForCausalLM",
        keys={name: key for name, key in _KEYS.items() if name != "norm_eps"},
        fixed=_LAYERNORM | {"norm_gain": False, "norm_eps": 1e-5},
        only=_ONLY | {"clip_qkv": None},
        reads=(*_ROPE, *_MLP),
        read=readers.read_olmo,
        write=readers.write_with_bias,
    ),
    "olmo2": _llama(
        "Olmo2ForCausalLM",
        keys=_KEYS,
        defaults=_DEFAULTS | {"norm_eps": 1e-5},
        fixed=_RMSNORM | {"qk_norm": "row", "block_norm": False, "branch_norm": True},
        reads=(*_ROPE, *_MLP),
        read=readers.read_with_bias,
        write=readers.write_with_bias,
        modules=_FOUR_NORMS,
    ),
    "granite": _llama(
        "GraniteForCausalLM",
        keys=_KEYS,
        reads=(
            *(*_ROPE, *_MLP, "mlp_bias", "embedding_multiplier", "residual_multiplier"),
            *("attention_multiplier", "logits_scaling"),
        ),
        read=readers.read_granite,
        write=readers.write_granite,
    ),
    "nanochat": _llama(
        "NanoChatForCausalLM",
        keys=_KEYS,
        fixed=_RMSNORM | {"norm_gain": False, "qk_norm": "head", "embedding_norm": True},
        activation=("hidden_act", "relu2", False),
        reads=(*_ROPE, *_MLP, "final_logit_softcapping"),
        read=readers.read_nanochat,
        write=readers.write_nanochat,
        modules=_MODULES | {"mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"},
        order="swapped",
    ),
    "gemma": _llama(
        "GemmaForCausalLM",
        defaults=_DEFAULTS | {"head_dim": 256, "tie_weights": True},
        only=_ONLY | {"use_bidirectional_attention": None},
        activation=("hidden_act", "gelu_pytorch_tanh", True),
        reads=(*_ROPE, *_MLP),
        read=gemma.read_gemma,
        write=gemma.write_gemma,
        gain_offset=1.0,
    ),
    "gemma2": _llama(
        "Gemma2ForCausalLM",
        defaults=_DEFAULTS | {"head_dim": 256, "tie_weights": True},
        fixed=_RMSNORM | {"branch_norm": True},
        only=_ONLY,
        activation=("hidden_activation", "gelu_pytorch_tanh", True),
        reads=(
            *(*_ROPE, *_WINDOW, *_MLP, "query_pre_attn_scalar", "attn_logit_softcapping"),
            *("final_logit_softcapping", "use_bidirectional_attention"),
        ),
        read=gemma.read_gemma2,
        write=gemma.write_gemma2,
        modules=_FOUR_NORMS,
        gain_offset=1.0,
    ),
    "gemma3_text": _llama(
        "Gemma3ForCausalLM",
        defaults=_DEFAULTS | {"head_dim": 256, "tie_weights": True},
        fixed=_RMSNORM | {"branch_norm": True, "qk_norm": "head"},
        activation=("hidden_activation", "gelu_pytorch_tanh", True),
        reads=(
            *(*_ROPE, *_WINDOW, *_MLP, "query_pre_attn_scalar", "attn_logit_softcapping"),
            *("final_logit_softcapping", "use_bidirectional_attention", "rope_local_base_freq"),
            "sliding_window_pattern",
        ),
        read=gemma.read_gemma3,
        write=gemma.write_gemma3,
        modules=_FOUR_NORMS,
        gain_offset=1.0,
    ),
    "gpt_neox": _llama(
        "GPTNeoXForCausalLM",
        keys=_WITHOUT_GROUPS | _EPS,
        defaults={"norm_eps": 1e-5, "tie_weights": False},
        fixed=_LAYERNORM,
        activation=("hidden_act", "gelu", False),
        reads=(*_ROPE, *_MLP, "rotary_emb_base", "rotary_pct", "use_parallel_residual"),
        read=readers.read_gpt_neox,
        write=readers.write_gpt_neox,
        outer={
            "wte.weight": "embed_in.weight",
            "ln_f.weight": "final_layer_norm.weight",
            "ln_f.bias": "final_layer_norm.bias",
        },
        modules=_NEO_MODULES,
        prefix="gpt_neox.",
        head="embed_out",
        fused=lambda _: "heads",
    ),
    "gptj": _llama(
        "GPTJForCausalLM",
        keys=_GPT2_KEYS,
        defaults={"n_inner": 0, "norm_eps": 1e-5, "tie_weights": False},
        fixed=_LAYERNORM | {"residual": "parallel_one_norm"},
        activation=("activation_function", "gelu_new", False),
        reads=(*readers.GPT2_DROPOUTS, "rotary_dim"),
        read=readers.read_gptj,
        write=readers.write_gptj,
        outer=_GPT_OUTER,
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
    ),
    "gpt_neo": _llama(
        "GPTNeoForCausalLM",
        keys={
            **_WITHOUT_GROUPS,
            "n_layer": "num_layers",
            "n_head": "num_heads",
            "norm_eps": "layer_norm_epsilon",
        },
        defaults={"norm_eps": 1e-5, "tie_weights": True, "n_inner": 0},
        fixed=_LAYERNORM,
        activation=("activation_function", "gelu_new", False),
        reads=("attention_types", "attention_layers", "window_size"),
        read=readers.read_gpt_neo,
        write=readers.write_gpt_neo,
        outer=_GPT_OUTER,
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
    ),
    "phi": _llama(
        "PhiForCausalLM",
        keys=_KEYS | _EPS,
        defaults={"n_kv_head": 0, "norm_eps": 1e-5, "tie_weights": False},
        fixed=_LAYERNORM | {"residual": "parallel_one_norm"},
        activation=("hidden_act", "gelu_new", False),
        reads=(*_ROPE, "qk_layernorm"),
        read=readers.read_phi,
        write=readers.write_phi,
        outer={
            "wte.weight": "embed_tokens.weight",
            "ln_f.weight": "final_layernorm.weight",
            "ln_f.bias": "final_layernorm.bias",
        },
        modules=_MODULES
        | {
            "attn.c_proj": "self_attn.dense",
            "attn.q_norm": "self_attn.q_layernorm",
            "attn.k_norm": "self_attn.k_layernorm",
            "mlp.c_fc": "mlp.fc1",
            "mlp.c_proj": "mlp.fc2",
        },
    ),
    "opt": _llama(
        "OPTForCausalLM",
        keys={
            **{name: key for name, key in _WITHOUT_GROUPS.items() if name != "norm_eps"},
            "n_inner": "ffn_dim",
        },
        defaults={"tie_weights": True},
        fixed=_LAYERNORM | {"positions": "learned", "norm_eps": 1e-5},
        only=_ONLY | {"do_layer_norm_before": True, "_remove_final_layer_norm": False},
        activation=("activation_function", "relu", False),
        reads=("word_embed_proj_dim", "enable_bias", "layer_norm_elementwise_affine"),
        read=readers.read_opt,
        write=readers.write_opt,
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
    "stablelm": _llama(
        "StableLmForCausalLM",
        keys=_KEYS | _EPS,
        defaults={"norm_eps": 1e-5, "tie_weights": False},
        fixed=_LAYERNORM,
        reads=(*_ROPE, "use_qkv_bias", "qk_layernorm", "use_parallel_residual"),
        read=readers.read_stablelm,
        write=readers.write_stablelm,
        modules=_MODULES
        | {
            "attn.q_norm": "self_attn.q_layernorm.norms.{}",
            "attn.k_norm": "self_attn.k_layernorm.norms.{}",
        },
    ),
    "cohere": _llama(
        "CohereForCausalLM",
        keys=_KEYS | _EPS,
        defaults={"n_kv_head": 0, "norm_eps": 1e-5, "tie_weights": True},
        fixed=_LAYERNORM | {"residual": "parallel_one_norm"},
        reads=(*_ROPE, *_MLP, "logit_scale", "use_qk_norm"),
        read=readers.read_cohere,
        write=readers.write_cohere,
        order="pairs",
    ),
    "cohere2": _llama(
        "Cohere2ForCausalLM",
        keys=_KEYS | _EPS,
        defaults={"n_kv_head": 0, "norm_eps": 1e-5, "tie_weights": True},
        fixed=_LAYERNORM | {"residual": "parallel_one_norm"},
        reads=(*_ROPE, *_WINDOW, *_MLP, "logit_scale", "sliding_window_pattern"),
        read=readers.read_cohere2,
        write=readers.write_cohere2,
        order="pairs",
    ),
    "starcoder2": _llama(
        "Starcoder2ForCausalLM",
        keys=_KEYS | {"norm_eps": "norm_epsilon"},
        defaults={"norm_eps": 1e-5, "tie_weights": True},
        fixed=_LAYERNORM,
        activation=("hidden_act", "gelu_pytorch_tanh", False),
        reads=(*_ROPE, *_WINDOW, "use_bias"),
        read=readers.read_starcoder2,
        write=readers.write_starcoder2,
        modules=_MODULES | {"mlp.c_fc": "mlp.c_fc", "mlp.c_proj": "mlp.c_proj"},
    ),
    "bloom": _llama(
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
        fixed=_LAYERNORM | {"positions": "alibi", "embedding_norm": True},
        only=_ONLY | {"apply_residual_connection_post_layernorm": False},
        activation=("", "gelu_new", False),
        reads=("seq_length", "n_positions", "slow_but_exact"),
        read=readers.read_bloom,
        write=readers.write_bloom,
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
    ),
    "mpt": _llama(
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
        fixed=_LAYERNORM | {"positions": "alibi", "bias": False},
        only=_ONLY | {"no_bias": True, "expansion_ratio": 4, "logit_scale": None},
        activation=("", "gelu", False),
        reads=("attn_config", "learned_pos_emb", "embedding_fraction", "norm_type"),
        read=readers.read_mpt,
        write=readers.write_mpt,
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
    ),
    "falcon": _llama(
        "FalconForCausalLM",
        keys={
            **{name: _KEYS[name] for name in ("vocab_size", "block_size", "n_embd", "n_layer")},
            "n_head": "num_attention_heads",
            "norm_eps": "layer_norm_epsilon",
            "tie_weights": "tie_word_embeddings",
        },
        defaults={"norm_eps": 1e-5, "tie_weights": True, "block_size": 2048},
        fixed=_LAYERNORM,
        only=_ONLY | {"alibi": False},
        activation=("activation", "gelu", False),
        reads=(
            *(*_ROPE, "new_decoder_architecture", "parallel_attn", "num_ln_in_parallel_attn"),
            *("num_kv_heads", "multi_query", "bias", "ffn_hidden_size"),
        ),
        read=readers.read_falcon,
        write=readers.write_falcon,
        outer={
            "wte.weight": "word_embeddings.weight",
            "ln_f.weight": "ln_f.weight",
            "ln_f.bias": "ln_f.bias",
        },
        modules=_BLOOM_MODULES,
        prefix="transformer.",
        layer="h.{}.",
        fused=readers.falcon_fusion,
        renamed=_falcon_norms,
    ),
}
