"""config.json of Hugging Face's families, to our configuration and back.

The table is in families/. What the engine cannot do is refused by name;
https://github.com/huggingface/transformers is the reference, at version 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pygpt.checkpoints.families import FAMILIES
from pygpt.checkpoints.translate import read_activation
from pygpt.errors import ConfigError
from pygpt.fields import from_dict, specs_of
from pygpt.model.config import GPTConfig
from pygpt.tokenizers.protocol import SpecialIds

READ_TYPES = tuple(FAMILIES)
_NAMELESS = ("gpt2", "llama")  # of these a configuration does not name its family
# Keys that every file may have, and that say nothing of what is computed.
_HARMLESS = (
    *("model_type", "architectures", "auto_map", "dtype", "torch_dtype", "transformers_version"),
    *("use_cache", "initializer_range", "attention_dropout", "dropout", "pretraining_tp"),
    *("bos_token_id", "eos_token_id", "pad_token_id", "_name_or_path", "return_dict"),
    *("output_attentions", "output_hidden_states", "task_specific_params", "id2label", "label2id"),
    *("chunk_size_feed_forward", "is_encoder_decoder", "problem_type", "use_mup"),
)


# ---- config.json -----------------------------------------------------------------------------


def read_config(values: Mapping[str, Any]) -> GPTConfig:
    """Return the architecture of a config.json whose model_type is one of `READ_TYPES`.

    GPT-2's dropout is taken where its three probabilities agree, and is 0 otherwise.

    Raises:
        ConfigError: under its key there: what the engine cannot do, or a value that is not allowed.
    """
    name = values["model_type"]
    row = FAMILIES[name]
    for key, allowed in row.only.items():
        if values.get(key, allowed) != allowed:
            raise ConfigError(key, f"expected {allowed}, as the engine has, got {values[key]!r}")
    if values.get("auto_map"):
        _check_known(name, values)
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


def _check_known(name: str, values: Mapping[str, Any]) -> None:
    """Refuse a key that we do not know in a file that brings code of its own, which may use it."""
    row = FAMILIES[name]
    known = {*_HARMLESS, *row.keys.values(), *row.only, *row.reads, row.activation[0]}
    for key in sorted(values.keys() - known):
        raise ConfigError(key, "expected no such key, which only the model's own code understands")


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
