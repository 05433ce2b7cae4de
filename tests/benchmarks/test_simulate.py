"""The simulation of many workers: with what was measured, and without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.distributed import simulate


def test_measured_constants_take_the_place_of_the_defaults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulate.main([])
    before = capsys.readouterr().out
    work = {"float32": 0.0, "bfloat16": 0.0}
    known = {"rate": 450e9, "spread": 0.0, "work_s": work, "left": 1e6, "start_s": 0.0}
    path = tmp_path / "constants.json"
    path.write_text(json.dumps({"constants": known}))
    simulate.main(["--constants", str(path)])
    free = capsys.readouterr().out
    assert "124M" in before and "1.5B" in before and before != free
    assert free.count(" 1,024.0 ") == 4  # what costs nothing: both models and wires at 1 Gbit/s


def test_two_workers_of_a_slow_link_are_slower_than_one() -> None:
    size = simulate.RECIPES[0]
    known = simulate.Constants(450e9, 0.0, {"float32": 0.0, "bfloat16": 0.0})
    slow, fast = known.networks(["100 Mbit/s", "100 Gbit/s"])
    assert simulate.communication_s(size, 1, 4, slow, 0.0) == 0
    sent = simulate.communication_s(size, 2, 4, slow, 0.0)
    assert sent == pytest.approx(0.8e6 * 4 / (0.944 * 12.5e6) + 4 * 100e-6)
    assert sent > 100 * simulate.communication_s(size, 2, 4, fast, 0.0)
