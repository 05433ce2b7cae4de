"""Times one row: pairs of processes, which take turns once both are steady."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.against.build import Tree
from benchmarks.against.rows import Row
from benchmarks.harness.measure import ratios, turns
from benchmarks.harness.peer import Peer

STEADY = 0.97  # of the shortest turn before: one that is shorter still, so the code still warms up
MOST = 4  # times the least number of turns of warm-up

Note = Callable[[str], None]


@dataclass
class Result:
    """Mutable: what one tree did in one row.

    Attributes:
        turns: of each turn that counts, its figures in seconds.
        peaks_bytes: the most memory that was resident, of each process that counts.
    """

    tree: str
    description: str = ""
    turns: list[list[float]] = field(default_factory=list)
    peaks_bytes: list[int] = field(default_factory=list)

    def figure(self, number: int) -> list[float]:
        """Return one of the figures, turn by turn."""
        return [turn[number] for turn in self.turns]

    def times(self, other: Result, number: int) -> list[float]:
        """Return how many times as long as the other's a figure is, turn by turn."""
        return ratios(self.figure(number), other.figure(number))


def measure(row: Row, trees: Sequence[Tree], note: Note) -> tuple[Result, Result]:
    """Run a row, one process computing at a time; return the results of both trees.

    Raises:
        WorkerError: a side failed.
        DisagreementError: the sides did different work.
    """
    this, other = (Result(tree.name) for tree in trees)
    sides = list(zip(trees, (this, other), strict=True))
    name = row.labels[0]
    for pair in range(row.pairs):
        if row.fresh:
            _fresh(row, sides, note)
            continue
        with ExitStack() as stack:
            note(f"{name}: processes {pair + 1} of {row.pairs}")
            order = sides if pair % 2 == 0 else sides[::-1]
            peers = [(stack.enter_context(start(row, tree)), result) for tree, result in order]
            if pair == 0:
                row.same(name, *(peer.ask("evidence", row.evidence) for peer, _ in peers))
            _warm_up(row, [peer for peer, _ in peers])
            for _, (peer, result) in turns(peers, 0, row.rounds, lambda _: None):
                result.turns.append(peer.ask("turn"))
            for peer, result in peers:
                result.peaks_bytes.append(peer.peak_bytes)
                result.description = peer.description
    return this, other


def start(row: Row, tree: Tree) -> Peer:
    """Start a process of a tree."""
    make, arguments = f"benchmarks.against.side:{row.make}", (tree.path, *row.arguments)
    variables = os.environ | {"PYGPT_JARS": str(tree.jars)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    return Peer(tree.name, make, arguments, variables)


def _fresh(row: Row, sides: Sequence[tuple[Tree, Result]], note: Note) -> None:
    """Take turns, each in a process of its own, which has ended when the next one starts."""
    for counts, (tree, result) in turns(sides, row.warm_up, row.rounds, note, f"{row.labels[0]}: "):
        with start(row, tree) as peer:
            taken = peer.ask("turn")
            if counts:
                result.turns.append(taken)
                result.peaks_bytes.append(peer.peak_bytes)
                result.description = peer.description


def _warm_up(row: Row, peers: Sequence[Peer]) -> None:
    """Take turns that do not count, until the last one of no process was its shortest by much."""
    taken: list[list[list[float]]] = [[] for _ in peers]
    for turn in range(MOST * row.warm_up):
        if turn >= row.warm_up and all(map(is_steady, taken)):
            return
        for peer, turns_before in zip(peers, taken, strict=True):
            turns_before.append(peer.ask("turn"))


def is_steady(taken: Sequence[Sequence[float]]) -> bool:
    """Whether the last turn took no less than those before, in each of its figures."""
    figures = zip(*taken, strict=True)
    return all(last >= STEADY * min(before, default=0) for *before, last in figures)
