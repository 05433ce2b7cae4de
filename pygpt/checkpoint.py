"""Models as folders of two files: model.safetensors and config.json.

config.json has `"model_type": "pygpt"`, the fields of `GPTConfig`, and `"characters"`, the
tokenizer's, where the model has one; if the vocabulary is one larger than they are, it has BOS.
The weights are float32, under GPT-2's names. A folder is written beside its place and then
renamed, so that it is there as a whole or not at all. Where a training run left SHA256SUMS beside
the two files, they must be those that it wrote.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt import checksums
from pygpt.config import GPTConfig, from_dict
from pygpt.errors import CheckpointError, ConfigError, OutputError, TokenError
from pygpt.output import folder_beside, replace_folder, write_synced
from pygpt.tokenizers.char import CharTokenizer

MODEL_TYPE = "pygpt"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"


@dataclass(frozen=True)
class Saved:
    """What a model folder holds; `characters` is None where the model has no tokenizer."""

    config: GPTConfig
    characters: str | None
    weights: dict[str, NDArray[np.float32]]


# ---- writing ---------------------------------------------------------------------------------


def check_writable(folder: Path) -> None:
    """Check that `save` can write this folder; nothing is left behind.

    Raises:
        OutputError: it exists and pygpt did not write it, or its parent does not take new folders.
    """
    target = _target(folder)
    with folder_beside(target):
        pass


def save(
    folder: Path, config: GPTConfig, characters: str | None, weights: Mapping[str, NDArray[Any]]
) -> None:
    """Write a model folder; one that pygpt wrote before is replaced.

    Args:
        weights: name -> array; written as float32.
    Raises:
        OutputError: it exists and pygpt did not write it, or it cannot be written.
    """
    target = _target(folder)
    with folder_beside(target) as staged:
        write_files(staged, config, characters, weights)
        replace_folder(target, staged)


def write_files(
    folder: Path, config: GPTConfig, characters: str | None, weights: Mapping[str, NDArray[Any]]
) -> None:
    """Write the two files into a folder, and wait until the disk has them.

    Raises:
        OSError: they cannot be written.
    """
    from safetensors.numpy import save as to_bytes

    text: dict[str, Any] = {"model_type": MODEL_TYPE, **config.to_dict()}
    if characters is not None:
        text["characters"] = characters
    arrays = {name: np.ascontiguousarray(w, dtype="<f4") for name, w in weights.items()}
    write_synced(folder / WEIGHTS_FILE, to_bytes(arrays, metadata={"format": "np"}))
    write_synced(folder / CONFIG_FILE, (json.dumps(text, indent=2) + "\n").encode())


def _target(folder: Path) -> Path:
    """Return the real path to write, once it is known to be free or ours."""
    target = Path(os.path.realpath(folder))
    if os.path.lexists(target) and not _is_ours(target):
        raise OutputError(
            f"output folder {folder}: exists and is no model that pygpt wrote; "
            "choose another name, or remove it"
        )
    return target


def _is_ours(folder: Path) -> bool:
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
        if names != [CONFIG_FILE, WEIGHTS_FILE] or len(os.listdir(folder)) != len(names):
            return False
        config = json.loads((folder / CONFIG_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and config.get("model_type") == MODEL_TYPE


# ---- reading ---------------------------------------------------------------------------------


def load(folder: Path) -> Saved:
    """Read a model folder; not-a-number weights are let through.

    Raises:
        CheckpointError: it is missing, damaged or not pygpt's.
    """
    try:
        if not folder.is_dir():
            state = "is no folder" if folder.exists() else "does not exist"
            raise CheckpointError(f"model folder {folder}: {state}")
        if (folder / checksums.FILE_NAME).exists():
            checksums.verify_checksums(folder, (CONFIG_FILE, WEIGHTS_FILE))
        config, characters = _read_config(folder)
        return Saved(config, characters, _read_weights(folder, config))
    except OSError as error:
        raise CheckpointError(f"model folder {folder}: cannot be read: {error}") from error


def _read_config(folder: Path) -> tuple[GPTConfig, str | None]:
    where = f"model folder {folder}: {CONFIG_FILE}"
    try:
        values = json.loads((folder / CONFIG_FILE).read_bytes())
    except FileNotFoundError as error:
        raise CheckpointError(f"{where} is missing; was it made by pygpt?") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{where} is damaged: {error}") from error
    kind = values.pop("model_type", None) if isinstance(values, dict) else None
    if kind != MODEL_TYPE:
        raise CheckpointError(f'{where}: expected "model_type": "{MODEL_TYPE}", got {kind!r}')
    characters = values.pop("characters", None)
    try:
        config = from_dict(GPTConfig, values, complete=True)
        if characters is not None:
            if not isinstance(characters, str):
                raise TokenError(f"characters: expected text, got {characters!r}")
            expected = CharTokenizer(characters).vocab_size
            if config.vocab_size not in (expected, expected - 1):  # without BOS
                problem = f"expected {expected}, for its characters, got {config.vocab_size}"
                raise ConfigError("vocab_size", problem)
    except (ConfigError, TokenError) as error:
        raise CheckpointError(f"{where}: {error}") from error
    return config, characters


def _read_weights(folder: Path, config: GPTConfig) -> dict[str, NDArray[np.float32]]:
    from safetensors import SafetensorError, safe_open

    path = folder / WEIGHTS_FILE
    where = f"model folder {folder}: {WEIGHTS_FILE}"
    if not path.is_file():
        raise CheckpointError(f"{where} is missing")
    try:
        with safe_open(path, framework="numpy") as file:
            names = set(file.keys())
            if len(names) < config.num_tensors:  # before a list that n_layer makes endless
                raise CheckpointError(
                    f"{where}: expected {config.num_tensors} tensors, got {len(names)}"
                )
            shapes = config.weight_shapes()
            for wrong in sorted(names ^ shapes.keys()):
                state = "is missing" if wrong in shapes else "is not of this model"
                raise CheckpointError(f"{where}: tensor {wrong} {state}")
            for name, shape in shapes.items():
                found = file.get_slice(name)
                got = (found.get_dtype(), tuple(found.get_shape()))
                if got != ("F32", shape):
                    raise CheckpointError(f"{where}: {name}: expected F32 {shape}, got {got}")
            return {name: file.get_tensor(name) for name in shapes}
    except SafetensorError as error:
        raise CheckpointError(f"{where} is damaged: {error}") from error
