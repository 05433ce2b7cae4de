"""`python -m pygpt generate`: what a saved model makes of a prompt."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pygpt
from pygpt.cli import translation
from pygpt.cli.flags import (
    CHECKPOINT,
    UsageError,
    add_backend,
    add_encoding,
    add_fields,
    given_fields,
)
from pygpt.errors import CheckpointError, ConfigError, ShapeError
from pygpt.fields import from_dict
from pygpt.files.streams import check_encoding, decoded
from pygpt.generate.config import GenerateConfig
from pygpt.generate.translate_config import TranslateConfig
from pygpt.tokenizers.protocol import end_markers

if TYPE_CHECKING:
    from pygpt.model.gpt import GPT

EXAMPLES = """\
examples:
  python -m pygpt generate runs/first --prompt "To be" --temperature 0.8 --seed 1
  python -m pygpt generate gpt2 --file story.txt --samples 3 --max-new-tokens 100
  echo "def add(a, b):" | python -m pygpt generate model --json -
"""
SEPARATOR = "-" * 8  # between samples, where they are not side by side
COLUMN = 32  # characters: a sample's column is never narrower, but on a narrower terminal


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt generate`."""
    parser = commands.add_parser(
        "generate",
        help="continue a prompt with a saved model",
        description="Print a prompt and what the model makes follow it, while it is made.",
        epilog=EXAMPLES,
    )
    add_model_flags(parser)
    prompts = parser.add_mutually_exclusive_group(required=True)
    prompts.add_argument("--prompt", metavar="TEXT", help="the text to continue")
    prompts.add_argument(
        "--file",
        metavar="FILE",
        help="read the prompt from this file; a line end at its end does not count",
    )
    add_encoding(parser)
    prompts.add_argument(
        "input",
        nargs="?",
        metavar="-",
        help="read the prompt from standard input; in its place for an encoder-decoder, such as "
        "`pygpt train number-words` makes: the text itself, of which each line is answered",
    )
    add_option_flags(parser)
    add_fields(parser, TranslateConfig, only=("beams", "length_penalty"))
    parser.add_argument(
        "--samples",
        type=int,
        default=1,
        metavar="N",
        help="how many continuations to make, side by side on a terminal; with --seed each has the "
        "next seed (default: 1)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print each sample as a line of JSON: prompt, text, ids, log_probabilities, stopped",
    )
    parser.set_defaults(run=generate)


def generate(arguments: argparse.Namespace) -> None:
    """Check the options, then load the model and generate."""
    from pygpt.checkpoints.pair_folder import is_pair_folder
    from pygpt.cli.progress import alive

    options, samples = given_options(arguments), arguments.samples
    if samples < 1:
        raise ConfigError("samples", f"expected at least 1, got {samples}")
    if is_pair_folder(arguments.checkpoint):
        translation.generate(arguments, arguments.checkpoint, _prompt(arguments))
        return
    if arguments.input not in (None, "-"):
        raise UsageError(f"argument -: invalid choice: {arguments.input!r} (choose from -)")
    translation.refuse_beams(vars(arguments))
    prompt = _prompt(arguments)
    with load_model(arguments) as model:
        say_marker(model, prompt, options)
        _make_room(model, prompt, options)
        if arguments.json:
            with alive(sys.stderr, False, lambda: "generating"):
                _print_json(model, [prompt] * samples, options)
        elif samples == 1:
            pieces = model.stream(prompt, **options)  # a prompt that it refuses is not printed
            print(prompt, end="", flush=True)
            print_pieces(pieces)
        elif sys.stdout.isatty():
            _print_columns(prompt, samples, model.streams([prompt] * samples, **options))
        else:
            with alive(sys.stderr, False, lambda: "generating"):
                texts = model.generate([prompt] * samples, **options)
            print(f"\n{SEPARATOR}\n".join(texts))


# ---- flags that `chat` has too ---------------------------------------------------------------


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """Add the checkpoint and how it is run; `load_model` takes them."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT)
    add_backend(parser, default="cpu")
    parser.add_argument(
        "--threads",
        type=int,
        default=0,
        metavar="N",
        help="how many threads backend cpu uses; 0: one per processor (default: 0)",
    )
    parser.add_argument(
        "--weights",
        default="float32",
        choices=["float32", "bfloat16", "int8", "int4"],
        help="round the weights to this format: with fewer bits tokens come faster (default: "
        "float32)",
    )
    parser.add_argument(
        "--kv-cache",
        default="float32",
        choices=["float32", "int8"],
        help="the numbers in which keys and values of what was read are kept: int8 takes a quarter "
        "of the memory (default: float32)",
    )


def add_option_flags(parser: argparse.ArgumentParser, without: Collection[str] = ()) -> None:
    """Add a flag for each field of `GenerateConfig`; `given_options` returns those given."""
    add_fields(parser, GenerateConfig, without=("pad_token_id", *without))  # text has no padding


def given_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that were given, checked.

    Raises:
        ConfigError: a value that cannot be.
    """
    options = given_fields(arguments, GenerateConfig)
    from_dict(GenerateConfig, options)
    return options


def load_model(arguments: argparse.Namespace) -> GPT:
    """Return the model of a checkpoint, with a tokenizer.

    Raises:
        CheckpointError: there is none, or it is damaged, or its tokenizer is missing or of no use.
    """
    from pygpt.cli.checkpoint import find_checkpoint
    from pygpt.cli.progress import alive

    folder = find_checkpoint(arguments.checkpoint)
    loading = alive(sys.stderr, False, lambda: f"loading {folder}")
    try:
        with loading, warnings.catch_warnings():  # of a tokenizer that does not fit
            warnings.simplefilter("error", UserWarning)
            model = pygpt.GPT.from_pretrained(
                folder,
                backend=arguments.backend,
                threads=arguments.threads,
                weights=None if arguments.weights == "float32" else arguments.weights,
                kv_cache=None if arguments.kv_cache == "float32" else arguments.kv_cache,
            )
    except UserWarning as warning:
        raise CheckpointError(str(warning)) from None
    if model.tokenizer is None:
        model.close()
        raise CheckpointError(
            f"model {folder}: expected a tokenizer, since there is text; put the tokenizer.json "
            "of its training beside its weights"
        )
    return model


# ---- prompts and samples ---------------------------------------------------------------------


def _prompt(arguments: argparse.Namespace) -> str:
    encoding = arguments.encoding or ""
    check_encoding(encoding)
    text: str | None = arguments.input if arguments.input != "-" else None
    text = arguments.prompt if text is None else text
    if text is None and arguments.file is not None:
        text = _without_line_end(pygpt.read_text(arguments.file, encoding))
    if text is None:  # what is not UTF-8 the tokenizer will refuse
        text = _without_line_end(decoded(sys.stdin.buffer.read(), encoding))
    if not text and arguments.prompt is None:
        raise ShapeError("prompt: expected text, got none; --prompt '' begins with BOS alone")
    return text


def _make_room(model: GPT, prompt: str, options: dict[str, Any]) -> None:
    """Settle how many tokens are added by default, and whether the context has to slide."""
    from pygpt.generate.prompts import prompt_rows

    size, most = model.config.block_size, GenerateConfig().max_new_tokens
    (row,) = prompt_rows(prompt, model.tokenizer, model.config, options.get("specials", False))
    room = size - len(row)
    if "truncate" in options and options.get("max_new_tokens", most) < size:
        return
    if "max_new_tokens" not in options and 0 < room < most:
        options["max_new_tokens"] = room
        print(f"(the context of {size} tokens ends after {room} new ones; with --max-new-tokens "
              "there are more)", file=sys.stderr)  # fmt: skip
    elif options.get("max_new_tokens", most) > room and "slide" not in options:
        options["slide"] = True
        print(f"(longer than the context: the model sees the last {size} tokens)", file=sys.stderr)


def say_marker(model: GPT, text: str, options: Mapping[str, Any]) -> None:
    """Say that what ends a text of the model is in a prompt, where it is text like any other."""
    markers = () if model.tokenizer is None else end_markers(model.tokenizer)
    found = next((marker for marker in markers if marker in text), None)
    if found is not None and not options.get("specials", False):
        print(f"({found} in the prompt is text like any other; with --specials it counts)",
              file=sys.stderr)  # fmt: skip


def _without_line_end(text: str) -> str:
    return text.removesuffix("\n")


def print_pieces(pieces: Iterator[str]) -> None:
    """Print text while it comes, and a line end, whatever ends it."""
    try:
        for piece in pieces:
            print(piece, end="", flush=True)
    finally:
        print(flush=True)


def _print_columns(prompt: str, samples: int, pieces: Iterator[list[str]]) -> None:
    """Show samples side by side, in as many rows as they need, while they grow."""
    from rich.columns import Columns
    from rich.console import Console
    from rich.live import Live
    from rich.panel import Panel
    from rich.text import Text

    console = Console(file=sys.stdout)
    width = min(max(COLUMN, console.width // samples), console.width)
    texts = [Text() for _ in range(samples)]
    panels = [Panel(text, title=f"{i}", width=width) for i, text in enumerate(texts, start=1)]
    console.print(Text(prompt))
    with Live(Columns(panels, padding=0), console=console):
        for new in pieces:
            for text, piece in zip(texts, new, strict=True):
                text.append(piece)


def _print_json(model: GPT, prompts: list[str], options: dict[str, Any]) -> None:
    for prompt, continuation in zip(prompts, model.continuations(prompts, **options), strict=True):
        line: dict[str, Any] = {
            "prompt": prompt,
            "text": continuation.text,
            "ids": continuation.ids.tolist(),
            "log_probabilities": continuation.log_probabilities.tolist(),
            "stopped": continuation.stopped,
        }
        if continuation.top_ids.size:
            line["top_ids"] = continuation.top_ids.tolist()
            line["top_log_probabilities"] = continuation.top_log_probabilities.tolist()
        print(json.dumps(line), flush=True)
