"""config.json of Hugging Face's families, to our configuration and back.

The table is in families/. What the engine cannot do is refused by name;
https://github.com/huggingface/transformers is the reference, at version 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pygpt.checkpoints.families import FAMILIES, Family
from pygpt.checkpoints.translate import read_activation
from pygpt.errors import ConfigError
from pygpt.fields import from_dict, specs_of
from pygpt.model.config import GPTConfig
from pygpt.tokenizers.protocol import SpecialIds

READ_TYPES = tuple(FAMILIES)
_NAMELESS = ("gpt2", "llama")  # of these a configuration does not name its family
# Keys that files have, and that say nothing of what is computed here: of files and classes; of
# training and its losses; of generation; of how transformers, and programs around it, run a model.
_HARMLESS = frozenset(
    "model_type architectures auto_map dtype torch_dtype transformers_version _name_or_path "
    "name_or_path _commit_hash tokenizer_class tokenizer_name model_max_length prefix "
    "bos_token_id eos_token_id pad_token_id sep_token_id unk_token_id decoder_start_token_id "
    "forced_bos_token_id forced_eos_token_id bos_token eos_token pad_token unk_token "
    "max_sequence_length transformers.js_config unsloth_fixed unsloth_version is_llama_config "
    "initializer_range init_std init_device init_config verbose attention_dropout dropout "
    "hidden_dropout hidden_dropout_prob attention_probs_dropout_prob activation_dropout "
    "residual_dropout resid_dropout resid_pdrop embed_dropout embedding_dropout embd_pdrop "
    "emb_pdrop attn_pdrop classifier_dropout layerdrop gradient_checkpointing pretraining_tp "
    "finetuning_task num_labels id2label label2id problem_type task_specific_params "
    "summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj "
    "bias_dropout_fusion masked_softmax_fusion attention_softmax_in_fp32 "
    "scale_attention_softmax_in_fp32 reorder_and_upcast_attn skip_bias_add skip_bias_add_qkv "
    "offset_alibi compression_ratio max_length min_length do_sample early_stopping num_beams "
    "num_beam_groups diversity_penalty temperature top_k top_p typical_p repetition_penalty "
    "length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids "
    "num_return_sequences output_scores return_dict_in_generate remove_invalid_values "
    "exponential_decay_length_penalty suppress_tokens begin_suppress_tokens use_cache "
    "cache_implementation sliding_window_size _sliding_window_pattern return_dict use_return_dict "
    "output_attentions output_hidden_states torchscript use_bfloat16 tf_legacy_loss is_decoder "
    "is_encoder_decoder tie_encoder_decoder cross_attention_hidden_size chunk_size_feed_forward "
    "use_mup attn_implementation _attn_implementation _attn_implementation_autoset "
    "_flash_attn_2_enabled _experts_implementation".split()
)
_HARMLESS_VALUES = {  # others, with the value that changes nothing
    "rotary": True,
    "use_mrope": False,
    "rope_interleaved": False,
    "apply_residual_connection_post_layernorm": False,
    "mlp_type": "default",
    "hidden_activation": "gelu_pytorch_tanh",
}


# ---- config.json -----------------------------------------------------------------------------


def read_config(values: Mapping[str, Any]) -> GPTConfig:
    """Return the architecture of a config.json whose model_type is one of `READ_TYPES`.

    GPT-2's dropout is taken where its three probabilities agree, and is 0 otherwise.

    Raises:
        ConfigError: under its key there: what the engine cannot do, or a value that is not allowed.
    """
    name = values["model_type"]
    row = FAMILIES[name]
    values = _by_its_keys(values, row.aliases)
    for key, allowed in row.only.items():
        if values.get(key, allowed) != allowed:
            raise ConfigError(key, f"expected {allowed}, as the engine has, got {values[key]!r}")
    _check_known(row, values)
    fields: dict[str, Any] = {"embedding_norm": False, **row.fixed}
    for field, key in row.keys.items():
        value = values.get(key)
        if field == "block_size" and name == "gpt2" and value is None:
            value = values.get("n_ctx")  # its old name
        if field in ("n_kv_head", "head_dim") and key in values and value is None:
            value = 0
        if value is None:
            if field not in row.defaults:
                raise ConfigError(key, "expected a value, got none")
            value = row.defaults[field]
        fields[field] = value
    try:
        _check_sizes(fields)
        fields["activation"] = read_activation(values, *row.activation)
        fields |= {"family": "" if name in _NAMELESS else name, **row.read(values, fields)}
        return from_dict(GPTConfig, fields)
    except ConfigError as error:
        raise ConfigError(row.keys.get(error.name, error.name), error.problem) from error


def _check_sizes(fields: Mapping[str, Any]) -> None:
    """Check what `read` calculates with."""
    for name in ("n_embd", "n_head", "n_layer", "block_size"):
        if name in fields:
            specs_of(GPTConfig)[name].checked(fields[name])


def _by_its_keys(values: Mapping[str, Any], aliases: Mapping[str, str]) -> Mapping[str, Any]:
    """Return a config.json in which what stands under another name stands under its own."""
    named = dict(values)
    for alias, key in aliases.items():
        if alias in values and named.setdefault(key, values[alias]) != values[alias]:
            problem = f"expected {key} = {named[key]!r}, which it stands for, got {values[alias]!r}"
            raise ConfigError(alias, problem)
    return named


def _check_known(row: Family, values: Mapping[str, Any]) -> None:
    """Refuse a key that may change what is computed: one that no family has.

    In a file that brings code of its own, which may use it, it is one that this family has not.
    """
    own = bool(values.get("auto_map"))
    known = {key for known in ([row] if own else FAMILIES.values()) for key in _keys_of(known)}
    for key in sorted(values.keys() - known - _HARMLESS):
        if values[key] in (None, {}, []) or _HARMLESS_VALUES.get(key) == values[key]:
            continue
        who = "only the model's own code understands"
        if not own:
            who = "neither transformers nor pygpt knows; remove it if it changes nothing"
        raise ConfigError(key, f"expected no such key, which {who}")


def _keys_of(row: Family) -> set[str]:
    return {*row.keys.values(), *row.aliases, *row.only, *row.reads, row.activation[0]}


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
    """Return the family that has this architecture; a `ConfigError` says why it does not."""
    family = config.family or ("llama" if config.norm == "rmsnorm" else "gpt2")
    if family not in FAMILIES:
        expected = f"expected one of {', '.join(FAMILIES)}"
        raise ConfigError("family", f"{expected}, got {family!r}")
    values = {"model_type": family, **_keys(config, family), **FAMILIES[family].write(config)}
    has = read_config(values)
    for name in specs_of(GPTConfig):
        expected, got = getattr(has, name), getattr(config, name)
        if got != expected:
            problem = f"expected {expected!r}, as Hugging Face's {family} has, got {got!r}"
            raise ConfigError(name, problem)
    return family


def config_as_json(config: GPTConfig, family: str, ids: SpecialIds) -> dict[str, Any]:
    """Return the config.json of an architecture whose `family_for` is this family."""
    row = FAMILIES[family]
    values: dict[str, Any] = {"model_type": family, "dtype": "float32", "use_cache": True}
    values |= _keys(config, family)
    written = row.write(config)
    if "attention_bias" in written:
        values["attention_bias"] = written.pop("attention_bias")
    return values | {"architectures": [row.architecture], **written, **special_ids_as_json(ids)}


def _keys(config: GPTConfig, family: str) -> dict[str, Any]:
    names = FAMILIES[family].keys.items()
    return {key: getattr(config, name) for name, key in names if name != "head_dim"}


def is_buffer(name: str) -> bool:
    """Whether a tensor, named without prefix, is no weight but a constant that old files hold."""
    pattern = r"(.*\.)?((attn|attention)\.(masked_)?bias|rotary_emb\.inv_freq)"
    return re.fullmatch(pattern, name) is not None
