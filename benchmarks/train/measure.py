"""Times the sides of one workload: first steps in fresh processes, then turns that alternate."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.check import BFLOAT16, FLOAT32, Agreement, Steps, compare
from benchmarks.harness.measure import labels, ratios, turns
from benchmarks.harness.peer import Peer, environment
from benchmarks.harness.worker import UnavailableError
from benchmarks.train.workload import Workload

FIRST_STEPS = 10


@dataclass
class Result:
    """Mutable: what one side did on one workload.

    Attributes:
        label: the side's name, numbered where it takes part twice.
        unavailable: why it did not take part, or None; nothing else is set then.
        start_s: from the start of its process until the model was ready.
        first_step_s: the first steps, one by one.
        turns_step_s: the steps of each turn that counts.
        agreement: with the first side; None for that one.
        peak_bytes: the most memory that was resident.
        idle_cpu: processor time that it took while others had their turn, as a part of that time.
    """

    label: str
    side: str
    unavailable: str | None = None
    description: str = ""
    start_s: float = 0.0
    first_step_s: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    turns_step_s: list[list[float]] = field(default_factory=list)
    agreement: Agreement | None = None
    peak_bytes: int = 0
    idle_cpu: float = 0.0

    @property
    def step_s(self) -> list[float]:
        """All steps that count."""
        return [second for turn in self.turns_step_s for second in turn]

    def times(self, other: Result) -> list[float]:
        """Return how many times as long as the other's this side's steps took, turn by turn."""
        mine, theirs = (
            [statistics.median(turn) for turn in side.turns_step_s] for side in (self, other)
        )
        return ratios(mine, theirs)


def measure(
    work: Workload,
    sides: Sequence[str],
    rounds: int,
    threads: int,
    scratch: Path,
    note: Callable[[str], None],
) -> list[Result]:
    """Run the sides on one workload, one computing at a time; return a result for each.

    Raises:
        WorkerError: a side failed.
        DisagreementError: a side does other work than the first one.
    """
    results: list[Result] = []
    peers: list[tuple[Peer, Result]] = []
    first: tuple[Steps, dict[str, float]] | None = None
    with ExitStack() as stack:
        for label, side in zip(labels(sides), sides, strict=True):
            note(f"{work.name}: {label}: first {FIRST_STEPS} steps")
            result = Result(label, side)
            results.append(result)
            try:
                peer = stack.enter_context(make_peer(label, side, work, threads, scratch))
            except UnavailableError as error:
                result.unavailable = str(error)
                continue
            steps, norms = peer.ask("run", FIRST_STEPS), peer.ask("weight_norms")
            peers.append((peer, result))
            result.description, result.start_s = peer.description, peer.start_s
            result.first_step_s, result.losses = steps.step_s, steps.losses
            if first is None:
                first = steps, norms
                continue
            rough = any(one.side.endswith("bf16") for one in (peers[0][1], result))
            tolerance = BFLOAT16 if rough else FLOAT32
            result.agreement = compare(label, steps, norms, *first, tolerance)
        for counts, (peer, result) in turns(peers, work.warm_up, rounds, note, f"{work.name}: "):
            step_s = peer.ask("run", work.chunk).step_s
            if counts:
                result.turns_step_s.append(step_s)
        for peer, result in peers:
            result.peak_bytes, result.idle_cpu = peer.peak_bytes, peer.idle_cpu
    return results


def make_peer(label: str, side: str, work: Workload, threads: int, scratch: Path) -> Peer:
    """Start a side on a workload; torch.compile keeps in `scratch` what it makes."""
    arguments = side, work, threads
    variables = environment(side, threads, scratch)
    return Peer(label, "benchmarks.train.side:make_runner", arguments, variables)
