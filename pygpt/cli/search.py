"""`python -m pygpt search`: the pieces of one's own text that are nearest to a question."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pygpt.cli.flags import CHECKPOINT, SOURCE, UsageError, add_reading

if TYPE_CHECKING:
    from pygpt.model.gpt import GPT
    from pygpt.vectors.chunks import Chunk
    from pygpt.vectors.search import Embed, SearchIndex

EXAMPLES = """\
examples:
  python -m pygpt search "who was Caesar's wife?" shakespeare
  python -m pygpt search "how do I resume a run?" docs --vectors words.bin --top 5
  python -m pygpt search "what is a tape?" notes.txt --answer gpt2
"""


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt search`."""
    parser = commands.add_parser(
        "search",
        help="find the pieces of a text that are nearest to a question, and ask a model",
        description="Cut text into pieces, and print those whose vectors are nearest to a "
        "question's. Without --vectors and --model vectors of words are trained on the text "
        "itself.",
        epilog=EXAMPLES,
    )
    parser.add_argument("question", metavar="QUESTION", help="what to look for")
    parser.add_argument("data", metavar="DATA", help=f"what to read: {SOURCE}")
    add_reading(parser)
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--vectors", metavar="FILE", help="word vectors; see `pygpt vectors`")
    kinds.add_argument(
        "--model", metavar="CHECKPOINT", help=f"take what a model makes of the text: {CHECKPOINT}"
    )
    parser.add_argument(
        "--top", type=int, default=3, metavar="N", help="how many pieces (default: 3)"
    )
    parser.add_argument(
        "--size", type=int, default=80, metavar="N", help="most words of a piece (default: 80)"
    )
    parser.add_argument(
        "--overlap",
        type=int,
        metavar="N",
        help="about how many words two neighbours share (default: a quarter of --size)",
    )
    outputs = parser.add_mutually_exclusive_group()
    outputs.add_argument("--json", action="store_true", help="print each piece as a line of JSON")
    outputs.add_argument(
        "--prompt", action="store_true", help="print a prompt with the pieces and the question"
    )
    outputs.add_argument(
        "--answer", metavar="CHECKPOINT", help="let a model continue that prompt"
    )
    parser.add_argument(
        "--max-new-tokens",
        type=int,
        default=60,
        metavar="N",
        help="the most tokens of an answer (default: 60)",
    )
    parser.set_defaults(run=search)


def search(arguments: argparse.Namespace) -> None:
    """Print the nearest pieces, a prompt, or what a model makes of it."""
    if arguments.top < 1:
        raise UsageError(f"--top {arguments.top}: expected at least 1")
    from pygpt.cli.progress import alive
    from pygpt.vectors.search import SearchIndex

    pieces = _pieces(arguments)
    with _embedding(arguments, [piece.text for piece in pieces]) as embed:
        with alive(sys.stderr, False, lambda: f"making vectors of {len(pieces):,} pieces"):
            index = SearchIndex(pieces, embed)
        if arguments.answer is not None:
            _answer(arguments, index)
        elif arguments.prompt:
            print(index.prompt(arguments.question, arguments.top))
        else:
            _print(arguments, index)


def _print(arguments: argparse.Namespace, index: SearchIndex) -> None:
    for number, hit in enumerate(index.search(arguments.question, arguments.top), start=1):
        chunk = hit.chunk
        if arguments.json:
            values = {"cosine": hit.cosine, **vars(chunk)}
            print(json.dumps(values))
        else:
            print(f"{number}. cosine {hit.cosine:.3f}, {chunk.source}, from {chunk.start:,}")
            print("   " + " ".join(chunk.text.split()))


def _pieces(arguments: argparse.Namespace) -> list[Chunk]:
    from pygpt.datasets.sources import find_source
    from pygpt.vectors.chunks import all_chunks

    reading = {name: getattr(arguments, name) for name in ("format", "separator", "encoding")}
    given = {name: value for name, value in reading.items() if value}
    source = find_source(arguments.data, arguments.field, arguments.lines, **given)
    texts = [*source.documents()]
    names = [arguments.data]
    if len(texts) > 1:
        files = [*map(str, source.files)]
        same = len(files) == len(texts)
        names = files if same else [f"document {n:,}" for n in range(1, len(texts) + 1)]
    return all_chunks(zip(names, texts, strict=True), arguments.size, arguments.overlap)


@contextmanager
def _embedding(arguments: argparse.Namespace, texts: list[str]) -> Iterator[Embed]:
    """Yield what makes vectors of texts, and free a model at the end."""
    from pygpt.cli.progress import alive
    from pygpt.cli.vectors import load
    from pygpt.vectors.search import model_embedding, own_embedding, word_embedding

    if arguments.model is not None:
        with _loaded(arguments.model) as model:
            yield model_embedding(model)
    elif arguments.vectors is not None:
        yield word_embedding(load(arguments.vectors), texts)
    else:
        with alive(sys.stderr, False, lambda: "training word vectors on the text"):
            embed = own_embedding(texts)
        yield embed


@contextmanager
def _loaded(checkpoint: str) -> Iterator[GPT]:
    import pygpt
    from pygpt.cli.checkpoint import find_checkpoint
    from pygpt.cli.progress import alive

    with alive(sys.stderr, False, lambda: f"loading {checkpoint}"):
        model = pygpt.GPT.from_pretrained(find_checkpoint(checkpoint))
    with model:
        yield model


def _answer(arguments: argparse.Namespace, index: SearchIndex) -> None:
    with _loaded(arguments.answer) as model:
        prompt = index.prompt(
            arguments.question, arguments.top, fits=_fits(model, arguments.max_new_tokens)
        )
        pieces = model.stream(
            prompt, max_new_tokens=arguments.max_new_tokens, temperature=0.0
        )
        print("".join(pieces).strip())


def _fits(model: GPT, new_tokens: int) -> Callable[[str], bool]:
    """Return whether a model has room for a prompt and an answer."""
    from pygpt.generate.prompts import needed

    tokenizer = needed(model.tokenizer)
    return lambda prompt: len(tokenizer.encode(prompt)) + new_tokens <= model.config.block_size
