"""Flags of the command line, made from the fields of the configurations."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping
from typing import Any

from pygpt.fields import Checked, specs_of
from pygpt.model.config import BACKEND, BACKENDS

CHECKPOINT = (
    "a model folder, a training run's folder (its best model, or else its last), a .safetensors "
    "file, or a name on the Hugging Face hub"
)


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
        if only and name not in only or name in without or spec.rule.added:
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


def add_backend(parser: Any, **options: Any) -> None:
    """Add --backend; `options` are those of argparse."""
    parser.add_argument(
        "--backend",
        metavar="|".join(BACKENDS),
        help=f"{BACKEND.help} (default: cpu)",
        **options,
    )


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "none" if default == "" else str(default)


def given_fields(arguments: argparse.Namespace, kind: type[Checked]) -> dict[str, Any]:
    """Return name -> value of the flags of a configuration that were given."""
    given = vars(arguments)
    return {name: given[name] for name in specs_of(kind) if name in given}
