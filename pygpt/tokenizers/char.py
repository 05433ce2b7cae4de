"""One id for each character."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pygpt.errors import TokenError
from pygpt.tokenizers.protocol import BOS, fingerprint


class CharTokenizer:
    """Immutable: one id for each character, in code point order, then one for BOS.

    BOS begins a document and also ends it. Without it there are no documents, only text: so is the
    vocabulary of nanoGPT's shakespeare-char.

    Args:
        characters: all different, in code point order.
        bos: whether there is an id for BOS.
    Attributes:
        characters: the index of each is its id.
        bos: the id that begins and ends a document, or None.
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
        self.characters = characters
        self.bos = len(characters) if bos else None
        self._ids = {character: i for i, character in enumerate(characters)}

    @classmethod
    def train(cls, documents: Iterable[str], bos: bool = True) -> CharTokenizer:
        """Return the tokenizer of the characters that occur in the documents."""
        return cls("".join(sorted(set().union(*documents))), bos)

    def with_bos(self) -> CharTokenizer:
        """Return the tokenizer of the same characters that has BOS."""
        return CharTokenizer(self.characters)

    @property
    def vocab_size(self) -> int:
        """Number of ids: one a character, and BOS."""
        return len(self.characters) + (self.bos is not None)

    @property
    def eos(self) -> int | None:
        """The id that ends a document: BOS."""
        return self.bos

    prefix: tuple[int, ...] = ()
    strips = 0
    in_pieces = True
    unused: tuple[int, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of `["char", characters, whether there is BOS]` as JSON."""
        return fingerprint(["char", self.characters, self.bos is not None])

    @property
    def specials(self) -> Mapping[str, int]:
        """`<|bos|>` -> the id of BOS, if there is one."""
        return {} if self.bos is None else {BOS: self.bos}

    def encode(self, text: str, specials: bool = False) -> list[int]:
        """Return the id of each character, without BOS; a `TokenError` for one that has none.

        Args:
            specials: whether `<|bos|>` in the text is BOS, and not seven characters.
        """
        if specials and self.bos is not None and BOS in text:
            first, *others = map(self.encode, text.split(BOS))
            return first + [i for part in others for i in (self.bos, *part)]
        try:
            return [self._ids[character] for character in text]
        except KeyError as error:
            raise TokenError(f"text: expected known characters, got {error.args[0]!r}") from None

    def encode_document(self, text: str) -> list[int]:
        """Return BOS, the ids of the characters, BOS; a `TokenError` if there is no BOS."""
        if self.bos is None:
            raise TokenError("bos: expected a tokenizer with BOS for documents, got one without")
        return [self.bos, *self.encode(text), self.bos]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of these ids; a `TokenError` for one that is no character's, as BOS."""
        numbers = list(ids)
        for number in numbers:
            if not 0 <= number < len(self.characters):
                raise TokenError(f"ids: expected 0 to {len(self.characters) - 1}, got {number}")
        return "".join([self.characters[number] for number in numbers])

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Return the text of these ids, as `decode` has it, as UTF-8."""
        return self.decode(ids).encode()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a new file in the form of Hugging Face's tokenizer.json; see `Tokenizer.save`."""
        from pygpt.tokenizers import tokenizer_json

        content = tokenizer_json.Characters(self.characters, self.bos is not None)
        tokenizer_json.write(Path(path), content, self.fingerprint)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CharTokenizer:
        """Return the tokenizer of a file that `save` wrote; see `Tokenizer.load`."""
        from pygpt.tokenizers import tokenizer_json

        return tokenizer_json.load(Path(path), {tokenizer_json.Characters: cls})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CharTokenizer):
            return False
        return (other.characters, other.bos) == (self.characters, self.bos)

    def __hash__(self) -> int:
        return hash((self.characters, self.bos))

    def __repr__(self) -> str:
        bos = "" if self.bos is not None else ", bos=False"
        return f"CharTokenizer({self.characters!r}{bos})"
