"""Documents as token ids."""

from __future__ import annotations

from collections.abc import Iterable

from pygpt.errors import TokenError


class CharTokenizer:
    """Immutable: one id for each character, in code point order, then one for BOS.

    BOS begins a document and also ends it.

    Args:
        characters: all different, in code point order.
    Raises:
        TokenError: they are not, or one is no character of its own (half a surrogate pair).
    """

    def __init__(self, characters: str) -> None:
        if not characters:
            raise TokenError("characters: expected at least one, got none")
        if list(characters) != sorted(set(characters)):
            raise TokenError("characters: expected different ones in code point order")
        if any("\ud800" <= character <= "\udfff" for character in characters):
            raise TokenError("characters: expected whole characters, got half a surrogate pair")
        self._characters = characters
        self._ids = {character: i for i, character in enumerate(characters)}

    @classmethod
    def train(cls, documents: Iterable[str]) -> CharTokenizer:
        """Return the tokenizer of the characters that occur in the documents."""
        return cls("".join(sorted(set("".join(documents)))))

    @property
    def characters(self) -> str:
        """The characters; the index of each is its id."""
        return self._characters

    @property
    def bos(self) -> int:
        """The id that begins and ends a document."""
        return len(self._characters)

    @property
    def vocab_size(self) -> int:
        """Number of ids: one a character, and BOS."""
        return len(self._characters) + 1

    def encode(self, text: str) -> list[int]:
        """Return the id of each character, without BOS.

        Raises:
            TokenError: a character that the vocabulary lacks.
        """
        try:
            return [self._ids[character] for character in text]
        except KeyError as error:
            raise TokenError(f"text: expected known characters, got {error.args[0]!r}") from None

    def encode_document(self, text: str) -> list[int]:
        """Return BOS, the ids of the characters, BOS.

        Raises:
            TokenError: a character that the vocabulary lacks.
        """
        return [self.bos, *self.encode(text), self.bos]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of these ids.

        Raises:
            TokenError: an id that is no character's; BOS is none.
        """
        numbers = list(ids)
        for number in numbers:
            if not 0 <= number < len(self._characters):
                raise TokenError(f"ids: expected 0 to {len(self._characters) - 1}, got {number}")
        return "".join([self._characters[number] for number in numbers])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CharTokenizer) and other._characters == self._characters

    def __hash__(self) -> int:
        return hash(self._characters)

    def __repr__(self) -> str:
        return f"CharTokenizer({self._characters!r})"
