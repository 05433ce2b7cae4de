"""This tree beside another commit: what is built, what is compared, and what the table has."""

from __future__ import annotations

import json
import statistics
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.against import __main__ as against
from benchmarks.against.build import Tree, both, checkout, commit_of
from benchmarks.against.measure import Result, is_steady, measure
from benchmarks.against.report import as_json, table
from benchmarks.against.rows import (
    MODELS,
    Row,
    names,
    nothing_to_compare,
    rows,
    same_logits,
    same_names,
    same_training,
    training,
)
from benchmarks.against.side import SavedModel
from benchmarks.generate.workload import Workload as Generation
from benchmarks.harness.check import DisagreementError, Steps
from benchmarks.harness.peer import ROOT, Peer, WorkerError
from benchmarks.train.workload import Workload

TINY = Workload("tiny", 11, 3, 2, 1, 5, 7, 3, 1, 1, 1)
TINY_GENERATION = Generation(61, 97, 2, 3, 15, prompt=5, prefill=29)


# ---- building --------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of two commits: version 1, then version 2 of a file."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "init", "--quiet"], cwd=folder, check=True)
    for version in "12":
        (folder / "file").write_text(version)
        subprocess.run([*git, "add", "file"], cwd=folder, check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", version], cwd=folder, check=True)
    return folder


def test_another_commit_is_built_once(repository: Path, tmp_path: Path) -> None:
    built = []

    def make_jars(tree: Path) -> None:
        built.append((tree / "file").read_text())
        (tree / "jar").touch()

    cache, commit = tmp_path / "cache", commit_of("HEAD~1", repository)
    for _ in range(2):
        folder = checkout(commit, make_jars, root=repository, cache=cache)
        assert folder == cache / commit and {p.name for p in folder.iterdir()} == {"file", "jar"}
    assert built == ["1"] and list(cache.iterdir()) == [folder]
    listed = subprocess.run(
        ["git", "worktree", "list"], cwd=repository, capture_output=True, text=True, check=True
    )
    assert len(listed.stdout.splitlines()) == 1


def test_a_build_that_fails_leaves_nothing(repository: Path, tmp_path: Path) -> None:
    def fail(tree: Path) -> None:
        raise WorkerError("meant")

    cache = tmp_path / "cache"
    with pytest.raises(WorkerError, match="meant"):
        checkout(commit_of("HEAD", repository), fail, root=repository, cache=cache)
    assert not list(cache.iterdir())
    with pytest.raises(WorkerError, match="expected a commit, git does not know elsewhere"):
        commit_of("elsewhere", repository)


# ---- comparing -------------------------------------------------------------------------------


def test_warm_up_lasts_until_no_turn_is_the_shortest_by_far() -> None:
    assert is_steady([[1.0]]) and is_steady([[2.0], [1.96]]) and is_steady([[2.0], [9.0]])
    assert not is_steady([[2.0], [1.9]])
    assert not is_steady([[2.0, 5.0], [2.0, 4.0]])


def test_other_work_is_found() -> None:
    steps, norms = Steps([1.0], [3.0], [1.0]), {"wte.weight": 2.0}
    same_training("row", (steps, norms), (replace(steps, step_s=[2.0]), norms))
    with pytest.raises(DisagreementError, match="^row does other work"):
        same_training("row", (steps, norms), (replace(steps, losses=[3.1]), norms))
    logits = np.array([[1, 2], [3, -4]], np.float32)
    same_logits("row", logits, logits + np.float32(1e-5))
    with pytest.raises(DisagreementError, match="^row: expected the logits"):
        same_logits("row", logits, logits + np.float32(1e-2))
    same_names("row", ([3.0], ["ann"]), ([3.0 + 1e-6], ["ann"]))
    for other in (([3.001], ["ann"]), ([3.0], ["bob"])):
        with pytest.raises(DisagreementError, match="^row: expected the other's losses and names"):
            same_names("row", ([3.0], ["ann"]), other)


def test_ratios_are_of_turns_side_by_side() -> None:
    this = Result("this", "", [[2.0, 1.0], [3.0, 1.0]], [4 << 20])
    other = Result("other", "", [[1.0, 1.0], [6.0, 2.0]], [2 << 20])
    assert this.times(other, 0) == [2.0, 0.5] and this.times(other, 1) == [1.0, 0.5]


def test_every_model_has_its_rows(tmp_path: Path) -> None:
    labels = [label for row in rows(set(MODELS), tmp_path, 2) for label in row.labels]
    assert len(labels) == len(set(labels)) == 2 + 5 + 3 * 2 + 2
    assert [row.labels[0] for row in rows({"makemore"}, tmp_path, 2)] == [
        "import pygpt",
        "makemore: a step",
    ]


# ---- this tree beside itself -----------------------------------------------------------------


def _rows(folder: Path) -> list[Row]:
    """All kinds of rows, with little to do."""
    few = {"pairs": 1, "warm_up": 1, "rounds": 2}
    cold, steady = names()
    generating = Row(
        ("token", "prompt"), "ms", 1e-3, "Generating", (TINY_GENERATION, folder, "pygpt-int8", 1),
        3, same_logits, **few,
    )  # fmt: skip
    return [
        replace(training(TINY, 1), pairs=2, warm_up=1, rounds=2, evidence=3),
        generating,
        replace(cold, arguments=(3, 3), warm_up=0, rounds=1),
        replace(steady, arguments=(4, 4), evidence=5, **few),
    ]


@pytest.mark.slow
def test_this_tree_beside_itself(tmp_path: Path) -> None:
    folder, notes, measured = tmp_path / "model", [], []
    with both("f" * 40, ROOT) as trees:
        make = f"benchmarks.against.side:{SavedModel.__name__}"
        Peer("saved", make, (ROOT, TINY_GENERATION, folder)).close()
        for row in _rows(folder):
            this, other = measure(row, trees, notes.append)
            measured.append((row, this, other))
            turns = row.rounds * (1 if row.fresh else row.pairs)
            for result in (this, other):
                assert len(result.turns) == turns and min(map(min, result.turns)) > 0
                assert len(result.peaks_bytes) == (turns if row.fresh else row.pairs)
                assert min(result.peaks_bytes) > 1e7 and result.description
    console = Console(width=140, record=True)
    console.print(table(trees, measured))
    shown = console.export_text()
    for text in ("tiny: a step", "token", "prompt", "names: a step, steady", "f" * 9, "this /"):
        assert text in shown
    written = json.loads(json.dumps([as_json(*one) for one in measured]))
    _, this, other = measured[0]
    assert written[0]["ratios"]["tiny: a step"] == statistics.median(this.times(other, 0))


def test_a_side_of_another_tree_is_refused(tmp_path: Path) -> None:
    trees = [Tree(name, tmp_path, "", tmp_path) for name in ("this", "other")]
    row = Row((" ",), "ms", 1e-3, "Importing", (), None, nothing_to_compare, 1, 0, 1, fresh=True)
    with pytest.raises(WorkerError, match="this: ImportError: expected pygpt of .*, got "):
        measure(row, trees, lambda _: None)


def test_bad_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("rounds", "threads"):
        with pytest.raises(SystemExit):
            against.run(["HEAD", f"--{name}", "0"])
        assert f"--{name}: expected at least 1, got 0" in capsys.readouterr().err
