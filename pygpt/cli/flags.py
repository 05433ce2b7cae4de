"""Flags of the command line, made from the fields of the configurations."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from pygpt.config import Checked, rule_of, type_of


class UsageError(Exception):
    """Options that argparse, or we, cannot accept."""


def flag(name: str) -> str:
    """Return the flag of a configuration's field."""
    return "--" + name.replace("_", "-")


def add_fields(
    parser: Any,
    kind: type[Checked],
    only: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
) -> None:
    """Add a flag for each field of a configuration; `given_fields` returns what was given.

    Args:
        parser: an argparse parser or a group of one.
        only: fields that have a flag; all of them if empty.
        defaults: what the help names as defaults, where that is not the field's; None for none.
    """
    for spec in fields(kind):  # type: ignore[arg-type]
        if only and spec.name not in only:
            continue
        rule, type_ = rule_of(spec), type_of(spec)
        default = spec.default if defaults is None else defaults.get(spec.name, spec.default)
        help = rule.help if default is None else f"{rule.help} (default: {_shown(default)})"
        options: dict[str, Any] = {"help": help, "default": argparse.SUPPRESS}
        if type_ is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            letter = {int: "N", float: "X"}.get(type_, "TEXT")
            options |= {"type": type_, "metavar": "|".join(rule.choices) or letter}
        parser.add_argument(flag(spec.name), **options)


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "none" if default == "" else str(default)


def given_fields(arguments: argparse.Namespace, kind: type[Checked]) -> dict[str, Any]:
    """Return name -> value of the flags of a configuration that were given."""
    given = vars(arguments)
    names = [spec.name for spec in fields(kind)]  # type: ignore[arg-type]
    return {name: given[name] for name in names if name in given}
