"""Sizes of a model and options of a run: frozen dataclasses that are checked when they are made.

The checks, the conversion from and to dictionaries, and the command line's flags all come from
the fields: their types, and the `Rule` that each has as metadata.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any, TypeVar

from pygpt.errors import ConfigError

INT_MAX = 2**31 - 1  # sizes are Java ints
BACKENDS = ("cpu", "nd4j", "plain")

_TYPES: dict[str, type] = {"bool": bool, "float": float, "int": int, "str": str}
_NOUNS = {"bool": "true or false", "float": "a number", "int": "a whole number", "str": "text"}


@dataclass(frozen=True)
class Rule:
    """What a field means and may be.

    Attributes:
        help: one phrase for `--help`.
        minimum: smallest value, or None.
        maximum: largest value, or None.
        above: the value must be greater than this, or None.
        choices: the values there are; empty for no limit.
    """

    help: str
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value of the right type, or None."""
        if isinstance(value, float) and not math.isfinite(value):
            return f"expected a finite number, got {value}"
        if self.choices and value not in self.choices:
            return f"expected one of {', '.join(self.choices)}, got {value!r}"
        if self.minimum is not None and value < self.minimum:
            return f"expected at least {self.minimum}, got {value}"
        if self.maximum is not None and value > self.maximum:
            return f"expected at most {self.maximum}, got {value}"
        if self.above is not None and not value > self.above:
            return f"expected more than {self.above}, got {value}"
        return None


def _option(default: Any, rule: Rule) -> Any:
    return field(default=default, metadata={"rule": rule})


def _size(help: str, default: Any = MISSING, minimum: int = 1) -> Any:
    rule = Rule(help, minimum=minimum, maximum=INT_MAX)
    return field(default=default, metadata={"rule": rule})


def rule_of(field: Field[Any]) -> Rule:
    """Return the rule of a configuration's field."""
    rule = field.metadata["rule"]
    assert isinstance(rule, Rule)
    return rule


def type_of(field: Field[Any]) -> type:
    """Return the type of a configuration's field: bool, float, int or str."""
    return _TYPES[str(field.type)]  # annotations are text in this module


class Checked:
    """Base of the configurations: checks each field's type and rule, converts to and from dicts."""

    def __post_init__(self) -> None:
        for spec in fields(self):  # type: ignore[arg-type]
            value = getattr(self, spec.name)
            kind = type_of(spec)
            if kind is float and type(value) is int:
                value = float(value) if abs(value) < 2**1023 else math.inf
                object.__setattr__(self, spec.name, value)
            if type(value) is not kind:
                noun = _NOUNS[kind.__name__]
                raise ConfigError(spec.name, f"expected {noun}, got {value!r}")
            problem = rule_of(spec).problem(value)
            if problem is not None:
                raise ConfigError(spec.name, problem)
        self._check_together()

    def _check_together(self) -> None:
        """Check what involves more than one field."""

    def to_dict(self) -> dict[str, Any]:
        """Return name -> value of every field, in order."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]


AnyConfig = TypeVar("AnyConfig", bound=Checked)


def from_dict(kind: type[AnyConfig], values: Mapping[str, Any]) -> AnyConfig:
    """Return the configuration of this kind with these values.

    Raises:
        ConfigError: a key that is no field, a field without default that is missing, or a value
            that cannot be.
    """
    specs = {spec.name: spec for spec in fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in specs:
            raise ConfigError(str(name), f"expected one of {', '.join(specs)}")
    for name, spec in specs.items():
        if spec.default is MISSING and name not in values:
            raise ConfigError(name, "expected a value, got none")
    return kind(**values)


def _check_heads(n_embd: int, n_head: int) -> None:
    if n_embd % n_head:
        raise ConfigError("n_embd", f"expected a multiple of n_head = {n_head}, got {n_embd}")


@dataclass(frozen=True)
class GPTConfig(Checked):
    """Immutable: the sizes of a model, in the order of Java's `org.pygpt.GPTConfig`."""

    block_size: int = _size("longest context, in tokens")
    vocab_size: int = _size("number of token ids")
    n_layer: int = _size("transformer blocks")
    n_head: int = _size("attention heads of each block; divides n_embd")
    n_embd: int = _size("width of the residual stream")

    def _check_together(self) -> None:
        _check_heads(self.n_embd, self.n_head)

    @property
    def num_parameters(self) -> int:
        """Number of weights, for sizes too large for a list of them as well."""
        C = self.n_embd
        return (2 * self.vocab_size + self.block_size) * C + self.n_layer * 12 * C * C

    def weight_shapes(self) -> dict[str, tuple[int, int]]:
        """Return name -> shape of every weight: GPT-2's names, (in, out) inside a block."""
        C = self.n_embd
        shapes = {"wte.weight": (self.vocab_size, C), "wpe.weight": (self.block_size, C)}
        for layer in range(self.n_layer):
            shapes[f"h.{layer}.attn.c_attn.weight"] = (C, 3 * C)  # query, key, value
            shapes[f"h.{layer}.attn.c_proj.weight"] = (C, C)
            shapes[f"h.{layer}.mlp.c_fc.weight"] = (C, 4 * C)
            shapes[f"h.{layer}.mlp.c_proj.weight"] = (4 * C, C)
        shapes["lm_head.weight"] = (self.vocab_size, C)
        return shapes


@dataclass(frozen=True)
class NamesConfig(Checked):
    """Immutable: the options of `python -m pygpt names`; the defaults are microgpt's."""

    steps: int = _size("training steps, one document each", 1000)
    seed: int = _option(42, Rule("seed of the one random stream"))
    samples: int = _size("names to make", 20, minimum=0)
    temperature: float = _option(
        0.5, Rule("randomness of the names: below 1 is likelier, above 1 wilder", above=0)
    )
    n_layer: int = _size("transformer blocks", 1)
    n_embd: int = _size("width of the model, a multiple of --n-head", 16)
    n_head: int = _size("attention heads of each block", 4)
    block_size: int = _size("longest context, in characters", 16)
    learning_rate: float = _option(
        0.01, Rule("learning rate of the first step; falls linearly to 0", above=0)
    )
    backend: str = _option(
        "cpu",
        Rule("cpu is fast, nd4j is ND4J's own operations, plain the reference", choices=BACKENDS),
    )

    def _check_together(self) -> None:
        _check_heads(self.n_embd, self.n_head)

    def model_config(self, vocab_size: int) -> GPTConfig:
        """Return the sizes of the model for a vocabulary of this size."""
        return GPTConfig(self.block_size, vocab_size, self.n_layer, self.n_head, self.n_embd)
