"""KeyedVectors: vectors of words, compared by cosines; the names are gensim's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import ConfigError, ShapeError, TokenError
from pygpt.vectors import evaluate, formats

Key = str | NDArray[Any]
Weighted = Key | tuple[Key, float]
"""A word or a vector, by itself or with a weight."""


class KeyedVectors:
    """Immutable: a vector for each of a number of words, the most frequent ones first.

    A method raises a TokenError for a word that has no vector.

    Args:
        keys: the words, each once.
        vectors: (V, C); shared if it is float32.
        counts: how often each word occurred, if that is known.
    Attributes:
        index_to_key: the words.
        key_to_index: word -> its row.
        vectors: float32, (V, C).
    Raises:
        ShapeError: there are not as many words, each once, as vectors or counts.
    """

    def __init__(
        self, keys: Iterable[str], vectors: NDArray[Any], counts: Sequence[int] | None = None
    ) -> None:
        self.index_to_key = list(keys)
        self.key_to_index = {key: i for i, key in enumerate(self.index_to_key)}
        self.vectors: NDArray[np.float32] = np.asarray(vectors, np.float32)
        self.counts = None if counts is None else [int(count) for count in counts]
        n = len(self.index_to_key)
        if self.vectors.ndim != 2 or len(self.vectors) != n or len(self.key_to_index) != n:
            got = f"{n} words, {len(self.key_to_index)} different ones"
            raise ShapeError(f"vectors: expected a row a word, got {self.vectors.shape} for {got}")
        if self.counts is not None and len(self.counts) != n:
            raise ShapeError(f"counts: expected one a word, got {len(self.counts)} for {n} words")
        self._units: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, key: object) -> bool:
        return key in self.key_to_index

    def __getitem__(self, key: str | Sequence[str]) -> NDArray[np.float32]:
        if isinstance(key, str):
            return self.get_vector(key)
        return np.array([self.get_vector(one) for one in key], np.float32)

    @property
    def vector_size(self) -> int:
        """How many numbers a vector has: C."""
        return int(self.vectors.shape[1])

    def get_index(self, key: str) -> int:
        """Return the row of a word."""
        try:
            return self.key_to_index[key]
        except (KeyError, TypeError):
            raise TokenError(
                f"word: expected one of the {len(self):,} that have a vector, got {key!r}"
            ) from None

    def get_vector(self, key: str, norm: bool = False) -> NDArray[np.float32]:
        """Return the vector of a word, (C,), shared; with `norm` one of length 1."""
        row: NDArray[np.float32] = (self._normed() if norm else self.vectors)[self.get_index(key)]
        return row

    def get_normed_vectors(self) -> NDArray[np.float32]:
        """Return all vectors, each of length 1; zero stays zero."""
        return self._normed().copy()

    def get_vecattr(self, key: str, attribute: str) -> int:
        """Return how often a word occurred, its attribute `count`."""
        if attribute != "count" or self.counts is None:
            have = "expected count" if self.counts is not None else "these vectors have none"
            raise ConfigError("attribute", f"{have}, got {attribute!r}")
        return self.counts[self.get_index(key)]

    def _normed(self) -> NDArray[np.float32]:
        units = self._units
        if units is None:
            lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
            units = (self.vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
            self._units = units
        return units

    # ---- what is near ------------------------------------------------------------------------

    def similarity(self, w1: str, w2: str) -> float:
        """Return the cosine of the angle between two words, -1 to 1."""
        return float(self.get_vector(w1, norm=True) @ self.get_vector(w2, norm=True))

    def distance(self, w1: str, w2: str) -> float:
        """Return 1 less their cosine."""
        return 1 - self.similarity(w1, w2)

    def most_similar(
        self,
        positive: Weighted | Sequence[Weighted] | None = None,
        negative: Weighted | Sequence[Weighted] | None = None,
        topn: int = 10,
        restrict_vocab: int | None = None,
    ) -> list[tuple[str, float]]:
        """Return the words nearest to the mean of some, less that of others, without these.

        As in word2vec each vector has length 1 before it counts: `most_similar(positive=["king",
        "woman"], negative=["man"])` asks for king - man + woman.

        Args:
            positive, negative: a word, a vector, or several; each may have a weight.
            topn: how many.
            restrict_vocab: answers are among so many most frequent words.
        Returns:
            Words with their cosines, the largest first.
        Raises:
            ConfigError: there is no word at all, or topn is less than 1.
        """
        weighted = [*_weighted(positive, 1.0), *_weighted(negative, -1.0)]
        if not weighted:
            raise ConfigError("positive", "expected at least one word, got none")
        mean = np.zeros(self.vector_size)
        without = set()
        for key, weight in weighted:
            if isinstance(key, str):
                without.add(self.get_index(key))
                mean += weight * self.get_vector(key, norm=True).astype(np.float64)
            else:
                mean += weight * _unit(self._checked(key))
        return self._nearest(mean, without, topn, restrict_vocab)

    def similar_by_word(
        self, word: str, topn: int = 10, restrict_vocab: int | None = None
    ) -> list[tuple[str, float]]:
        """Return the words nearest to one; see `most_similar`."""
        return self.most_similar(word, topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_vector(
        self, vector: NDArray[Any], topn: int = 10, restrict_vocab: int | None = None
    ) -> list[tuple[str, float]]:
        """Return the words nearest to a vector, (C,); see `most_similar`."""
        return self._nearest(self._checked(vector), set(), topn, restrict_vocab)

    def _nearest(
        self, vector: NDArray[Any], without: set[int], topn: int, restrict_vocab: int | None
    ) -> list[tuple[str, float]]:
        if topn < 1:
            raise ConfigError("topn", f"expected at least 1, got {topn}")
        units = self._normed()[:restrict_vocab]
        cosines = units @ _unit(vector).astype(np.float32)  # (V, C) @ (C,) -> (V,)
        few = min(len(units), topn + len(without))
        near = np.argpartition(-cosines, few - 1)[:few] if few else np.empty(0, np.int64)
        ordered = near[np.lexsort((near, -cosines[near]))]
        found = [(self.index_to_key[i], float(cosines[i])) for i in ordered if i not in without]
        return found[:topn]

    def _checked(self, vector: NDArray[Any]) -> NDArray[Any]:
        found = np.asarray(vector)
        if found.shape != (self.vector_size,):
            raise ShapeError(f"vector: expected ({self.vector_size},), got {found.shape}")
        return found

    def doesnt_match(self, words: Sequence[str]) -> str:
        """Return the word that is farthest from the mean of all; those without a vector are left
        out.

        Raises:
            TokenError: none of them has a vector.
        """
        known = [word for word in words if word in self]
        if not known:
            raise TokenError(f"words: expected some that have a vector, got {list(words)!r}")
        units = np.array([self.get_vector(word, norm=True) for word in known], np.float64)
        return known[int(np.argmin(units @ _unit(units.mean(axis=0))))]

    def n_similarity(self, ws1: Sequence[str], ws2: Sequence[str]) -> float:
        """Return the cosine between the mean of some words and that of others."""
        if not ws1 or not ws2:
            raise ConfigError("words", "expected at least one on each side, got none")
        return float(_unit(self[list(ws1)].mean(axis=0)) @ _unit(self[list(ws2)].mean(axis=0)))

    # ---- how good they are -------------------------------------------------------------------

    def evaluate_word_analogies(
        self,
        analogies: str | os.PathLike[str],
        restrict_vocab: int = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[float, list[dict[str, Any]]]:
        """Return the share of analogies that come out right, and the questions by section.

        Args:
            analogies: a file of the form of questions-words.txt.
            restrict_vocab: answers are among so many most frequent words; questions with others
                are left out.
            case_insensitive: whether capital letters are as good as small ones.
            dummy4unknown: whether questions with unknown words count as wrong.
        Raises:
            DataError: there is no such file, or a line is no question.
        """
        fold = str.upper if case_insensitive else str
        found = evaluate.analogies(
            evaluate.read_analogies(analogies),
            self.index_to_key[:restrict_vocab],
            self._normed()[:restrict_vocab],
            fold,
            dummy4unknown,
        )
        total = evaluate.Section("Total accuracy")
        for section in found:
            total.correct += section.correct
            total.incorrect += section.incorrect
        return evaluate.accuracy(found), [one.to_dict() for one in (*found, total)]

    def evaluate_word_pairs(
        self,
        pairs: str | os.PathLike[str],
        delimiter: str | None = "\t",
        restrict_vocab: int = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[evaluate.Correlation, evaluate.Correlation, float]:
        """Return how cosines agree with people's ratings of pairs of words.

        Arguments and errors are those of `evaluate_word_analogies`.

        Returns:
            Pearson's correlation and Spearman's, each with its p-value, and how many percent of
            the pairs have a word without a vector.
        """
        fold = str.upper if case_insensitive else str
        words = self.index_to_key[:restrict_vocab]
        numbers: Mapping[str, int] = {fold(key): i for i, key in reversed([*enumerate(words)])}
        units = self._normed()

        def similarity(first: str, second: str) -> float | None:
            a, b = numbers.get(fold(first)), numbers.get(fold(second))
            return None if a is None or b is None else float(units[a] @ units[b])

        rated = evaluate.read_pairs(pairs, delimiter)
        return evaluate.pairs(rated, similarity, dummy4unknown)

    # ---- files -------------------------------------------------------------------------------

    def save_word2vec_format(
        self,
        fname: str | os.PathLike[str],
        fvocab: str | os.PathLike[str] | None = None,
        binary: bool = False,
    ) -> None:
        """Write the vectors to a new file, in word2vec's text form or its binary one.

        Args:
            fvocab: a file for the words' counts.
        Raises:
            OutputError: the file exists, cannot be written, or a word has a blank.
            ConfigError: fvocab is given, and the counts are not known.
        """
        if fvocab is not None and self.counts is None:
            raise ConfigError("fvocab", "expected vectors whose words were counted")
        formats.write(Path(fname), self.index_to_key, self.vectors, binary)
        if fvocab is not None and self.counts is not None:
            formats.write_counts(Path(fvocab), self.index_to_key, self.counts)

    @classmethod
    def load_word2vec_format(
        cls,
        fname: str | os.PathLike[str],
        fvocab: str | os.PathLike[str] | None = None,
        binary: bool = False,
        limit: int | None = None,
    ) -> KeyedVectors:
        """Return the vectors of a file that word2vec, gensim, fastText or GloVe wrote.

        Text may be packed (gzip and others).

        Args:
            fvocab: a file with the words' counts.
            limit: take so many, the most frequent ones.
        Raises:
            DataError: there is no such file, or it is none of this form.
        """
        keys, vectors = formats.read(Path(fname), binary, limit)
        if fvocab is None:
            return cls(keys, vectors)
        counts = formats.read_counts(Path(fvocab))
        return cls(keys, vectors, [counts.get(key, 0) for key in keys])


def _weighted(
    given: Weighted | Sequence[Weighted] | None, sign: float
) -> Iterable[tuple[Key, float]]:
    """Yield words and vectors with their weights, from what a user may give."""
    if given is None:
        return
    if isinstance(given, str) or _is_vector(given):
        given = [given]  # type: ignore[list-item]
    for one in given:
        if isinstance(one, tuple) and len(one) == 2 and isinstance(one[1], (int, float)):
            yield one[0], sign * one[1]
        else:
            yield one, sign  # type: ignore[misc]


def _is_vector(given: object) -> bool:
    return isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype.kind in "fiu"


def _unit(vector: NDArray[Any]) -> NDArray[np.float64]:
    wide = vector.astype(np.float64)
    length = np.linalg.norm(wide)
    return wide / length if length > 0 else wide
