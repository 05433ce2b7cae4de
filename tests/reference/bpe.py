"""Byte-level BPE, the slow way: every pair is counted anew for each merge.

The oracle of pygpt's trainer, and of tiktoken's way of encoding with its ranks. It shares nothing
with either but the bytes' order, which it makes for itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

Merge = tuple[bytes, bytes]


def byte_order() -> list[int]:
    """GPT-2's order: the bytes that Latin-1 prints, without blanks and the soft hyphen, first."""
    printed = [b for b in range(256) if chr(b).isprintable() and not chr(b).isspace()]
    return printed + [b for b in range(256) if b not in printed]


def merge(word: list[bytes], left: bytes, right: bytes) -> list[bytes]:
    """Return the word with the pair joined wherever it occurs, from left to right."""
    for i in range(len(word) - 1):
        if word[i : i + 2] == [left, right]:
            return [*word[:i], left + right, *merge(word[i + 2 :], left, right)]
    return word


def train(words: Iterable[bytes], count: int) -> list[Merge]:
    """Return up to `count` merges: the pair that occurs most; of several, that of smallest ids."""
    texts = [[word[i : i + 1] for i in range(len(word))] for word in words]
    tokens = [bytes([b]) for b in byte_order()]
    merges: list[Merge] = []
    while len(merges) < count:
        pairs = Counter(pair for text in texts for pair in pairwise(text))
        if not pairs:
            break
        left, right = min(pairs, key=lambda p: (-pairs[p], tokens.index(p[0]), tokens.index(p[1])))
        texts = [merge(text, left, right) for text in texts]
        tokens.append(left + right)
        merges.append((left, right))
    return merges


def encode(word: bytes, merges: Iterable[Merge]) -> list[bytes]:
    """Return the tokens of a word: each merge, in the order in which they were learnt."""
    tokens = [word[i : i + 1] for i in range(len(word))]
    for left, right in merges:
        tokens = merge(tokens, left, right)
    return tokens
