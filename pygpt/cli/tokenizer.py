"""`python -m pygpt tokenizer`: see BPE at work, train a tokenizer, encode and decode."""

from __future__ import annotations

import argparse
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pygpt
from pygpt.cli.checkpoint import tokenizer_of
from pygpt.cli.flags import SOURCE, add_reading
from pygpt.cli.progress import alive, say_next
from pygpt.errors import DataError

EXAMPLES = """\
examples:
  python -m pygpt tokenizer explain abracadabra
  python -m pygpt tokenizer train shakespeare --vocab-size 1024 --out tokenizer.json
  python -m pygpt tokenizer encode gpt2 "hello world"
  python -m pygpt tokenizer decode gpt2 31373 995
"""
_TOKENIZER = "gpt2, cl100k_base, a tokenizer.json, or a folder that has one, of a run or a model"
_SHOWN = 72  # characters of the text that a line of `explain` has room for


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt tokenizer`."""
    parser = commands.add_parser(
        "tokenizer",
        help="see BPE at work, train a tokenizer, encode and decode",
        description="Turn text into the tokens of a model, and back.",
        epilog=EXAMPLES,
    )
    tasks = parser.add_subparsers(dest="task", metavar="TASK", required=True)

    def task(name: str, run: Any, description: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = tasks.add_parser(
            name, help=description, description=f"{description.capitalize()}."
        )
        added.set_defaults(run=run)
        return added

    def add_split(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--split",
            default="gpt2",
            metavar="gpt2|cl100k",
            help="the rule that cuts text into words, which no token crosses (default: gpt2)",
        )

    one = task("explain", explain, "show the merges of a text, one after another")
    one.add_argument("text", metavar="TEXT", help="the text to merge")
    add_split(one)

    one = task("train", train, "train byte-level BPE on text")
    one.add_argument("data", metavar="DATA", help=f"what to read: {SOURCE}")
    add_reading(one)
    one.add_argument(
        "--vocab-size",
        type=int,
        required=True,
        metavar="N",
        help="the number of ids: 256 bytes, the merges, and one special token, <|endoftext|>",
    )
    one.add_argument("--out", required=True, metavar="FILE", help="the tokenizer.json to write")
    add_split(one)

    one = task("encode", encode, "print the ids of a text")
    one.add_argument("tokenizer", metavar="TOKENIZER", help=_TOKENIZER)
    one.add_argument(
        "text", nargs="?", metavar="TEXT", help="the text to encode (default: standard input)"
    )
    specials = "let special tokens in the text, such as <|endoftext|>, count as such"
    one.add_argument("--specials", action="store_true", help=specials)

    one = task("decode", decode, "print the text of ids")
    one.add_argument("tokenizer", metavar="TOKENIZER", help=_TOKENIZER)
    one.add_argument(
        "ids", nargs="*", type=int, metavar="ID", help="the ids to decode (default: standard input)"
    )


def explain(arguments: argparse.Namespace) -> None:
    """Print a text's bytes, and then each merge with what the text is after it."""
    from pygpt.tokenizers.explain import Words, merge_steps, show, words_of

    def state(words: Words) -> str:
        shown = " | ".join(" ".join(map(show, word)) for word in words)
        return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"

    words = words_of(arguments.text, arguments.split)
    count = sum(map(len, words))
    print(f"{f'     bytes: {count}':42}{state(words)}")
    for number, step in enumerate(merge_steps(words), start=1):
        words = step.words
        left, right = show(step.left), show(step.right)
        merge = f"{number:3}  {show(step.left + step.right):12} = {f'{left} + {right}':14}"
        print(f"{merge}{step.count:4} ×  {state(words)}")
    print(f"     tokens: {sum(map(len, words))}; no two neighbours occur together twice any more")


def train(arguments: argparse.Namespace) -> None:
    """Train a tokenizer and write it to a new file."""
    from pygpt.datasets.sources import SHIPPED, find_source
    from pygpt.files.atomic import check_new

    where = SHIPPED.get(arguments.data, arguments.data)  # names, too, is one text here
    reading = {name: getattr(arguments, name) for name in ("format", "separator", "encoding")}
    given = {name: value for name, value in reading.items() if value}
    source = find_source(where, arguments.field, arguments.lines, **given)
    check_new(Path(arguments.out))
    texts = source.documents()
    first = next(texts, None)
    if first is None:
        raise DataError(f"data file {source.name}: expected text, got an empty file")
    count = size = 0
    with alive(sys.stderr, False, lambda: f"training on {source.name}"):
        tokenizer = pygpt.BPETokenizer.train(
            chain([first], texts), arguments.vocab_size, arguments.split
        )
        tokenizer.save(arguments.out)
        for text in source.documents():
            count, size = count + len(tokenizer.encode(text)), size + len(text.encode())
    print(
        f"{arguments.out}: {tokenizer.vocab_size:,} ids; {size:,} bytes of text are {count:,} "
        f"tokens, {size / count:.2f} bytes each"
    )
    text = "TEXT" if source.piped else arguments.data
    field = {"field": arguments.field} if arguments.field else {}
    words = [word for name, value in (field | given).items() for word in (f"--{name}", value)]
    say_next(False, "prepare", text, *words, "--tokenizer", arguments.out, "--out", "data")


def encode(arguments: argparse.Namespace) -> None:
    """Print ids, with blanks between them."""
    tokenizer = pygpt.load_tokenizer(tokenizer_of(arguments.tokenizer))
    text = arguments.text
    if text is None:
        text = _input().decode("utf-8", "surrogateescape")  # which the tokenizer then refuses
    print(*tokenizer.encode(text, arguments.specials))


def decode(arguments: argparse.Namespace) -> None:
    """Print the text as it is; on a terminal a line end follows it."""
    tokenizer = pygpt.load_tokenizer(tokenizer_of(arguments.tokenizer))
    ids = arguments.ids
    if not ids:
        words = _input().split()
        wrong = next((word for word in words if not word.isdigit()), None)
        if wrong is not None:
            raise pygpt.TokenError(f"ids: expected numbers, got {ascii(wrong)[2:-1]}")
        ids = map(int, words)
    text = tokenizer.decode(ids)
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode() + (b"\n" if sys.stdout.isatty() else b""))
    sys.stdout.flush()


def _input() -> bytes:
    return sys.stdin.buffer.read()
