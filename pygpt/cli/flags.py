"""Flags of the command line, made from the fields of the configurations."""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pygpt.datasets.readers import FORMATS
from pygpt.fields import Checked, specs_of
from pygpt.model.config import AUTO, BACKEND, BACKENDS

CHECKPOINT = (
    "a model folder, a training run's folder (its best model, or else its last), a .safetensors "
    "or .gguf file, or a name on the Hugging Face hub"
)


SOURCE = (
    "shakespeare or names, which come with pygpt; a file of text, JSON-lines (.jsonl), JSON "
    "(.json), a table (.csv, .tsv) or Parquet (.parquet), each also packed (.gz, .zst, .bz2, .xz); "
    "a folder of such files; or - for standard input"
)


class UsageError(Exception):
    """Options that argparse, or we, cannot accept."""


def flag(name: str) -> str:
    """Return the flag of a configuration's field."""
    return "--" + name.replace("_", "-")


# ---- flags that are almost right -------------------------------------------------------------

_ELSEWHERE = {  # what other programs call them, nanoGPT first
    "--out-dir": "--out", "--output-dir": "--out", "--dataset": "--data",
    "--lr": "--learning-rate", "--epochs": "--max-iters", "--steps": "--max-iters",
    "--layers": "--n-layer", "--heads": "--n-head", "--start": "--prompt",
    "--num-samples": "--samples", "--max-tokens": "--max-new-tokens", "--column": "--field",
    "--tokeniser": "--tokenizer", "--context-length": "--block-size",
}  # fmt: skip


def flags_of(parser: argparse.ArgumentParser, command: str) -> list[str]:
    """Return the flags of a command, and of what it divides into."""
    found: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                if command in ("", name):
                    found += flags_of(inner, "")
        elif not command:
            found += action.option_strings
    return found


def near_flags(unknown: Sequence[str], known: Sequence[str]) -> str:
    """Return `; did you mean --batch-size?` for `--batch_size=32`, or nothing."""
    for word in unknown:
        name = word.partition("=")[0].lower().replace("_", "-")
        if not name.startswith("--"):
            continue
        if name not in known:
            name = _ELSEWHERE.get(name, name)
        near = [name] if name in known else get_close_matches(name, known, 1, 0.75)
        if near:
            return f"; did you mean {near[0]}?"
    return ""


def near_choice(message: str) -> str:
    """Return `; did you mean train?` for argparse's message about `trian`, or nothing."""
    match = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
    if match is None:
        return ""
    near = get_close_matches(match[1], re.findall(r"[\w-]+", match[2]), 1)
    return f"; did you mean {near[0]}?" if near else ""


_FACTORS = {"%": 0.01, "k": 1e3, "m": 1e6}


def near_number(message: str) -> str:
    """Return `; did you mean 1000?` for argparse's message about `1e3`, or nothing."""
    match = re.search(r"invalid (int|float) value: '(.*)'$", message)
    if match is None:
        return ""
    kind, text = match.groups()
    factor = _FACTORS.get(text[-1:].lower(), 1)
    text = text if factor == 1 else text[:-1]
    thousands = re.fullmatch(r"\d{1,3}(,\d{3})+", text) and not text.startswith("0")
    try:
        number = round(float(text.replace(",", "" if thousands else ".")) * factor, 9)
    except ValueError:
        return ""
    whole = number.is_integer()
    if kind == "int" and not whole:
        return ""
    return f"; did you mean {int(number) if whole else number}?"


# ---- flags of the fields ---------------------------------------------------------------------


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
        if name in without or name not in only and (only or spec.rule.added):
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


def add_reading(parser: Any, lines: bool = True) -> None:
    """Add --field, --format, --encoding, --separator and, if wanted, --lines: how a source is read.
    """
    parser.add_argument(
        "--field",
        metavar="NAME",
        help="the field or column that has the text in JSON, tables and Parquet (default: text)",
    )
    parser.add_argument(
        "--format",
        metavar="|".join(FORMATS),
        help="what the files are (default: what their names say, and else text)",
    )
    add_encoding(parser)
    parser.add_argument(
        "--separator",
        metavar="TEXT",
        help="what stands between documents within a text, such as <|endoftext|>",
    )
    if lines:
        parser.add_argument(
            "--lines",
            action="store_true",
            help="take each line of a text file as a document, not the whole file",
        )


def add_encoding(parser: Any) -> None:
    """Add --encoding, for whatever reads text."""
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        help="the encoding of files without a byte order mark, by Python's name, such as cp1252 "
        "(default: utf-8)",
    )


def add_backend(parser: Any, **options: Any) -> None:
    """Add --backend; `options` are those of argparse."""
    parser.add_argument(
        "--backend",
        metavar="|".join((*BACKENDS, AUTO)),
        help=f"{BACKEND.help}; auto is cuda where a card is and the model is large enough, else "
        "cpu (default: cpu)",
        **options,
    )
    parser.add_argument(
        "--device",
        type=int,
        metavar="N",
        help="the card of backend cuda, as the driver counts them (default: 0)",
    )


def choose_device(arguments: argparse.Namespace) -> None:
    """Put the card of --device, if one is named, into the name of the backend, as in cuda:1.

    Raises:
        UsageError: the backend has no cards.
    """
    device = getattr(arguments, "device", None)
    if device is not None:
        backend = getattr(arguments, "backend", None) or "cpu"
        if backend != "cuda":
            raise UsageError(f"--device {device}: expected --backend cuda beside it, got {backend}")
        arguments.backend = f"cuda:{device}"


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "none" if default == "" else str(default)


def given_fields(arguments: argparse.Namespace, kind: type[Checked]) -> dict[str, Any]:
    """Return name -> value of the flags of a configuration that were given."""
    given = vars(arguments)
    return {name: given[name] for name in specs_of(kind) if name in given}
