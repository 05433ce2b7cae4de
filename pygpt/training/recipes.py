"""Recipes: an architecture, the options that train it and its data, by name or from a file.

    preset = "shakespeare-char"     # what the file does not say is the preset's, if it names one
    [model]                         # fields of GPTConfig; vocab_size is by default the tokenizer's
    n_layer = 6
    [train]                         # fields of TrainConfig
    max_iters = 5000
    [data]
    source = "poems.txt"            # what `prepare` reads, or a folder that it wrote
    tokenizer = "char"
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pygpt.errors import ConfigError, DataError
from pygpt.fields import Checked, check_some
from pygpt.model.config import PRESETS, GPTConfig
from pygpt.training.config import DataConfig, TrainConfig

_GPT2_TRAINING = {
    "batch_size": 12,
    "gradient_accumulation_steps": 40,
    "max_iters": 600_000,
    "warmup_iters": 2000,
    "beta2": 0.95,
    "eval_interval": 1000,
    "eval_iters": 200,
    "checkpoint_interval": 1000,
}
_NAMES = {"source": "names", "tokenizer": "char"}
_SHAKESPEARE = {"source": "shakespeare", "tokenizer": "char"}
_TEXT_FOR_GPT2 = {"tokenizer": "gpt2"}


def _gpt2(learning_rate: float) -> tuple[dict[str, Any], dict[str, Any]]:
    rates = {"learning_rate": learning_rate, "min_lr": learning_rate / 10}
    return _GPT2_TRAINING | rates, _TEXT_FOR_GPT2


# Of each architecture of `PRESETS`: what differs from TrainConfig's defaults, and the data.
_TRAINING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # https://gist.github.com/karpathy/8627fe009c40f57531cb18360106ce95, but for its random stream
    "microgpt": (
        {
            "learning_rate": 0.01, "min_lr": 0.0, "schedule": "linear", "warmup_iters": 0,
            "batch_size": 1, "max_iters": 1000, "weight_decay": 0.0, "beta1": 0.85, "beta2": 0.99,
            "grad_clip": 0.0, "batches": "packed",
        },
        _NAMES,
    ),
    # https://github.com/karpathy/makemore, which has no last step of its own
    "makemore": (
        {
            "learning_rate": 5e-4, "schedule": "constant", "warmup_iters": 0, "batch_size": 32,
            "max_iters": 10_000, "weight_decay": 0.01, "grad_clip": 0.0, "eval_interval": 500,
            "checkpoint_interval": 500, "batches": "packed",
        },
        _NAMES,
    ),
    # TrainConfig's defaults are this one's
    "shakespeare-char": ({}, _SHAKESPEARE),
    # https://github.com/karpathy/nanoGPT; rates: table 2.1 of https://arxiv.org/abs/2005.14165
    "gpt2": _gpt2(6e-4),
    "gpt2-medium": _gpt2(3e-4),
    "gpt2-large": _gpt2(2.5e-4),
    "gpt2-xl": _gpt2(2e-4),
}  # fmt: skip

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
        preset: name of the preset that the rest comes from, or None.
        model, train, data: fields of GPTConfig, TrainConfig and DataConfig that a file gives.
    """

    name: str
    preset: str | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    def base_model(self) -> dict[str, Any]:
        """Return the preset's fields of GPTConfig, but for those that follow from others."""
        if self.preset is None:
            return {}
        values = PRESETS[self.preset].to_dict()
        del values["vocab_size"]
        for derived in ("n_kv_head", "n_inner"):  # which every preset leaves to GPTConfig
            del values[derived]
        return values

    def base_train(self) -> dict[str, Any]:
        """Return the fields of TrainConfig in which the preset differs from its defaults."""
        return {} if self.preset is None else dict(_TRAINING[self.preset][0])

    def base_data(self) -> dict[str, Any]:
        """Return the preset's fields of DataConfig."""
        return {} if self.preset is None else dict(_TRAINING[self.preset][1])


def find_recipe(where: str) -> Recipe:
    """Return the recipe of this name, or of this TOML file (a file with such a name is `./gpt2`).

    Raises:
        DataError: neither; or the file cannot be read, is no TOML, or has an unknown key or a
            value of the wrong type, which the message names.
    """
    if where in PRESETS:
        return Recipe(where, where)
    if not os.path.isfile(where):
        known = ", ".join(PRESETS)
        raise DataError(f"recipe {where}: expected one of {known}, or a TOML file; there is none")
    return _read(Path(where))


def _read(path: Path) -> Recipe:
    import tomllib

    what = f"recipe {path}"
    try:
        values = tomllib.loads(path.read_bytes().decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{what}: expected TOML, got an error: {error}") from error
    except OSError as error:
        raise DataError(f"{what}: cannot be read: {error.strerror}") from error
    tables: dict[str, type[Checked]] = {
        "model": GPTConfig, "train": TrainConfig, "data": DataConfig,
    }  # fmt: skip
    for key, value in values.items():
        if key not in ("preset", *tables):
            expected = ", ".join(("preset", *(f"[{table}]" for table in tables)))
            raise DataError(f"{what}: {key}: expected one of {expected}")
        if key == "preset":
            if value not in tuple(PRESETS):
                expected = ", ".join(PRESETS)
                raise DataError(f"{what}: preset: expected one of {expected}, got {value!r}")
            continue
        if not isinstance(value, dict):
            raise DataError(f"{what}: {key}: expected a table, [{key}], got {value!r}")
        try:
            check_some(tables[key], value)
        except ConfigError as error:
            raise DataError(f"{what}: [{key}] {error}") from error
    given = (values.get(table, {}) for table in tables)
    return Recipe(path.stem, values.get("preset"), *given)


def as_toml(model: GPTConfig, train: TrainConfig, data: DataConfig) -> str:
    """Return a recipe as a file that `find_recipe` reads."""
    lines: list[str] = []
    for table, config in (("model", model), ("train", train), ("data", data)):
        lines.append(f"[{table}]")
        for name, value in config.to_dict().items():
            text = json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else value
            lines.append(f"{name} = {text}")
        lines.append("")
    return "".join(f"{line}\n" for line in lines)
