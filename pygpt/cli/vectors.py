"""`python -m pygpt vectors`: train word vectors, and ask them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pygpt.cli.flags import SOURCE, add_fields, add_reading, given_fields
from pygpt.vectors.config import Word2VecConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pygpt.vectors.keyed import KeyedVectors

PLANTED = "planted"
EXAMPLES = """\
examples:
  python -m pygpt vectors train planted --out planted.txt
  python -m pygpt vectors train shakespeare --sg 1 --epochs 20 --out words.bin
  python -m pygpt vectors similar planted.txt king
  python -m pygpt vectors analogy planted.txt man king woman
  python -m pygpt vectors evaluate words.bin questions-words.txt
"""
_FILE = "vectors in word2vec's text or binary form, as gensim and fastText write them, or GloVe's"


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt vectors`."""
    parser = commands.add_parser(
        "vectors",
        help="train word vectors (word2vec), and ask them for similar words and analogies",
        description="Train vectors of words, so that words that are used alike lie near each "
        "other, and ask them.",
        epilog=EXAMPLES,
    )
    tasks = parser.add_subparsers(dest="task", metavar="TASK", required=True)

    def task(name: str, run: Any, description: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = tasks.add_parser(
            name, help=description, description=f"{description[0].upper()}{description[1:]}."
        )
        added.set_defaults(run=run)
        return added

    one = task("train", train, "train word2vec on text, each line of which is a sentence")
    _add_train(one)
    one = task("similar", similar, "print the words nearest to the mean of some")
    one.add_argument("vectors", metavar="FILE", help=_FILE)
    one.add_argument("words", nargs="+", metavar="WORD", help="words to be near to")
    one.add_argument(
        "--minus", action="append", default=[], metavar="WORD", help="a word to be far from"
    )
    _add_answers(one)
    one = task("analogy", analogy, "print what is to C as B is to A")
    one.add_argument("vectors", metavar="FILE", help=_FILE)
    for letter in "ABC":
        one.add_argument(letter.lower(), metavar=letter, help="a word, as man, king and woman")
    _add_answers(one)
    one = task("evaluate", evaluate, "ask a set of analogies, or of pairs that people rated")
    one.add_argument("vectors", metavar="FILE", help=_FILE)
    one.add_argument(
        "questions",
        metavar="QUESTIONS",
        help=f"a file like questions-words.txt, or of two words and a number a line; or {PLANTED}",
    )
    one.add_argument("--json", action="store_true", help="print the results as one JSON object")


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data",
        metavar="DATA",
        help=f"what to read: {SOURCE}; or {PLANTED}, a small corpus made for the purpose, whose "
        "analogies are known",
    )
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="the file to write; binary if it ends in .bin"
    )
    add_reading(parser, lines=False)
    parser.add_argument("--cased", action="store_true", help="let capital letters stay")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    add_fields(parser, Word2VecConfig)


def _add_answers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--topn", type=int, default=10, metavar="N", help="how many answers (default: 10)"
    )
    parser.add_argument("--json", action="store_true", help="print them as one JSON list")


# ---- train -----------------------------------------------------------------------------------


def train(arguments: argparse.Namespace) -> None:
    """Train vectors and write them to a new file."""
    from pygpt.cli.progress import alive, progress_on, say_next
    from pygpt.fields import from_dict
    from pygpt.files.atomic import check_new
    from pygpt.vectors.word2vec import Word2Vec

    out, quiet = Path(arguments.out), arguments.quiet
    check_new(out)
    options = given_fields(arguments, Word2VecConfig)
    from_dict(Word2VecConfig, options)
    with alive(sys.stderr, quiet, lambda: f"reading {arguments.data}"):
        sentences = [*_sentences(arguments)]
        model = Word2Vec(**options)
        model.build_vocab(sentences)
    with progress_on(sys.stderr, quiet, then="training") as progress:
        progress.note(
            f"{model.corpus_total_words:,} words in {model.corpus_count:,} sentences; "
            f"{len(model.wv):,} words occur at least {model.config.min_count} times"
        )

        def show(done: int, total: int) -> None:
            if progress.total is None:
                progress.begin(total)
            progress.update(done, lambda: f"{progress.per_s(done):,.0f} words/s")

        model.train(sentences, on_progress=show)
    model.wv.save_word2vec_format(out, binary=out.suffix == ".bin")
    print(f"{out}: {len(model.wv):,} words, vectors of {model.wv.vector_size} numbers")
    say_next(quiet, "vectors", "similar", out, model.wv.index_to_key[0])


def _sentences(arguments: argparse.Namespace) -> Iterable[list[str]]:
    from pygpt.datasets.sources import find_source
    from pygpt.vectors import planted
    from pygpt.vectors.words import sentences

    if arguments.data == PLANTED:
        return planted.sentences()
    reading = {name: getattr(arguments, name) for name in ("format", "separator", "encoding")}
    given = {name: value for name, value in reading.items() if value}
    source = find_source(arguments.data, arguments.field, False, **given)
    return sentences(source.documents(), arguments.cased)


# ---- ask -------------------------------------------------------------------------------------


def load(path: str) -> KeyedVectors:
    """Return the vectors of a file, in whichever form it is."""
    from pygpt.cli.progress import alive
    from pygpt.vectors.formats import is_binary
    from pygpt.vectors.keyed import KeyedVectors

    with alive(sys.stderr, False, lambda: f"loading {path}"):
        return KeyedVectors.load_word2vec_format(path, binary=is_binary(path))


def similar(arguments: argparse.Namespace) -> None:
    """Print the nearest words."""
    vectors = load(arguments.vectors)
    _print(arguments, vectors.most_similar(arguments.words, arguments.minus, arguments.topn))


def analogy(arguments: argparse.Namespace) -> None:
    """Print the words nearest to b - a + c."""
    vectors = load(arguments.vectors)
    _print(
        arguments,
        vectors.most_similar([arguments.b, arguments.c], [arguments.a], arguments.topn),
    )


def _print(arguments: argparse.Namespace, found: list[tuple[str, float]]) -> None:
    if arguments.json:
        print(json.dumps(found))
        return
    width = max((len(word) for word, _ in found), default=0)
    for word, cosine in found:
        print(f"{word:{width}}  {cosine:.4f}")


def evaluate(arguments: argparse.Namespace) -> None:
    """Print shares of right answers by section, or correlations."""
    from pygpt.vectors.evaluate import is_pairs

    vectors = load(arguments.vectors)
    if arguments.questions != PLANTED and is_pairs(arguments.questions):
        _evaluate_pairs(arguments, vectors)
        return
    sections = _analogies(arguments.questions, vectors)
    values = {}
    for section in sections:
        right, wrong = len(section["correct"]), len(section["incorrect"])
        values[section["section"]] = {"correct": right, "questions": right + wrong}
    if arguments.json:
        print(json.dumps(values))
        return
    width = max(map(len, values))
    for name, value in values.items():
        right, asked = value["correct"], value["questions"]
        share = f"{right / asked:7.2%}" if asked else "   none"
        print(f"{name:{width}}  {share}  {right:,} of {asked:,}")


def _analogies(questions: str, vectors: KeyedVectors) -> list[dict[str, Any]]:
    if questions != PLANTED:
        return vectors.evaluate_word_analogies(questions)[1]
    import tempfile

    from pygpt.vectors import planted

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "questions.txt")
        path.write_text(planted.questions_text(), encoding="utf-8")
        return vectors.evaluate_word_analogies(path)[1]


def _evaluate_pairs(arguments: argparse.Namespace, vectors: KeyedVectors) -> None:
    delimiter = "\t" if "\t" in Path(arguments.questions).read_text(encoding="utf-8") else None
    pearson, spearman, unknown = vectors.evaluate_word_pairs(arguments.questions, delimiter)
    values = {
        "pearson": pearson[0],
        "pearson_p": pearson[1],
        "spearman": spearman[0],
        "spearman_p": spearman[1],
        "unknown_percent": unknown,
    }
    if arguments.json:
        print(json.dumps(values))
        return
    print(f"Pearson   {pearson[0]:.4f}  p {pearson[1]:.2e}")
    print(f"Spearman  {spearman[0]:.4f}  p {spearman[1]:.2e}")
    print(f"unknown   {unknown:.1f}%")
