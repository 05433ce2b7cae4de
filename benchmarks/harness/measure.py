"""How sides take turns, and how they are compared: turn by turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def turns(
    sides: Sequence[T], warm_up: int, rounds: int, note: Callable[[str], None], name: str = ""
) -> Iterator[tuple[bool, T]]:
    """Yield whose turn it is, and whether it counts: those of the first rounds do not.

    There and back again: a drift of the machine's speed meets all sides alike.
    """
    for turn in range(warm_up + rounds):
        note(f"{name}turn {turn + 1} of {warm_up + rounds}")
        for side in sides if turn % 2 == 0 else reversed(sides):
            yield turn >= warm_up, side


def ratios(mine: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return my figure as a multiple of theirs, for each turn."""
    return [mine / theirs for mine, theirs in zip(mine, theirs, strict=True)]


def labels(sides: Sequence[str]) -> list[str]:
    """Return the sides' names, numbered where one takes part more than once."""
    seen: Counter[str] = Counter()
    names = []
    for side in sides:
        seen[side] += 1
        names.append(side if seen[side] == 1 else f"{side} ({seen[side]})")
    return names
