"""One id for each word: for sources, which are read and never spelled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pygpt.errors import TokenError

_WORD = re.compile(r"[^\W\d_]+|\S")
_SHOWN = 3  # unknown words of a message


class WordTokenizer:
    """Immutable: an id for each word. A run of letters is one, and so is every digit and every
    other character alone; space only separates.

    Args:
        words: all different, in order.
    Attributes:
        words: the index of each is its id.
    Raises:
        TokenError: they are not, or one is no word.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        if not self.words:
            raise TokenError("words: expected at least one, got none")
        if list(self.words) != sorted(set(self.words)):
            raise TokenError("words: expected different ones in order")
        for word in self.words:
            if self.split(word) != [word]:
                raise TokenError(f"words: expected letters, or one other character, got {word!r}")
        self._ids = {word: i for i, word in enumerate(self.words)}

    @classmethod
    def train(cls, texts: Iterable[str]) -> WordTokenizer:
        """Return the tokenizer of the words that occur in these texts."""
        return cls(sorted({word for text in texts for word in cls.split(text)}))

    @staticmethod
    def split(text: str) -> list[str]:
        """Return the words of a text."""
        return _WORD.findall(text)

    @property
    def vocab_size(self) -> int:
        """Number of ids."""
        return len(self.words)

    def encode(self, text: str) -> list[int]:
        """Return the id of each word.

        Raises:
            TokenError: a word that has none.
        """
        words = self.split(text)
        unknown = [word for word in dict.fromkeys(words) if word not in self._ids]
        if unknown:
            shown = ", ".join(map(repr, unknown[:_SHOWN]))
            known = ", ".join(self.words[:_SHOWN])
            raise TokenError(f"text: expected words that the model knows ({known}, …), got {shown}")
        return [self._ids[word] for word in words]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WordTokenizer) and other.words == self.words

    def __hash__(self) -> int:
        return hash(self.words)

    def __repr__(self) -> str:
        return f"WordTokenizer({len(self.words)} words)"
