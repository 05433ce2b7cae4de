"""`python -m pygpt prepare`: text as token files, to train on and to validate with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pygpt
from pygpt.cli.progress import Progress, progress_on

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
        help="what to read: shakespeare or names, which come with pygpt; a file of UTF-8 text, "
        "JSON-lines (.jsonl, .ndjson) or Parquet (.parquet); or a folder of such files",
    )
    parser.add_argument(
        "--tokenizer",
        required=True,
        metavar="TOKENIZER",
        help="which tokenizer reads the text: char (an id for each character of the source), "
        "gpt2, cl100k_base, a tokenizer.json, or a folder that has one",
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
    parser.add_argument(
        "--field",
        metavar="NAME",
        help="the field or column that has the text in JSON-lines and Parquet (default: text)",
    )
    parser.add_argument(
        "--lines",
        action="store_true",
        help="take each line of a text file as a document, not the whole file",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(run=prepare)


def prepare(arguments: argparse.Namespace) -> None:
    """Prepare a dataset, and print what its files have."""
    with progress_on(sys.stderr, arguments.quiet, first="count", then="encode") as progress:
        dataset = pygpt.prepare(
            arguments.source,
            arguments.tokenizer,
            arguments.out,
            arguments.validation,
            arguments.seed,
            arguments.field,
            arguments.lines,
            report_to(progress),
        )
    for file in (dataset.train, dataset.val):
        sizes = f"{len(file):,} tokens of {file.text_bytes:,} bytes of text"
        print(f"{file.path}: {sizes}, {file.text_bytes / len(file):.2f} each")
    print(f"{dataset.tokenizer_path}: {dataset.tokenizer.vocab_size:,} ids")


def report_to(progress: Progress) -> Callable[[Prepared], None]:
    """Return what shows how far a preparation is: first what is counted, then each tenth."""

    def report(at: Prepared) -> None:
        count = "1 document" if at.documents == 1 else f"{at.documents:,} documents"
        found = f"{count}, {at.characters if at.of is None else at.of:,} characters"
        if at.of is None:
            progress.update(0, lambda: found)
            return
        if progress.total is None:
            progress.note(found)
            progress.begin(at.of)
        progress.update(at.characters, lambda: _speed(at.tokens, progress))

    return report


def _speed(tokens: int, progress: Progress) -> str:
    return f"{tokens:,} tokens  {progress.per_s(tokens):,.0f} tokens/s"
