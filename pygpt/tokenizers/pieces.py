"""BPE by a list of merges, over characters: as Hugging Face's `tokenizers` computes it.

Of the merges that neighbours allow, the one that comes first in the list is done, at its leftmost
place, again and again. Here that is a heap for each word, and a memory of the words that were met.
The order of the merges need not be that of the ids, a token need not be reachable, and a character
need not have an id: then it is its bytes (`<0x0A>`), an unknown token, or nothing.
https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/models/bpe/model.rs
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from heapq import heapify, heappop, heappush
from itertools import pairwise

from pygpt.errors import TokenError

_LONG = 24  # characters: a longer word is looked at for places that no merge crosses
_KEPT = 2**16  # words that are remembered


class MergeModel:
    """Immutable (but for what it remembers): words as ids.

    Args:
        vocabulary: token -> id.
        merges: the halves of each, as tokens; the first has precedence.
        unknown: the token of characters without an id; None to leave them out.
        fuses: whether several in a row are one unknown token.
        spells_bytes: whether such a character is the tokens of its bytes, where there are those.
        takes_words: whether a word that is a token is that token, whatever the merges.
        suffix: is added to the last character of a word.
        spell: what is done to a word first.
    Raises:
        TokenError: a merge of or to a token that the vocabulary lacks.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        merges: Iterable[tuple[str, str]],
        *,
        unknown: str | None = None,
        fuses: bool = False,
        spells_bytes: bool = False,
        takes_words: bool = False,
        suffix: str = "",
        spell: Callable[[str], str] = str,
    ) -> None:
        self._vocabulary = vocabulary
        self._merges: dict[tuple[int, int], tuple[int, int]] = {}  # pair -> rank, new id
        for rank, (left, right) in enumerate(merges):
            missing = [t for t in (left, right, left + right) if t not in vocabulary]
            if missing:
                raise TokenError(
                    f"model.merges: {rank}: expected tokens of the vocabulary, got {missing[0]!r}"
                )
            pair = vocabulary[left], vocabulary[right]
            self._merges[pair] = (rank, vocabulary[left + right])
        if unknown is not None and unknown not in vocabulary:
            raise TokenError(f"model.unk_token: expected a token, got {unknown!r}")
        self._unknown = None if unknown is None else vocabulary[unknown]
        self._fuses, self._spells_bytes, self._takes_words = fuses, spells_bytes, takes_words
        self._suffix, self._spell = suffix, spell
        self._known: dict[str, tuple[int, ...]] = {}
        self._parts: dict[str, tuple[int, ...]] = {}  # of long words

    def encode(self, words: Iterable[str]) -> list[int]:
        """Return the ids of the words, one after another."""
        ids: list[int] = []
        known = self._known
        for word in words:
            found = known.get(word)
            if found is None:
                found = self._of(self._spell(word))
                if len(word) <= 4 * _LONG:
                    _remember(known, word, found)
            ids += found
        return ids

    def never_joins(self, left: str, right: str) -> bool:
        """Whether no token, whatever is around, has what ends one word and begins the other."""
        if self._suffix or self._spell is not str or not left or not right:
            return False
        last, first = left[-1], right[0]
        are_known = last in self._vocabulary and first in self._vocabulary
        return are_known and (last, first) not in self._neighbours

    def _of(self, word: str) -> tuple[int, ...]:
        if self._takes_words and word in self._vocabulary:
            return (self._vocabulary[word],)
        if len(word) <= _LONG or self._suffix:
            return tuple(self._merged(self._characters(word)))
        ids: list[int] = []
        for start, end in pairwise([0, *self._seams(word), len(word)]):
            part = word[start:end]
            found = self._parts.get(part)
            if found is None:
                found = tuple(self._merged(self._characters(part)))
                _remember(self._parts, part, found)
            ids += found
        return tuple(ids)

    def _seams(self, word: str) -> list[int]:
        """Return where a word falls apart: between characters that no merged token has together."""
        inner, vocabulary = self._neighbours, self._vocabulary
        seams = [i for i, pair in enumerate(pairwise(word), start=1) if pair not in inner]
        if self._singles.issuperset(word):
            return seams
        return [i for i in seams if word[i - 1] in vocabulary and word[i] in vocabulary]

    @cached_property
    def _neighbours(self) -> set[tuple[str, str]]:
        return {pair for token in self._vocabulary for pair in pairwise(token)}

    @cached_property
    def _singles(self) -> frozenset[str]:
        return frozenset(token for token in self._vocabulary if len(token) == 1)

    def _characters(self, word: str) -> list[int]:
        """Return the ids that a word begins with, before any merge."""
        ids: list[int] = []
        pending = False  # an unknown token that is not yet added
        last = len(word) - 1
        for i, character in enumerate(word):
            token = character + self._suffix if i == last else character
            found = self._vocabulary.get(token)
            if found is not None:
                if pending and self._unknown is not None:
                    ids.append(self._unknown)
                    pending = False
                ids.append(found)
                continue
            if self._spells_bytes:
                spelled = [self._vocabulary.get(f"<0x{b:02X}>") for b in token.encode()]
                if None not in spelled:
                    ids += [i for i in spelled if i is not None]
                    continue
            if self._unknown is not None:
                if pending and not self._fuses:
                    ids.append(self._unknown)
                pending = True
        if pending and self._unknown is not None:
            ids.append(self._unknown)
        return ids

    def _merged(self, ids: list[int]) -> list[int]:
        merges = self._merges
        heap = [
            (merges[pair][0], i, pair) for i, pair in enumerate(pairwise(ids)) if pair in merges
        ]
        if not heap:
            return ids
        heapify(heap)
        count = len(ids)
        after, before = [*range(1, count + 1)], [*range(-1, count - 1)]
        alive = [True] * count
        while heap:
            _, i, pair = heappop(heap)
            j = after[i]
            if not alive[i] or j == count or (ids[i], ids[j]) != pair:
                continue
            ids[i] = merges[pair][1]
            alive[j] = False
            after[i] = end = after[j]
            if end < count:
                before[end] = i
                fresh = ids[i], ids[end]
                if fresh in merges:
                    heappush(heap, (merges[fresh][0], i, fresh))
            if before[i] >= 0:
                fresh = ids[before[i]], ids[i]
                if fresh in merges:
                    heappush(heap, (merges[fresh][0], before[i], fresh))
        return [number for number, is_alive in zip(ids, alive, strict=True) if is_alive]


def _remember(known: dict[str, tuple[int, ...]], word: str, ids: tuple[int, ...]) -> None:
    if len(known) >= _KEPT:
        known.clear()
    known[word] = ids
