"""What vectors find: `python -m benchmarks.vectors.search [CHECKPOINT...]`.

Each passage of Shakespeare's text is cut in two: the first half is the question, the second one the
piece that is to be found among those of all passages. Both halves are about the same, but have few
words in common, so this asks for meaning rather than for words. Chance finds one of N. Beside
vectors of words trained on the text, and those of models, there is the cosine of counted words,
which knows of no meaning at all.
"""

from __future__ import annotations

import argparse
from collections import Counter
from math import log

import numpy as np
from numpy.typing import NDArray

import pygpt
from pygpt.vectors.chunks import Chunk
from pygpt.vectors.search import Embed, SearchIndex, model_embedding, own_embedding
from pygpt.vectors.words import words

LINES, PASSAGES = 8, 500


def halves(passages: int) -> tuple[list[str], list[str]]:
    """Return the first and the second half of passages from all of the text."""
    text = [line for line in pygpt.read_text("shakespeare").split("\n") if line.strip()]
    starts = np.linspace(0, len(text) - LINES, passages).astype(int)
    half = LINES // 2
    first = ["\n".join(text[i : i + half]) for i in starts]
    return first, ["\n".join(text[i + half : i + LINES]) for i in starts]


def counted(texts: list[str]) -> Embed:
    """Return what counts words, rare ones for more: no vector knows of another word."""
    having = Counter(word for text in texts for word in {*words(text)})
    numbers = {word: i for i, word in enumerate(having)}
    rarity = {word: log(len(texts) / count) for word, count in having.items()}

    def embed(some: list[str]) -> NDArray[np.float64]:
        rows = np.zeros((len(some), len(numbers)))
        for row, text in zip(rows, some, strict=True):
            for word in words(text):
                if word in numbers:
                    row[numbers[word]] += rarity[word]
        return rows

    return embed  # type: ignore[return-value]


def show(name: str, embed: Embed, questions: list[str], pieces: list[str]) -> None:
    """Print how often the right piece is the first one, and among the first ten."""
    index = SearchIndex([Chunk(text, "", i, i) for i, text in enumerate(pieces)], embed)
    ranks = []
    for number, question in enumerate(questions):
        try:
            found = [hit.chunk.start for hit in index.search(question, len(pieces))]
            ranks.append(found.index(number))
        except pygpt.DataError:  # no known word
            ranks.append(len(pieces))
    first, ten = (np.mean([rank < n for rank in ranks]) for n in (1, 10))
    median = 1 + np.median(ranks)
    print(f"{name:28}first {first:6.1%}  of ten {ten:6.1%}  median rank {median:.0f}", flush=True)


def main() -> None:
    """Compare them."""
    parser = argparse.ArgumentParser(prog="benchmarks.vectors.search")
    parser.add_argument("checkpoints", nargs="*")
    parser.add_argument("--passages", type=int, default=PASSAGES)
    arguments = parser.parse_args()
    questions, pieces = halves(arguments.passages)
    n = arguments.passages
    print(f"{n} passages; chance: first {1 / n:.1%}, of ten {10 / n:.1%}, median rank {n // 2}")
    show("counted words", counted(pieces), questions, pieces)
    show("word vectors of the text", own_embedding([*questions, *pieces]), questions, pieces)
    for checkpoint in arguments.checkpoints:
        with pygpt.GPT.from_pretrained(checkpoint) as model:
            show(checkpoint, model_embedding(model), questions, pieces)


if __name__ == "__main__":
    main()
