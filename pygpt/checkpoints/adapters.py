"""Adapters as PEFT has them: adapter_config.json and adapter_model.safetensors.

A layer is called there as `transformers` calls it, and what one product makes here (queries, keys,
values; gates) may be several there: each is a part of the columns of our weight. What our engine
cannot do is refused by its key. https://github.com/huggingface/peft is the reference, at 0.21.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pygpt.checkpoints import huggingface, layouts
from pygpt.checkpoints import safetensors as tensors
from pygpt.checkpoints.beside import GENERATION_FILE
from pygpt.checkpoints.families import FAMILIES
from pygpt.checkpoints.safetensors import READ_DTYPES, Place
from pygpt.errors import CheckpointError, ConfigError
from pygpt.fields import from_dict
from pygpt.files.atomic import folder_beside, free_or_ours, replace_folder, write_synced
from pygpt.model.config import GPTConfig
from pygpt.model.lora import LoraConfig
from pygpt.tokenizers.protocol import SpecialIds

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_METADATA = {"format": "pt", "writer": "pygpt"}
_OURS = ("r", "lora_alpha", "lora_dropout", "target_modules", "use_rslora")
_HARMLESS = frozenset(  # of training, of files, and what the engine need not be told
    "task_type base_model_name_or_path revision inference_mode auto_mapping fan_in_fan_out "
    "init_lora_weights peft_version megatron_core runtime_config qalora_group_size".split()
)
_ONLY = {"peft_type": "LORA", "bias": "none", "lora_bias": False}


class Part(NamedTuple):
    """What an adapter has beside some columns of a weight.

    Attributes:
        name: ours: of the weight and, where it is not all of it, of the part.
        module: transformers', with all that stands before it.
        weight: the one beside which it lies, (in, out).
        first: of its columns.
        columns: how many.
        order: which of these columns each of the module's is; None for the same order.
    """

    name: str
    module: str
    weight: str
    first: int
    columns: int
    order: NDArray[np.int64] | None


# ---- which layers ----------------------------------------------------------------------------


def parts_of(config: GPTConfig) -> list[Part]:
    """Return all layers of a model that can have an adapter, in the order of its data.

    They have the names of the family that the model is saved as, or else our own.
    """
    shapes = config.weight_shapes()
    try:
        places = layouts.layout(config, huggingface.family_for(config))
    except ConfigError:
        places = {name: Place(name) for name in shapes}
    parts = []
    for theirs, place in places.items():
        linear = re.fullmatch(r"(h\.\d+\.(?:attn|mlp)\.c_\w+)\.weight", place.name)
        if linear is not None:
            module = theirs.removesuffix(".weight")
            parts.append(_part(linear[1], module, place, shapes[place.name][1]))
    return parts


def _part(name: str, module: str, place: Place, width: int) -> Part:
    if isinstance(place.columns, EllipsisType):
        return Part(name, module, place.name, 0, width, None)
    columns = np.arange(width)[place.columns]
    first, count = int(columns.min()), len(columns)
    order = columns - first
    if not np.array_equal(np.sort(order), np.arange(count)):
        raise ConfigError("lora", f"expected columns of {module} that lie together here")
    if count < width:
        name = f"{name}.{module.rpartition('.')[2]}"
    in_order = np.array_equal(order, np.arange(count))
    return Part(name, module, place.name, first, count, None if in_order else order)


def chosen_parts(config: GPTConfig, targets: Sequence[str]) -> list[Part]:
    """Return the layers that `target_modules` stands for.

    Raises:
        ConfigError: there is no such layer.
    """
    parts = parts_of(config)
    if list(targets) == ["all-linear"]:
        return parts
    if not targets:
        targets = _queries_and_values(parts)
    for target in targets:
        if not any(_ends(part.module, target) for part in parts):
            known = ", ".join(dict.fromkeys(part.module.rpartition(".")[2] for part in parts))
            problem = f"expected all-linear, or some of {known}, got {target!r}"
            raise ConfigError("target_modules", problem)
    return [part for part in parts if any(_ends(part.module, target) for target in targets)]


def _queries_and_values(parts: Sequence[Part]) -> list[str]:
    attention = [part.module for part in parts if part.weight == "h.0.attn.c_attn.weight"]
    return sorted({attention[0].rpartition(".")[2], attention[-1].rpartition(".")[2]})


def _ends(module: str, target: str) -> bool:
    return module == target or module.endswith(f".{target}")


# ---- files -----------------------------------------------------------------------------------


def names_base(folder: Path) -> bool:
    """Whether a folder has an adapter that says what it lies beside."""
    try:
        return bool(_read_values(folder).get("base_model_name_or_path"))
    except CheckpointError:
        return False


def base_of(folder: Path) -> str:
    """Return what the folder of an adapter says that it lies beside: a folder, or a name.

    Raises:
        CheckpointError: its configuration is damaged.
    """
    base = _read_values(folder).get("base_model_name_or_path")
    if not isinstance(base, str):
        problem = f"base_model_name_or_path: expected text, got {base!r}"
        raise CheckpointError(f"adapter {folder}: {CONFIG_FILE}: {problem}")
    beside = folder / base
    return os.fspath(beside) if not os.path.isabs(base) and beside.is_dir() else base


def _read_values(folder: Path) -> dict[str, Any]:
    try:
        values = json.loads((folder / CONFIG_FILE).read_bytes())
    except FileNotFoundError as error:
        raise CheckpointError(f"adapter {folder}: {CONFIG_FILE} is missing") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"adapter {folder}: {CONFIG_FILE} is damaged: {error}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"adapter {folder}: {CONFIG_FILE}: expected an object")
    return values


def read_config(folder: Path) -> LoraConfig:
    """Return what an adapter is.

    Raises:
        CheckpointError: it is missing, damaged, or has what the engine lacks.
    """
    where, values = f"adapter {folder}: {CONFIG_FILE}", _read_values(folder)
    for key, allowed in _ONLY.items():
        value = values.get(key, allowed)
        if value != allowed:
            problem = f"expected {allowed!r}, as the engine has, got {value!r}"
            raise CheckpointError(f"{where}: {key}: {problem}")
    for key, value in values.items():
        if key not in (*_OURS, *_ONLY, *_HARMLESS) and value not in (None, False, {}, []):
            problem = f"expected none, which the engine has, got {value!r}"
            raise CheckpointError(f"{where}: {key}: {problem}")
    fields = {key: values[key] for key in _OURS if values.get(key) is not None}
    if isinstance(fields.get("target_modules"), list):
        fields["target_modules"] = sorted(fields["target_modules"])
    try:
        return from_dict(LoraConfig, fields)
    except ConfigError as error:
        raise CheckpointError(f"{where}: {error}") from error


@contextmanager
def opened(folder: Path, config: GPTConfig) -> Iterator[Reading]:
    """Give an adapter of a model of this configuration; its file is open within the block.

    Raises:
        CheckpointError: it is missing, damaged, or of another model.
    """
    lora = read_config(folder)
    where = f"adapter {folder}: {WEIGHTS_FILE}"
    try:
        with tensors.opened(folder / WEIGHTS_FILE) as (stored, _):
            named = {name.removeprefix(_PREFIX): tensor for name, tensor in stored.items()}
            shapes = config.weight_shapes()
            parts, expected = [], {}
            for part in parts_of(config):
                if any(f"{part.module}.lora_{m}.weight" in named for m in "AB"):
                    parts.append(part)
                    expected[f"{part.module}.lora_A.weight"] = (lora.r, shapes[part.weight][0])
                    expected[f"{part.module}.lora_B.weight"] = (part.columns, lora.r)
            for name in sorted(named.keys() ^ expected.keys()):
                state = "is missing" if name in expected else "is not of this model"
                raise CheckpointError(f"{where}: tensor {_PREFIX}{name} {state}")
            if not parts:
                raise CheckpointError(f"{where}: expected tensors, got none")
            for name, shape in expected.items():
                tensor = named[name]
                if tensor.shape != shape or tensor.dtype not in READ_DTYPES:
                    got = f"{tensor.dtype} {tensor.shape}"
                    problem = f"expected numbers of shape {shape}, got {got}"
                    raise CheckpointError(f"{where}: {_PREFIX}{name}: {problem}")
            yield Reading(lora, parts, named)
    except FileNotFoundError as error:
        raise CheckpointError(f"{where} is missing") from error
    except OSError as error:
        raise CheckpointError(f"{where} cannot be read: {error}") from error


class Reading(NamedTuple):
    """An adapter's open file, checked, but for its numbers."""

    config: LoraConfig
    parts: list[Part]
    stored: Mapping[str, tensors.StoredTensor]

    def copy_to(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Set every matrix of a model's adapter that has these parts."""
        for part in self.parts:
            for matrix in "AB":
                name = f"lora_{matrix}.weight"
                target = arrays[f"{part.name}.{name}"]
                found = np.empty(target.shape, target.dtype)
                self.stored[f"{part.module}.{name}"].copy_to(found)
                if matrix == "B" and part.order is not None:
                    target[part.order] = found
                else:
                    target[:] = found


def files_of(
    lora: LoraConfig,
    parts: Sequence[Part],
    arrays: Mapping[str, NDArray[Any]],
    base: str | None,
    is_conv: bool,
) -> dict[str, Iterable[bytes]]:
    """Return name -> bytes of an adapter's two files.

    Args:
        base: what it lies beside: a folder, or a name on the hub.
        is_conv: whether transformers has the matrices as (in, out).
    """
    matrices = {}
    for part in parts:
        a, b = (arrays[f"{part.name}.lora_{matrix}.weight"] for matrix in "AB")
        matrices[f"{_PREFIX}{part.module}.lora_A.weight"] = a
        ordered = b if part.order is None else b[part.order]
        matrices[f"{_PREFIX}{part.module}.lora_B.weight"] = ordered
    targets = lora.target_modules
    if not targets or list(targets) == ["all-linear"]:
        targets = tuple(sorted({part.module.rpartition(".")[2] for part in parts}))
    values = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": lora.r,
        "lora_alpha": lora.lora_alpha,
        "lora_dropout": lora.lora_dropout,
        "target_modules": list(targets),
        "use_rslora": lora.use_rslora,
        "fan_in_fan_out": is_conv,
        "bias": "none",
        "inference_mode": True,
    }
    text = (json.dumps(values, indent=2) + "\n").encode()
    return {WEIGHTS_FILE: tensors.encode(matrices, _METADATA), CONFIG_FILE: [text]}


def is_conv(config: GPTConfig) -> bool:
    """Whether transformers has a model's matrices as (in, out), as GPT-2's."""
    try:
        return FAMILIES[huggingface.family_for(config)].is_conv
    except ConfigError:
        return True


def special_ids_file(ids: SpecialIds) -> dict[str, Iterable[bytes]]:
    """Return the file that says how a text ends, where an adapter learned that."""
    values = huggingface.special_ids_as_json(ids)
    return {GENERATION_FILE: [(json.dumps(values, indent=2) + "\n").encode()]}


def save(folder: Path, files: Mapping[str, Iterable[bytes]]) -> None:
    """Write an adapter's folder; one that pygpt wrote before is replaced.

    Raises:
        OutputError: the folder exists and pygpt did not write it, or it cannot be written.
    """
    target = free_or_ours(folder, "adapter", _is_ours)
    with folder_beside(target) as staged:
        for name, parts in files.items():
            write_synced(staged / name, parts)
        replace_folder(target, staged)


def _is_ours(folder: Path) -> bool:
    if {*os.listdir(folder)} != {CONFIG_FILE, WEIGHTS_FILE}:
        return False
    try:
        with tensors.opened(folder / WEIGHTS_FILE) as (_, metadata):
            return metadata == _METADATA
    except CheckpointError:
        return False
