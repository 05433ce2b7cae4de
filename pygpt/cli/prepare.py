"""`python -m pygpt prepare`: text as token files, to train on and to validate with."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TextIO

import pygpt

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
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="shakespeare or names, which come with pygpt; a file of UTF-8 text, JSON-lines "
        "(.jsonl, .ndjson) or Parquet (.parquet); or a folder of such files",
    )
    parser.add_argument(
        "--tokenizer",
        required=True,
        metavar="TOKENIZER",
        help="char (an id for each character of the source), gpt2, cl100k_base, a tokenizer.json, "
        "or a folder that has one",
    )
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="the folder to write; a dataset is replaced"
    )
    parser.add_argument(
        "--validation",
        type=float,
        default=0.1,
        metavar="X",
        help="part for validation: the last of one text, some of many documents (default: 0.1)",
    )
    parser.add_argument(
        "--seed", type=int, default=42, metavar="N", help="of the choice of those (default: 42)"
    )
    parser.add_argument(
        "--field",
        metavar="NAME",
        help="where JSON-lines and Parquet have the text (default: text)",
    )
    parser.add_argument(
        "--lines", action="store_true", help="each line of a text file is a document, not the file"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(run=prepare)


def prepare(arguments: argparse.Namespace) -> None:
    """Prepare a dataset, and print what its files have."""
    with _display(sys.stderr, arguments.quiet) as show:
        dataset = pygpt.prepare(
            arguments.source,
            arguments.tokenizer,
            arguments.out,
            arguments.validation,
            arguments.seed,
            arguments.field,
            arguments.lines,
            show,
        )
    for file in (dataset.train, dataset.val):
        sizes = f"{len(file):,} tokens of {file.text_bytes:,} bytes of text"
        print(f"{file.path}: {sizes}, {file.text_bytes / len(file):.2f} each")
    print(f"{dataset.tokenizer_path}: {dataset.tokenizer.vocab_size:,} ids")


# ---- progress --------------------------------------------------------------------------------


def _display(stream: TextIO, quiet: bool) -> AbstractContextManager[Any]:
    """Return what fits the stream: a bar for a terminal, lines for others, nothing if quiet."""
    if quiet:
        return nullcontext()
    return _Bar(stream) if stream.isatty() else nullcontext(_Lines(stream))


def _found(at: Prepared) -> str:
    count = "1 document" if at.documents == 1 else f"{at.documents:,} documents"
    return f"{count}, {at.characters if at.of is None else at.of:,} characters"


class _Lines:
    """Mutable: plain lines, for a pipe or a file: what there is, and each tenth of the way."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tenths = -1
        self._began = 0.0

    def __call__(self, at: Prepared) -> None:
        if at.of is None:
            return
        if self._tenths < 0:
            self._tenths, self._began = 0, time.perf_counter()
            self._print(_found(at))
        tenths = 10 * at.characters // at.of
        if tenths > self._tenths:
            self._tenths = tenths
            rate = at.tokens / max(time.perf_counter() - self._began, 1e-9)
            self._print(f"{10 * tenths:3}%  {at.tokens:,} tokens  {rate:,.0f} tokens/s")

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class _Bar:
    """Mutable: a live bar, for a terminal: first over what is counted, then over the way."""

    def __init__(self, stream: TextIO) -> None:
        from rich import progress
        from rich.console import Console

        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TextColumn("{task.fields[state]}"),
            progress.TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(file=stream),
        )
        self._task = self._bar.add_task("count", total=None, state="")
        self._began: float | None = None

    def __call__(self, at: Prepared) -> None:
        if at.of is None:
            self._bar.update(self._task, state=_found(at))
            return
        if self._began is None:
            self._began = time.perf_counter()
            self._bar.console.print(_found(at), highlight=False)
            self._bar.reset(self._task, total=at.of, description="encode")
        rate = at.tokens / max(time.perf_counter() - self._began, 1e-9)
        state = f"{at.tokens:,} tokens  {rate:,.0f} tokens/s"
        self._bar.update(self._task, completed=at.characters, state=state)

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
