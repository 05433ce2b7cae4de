"""Configurations: frozen dataclasses whose fields say what they mean and may be.

The checks, the conversion from and to dictionaries, and the command line's flags all come from
the fields: their types, and the `Rule` that each has as metadata. A field is of type bool, float,
int or str, a tuple of one of them, or None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pygpt.errors import ConfigError

INT_MAX = 2**31 - 1  # sizes are Java ints

_KINDS: dict[type, tuple[type, str, str]] = {  # NumPy's numbers are among these
    bool: (bool, "true or false", "true or false"),
    float: (Real, "a number", "numbers"),
    int: (Integral, "a whole number", "whole numbers"),
    str: (str, "text", "texts that are not empty"),
}


@dataclass(frozen=True)
class Rule:
    """Immutable: what a field means and may be.

    Attributes:
        help: one sentence for `--help`, without a full stop.
        minimum: smallest value, or None.
        maximum: largest value, or None.
        above: the value must be greater than this, or None.
        below: the value must be less than this, or None.
        choices: all possible values; empty for no limit.
        added: whether files may lack the field, which then has its default, and has no flag where
            it is not asked for by name.
    """

    help: str
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    added: bool = False

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
        if self.below is not None and not value < self.below:
            return f"expected less than {self.below}, got {value}"
        return None


def option(default: Any, help: str, **limits: Any) -> Any:
    """Return a field of a configuration; `limits` are attributes of `Rule`."""
    return field(default=default, metadata={"rule": Rule(help, **limits)})


def size(default: int, help: str, minimum: int = 1, added: bool = False) -> Any:
    """Return a field of a configuration that is a Java int, not negative."""
    return option(default, help, minimum=minimum, maximum=INT_MAX, added=added)


@dataclass(frozen=True)
class Spec:
    """Immutable: one field of a configuration, its type resolved.

    Attributes:
        name: of the field.
        default: its value where none is given.
        rule: what it may be.
        type: bool, float, int or str: of the value, or of the items of a tuple.
        many: whether the value is a tuple; one item alone is taken for a tuple of it.
        optional: whether the value may be None.
    """

    name: str
    default: Any
    rule: Rule
    type: type
    many: bool
    optional: bool

    @classmethod
    def of(cls, field: Field[Any], hint: Any) -> Spec:
        """Return the specification of a dataclass's field with this type."""
        parts = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        tuples = [get_args(part)[0] for part in parts if get_origin(part) is tuple]
        (kind,) = tuples or [part for part in parts if part is not NoneType]
        optional = NoneType in parts
        return cls(field.name, field.default, field.metadata["rule"], kind, bool(tuples), optional)

    def checked(self, value: Any) -> Any:
        """Return a value as Python's own type.

        Raises:
            ConfigError: it has another type, or breaks the rule.
        """
        if value is None and self.optional:
            return None
        if self.many:
            several = isinstance(value, Iterable) and not isinstance(value, str)
            return tuple(self._checked(item, value) for item in (value if several else (value,)))
        return self._checked(value, value)

    def _checked(self, item: Any, value: Any) -> Any:
        kind, one, several = _KINDS[self.type]
        wrong = not isinstance(item, kind) or isinstance(item, bool) != (self.type is bool)
        if wrong or self.many and item == "":
            raise ConfigError(self.name, f"expected {several if self.many else one}, got {value!r}")
        try:
            item = self.type(item)
        except OverflowError:  # a whole number that no float can be
            item = math.inf
        problem = self.rule.problem(item)
        if problem is not None:
            raise ConfigError(self.name, problem)
        return item


class Checked:
    """Base of the configurations: checks each field's type and rule when it is made."""

    def __post_init__(self) -> None:
        for spec in specs_of(type(self)).values():
            object.__setattr__(self, spec.name, spec.checked(getattr(self, spec.name)))
        self._check_together()

    def _check_together(self) -> None:
        """Check what involves more than one field."""

    def to_dict(self) -> dict[str, Any]:
        """Return name -> value of every field, in order."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]


AnyConfig = TypeVar("AnyConfig", bound=Checked)


def specs_of(kind: type[Checked]) -> dict[str, Spec]:
    """Return name -> specification of every field of a configuration, in order."""
    return _specs(kind)  # type: ignore[arg-type]


@cache
def _specs(kind: type[Any]) -> dict[str, Spec]:
    hints = get_type_hints(kind)
    return {field.name: Spec.of(field, hints[field.name]) for field in fields(kind)}


def same_as(kind: type[Checked], name: str, default: Any = MISSING) -> Any:
    """Return a field that means what a field of another configuration means.

    Args:
        default: of the new field; without it, the other's.
    """
    spec = specs_of(kind)[name]
    value = spec.default if default is MISSING else default
    return field(default=value, metadata={"rule": spec.rule})


def check_some(kind: type[Checked], values: Mapping[str, Any]) -> None:
    """Check some fields of a configuration, each by itself.

    Raises:
        ConfigError: a key that is no field, or a value that is not allowed.
    """
    _check_names(kind, values)
    for name, value in values.items():
        specs_of(kind)[name].checked(value)


def _check_names(kind: type[Checked], values: Mapping[str, Any]) -> None:
    for name in values:
        if name not in specs_of(kind):
            from difflib import get_close_matches

            near = get_close_matches(str(name), specs_of(kind), 1, 0.75)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(str(name), f"expected one of {', '.join(specs_of(kind))}{meant}")


def from_dict(
    kind: type[AnyConfig], values: Mapping[str, Any], complete: bool = False
) -> AnyConfig:
    """Return the configuration of this kind with these values.

    Args:
        complete: whether fields that have a default must be there too, but for those that were
            added later.
    Raises:
        ConfigError: a key that is no field, a field that is missing, or a value that is not
            allowed.
    """
    _check_names(kind, values)
    for name, spec in specs_of(kind).items():
        if complete and not spec.rule.added and name not in values:
            raise ConfigError(name, "expected a value, got none")
    return kind(**values)
