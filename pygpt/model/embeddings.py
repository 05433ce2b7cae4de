"""Token embeddings: which tokens a model holds alike."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import ConfigError, TokenError
from pygpt.tokenizers.protocol import Tokenizer

Token = int | str
"""An id, or text that is one token."""


class Embeddings:
    """Mutable, as the model's weights are: a vector for each token, compared by cosines.

    A token is given as its id, or as text: `"king"` is the token of that text, or, where several
    tokens make it, that of `" king"`, which byte-pair tokenizers have for a word within a line. To
    compare words as they are in running text, write the blank: `" king"`. Each method raises a
    ConfigError for text if the model has no tokenizer, and for an n less than 1; and a TokenError
    for an id outside the vocabulary, or text that is not one token.

    Args:
        weights: (V, C), shared: the rows are read anew at each call.
        tokenizer: turns text into ids and back; None if tokens are ids alone.
    """

    def __init__(self, weights: NDArray[Any], tokenizer: Tokenizer | None) -> None:
        self._weights = weights
        self._tokenizer = tokenizer

    def __len__(self) -> int:
        return len(self._weights)

    def vector(self, token: Token) -> NDArray[Any]:
        """Return the vector of a token, (C,), in the model's dtype.

        It is shared with the model, not copied: writing to it changes the model.
        """
        row: NDArray[Any] = self._weights[self._id(token)]
        return row

    def cosine(self, a: Token, b: Token) -> float:
        """Return the cosine of the angle between two tokens, -1 to 1; 0 if a vector is zero."""
        return float(_unit(self.vector(a)) @ _unit(self.vector(b)))

    def most_similar(self, token: Token, n: int = 10) -> list[tuple[Token, float]]:
        """Return the n other tokens of the largest cosines with this one, largest first.

        Returns:
            Tokens as text, with their cosines; as ids, if the model has no tokenizer. Those that
            stand for no text, such as BOS among characters, are left out.
        """
        return self._nearest(_unit(self.vector(token)), {self._id(token)}, n)

    def analogy(self, a: Token, b: Token, c: Token, n: int = 10) -> list[tuple[Token, float]]:
        """Return the n tokens nearest to a - b + c, without these: `"king", "man", "woman"`.

        As in word2vec and gensim the three vectors have length 1 before they are added, so that
        none counts for more because it is long.

        Returns:
            See `most_similar`; the cosines are those with the sum.
        """
        unit_a, unit_b, unit_c = (_unit(self.vector(token)) for token in (a, b, c))
        return self._nearest(_unit(unit_a - unit_b + unit_c), {*map(self._id, (a, b, c))}, n)

    def _nearest(
        self, unit: NDArray[np.float64], without: set[int], n: int
    ) -> list[tuple[Token, float]]:
        """Return the n tokens of the largest cosines with a vector of length 1."""
        if n < 1:
            raise ConfigError("n", f"expected at least 1, got {n}")
        weights = self._weights
        lengths = np.sqrt(np.einsum("vc,vc->v", weights, weights))  # (V,), no copy
        products = weights @ unit.astype(weights.dtype)  # (V, C) @ (C,) -> (V,)
        cosines = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
        found: list[tuple[Token, float]] = []
        for i in map(int, np.argsort(-cosines, kind="stable")):
            if len(found) == n:
                break
            token = self._token(i)
            if token is not None and i not in without:
                found.append((token, float(cosines[i])))
        return found

    def _id(self, token: Token) -> int:
        if not isinstance(token, str):
            last = len(self._weights) - 1
            if not isinstance(token, (int, np.integer)) or not 0 <= token <= last:
                raise TokenError(f"token: expected text or an id of 0 to {last}, got {token!r}")
            return int(token)
        if self._tokenizer is None:
            raise ConfigError("tokenizer", f"expected one, since {token!r} is text; give the id")
        ids = self._tokenizer.encode(token)
        if len(ids) == 1:
            return ids[0]
        with suppress(TokenError):  # characters without a blank
            as_word = self._tokenizer.encode(f" {token}") if ids else []
            if len(as_word) == 1:
                return as_word[0]
        parts = ", ".join(repr(self._tokenizer.decode([i])) for i in ids)
        raise TokenError(
            f"token: expected text that is one token, got {token!r}, which is {len(ids)}: "
            f"{parts or 'none'}"
        )

    def _token(self, i: int) -> Token | None:
        """Return what a user calls a token; None for one without text."""
        if self._tokenizer is None:
            return i
        try:
            return self._tokenizer.decode([i])
        except TokenError:
            return None


def _unit(vector: NDArray[Any]) -> NDArray[np.float64]:
    """Return a vector of length 1 in this direction, or zeros for zeros."""
    wide = vector.astype(np.float64)
    length = np.linalg.norm(wide)
    return wide / length if length > 0 else wide
