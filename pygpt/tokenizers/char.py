"""One id for each character."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pygpt.errors import TokenError
from pygpt.tokenizers import tokenizer_json
from pygpt.tokenizers.protocol import fingerprint


class CharTokenizer:
    """Immutable: one id for each character, in code point order, then one for BOS.

    BOS begins a document and also ends it. Without it there are no documents, only text: so is the
    vocabulary of nanoGPT's shakespeare-char.

    Args:
        characters: all different, in code point order.
        bos: whether there is an id for BOS.
    Raises:
        TokenError: they are not, or one is no character of its own (half a surrogate pair).
    """

    def __init__(self, characters: str, bos: bool = True) -> None:
        if not characters:
            raise TokenError("characters: expected at least one, got none")
        if list(characters) != sorted(set(characters)):
            raise TokenError("characters: expected different ones in code point order")
        if any("\ud800" <= character <= "\udfff" for character in characters):
            raise TokenError("characters: expected whole characters, got half a surrogate pair")
        self._characters = characters
        self._ids = {character: i for i, character in enumerate(characters)}
        self._bos = len(characters) if bos else None

    @classmethod
    def train(cls, documents: Iterable[str], bos: bool = True) -> CharTokenizer:
        """Return the tokenizer of the characters that occur in the documents."""
        return cls("".join(sorted(set().union(*documents))), bos)

    @property
    def characters(self) -> str:
        """The characters; the index of each is its id."""
        return self._characters

    @property
    def bos(self) -> int | None:
        """The id that begins and ends a document, or None."""
        return self._bos

    @property
    def vocab_size(self) -> int:
        """Number of ids: one a character, and BOS."""
        return len(self._characters) + (self._bos is not None)

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of `["char", characters, whether there is BOS]` as JSON."""
        return fingerprint(["char", self._characters, self._bos is not None])

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
            TokenError: a character that the vocabulary lacks, or there is no BOS.
        """
        if self._bos is None:
            raise TokenError("bos: expected a tokenizer with BOS for documents, got one without")
        return [self._bos, *self.encode(text), self._bos]

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

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Return the text of these ids as UTF-8.

        Raises:
            TokenError: an id that is no character's; BOS is none.
        """
        return self.decode(ids).encode()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a new file in the form of Hugging Face's tokenizer.json.

        Raises:
            OutputError: the file exists, or cannot be written.
        """
        content = tokenizer_json.Characters(self._characters, self._bos is not None)
        tokenizer_json.write(Path(path), content, self.fingerprint)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CharTokenizer:
        """Return the tokenizer of a file that `save` wrote.

        Raises:
            TokenError: the file is missing, damaged, or another kind of tokenizer's.
        """
        return tokenizer_json.load(Path(path), cls.of)

    @classmethod
    def of(cls, content: tokenizer_json.Content) -> CharTokenizer:
        """Return the tokenizer of a file's content.

        Raises:
            TokenError: it is another kind of tokenizer's.
        """
        if not isinstance(content, tokenizer_json.Characters):
            raise TokenError("expected a tokenizer of characters, got one of merged bytes")
        return cls(content.characters, content.bos)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, CharTokenizer)
            and other._characters == self._characters
            and other._bos == self._bos
        )

    def __hash__(self) -> int:
        return hash((self._characters, self._bos))

    def __repr__(self) -> str:
        bos = "" if self._bos is not None else ", bos=False"
        return f"CharTokenizer({self._characters!r}{bos})"
