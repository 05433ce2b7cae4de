"""Flags of the command line, made from the fields of the configurations."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping
from typing import Any

from pygpt.fields import Checked, specs_of


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
    without: Collection[str] = (),
) -> None:
    """Add a flag for each field of a configuration; `given_fields` returns what was given.

    Args:
        parser: an argparse parser or a group of one.
        only: fields that have a flag; all of them if empty.
        defaults: what the help names as defaults, where that is not the field's; None for none.
        without: fields that have no flag.
    """
    for name, spec in specs_of(kind).items():
        if only and name not in only or name in without:
            continue
        default = spec.default if defaults is None else defaults.get(name, spec.default)
        help = spec.rule.help + ("; may be repeated" if spec.many else "")
        if default is not None:
            help += f" (default: {_shown(default)})"
        options: dict[str, Any] = {"help": help, "default": argparse.SUPPRESS}
        if spec.type is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            letter = {int: "N", float: "X"}.get(spec.type, "TEXT")
            options |= {"type": spec.type, "metavar": "|".join(spec.rule.choices) or letter}
            if spec.many:
                options["action"] = "append"
        parser.add_argument(flag(name), **options)


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "none" if default == "" else str(default)


def given_fields(arguments: argparse.Namespace, kind: type[Checked]) -> dict[str, Any]:
    """Return name -> value of the flags of a configuration that were given."""
    given = vars(arguments)
    return {name: given[name] for name in specs_of(kind) if name in given}
