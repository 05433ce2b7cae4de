"""BPE on one text, step by step, for readers: `python -m pygpt tokenizer explain TEXT`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from pygpt.tokenizers.alphabet import utf8
from pygpt.tokenizers.pretokenize import split_of

Words = tuple[tuple[bytes, ...], ...]
"""The tokens of each word."""


@dataclass(frozen=True)
class Step:
    """One merge: its halves, how often they were neighbours, and what the text is after it."""

    left: bytes
    right: bytes
    count: int
    words: Words


def words_of(text: str, split: str = "gpt2") -> Words:
    """Return the words of a text, each as single bytes."""
    utf8(text)
    words = [word.encode() for word in split_of(split).words(text)]
    return tuple(tuple(word[i : i + 1] for i in range(len(word))) for word in words)


def merge_steps(words: Words) -> Iterator[Step]:
    """Yield merges, until no pair of neighbours occurs twice.

    In a short text most pairs tie, and a reader goes from left to right: of the pairs that occur
    equally often, the one that comes first in the text is merged. (`BPETokenizer.train` takes the
    one with the smallest ids.)
    """
    while True:
        pairs = Counter(pair for word in words for pair in pairwise(word)).most_common(1)
        if not pairs or pairs[0][1] < 2:
            return
        (left, right), count = pairs[0]
        words = tuple(_merge(word, left, right) for word in words)
        yield Step(left, right, count, words)


def replay(words: Words, ranks: Mapping[bytes, int]) -> Iterator[Words]:
    """Yield words as they are, and after each merge that a tokenizer makes in them.

    The neighbours whose joined bytes have the lowest rank are merged first, wherever they are.
    """
    yield words
    while True:
        found = {
            pair: ranks[pair[0] + pair[1]]
            for word in words
            for pair in pairwise(word)
            if pair[0] + pair[1] in ranks
        }
        if not found:
            return
        left, right = min(found, key=found.__getitem__)
        words = tuple(_merge(word, left, right) for word in words)
        yield words


def _merge(word: tuple[bytes, ...], left: bytes, right: bytes) -> tuple[bytes, ...]:
    merged: list[bytes] = []
    i = 0
    while i < len(word):
        step = 2 if word[i : i + 2] == (left, right) else 1
        merged.append(b"".join(word[i : i + step]))
        i += step
    return tuple(merged)


def show(token: bytes) -> str:
    """Return a token as text: a blank is ␣, and what cannot be shown an escape: \\n or \\xe2."""
    text = token.decode("utf-8", "backslashreplace")
    shown = [c if c.isprintable() else c.encode("unicode_escape").decode() for c in text]
    return "".join(shown).replace(" ", "␣")
