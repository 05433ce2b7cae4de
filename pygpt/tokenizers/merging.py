"""Byte-level BPE: the pair of neighbours that occurs most becomes one token, again and again.

A token here is its id: 0 to 255 are the bytes in GPT-2's order, then one for each merge.

**Ties.** Of the pairs that occur equally often, the one with the smallest ids is merged: the left
id decides, then the right one. Hugging Face's `tokenizers` does the same: its trainer's queue is
ordered by count, then by ascending pair of ids, and its ids of the bytes are in GPT-2's order too.
https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/models/bpe/trainer.rs

**Bytes name a merge.** tiktoken knows no list of merges: it merges the neighbours whose joined
bytes have the lowest rank. That is the same, for no two merges give the same bytes. Take a run of
bytes whose ends no token has crossed so far. The merges within it were those that it would have
had alone, so after each merge it stands divided in the same way wherever it occurs; if it becomes
one token, it does so everywhere at once, from the same two halves. For the same reason the halves
can be found again from the bytes and the ranks alone: see `merges_of`.

Sennrich et al. 2016, https://arxiv.org/abs/1508.07909.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise

from pygpt.errors import TokenError
from pygpt.tokenizers.alphabet import BYTES

Pair = tuple[int, int]
_ID_OF_BYTE = {byte: i for i, byte in enumerate(BYTES)}


def learn(words: Mapping[bytes, int], count: int) -> list[Pair]:
    """Return the first `count` merges, or as many as there are.

    Args:
        words: word -> how often it occurs; no merge crosses from one word to another.
    Returns:
        Ids of the two halves of each; merge i makes id 256 + i.
    """
    words_as_ids = _Words(words)
    # A pair's entry may be out of date, since merging its neighbours takes occurrences away: its
    # count is then too high, never too low, which is seen and put right when it comes up.
    heap = [(-number, pair) for pair, number in words_as_ids.pairs.items()]
    heapify(heap)
    merges: list[Pair] = []
    while heap and len(merges) < count:
        number, pair = heappop(heap)
        now = words_as_ids.pairs[pair]
        if now != -number:
            if now:
                heappush(heap, (-now, pair))
            continue
        for fresh in words_as_ids.merge(pair, len(BYTES) + len(merges)):
            heappush(heap, (-words_as_ids.pairs[fresh], fresh))
        merges.append(pair)
    return merges


class _Words:
    """Mutable: the distinct words as ids; `pairs` has how often each two neighbours occur."""

    def __init__(self, words: Mapping[bytes, int]) -> None:
        self._ids = [[_ID_OF_BYTE[byte] for byte in word] for word in words]
        self._repeats = list(words.values())
        self._where: defaultdict[Pair, set[int]] = defaultdict(set)  # words that may have the pair
        self.pairs: Counter[Pair] = Counter()
        for word, (ids, repeats) in enumerate(zip(self._ids, self._repeats, strict=True)):
            for pair in pairwise(ids):
                self.pairs[pair] += repeats
                self._where[pair].add(word)

    def merge(self, pair: Pair, new: int) -> list[Pair]:
        """Put `new` for every occurrence of the pair; return the pairs that have come of it."""
        left, right = pair
        pairs, fresh = self.pairs, set()
        for word in self._where.pop(pair):
            old, repeats = self._ids[word], self._repeats[word]
            ids: list[int] = []
            start = 0
            while True:
                try:
                    i = old.index(left, start, -1)
                except ValueError:
                    break
                ids += old[start:i]
                start = i + 1
                if old[start] != right:
                    ids.append(left)
                    continue
                start += 1
                if ids:
                    before = (ids[-1], new)
                    pairs[ids[-1], left] -= repeats
                    pairs[before] += repeats
                    self._where[before].add(word)
                    fresh.add(before)
                if start < len(old):
                    after = (new, old[start])
                    pairs[right, old[start]] -= repeats
                    pairs[after] += repeats
                    self._where[after].add(word)
                    fresh.add(after)
                ids.append(new)
            self._ids[word] = ids + old[start:]
        del pairs[pair]
        return [pair for pair in fresh if pairs[pair]]


def tokens_of(merges: list[Pair]) -> list[bytes]:
    """Return the bytes of every id: those of the alphabet, then one for each merge."""
    tokens = [bytes([byte]) for byte in BYTES]
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    return tokens


def merges_of(ranks: Mapping[bytes, int]) -> list[tuple[bytes, bytes]]:
    """Return the halves of every merged token, by rank; a `TokenError` if a token has none."""
    merges = []
    for token in sorted(ranks, key=ranks.__getitem__):
        if len(token) > 1:
            pair = _halves(token, ranks)
            if pair is None:
                raise TokenError(f"ranks: expected {token!r} to be merged of two tokens before it")
            merges.append(pair)
    return merges


def _halves(token: bytes, ranks: Mapping[bytes, int]) -> tuple[bytes, bytes] | None:
    """Return the two tokens that merge to this one, or None if lower ranks do not lead to two."""
    limit = ranks[token]
    parts = [token[i : i + 1] for i in range(len(token))]
    joined = [ranks.get(token[i : i + 2], limit) for i in range(len(token) - 1)]
    while len(parts) > 2:
        lowest = min(joined)
        if lowest >= limit:
            return None
        i = joined.index(lowest)
        parts[i] += parts.pop(i + 1)
        del joined[i]
        for j in (i - 1, i):
            if 0 <= j < len(joined):
                joined[j] = ranks.get(parts[j] + parts[j + 1], limit)
    return parts[0], parts[1]
