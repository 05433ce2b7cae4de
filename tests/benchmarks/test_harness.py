"""What the benchmarks share: workers, and whose turn it is."""

from __future__ import annotations

import io
import os
import pickle
from typing import Any

import pytest

from benchmarks.harness.measure import ratios, turns
from benchmarks.harness.peer import Peer, WorkerError
from benchmarks.harness.report import spread
from benchmarks.harness.worker import UnavailableError, serve

HERE = "tests.benchmarks.test_harness"


class Adder:
    """A side that adds."""

    def __init__(self, first: int) -> None:
        self.description, self._sum = "an adder", first
        print("not an answer")

    def add(self, number: int) -> int:
        self._sum += number
        return self._sum

    def fail(self) -> None:
        raise ValueError("meant")

    def end(self) -> None:
        os.write(2, b"first\nlast\n")
        os._exit(3)


def missing() -> Adder:
    raise UnavailableError("no such thing here")


def test_serve_answers_one_by_one() -> None:
    calls: list[tuple[Any, ...]] = [(f"{HERE}:Adder", (5,)), ("add", (1,)), ("add", (2,))]
    answers = io.BytesIO()
    serve(io.BytesIO(b"".join(map(pickle.dumps, calls))), answers)
    answers.seek(0)
    got = [pickle.load(answers) for _ in calls]
    assert got == [("value", "an adder"), ("value", 6), ("value", 8)] and not answers.read()


def test_peer_is_another_process() -> None:
    with Peer("side", f"{HERE}:Adder", (5,)) as peer:
        assert peer.description == "an adder" and peer.start_s > 0
        assert [peer.ask("add", 1), peer.ask("add", 2)] == [6, 8]
        assert peer.peak_bytes > 1e6 and 0 <= peer.idle_cpu < 1
        with pytest.raises(WorkerError, match="^side: ValueError: meant$"):
            peer.ask("fail")
        with pytest.raises(WorkerError, match="^side: its process ended with status 1: ValueError"):
            peer.ask("add", 1)


def test_peer_that_cannot_be_says_why() -> None:
    with pytest.raises(UnavailableError, match="no such thing"):
        Peer("side", f"{HERE}:missing", ())
    expected = pytest.raises(WorkerError, match="^side: its process ended with status 3: last$")
    with Peer("side", f"{HERE}:Adder", (5,)) as peer, expected:
        peer.ask("end")


def test_turns_go_there_and_back() -> None:
    notes: list[str] = []
    order = list(turns("ab", 1, 3, notes.append, "x: "))
    assert "".join(side for _, side in order) == "abbaabba"
    assert [counts for counts, _ in order] == [False] * 2 + [True] * 6
    assert notes[-1] == "x: turn 4 of 4"


def test_figures() -> None:
    assert ratios([3.0, 4.0], [1.5, 8.0]) == [2.0, 0.5]
    assert spread([3.0, 1.0, 2.0], ".1f", "%") == "2.0% (1.0-3.0)"
