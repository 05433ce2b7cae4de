"""config.json of Hugging Face's families, to our configuration and back.

The table is in families/. What the engine cannot do is refused by name;
https://github.com/huggingface/transformers is the reference, at version 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pygpt.checkpoints.families import FAMILIES, Family
from pygpt.checkpoints.families.family import HARMLESS, HARMLESS_VALUES
from pygpt.checkpoints.families.read import keys_of, read_fields
from pygpt.checkpoints.translate import read_activation
from pygpt.errors import ConfigError
from pygpt.fields import from_dict, specs_of
from pygpt.model.config import GPTConfig
from pygpt.tokenizers.protocol import SpecialIds

READ_TYPES = tuple(FAMILIES)
_NAMELESS = ("gpt2", "llama")  # of these a configuration does not name its family


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
        if value is None and field in row.older:
            value = values.get(row.older[field])
        if field in ("n_kv_head", "head_dim") and key in values and value is None:
            value = 0
        if value is None:
            if field not in row.defaults:
                raise ConfigError(key, "expected a value, got none")
            value = row.defaults[field]
        fields[field] = value
    try:
        _check_sizes(fields)
        fields["activation"] = read_activation(values, **row.activation)
        read = read_fields(row, values, fields)
        fields |= {"family": "" if name in _NAMELESS else name, **read}
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
    known = {key for known in ([row] if own else FAMILIES.values()) for key in keys_of(known)}
    for key in sorted(values.keys() - known - HARMLESS):
        if values[key] in (None, {}, []) or HARMLESS_VALUES.get(key) == values[key]:
            continue
        who = "only the model's own code understands"
        if not own:
            who = "neither transformers nor pygpt knows; remove it if it changes nothing"
        raise ConfigError(key, f"expected no such key, which {who}")


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
