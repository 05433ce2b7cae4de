"""Text as sentences of words, and these as numbers."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import DataError

LONGEST_SENTENCE = 1000  # words; what is longer is cut, as in word2vec.c
AT_ONCE = 1024  # sentences whose words are looked up in one go
_WORD = re.compile(r"\w+(?:['’]\w+)*")


def words(text: str, cased: bool = False) -> list[str]:
    """Return the words of a text: letters, digits and apostrophes within, in small letters.

    Args:
        cased: whether capital letters stay.
    """
    return _WORD.findall(text if cased else text.lower())


def sentences(texts: Iterable[str], cased: bool = False) -> Iterator[list[str]]:
    """Yield the words of each line of each text; lines without words are left out."""
    for text in texts:
        for line in text.splitlines():
            found = words(line, cased)
            if found:
                yield found


def count_words(sentences: Iterable[Iterable[str]]) -> tuple[Counter[str], int]:
    """Return how often each word occurs, and how many sentences there are.

    Raises:
        DataError: a sentence is one text instead of its words.
    """
    counts: Counter[str] = Counter()
    number = 0
    for sentence in sentences:
        number += 1
        if isinstance(sentence, str):
            raise DataError(
                f"sentences: expected lists of words, got the text {sentence[:30]!r}; cut it "
                "into words first: pygpt.vectors.words.words(text)"
            )
        counts.update(sentence)
    return counts, number


class _Numbers(dict[str, int]):
    """Mutable: numbers of words, and -1 for all others, which are not added."""

    def __missing__(self, word: str) -> int:
        return -1


def numbered(
    sentences: Iterable[Iterable[str]], numbers: Mapping[str, int]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the numbers of all words that have one, and for each sentence where it ends.

    Sentences without such a word are left out, longer ones than `LONGEST_SENTENCE` are cut.
    """
    find = _Numbers(numbers).__getitem__
    found = array("i")
    lengths = array("i")
    rest = iter(sentences)
    while some := [[*sentence] for sentence in islice(rest, AT_ONCE)]:
        lengths.extend(map(len, some))
        found.extend(map(find, chain.from_iterable(some)))
    ids = np.asarray(found)
    known = np.concatenate([[0], np.cumsum(ids >= 0, dtype=np.int32)])
    ends = known[np.cumsum(lengths, dtype=np.int32)]
    begins = np.concatenate([[0], ends[:-1]])
    longer = np.flatnonzero(ends - begins > LONGEST_SENTENCE)
    cuts = [np.arange(begins[i] + LONGEST_SENTENCE, ends[i], LONGEST_SENTENCE) for i in longer]
    all_ends = np.unique(np.concatenate([ends, *cuts]))
    return ids[ids >= 0].astype(np.int32), all_ends[all_ends > 0].astype(np.int32)
