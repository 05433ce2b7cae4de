"""Search by meaning: pieces of text whose vectors are nearest to a question's, in a prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import ConfigError, DataError, ShapeError
from pygpt.vectors.chunks import Chunk
from pygpt.vectors.keyed import KeyedVectors
from pygpt.vectors.word2vec import Word2Vec
from pygpt.vectors.words import sentences, words

if TYPE_CHECKING:
    from pygpt.model.gpt import GPT

Embed = Callable[[Sequence[str]], NDArray[Any]]
"""Makes of n texts n vectors, (n, C)."""

TEMPLATE = "{passages}\n\nQuestion: {question}\nAnswer:"


@dataclass(frozen=True)
class Hit:
    """Immutable: a piece that was found.

    Attributes:
        cosine: of the angle between its vector and the question's, -1 to 1.
    """

    chunk: Chunk
    cosine: float


class SearchIndex:
    """Immutable: pieces of text with their vectors.

    What all pieces have in common says nothing of any of them: the mean of their vectors is taken
    from each, and from a question's.

    Args:
        chunks: the pieces; see `pygpt.vectors.chunks`.
        embed: makes vectors of texts: `word_embedding`, `model_embedding`, or one's own.
    Raises:
        DataError: there is no piece.
        ShapeError: embed does not return a vector a text.
    """

    def __init__(self, chunks: Iterable[Chunk], embed: Embed) -> None:
        self.chunks = list(chunks)
        self._embed = embed
        if not self.chunks:
            raise DataError("chunks: expected at least one piece of text, got none")
        vectors = self._vectors([chunk.text for chunk in self.chunks])
        one = len(self.chunks) == 1
        self._mean = np.zeros(vectors.shape[1]) if one else vectors.mean(axis=0)
        self._units = _units(vectors - self._mean)

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float64]:
        found = np.asarray(self._embed(texts), np.float64)
        if found.ndim != 2 or len(found) != len(texts):
            got = f"got {found.shape}"
            raise ShapeError(f"embed: expected a vector for each of {len(texts)} texts, {got}")
        return found

    def search(self, question: str, n: int = 3) -> list[Hit]:
        """Return the n pieces of the largest cosines with a question, the largest first.

        Raises:
            ConfigError: n is less than 1.
            DataError: the question has no vector, since none of its words has one.
        """
        if n < 1:
            raise ConfigError("n", f"expected at least 1, got {n}")
        vector = self._vectors([question])
        if not vector.any():
            raise DataError(f"question: expected words that have a vector, got {question!r}")
        cosines = self._units @ _units(vector - self._mean)[0]  # (N, C) @ (C,) -> (N,)
        best = np.argsort(-cosines, kind="stable")[:n]
        return [Hit(self.chunks[i], float(cosines[i])) for i in best]

    def prompt(
        self,
        question: str,
        n: int = 3,
        *,
        fits: Callable[[str], bool] | None = None,
        template: str = TEMPLATE,
    ) -> str:
        """Return a prompt with the nearest pieces and the question.

        Args:
            n: the most pieces.
            fits: whether a prompt is short enough; the farthest pieces are left out until it is.
            template: has {passages} and {question}.
        Raises:
            ConfigError: n is less than 1, or not even one piece fits.
            DataError: see `search`.
        """
        passages = [hit.chunk.text for hit in self.search(question, n)]
        while passages:
            prompt = template.replace("{question}", question)
            prompt = prompt.replace("{passages}", "\n\n".join(passages))
            if fits is None or fits(prompt):
                return prompt
            passages.pop()
        raise ConfigError(
            "size", "expected pieces of which one fits into the prompt; make them shorter"
        )


# ---- vectors of texts ------------------------------------------------------------------------


def word_embedding(vectors: KeyedVectors, texts: Iterable[str]) -> Embed:
    """Return what makes of a text the mean of its words' vectors, rare words counting for more.

    Args:
        texts: all pieces: a word counts by the logarithm of how few of them have it.
    """
    having: Counter[str] = Counter()
    total = 0
    for text in texts:
        total += 1
        having.update({*_known(text, vectors)})

    def embed(some: Sequence[str]) -> NDArray[np.float64]:
        rows = np.zeros((len(some), vectors.vector_size))
        for row, text in zip(rows, some, strict=True):
            for word in _known(text, vectors):
                rarity = log((total + 1) / (having[word] + 0.5))
                row += max(rarity, 0) * vectors.get_vector(word, norm=True)
        return rows

    return embed


def _known(text: str, vectors: KeyedVectors) -> list[str]:
    """Return the words of a text that have a vector, in the vectors' spelling."""
    found = []
    for word in words(text, cased=True):
        small = word.lower()
        if word in vectors or small in vectors:
            found.append(small if small in vectors else word)
    return found


def own_embedding(texts: Sequence[str], seed: int = 1) -> Embed:
    """Return `word_embedding` with vectors that are trained on these texts alone.

    Raises:
        DataError: the texts have no word.
    """
    is_long = sum(map(len, texts)) > 20_000
    least, epochs = (2, 5) if is_long else (1, 20)
    model = Word2Vec([*sentences(texts)], sg=1, min_count=least, epochs=epochs, seed=seed)
    return word_embedding(model.wv, texts)


def model_embedding(model: GPT) -> Embed:
    """Return what makes of a text the mean of what a model makes of its tokens.

    These are the vectors of `/v1/embeddings`, before they are made of length 1. A text that is
    longer than the model's context is read in parts.

    Raises:
        ConfigError: the model has no tokenizer.
    """
    tokenizer = model.tokenizer
    if tokenizer is None:
        raise ConfigError("tokenizer", "expected a model with a tokenizer, since texts are text")
    longest = model.config.block_size

    def embed(texts: Sequence[str]) -> NDArray[np.float64]:
        rows = np.zeros((len(texts), model.config.n_embd))
        for row, text in zip(rows, texts, strict=True):
            ids = tokenizer.encode(text)
            for start in range(0, len(ids), longest):
                part = np.array([ids[start : start + longest]], np.int32)
                row += model.hidden_states(part)[0].sum(axis=0, dtype=np.float64)
            row /= max(1, len(ids))
        return rows

    return embed


def _units(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)
