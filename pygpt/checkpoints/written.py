"""Folders of models, written.

A folder is written beside its place and then renamed, so that it is there as a whole or not at all.
What pygpt wrote it knows by `"model_type"`, or in Hugging Face's form by a note in the header of
model.safetensors, which `transformers` does not copy when it saves such a model again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pygpt.checkpoints import huggingface, layouts
from pygpt.checkpoints import safetensors as tensors
from pygpt.checkpoints.beside import (
    CHAT_TEMPLATE_FILE,
    CONFIG_FILE,
    GENERATION_FILE,
    TOKENIZER_CONFIG_FILE,
    TOKENIZER_FILE,
)
from pygpt.checkpoints.weights import WEIGHTS_FILE
from pygpt.errors import CheckpointError, ConfigError
from pygpt.files.atomic import folder_beside, free_or_ours, replace_folder, write_synced
from pygpt.model.config import GPTConfig
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.protocol import NO_SPECIAL_IDS, SpecialIds, Tokenizer, with_roles

MODEL_TYPE = "pygpt"
FORMATS = ("pygpt", "huggingface")
# Names in a folder that we wrote.
_ALWAYS_OURS = (CONFIG_FILE, WEIGHTS_FILE, GENERATION_FILE, CHAT_TEMPLATE_FILE)
_HUGGING_FACE_METADATA = {"format": "pt", "writer": "pygpt"}  # transformers wants the first



def check_writable(folder: Path) -> None:
    """Raise an OutputError if `save` cannot write this folder; leave nothing behind."""
    with folder_beside(_target(folder, ())):
        pass


def save(
    folder: Path,
    config: GPTConfig,
    weights: Mapping[str, NDArray[Any]],
    *,
    tokenizer: Tokenizer | None = None,
    special_ids: SpecialIds = NO_SPECIAL_IDS,
    chat_template: str | None = None,
    format: str | None = None,
) -> None:
    """Write a model folder; one that pygpt wrote before is replaced.

    Args:
        weights: name -> array; written as float32, one after another.
        special_ids: in Hugging Face's form, those that are not there are the tokenizer's.
        format: one of `FORMATS`; None for Hugging Face's if it has the architecture, else ours.
    Raises:
        ConfigError: an unknown format, or Hugging Face has no such architecture.
        OutputError: the folder exists and pygpt did not write it, or has a tokenizer.json that
            would not be replaced; or it cannot be written.
    """
    family = _family(config, format)
    own_characters = family is None and isinstance(tokenizer, CharTokenizer)
    in_file = tokenizer is not None and not own_characters
    if family is not None:
        files = _hugging_face_files(family, config, weights, tokenizer, special_ids)
    else:
        files = _own_files(config, weights, tokenizer, special_ids)
    if chat_template is not None:
        files[CHAT_TEMPLATE_FILE] = [chat_template.encode()]
    target = _target(folder, [*files, TOKENIZER_FILE] if in_file else list(files))
    with folder_beside(target) as staged:
        for name, parts in files.items():
            write_synced(staged / name, parts)
        if tokenizer is not None and in_file:
            tokenizer.save(staged / TOKENIZER_FILE)
        replace_folder(target, staged)


def write_files(
    folder: Path,
    config: GPTConfig,
    weights: Mapping[str, NDArray[Any]],
    tokenizer: Tokenizer | None = None,
    special_ids: SpecialIds = NO_SPECIAL_IDS,
) -> None:
    """Write a model's two files, in our own format, into a folder; wait until the disk has them.

    The tokenizer is one of characters, or None.
    """
    for name, parts in _own_files(config, weights, tokenizer, special_ids).items():
        write_synced(folder / name, parts)


def _family(config: GPTConfig, format: str | None) -> str | None:
    """Return the family of Hugging Face's in whose form a model is written, None for our own."""
    if format not in (None, *FORMATS):
        raise ConfigError("format", f"expected one of {', '.join(FORMATS)}, got {format!r}")
    if format == "pygpt":
        return None
    try:
        return huggingface.family_for(config)
    except ConfigError:
        if format == "huggingface":
            raise
        return None


def _own_files(
    config: GPTConfig,
    weights: Mapping[str, NDArray[Any]],
    tokenizer: Tokenizer | None,
    special_ids: SpecialIds = NO_SPECIAL_IDS,
) -> dict[str, Iterable[bytes]]:
    values: dict[str, Any] = {"model_type": MODEL_TYPE, **config.to_dict()}
    if isinstance(tokenizer, CharTokenizer):
        values["characters"] = tokenizer.characters
    if special_ids != NO_SPECIAL_IDS:
        values["special_ids"] = asdict(special_ids)
    return {WEIGHTS_FILE: tensors.encode(weights, {"format": "np"}), CONFIG_FILE: _json(values)}


def _hugging_face_files(
    family: str,
    config: GPTConfig,
    weights: Mapping[str, NDArray[Any]],
    tokenizer: Tokenizer | None,
    special_ids: SpecialIds,
) -> dict[str, Iterable[bytes]]:
    places = layouts.layout(config, family)
    arrays = {name: place.part(weights) for name, place in places.items()}
    ids = with_roles(special_ids, tokenizer)
    files: dict[str, Iterable[bytes]] = {
        WEIGHTS_FILE: tensors.encode(arrays, _HUGGING_FACE_METADATA),
        CONFIG_FILE: _json(huggingface.config_as_json(config, family, ids)),
        GENERATION_FILE: _json(huggingface.special_ids_as_json(ids)),
    }
    if tokenizer is not None:  # whose class AutoTokenizer looks for
        values: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
        values["model_max_length"] = config.block_size
        names = {i: text for text, i in tokenizer.specials.items()}
        for role, found in (("bos", ids.bos), ("eos", next(iter(ids.eos), None)), ("pad", ids.pad)):
            if found in names:
                values[f"{role}_token"] = names[found]
        files[TOKENIZER_CONFIG_FILE] = _json(values)
    return files


def _json(values: Mapping[str, Any]) -> list[bytes]:
    return [(json.dumps(values, indent=2) + "\n").encode()]


def _target(folder: Path, names: Iterable[str]) -> Path:
    """Return the real path to write, once free, or ours with no other files than these."""
    return free_or_ours(folder, "model", lambda target: _is_ours(target, {*_ALWAYS_OURS, *names}))


def _is_ours(folder: Path, names: set[str]) -> bool:
    present = {entry.name for entry in os.scandir(folder) if entry.is_file()}
    if not {CONFIG_FILE, WEIGHTS_FILE} <= present <= names or present != {*os.listdir(folder)}:
        return False
    try:
        config = json.loads((folder / CONFIG_FILE).read_bytes())
        if isinstance(config, dict) and config.get("model_type") == MODEL_TYPE:
            return True
        with tensors.opened(folder / WEIGHTS_FILE) as (_, metadata):
            return metadata == _HUGGING_FACE_METADATA
    except (ValueError, RecursionError, CheckpointError):
        return False
