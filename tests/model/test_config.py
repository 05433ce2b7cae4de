"""Configurations: every field's type and rule, conversion, and the same fields as Java's."""

from __future__ import annotations

import math
import re
from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest

import jbridge
from pygpt import ConfigError, GenerateConfig, GPTConfig, NamesConfig, TrainConfig
from pygpt.fields import Checked, from_dict, specs_of
from pygpt.generate.config import GenerateOptions
from pygpt.model.config import BACKENDS
from pygpt.model.presets import PRESETS
from pygpt.training.config import AdamWConfig, AdamWOptions, DataConfig

SIZES = {"block_size": 7, "vocab_size": 11, "n_layer": 2, "n_head": 3, "n_embd": 6}


def test_round_trip() -> None:
    config = GPTConfig(**SIZES)
    assert config.to_dict() | SIZES == config.to_dict()
    assert (config.n_kv_head, config.n_inner) == (3, 24)  # what 0 stands for
    assert from_dict(GPTConfig, config.to_dict()) == config
    with pytest.raises(FrozenInstanceError):
        config.n_embd = 12  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_embd": 7}, "n_embd: expected a multiple of n_head = 3, got 7"),
        ({"n_layer": 0}, "n_layer: expected at least 1, got 0"),
        ({"vocab_size": -4}, "vocab_size: expected at least 1, got -4"),
        ({"block_size": 2**31}, "block_size: expected at most 2147483647, got 2147483648"),
        ({"n_head": 3.0}, "n_head: expected a whole number, got 3.0"),
        ({"n_head": True}, "n_head: expected a whole number, got True"),
        ({"n_head": "3"}, "n_head: expected a whole number, got '3'"),
        ({"n_heads": 3}, "n_heads: expected one of block_size, vocab_size, "),
        ({"n_kv_head": 2}, "n_kv_head: expected a divisor of n_head = 3, got 2"),
        ({"dropout": 1.0}, "dropout: expected less than 1, got 1.0"),
        ({"norm": "batchnorm"}, "norm: expected one of layernorm, rmsnorm, got 'batchnorm'"),
        ({"bias": 1}, "bias: expected true or false, got 1"),
        ({"positions": "rotary", "n_embd": 9}, "n_embd: expected an even head size "),
    ],
)
def test_bad_sizes(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_dict(GPTConfig, SIZES | change)
    assert str(caught.value).startswith(message)


def test_number_of_parameters() -> None:
    config = GPTConfig(**SIZES)
    assert config.num_parameters == sum(math.prod(s) for s in config.weight_shapes().values())
    assert GPTConfig(**SIZES | {"n_layer": 2**31 - 1}).num_parameters > 2**39
    known = {"microgpt": 4192, "gpt2": 124_439_808, "gpt2-medium": 354_823_168}
    known |= {"gpt2-large": 774_030_080, "gpt2-xl": 1_557_611_200}
    assert {name: GPTConfig.preset(name).num_parameters for name in known} == known


def test_presets() -> None:
    assert set(PRESETS) >= {"microgpt", "makemore", "shakespeare-char", "gpt2", "gpt2-xl"}
    assert GPTConfig.preset("gpt2") == GPTConfig()
    with pytest.raises(ConfigError, match="^preset: expected one of microgpt, .*, got 'gpt3'$"):
        GPTConfig.preset("gpt3")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0}, "temperature: expected more than 0, got 0.0"),
        ({"temperature": float("nan")}, "temperature: expected a finite number, got nan"),
        ({"learning_rate": float("inf")}, "learning_rate: expected a finite number, got inf"),
        ({"learning_rate": 10**400}, "learning_rate: expected a finite number, got inf"),
        ({"backend": "gpu"}, "backend: expected one of cpu, nd4j, plain, cuda, got 'gpu'"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"samples": -1}, "samples: expected at least 0, got -1"),
        ({"n_embd": 18}, "n_embd: expected a multiple of n_head = 4, got 18"),
    ],
)
def test_bad_options(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        NamesConfig(**change)
    assert str(caught.value) == message


def test_whole_numbers_are_numbers() -> None:
    config = NamesConfig(temperature=1, samples=0, seed=-(2**70))
    assert (config.temperature, type(config.temperature)) == (1.0, float)


CONFIGS = (GPTConfig, TrainConfig, AdamWConfig, GenerateConfig, NamesConfig, DataConfig)


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_field_has_help(kind: type[Checked]) -> None:
    assert all(spec.rule.help for spec in specs_of(kind).values())


def test_options_are_the_fields() -> None:
    assert [*AdamWOptions.__annotations__] == [*specs_of(AdamWConfig)]
    assert ["max_new_tokens", *GenerateOptions.__annotations__] == [*specs_of(GenerateConfig)]


def test_numbers_of_numpy() -> None:
    config = GPTConfig(block_size=np.int64(7), dropout=np.float32(0.5))  # type: ignore[arg-type]
    assert [type(value) for value in (config.block_size, config.dropout)] == [int, float]
    assert GenerateConfig(stop="a", stop_tokens=np.array([3])).stop == ("a",)  # type: ignore[arg-type]


def test_java_has_the_same_fields() -> None:
    java = []
    for name in ("GPTConfig", "Variant"):  # the second is the first's last component
        record = jbridge.java_class(f"org.pygpt.model.{name}").class_
        components = [str(part.getName()) for part in record.getRecordComponents()]
        java += [re.sub("([A-Z])", r"_\1", component).lower() for component in components]
    java.remove("variant")
    assert java == [field.name for field in fields(GPTConfig)]


def test_java_has_the_same_backends() -> None:
    values = jbridge.java_class("org.pygpt.backends.Backend").values()
    assert tuple(str(value.toString()) for value in values) == BACKENDS
