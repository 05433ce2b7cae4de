"""`python -m pygpt prepare`: text as token files, to train on and to validate with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pygpt
from pygpt.cli.flags import SOURCE, add_reading
from pygpt.cli.progress import Progress, alive, progress_on, say_next
from pygpt.tokenizers.protocol import begin_and_end

if TYPE_CHECKING:
    from pygpt.datasets.prepare import Prepared

EXAMPLES = """\
examples:
  python -m pygpt prepare shakespeare --tokenizer char --out data
  python -m pygpt prepare names --tokenizer char --out names
  python -m pygpt prepare articles.jsonl --tokenizer gpt2 --field body --out articles
"""


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt prepare`."""
    parser = commands.add_parser(
        "prepare",
        help="turn text into token files, to train on and to validate with",
        description="Encode text into a folder of train.bin, val.bin and tokenizer.json.",
        epilog=EXAMPLES,
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help=f"what to read: {SOURCE}",
    )
    parser.add_argument(
        "--tokenizer",
        required=True,
        metavar="TOKENIZER",
        help="which tokenizer reads the text: char (an id for each character of the source), "
        "gpt2, cl100k_base, a tokenizer.json, or a folder that has one, of a run or a model, say",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="the folder to write; a dataset that is there is replaced",
    )
    parser.add_argument(
        "--validation",
        type=float,
        default=0.1,
        metavar="X",
        help="the part for validation: the end of a single text, or a random choice of many "
        "documents (default: 0.1)",
    )
    parser.add_argument(
        "--seed", type=int, default=42, metavar="N", help="the seed of that choice (default: 42)"
    )
    add_reading(parser)
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(run=prepare)


def prepare(arguments: argparse.Namespace) -> None:
    """Prepare a dataset, and print what its files have."""
    from pygpt.cli.checkpoint import tokenizer_of

    quiet, at = arguments.quiet, ["reading"]
    with progress_on(sys.stderr, quiet, first="count", then="encode") as progress:
        with alive(sys.stderr, quiet, lambda: at[0], progress):
            dataset = pygpt.prepare(
                arguments.source,
                tokenizer_of(arguments.tokenizer),
                arguments.out,
                arguments.validation,
                arguments.seed,
                arguments.field,
                arguments.lines,
                report_to(progress, at),
                arguments.format or "",
                arguments.separator or "",
                arguments.encoding or "",
            )
    for file in (dataset.train, dataset.val):
        sizes = f"{len(file):,} tokens of {file.text_bytes:,} bytes of text"
        print(f"{file.path}: {sizes}, {file.text_bytes / len(file):.2f} each")
    print(f"{dataset.tokenizer_path}: {dataset.tokenizer.vocab_size:,} ids")
    kinds = ("makemore", "shakespeare-char") if dataset.tokenizer.vocab_size < 2**12 else ("gpt2",)
    preset = kinds[0] if begin_and_end(dataset.tokenizer) is not None else kinds[-1]
    say_next(quiet, "train", preset, "--data", arguments.out)


def report_to(progress: Progress, doing: list[str] | None = None) -> Callable[[Prepared], None]:
    """Return what shows how far a preparation is: first what is counted, then each tenth.

    Args:
        doing: its one item becomes what goes on, in words.
    """

    def report(at: Prepared) -> None:
        count = "1 document" if at.documents == 1 else f"{at.documents:,} documents"
        found = f"{count}, {at.characters if at.of is None else at.of:,} characters"
        if doing is not None:
            encoding = f"encoding {at.characters:,} of {at.of or 0:,} characters"
            doing[0] = f"counting {found}" if at.of is None else encoding
        if at.of is None:
            progress.update(0, lambda: found)
            return
        if progress.total is None:
            progress.note(found)
            for note in notes_of(at):
                progress.note(note)
            progress.begin(at.of)
        progress.update(at.characters, lambda: _speed(at.tokens, progress))

    return report


def notes_of(at: Prepared) -> list[str]:
    """Return a line for what is left out of a source, and for markers that are read as text."""
    notes = []
    if at.empty:
        what = "1 empty one is" if at.empty == 1 else f"{at.empty:,} empty ones are"
        notes.append(f"{what} left out; the first: {at.first_empty}")
    if at.marked:
        times = "once" if at.marked == 1 else f"{at.marked:,} times"
        notes.append(
            f"the text has {at.marker} {times}, read as text like any other; with --separator "
            f"'{at.marker}' it stands between documents"
        )
    return notes


def _speed(tokens: int, progress: Progress) -> str:
    return f"{tokens:,} tokens  {progress.per_s(tokens):,.0f} tokens/s"
