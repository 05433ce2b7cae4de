"""Long texts in pieces, cut where no token can be, so that their tokens are those of the whole.

A piece ends between a character that is no blank and a space or tab, or between a letter or digit
and a line end. At both places the split patterns of GPT-2 and of cl100k end a word whatever stands
around: none of their words has a space or tab after a non-blank, or a line end after a letter or
digit (cl100k's has line ends after punctuation, GPT-2's ends a run of blanks before its last one).
Nor does either pattern look back. See `pygpt/tokenizers/pretokenize.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

PIECE = 2**18  # characters of a piece, and a few more, up to the next place to cut
LONGEST = 2**22  # without such a place a piece ends anywhere after as many, since memory does
_PLACE = re.compile(r"\S(?=[ \t])|[^\W_](?=[\r\n])")


class Piece(NamedTuple):
    """A part of a document, not empty, and whether the document ends with it."""

    text: str
    ends: bool


def cut(blocks: Iterable[str], size: int = PIECE, longest: int = LONGEST) -> Iterator[Piece]:
    """Yield the pieces of one document; an empty one has none.

    Args:
        blocks: the document, in parts of any length.
        size: characters of a piece, at least.
        longest: where a piece of `size` may end anywhere; more than `size`.
    """
    text = ""
    for block in blocks:
        text += block
        start = 0
        while len(text) - start > size:
            place = _PLACE.search(text, start + size - 1)
            if place is not None:
                end = place.end()
            elif len(text) - start > longest:
                end = start + size
            else:
                break
            yield Piece(text[start:end], False)
            start = end
        text = text[start:]
    if text:
        yield Piece(text, True)
