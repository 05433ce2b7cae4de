"""Recipes: an architecture, the options that train it and its data, by name or from a file.

    preset = "shakespeare-char"     # what the file does not say is the preset's, if it names one
    [model]                         # fields of GPTConfig; vocab_size is by default the tokenizer's
    n_layer = 6
    [train]                         # fields of TrainConfig
    max_iters = 5000
    [data]
    source = "poems.txt"            # what `prepare` reads, or a folder that it wrote; in the
    tokenizer = "char"              # working directory, or else beside the file
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pygpt.errors import ConfigError, DataError
from pygpt.fields import Checked, check_some, from_dict, specs_of
from pygpt.files.text import text_blocks
from pygpt.model.config import GPTConfig
from pygpt.model.presets import PRESETS, TABLES, tables_of
from pygpt.training.config import DataConfig, TrainConfig

FINE_TUNING: dict[str, Any] = {
    "learning_rate": 1e-4, "min_lr": 1e-5, "max_iters": 500, "warmup_iters": 20,
    "eval_interval": 50, "checkpoint_interval": 50,
}  # fmt: skip
"""What `pygpt finetune` has instead of TrainConfig's defaults: small steps, and few of them."""


@dataclass(frozen=True)
class Recipe:
    """Immutable: where a run begins; flags and the data's tokenizer decide the rest.

    Attributes:
        name: of the preset, or of the file without its ending.
        base: the tables of the preset, `model`, `train` and `data`; without a preset empty ones.
        model, train, data: fields of GPTConfig, TrainConfig and DataConfig that a file gives.
    """

    name: str
    base: Mapping[str, Mapping[str, Any]]
    model: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


def _base(preset: str | None) -> dict[str, dict[str, Any]]:
    """Return the tables of a preset, without the vocabulary, which is the tokenizer's."""
    if preset is None:
        return {table: {} for table in TABLES}
    tables = dict(tables_of(preset))
    sizes = tables["model"].items()
    return tables | {"model": {name: size for name, size in sizes if name != "vocab_size"}}


def find_recipe(where: str) -> Recipe:
    """Return the recipe of this name, or of this TOML file (a file with such a name is `./gpt2`).

    Raises:
        DataError: neither; or the file cannot be read, is no TOML, or has an unknown key or a
            value of the wrong type, which the message names.
    """
    if where in PRESETS:
        return Recipe(where, _base(where))
    if not os.path.isfile(where):
        known = ", ".join(PRESETS)
        found = "there is none"
        if os.path.isdir(where):
            found = "got a folder; a run is gone on with by PRESET --out RUN --resume"
        near = get_close_matches(where.lower().replace("_", "-"), PRESETS, 1, 0.8)
        found += f"; did you mean {near[0]}?" if near else ""
        raise DataError(f"recipe {where}: expected one of {known}, or a TOML file; {found}")
    return _read(Path(where))


def _read(path: Path) -> Recipe:
    import tomllib

    what = f"recipe {path}"
    try:
        values = tomllib.loads("".join(text_blocks(path)))
    except DataError as error:
        raise DataError(str(error).replace("data file", "recipe", 1)) from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{what}: expected TOML, got an error: {error}{_python(path)}") from error
    kinds: tuple[type[Checked], ...] = (GPTConfig, TrainConfig, DataConfig)
    tables = dict(zip(TABLES, kinds, strict=True))
    for key, value in values.items():
        if key not in ("preset", *tables):
            expected = ", ".join(("preset", *(f"[{table}]" for table in tables)))
            homes = [table for table, kind in tables.items() if key in specs_of(kind)]
            where = f"; {key} goes into [{homes[0]}]" if homes else ""
            raise DataError(f"{what}: {key}: expected one of {expected}{where}{_python(path)}")
        if key == "preset":
            if value not in PRESETS:
                expected = ", ".join(PRESETS)
                raise DataError(f"{what}: preset: expected one of {expected}, got {value!r}")
            continue
        if not isinstance(value, dict):
            raise DataError(f"{what}: {key}: expected a table, [{key}], got {value!r}")
        try:
            check_some(tables[key], value)
        except ConfigError as error:
            raise DataError(f"{what}: [{key}] {error}") from error
    model, train, data = (dict(values.get(table, {})) for table in tables)
    for name in ("source", "tokenizer"):
        beside = path.parent / data.get(name, "")
        if data.get(name) and not os.path.lexists(data[name]) and beside.exists():
            data[name] = os.fspath(beside)
    return Recipe(path.stem, _base(values.get("preset")), model, train, data)


def _python(path: Path) -> str:
    """Return what to do where a recipe is one of nanoGPT's configurations."""
    if path.suffix != ".py":
        return ""
    return (
        "; a configuration of nanoGPT is Python: give its names as flags, such as "
        "--batch-size 64, or write them into the tables of a TOML file"
    )


ALWAYS_SHOWN = ("vocab_size", "max_iters", "source", "tokenizer")


def as_toml(
    model: GPTConfig, train: TrainConfig, data: DataConfig, brief: bool = False
) -> str:
    """Return a recipe as a file that `find_recipe` reads.

    Args:
        brief: leave out what the other fields and the defaults decide.
    """
    lines: list[str] = []
    for table, config in zip(TABLES, (model, train, data), strict=True):
        lines.append(f"[{table}]")
        for name, value in (_needed(config) if brief else config.to_dict()).items():
            if config is data and name not in ALWAYS_SHOWN and value in ("", None):
                continue
            quoted = isinstance(value, str | bool | list)
            text = json.dumps(value, ensure_ascii=False) if quoted else value
            lines.append(f"{name} = {text}")
        if not brief:
            lines.append("")
    return "".join(f"{line}\n" for line in lines)


def _needed(config: Checked) -> dict[str, Any]:
    """Return the fields that make this configuration, those always shown among them."""
    whole = config.to_dict()
    needed = dict(whole)
    for name in whole:
        if name in ALWAYS_SHOWN:
            continue
        less = {other: value for other, value in needed.items() if other != name}
        with suppress(ConfigError):
            if from_dict(type(config), less).to_dict() == whole:
                needed = less
    return needed
