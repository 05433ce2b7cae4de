"""A text as pieces that are short enough for a prompt, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pygpt.errors import ConfigError

_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+|\n\s*\n")


Span = tuple[int, int, int]
"""Where a sentence begins and ends, and how many words it has."""


@dataclass(frozen=True)
class Chunk:
    """Immutable: a piece of a text.

    Attributes:
        source: the text's name.
        start, end: the piece is `text[start:end]`, without blanks at its ends.
    """

    text: str
    source: str
    start: int
    end: int


def chunks(
    text: str, source: str = "", size: int = 80, overlap: int | None = None
) -> Iterator[Chunk]:
    """Yield pieces of a text, whole sentences where these are not longer than a piece.

    Args:
        size: the most words of a piece.
        overlap: about how many words of the end of a piece begin the next one, so that what stands
            across a cut is whole in one of the two; None: a quarter of a piece.
    Raises:
        ConfigError: size is less than 1, or overlap is not less than size.
    """
    if size < 1:
        raise ConfigError("size", f"expected at least 1, got {size}")
    overlap = size // 4 if overlap is None else overlap
    if not 0 <= overlap < size:
        raise ConfigError("overlap", f"expected 0 to {size - 1}, got {overlap}")
    spans = [*_sentences(text, size)]
    first = 0
    while first < len(spans):
        last, words = first, 0
        while last < len(spans) and words + spans[last][2] <= size:
            words += spans[last][2]
            last += 1
        start, end = spans[first][0], spans[last - 1][1]
        yield Chunk(text[start:end], source, start, end)
        if last == len(spans):
            return
        first = _back(spans, first, last, overlap, size)


def _back(spans: Sequence[Span], first: int, last: int, overlap: int, size: int) -> int:
    """Return the first sentence of the piece after that of [first, last), which has `last`, too."""
    back, words = last, 0
    most = min(overlap, size - spans[last][2])
    while back > first + 1 and words + spans[back - 1][2] <= most:
        back -= 1
        words += spans[back][2]
    return back


def _sentences(text: str, size: int) -> Iterator[Span]:
    """Yield where each sentence begins and ends, and its words; longer ones than `size` are cut."""
    start = 0
    ends = [match.span() for match in _END.finditer(text)]
    for end, after in [*ends, (len(text), len(text))]:
        words = [match.span() for match in re.finditer(r"\S+", text[start:end])]
        for i in range(0, len(words), size):
            part = words[i : i + size]
            yield start + part[0][0], start + part[-1][1], len(part)
        start = after


def all_chunks(
    texts: Iterable[tuple[str, str]], size: int = 80, overlap: int | None = None
) -> list[Chunk]:
    """Return the pieces of several texts, each given as its name and itself; as `chunks`."""
    return [chunk for source, text in texts for chunk in chunks(text, source, size, overlap)]
