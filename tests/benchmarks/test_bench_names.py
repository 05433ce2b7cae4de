"""`python -m benchmarks.names` measures all sides, and all sides reproduce the original."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import completed

pytestmark = pytest.mark.slow


def _bench(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.names", "--rounds", "1", "--without", "torch"]
    return completed([*command, *arguments], cwd=root)


def test_one_round(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    result = _bench(root, "--json", str(file))
    assert (result.returncode, result.stderr) == (0, "")
    shown = " ".join(result.stdout.split())  # a line breaks where the terminal ends
    assert shown.count("the original's") == 2 and "left out" in shown
    written = json.loads(file.read_text(encoding="utf-8"))
    assert written["machine"]["JDK"] in result.stdout
    rounds = written["rounds"]
    measures = {"train_s", "process_s", "step_s"}
    assert {side: set(only) for side, (only,) in rounds.items()} == {
        "pygpt": {"right", "command_s", *measures},
        "numpy": {"right", *measures},
    }
    for (only,) in rounds.values():
        assert only["right"] is True
        assert all(0 < only[key] < math.inf for key in measures)
        assert only["step_s"] * 1000 < only["process_s"]
    again = _bench(root, "--json", str(file))
    assert again.returncode == 2 and f"--json: {file} exists" in again.stderr


def test_bad_number_of_rounds(root: Path) -> None:
    result = _bench(root, "--rounds", "0")
    assert result.returncode == 2 and "--rounds: expected at least 1, got 0" in result.stderr
