"""What every tokenizer can do, and the ids with a meaning."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, Self

BOS = "<|bos|>"  # how files, and texts that name special tokens, write the BOS of characters


class Tokenizer(Protocol):
    """Immutable: a vocabulary, and the way from text to its ids and back.

    `decode(encode(text)) == text` for every text that `encode` takes, unless the tokenizer is one
    of others, whose normalizer changes the text.
    """

    @property
    def vocab_size(self) -> int:
        """Number of ids: each is in [0, vocab_size), and a model needs a row for each."""

    @property
    def bos(self) -> int | None:
        """The id that begins a document; None if there is none."""

    @property
    def eos(self) -> int | None:
        """The id that ends a document, which is `bos` for many; None if there is none."""

    @property
    def prefix(self) -> tuple[int, ...]:
        """The ids that a prompt of text begins with, beside its own; BOS, or none."""

    @property
    def in_pieces(self) -> bool:
        """Whether text may be encoded in pieces that are cut as `pygpt/datasets/cut.py` says."""

    @property
    def strips(self) -> int:
        """How many blanks `decode` leaves out at the beginning of a text."""

    @property
    def unused(self) -> Collection[int]:
        """The ids below `vocab_size` that stand for nothing."""

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of what decides the ids: equal for equal tokenizers, and only then."""

    @property
    def specials(self) -> Mapping[str, int]:
        """Special token -> id: texts that stand for something else, such as BOS."""

    def encode(self, text: str, specials: bool = False) -> list[int]:
        """Return the ids of a text, without BOS; a `TokenError` for a character without one.

        Args:
            specials: whether special tokens in the text count as such.
        """

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of these ids; a `TokenError` for one that the vocabulary lacks."""

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Return the text of these ids as UTF-8, which may end within a character; see `decode`."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a new file in the form of Hugging Face's tokenizer.json.

        Raises:
            OutputError: the file exists, or cannot be written.
        """

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the tokenizer of a file that `save` wrote.

        Raises:
            TokenError: the file is missing, damaged, or another kind of tokenizer's.
        """


def fingerprint(content: list[object]) -> str:
    """Return the SHA-256, in hex, of a tokenizer's content as JSON without blanks, in ASCII."""
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class SpecialIds:
    """Immutable: the ids with a meaning, as Hugging Face's files name them.

    Attributes:
        bos: begins a text, or None.
        eos: each ends one; empty for none.
        pad: fills up the shorter sequences of a batch, or None. `generate` of transformers masks
            it in a prompt, wherever it is, unless it is among `eos`.
    """

    bos: int | None = None
    eos: tuple[int, ...] = ()
    pad: int | None = None


NO_SPECIAL_IDS = SpecialIds()


def begin_and_end(tokenizer: Tokenizer) -> tuple[int, int] | None:
    """Return the ids that begin and end a document, or None if nothing ends one.

    A tokenizer without one of the two has the other in both places, as GPT-2's has. Where they are
    the same, one stands between two documents.
    """
    end = tokenizer.bos if tokenizer.eos is None else tokenizer.eos
    if end is None:
        return None
    return (end if tokenizer.bos is None else tokenizer.bos), end


def end_markers(tokenizer: Tokenizer) -> tuple[str, ...]:
    """Return the texts of the special token that ends a text; in text they are text like any other.
    """
    around = begin_and_end(tokenizer)
    return tuple(t for t, i in tokenizer.specials.items() if around is not None and i == around[1])


def ends(special: SpecialIds, tokenizer: Tokenizer | None) -> tuple[int, ...]:
    """Return the ids that end a text: those of a model's files, and the tokenizer's."""
    found = None if tokenizer is None else begin_and_end(tokenizer)
    return tuple(dict.fromkeys([*special.eos, *(() if found is None else found[1:])]))


def with_roles(special: SpecialIds, tokenizer: Tokenizer | None) -> SpecialIds:
    """Return a model's special ids; those that its files do not name are the tokenizer's."""
    found = None if tokenizer is None else begin_and_end(tokenizer)
    if found is None:
        return special
    bos = found[0] if special.bos is None else special.bos
    return SpecialIds(bos, special.eos or found[1:], special.pad)
