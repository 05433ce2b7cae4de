"""Texts in which a marker such as `<|endoftext|>` stands between documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pygpt.datasets.cut import Piece, cut


def separate(pieces: Iterable[Piece], separator: str) -> Iterator[Piece]:
    """Yield the pieces of the documents that a text divides into.

    A document loses the line ends before and after it, and is left out if it has nothing but
    blanks. It is in memory as a whole.

    Args:
        pieces: of texts, which end a document, too.
        separator: stands between documents; not empty.
    """
    held: list[str] = []  # of the document that is being read
    tail = ""  # of that, too: may be the beginning of a separator
    for text, ends in pieces:
        *documents, block = (tail + text).split(separator)
        for document in documents:
            yield from _cut([*held, document])
            held = []
        keep = 0 if ends else min(len(separator) - 1, len(block))
        held.append(block[: len(block) - keep])
        tail = block[len(block) - keep :]
        if ends:
            yield from _cut(held)
            held = []
    yield from _cut([*held, tail])


def _cut(parts: list[str]) -> Iterator[Piece]:
    document = "".join(parts)
    if document.strip():
        yield from cut([document.strip("\r\n")])
