"""What every tokenizer can do, and the ids with a meaning."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self


class Tokenizer(Protocol):
    """Immutable: a vocabulary, and the way from text to its ids and back.

    `decode(encode(text)) == text` for every text that `encode` takes.
    """

    @property
    def vocab_size(self) -> int:
        """Number of ids: each is in [0, vocab_size), and a model needs a row for each."""

    @property
    def bos(self) -> int | None:
        """The id that begins a document and also ends it; None if there is none."""

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of what decides the ids: equal for equal tokenizers, and only then."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without BOS; a `TokenError` for a character without one."""

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
