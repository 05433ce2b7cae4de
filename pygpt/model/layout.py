"""The weights of a model as a table, which Java reads too; `layouts/gpt.txt` says what it means.

The lines of a layer stand in it once, so that a model can be counted that has too many layers for
a list of its weights.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("layouts")


@dataclass(frozen=True)
class Row:
    """A line whose conditions hold.

    Attributes:
        name: with `{n_layer}` in place of the number of a layer, say.
        shape: (rows, columns) of a matrix, (columns,) of a bias or a gain.
        role: what the weight is for.
        repeated: the size that the lines around it are repeated by together, or none.
        times: how often it is repeated.
    """

    name: str
    shape: tuple[int, ...]
    role: str
    repeated: str
    times: int


def rows(name: str, values: Mapping[str, Any]) -> list[Row]:
    """Return the lines of a table that hold.

    Args:
        name: of the table.
        values: what its sizes and conditions are, by their names.
    """
    found = []
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            weight, shape, role, *conditions = line.split()
            if all(_holds(condition, values) for condition in conditions):
                sizes = tuple(values[size] for size in shape.split(","))
                repeated = "".join(re.findall(r"\{(\w+)\}", weight))
                times = values[repeated] if repeated else 1
                found.append(Row(weight, sizes, role, repeated, times))
    return found


def _holds(condition: str, values: Mapping[str, Any]) -> bool:
    name, _, expected = condition.lstrip("!").partition("=")
    return bool(values[name] == (expected or not condition.startswith("!")))


def shapes(table: Sequence[Row]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield name and shape of every weight, every layer written out."""
    for repeated, group in groupby(table, key=lambda row: row.repeated):
        block = list(group)
        for i in range(block[0].times):
            for row in block:
                yield row.name.replace(f"{{{repeated}}}", str(i)), row.shape


def count(table: Sequence[Row]) -> int:
    """Return the number of elements of all weights."""
    return sum(row.times * math.prod(row.shape) for row in table)
