"""Processes that are killed while they write a folder: what they leave, and who removes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from subprocess import PIPE

import pytest

from pygpt import DataError, Dataset, prepare
from pygpt.files.atomic import folder_beside, replace_folder
from tests.support.processes import started

WAITS = """\
from pygpt.datasets import prepare as preparing
encode = preparing._encode
def wait(*arguments):
    encode(*arguments)
    print("written", flush=True)
    input()
preparing._encode = wait
"""
DIES_BETWEEN_TWO_RENAMES = """\
import os, signal
rename = os.rename
def die(source, target):
    rename(source, target)
    if str(target).endswith("/old"):
        os.kill(os.getpid(), signal.SIGKILL)
os.rename = die
"""
PREPARE = "import pygpt; pygpt.prepare('names', 'char', 'data')\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _process(
    code: str, environment: dict[str, str]
) -> AbstractContextManager[subprocess.Popen[str]]:
    """`prepare` in a process of its own, changed by some code."""
    return started([sys.executable, "-c", code + PREPARE], env=environment, stdin=PIPE)


def _wait(process: subprocess.Popen[str]) -> None:
    """Return when it has written all its files, and goes on only if it is told to."""
    assert process.stdout is not None and process.stdout.readline() == "written\n"


def _hidden() -> list[Path]:
    return list(Path().glob(".*"))


def test_the_next_one_removes_what_a_killed_one_left(python_environment: dict[str, str]) -> None:
    for _ in range(2):
        with _process(WAITS, python_environment) as process:
            _wait(process)
            process.kill()
        (left,) = _hidden()  # the second has removed what the first left
        assert (left / "new" / "train.bin").stat().st_size > 100_000
    dataset = prepare("names", "char", "data", seed=7)
    assert not _hidden() and os.listdir() == ["data"]
    assert Dataset.load("data").train.tokens.tolist() == dataset.train.tokens.tolist()


def test_one_that_still_writes_keeps_its_files(python_environment: dict[str, str]) -> None:
    expected = prepare("names", "char", "other").train.tokens
    with _process(WAITS, python_environment) as process:
        _wait(process)
        prepare("names", "char", "data", seed=7)
        (hidden,) = _hidden()
        assert sorted(os.listdir(hidden)) == ["lock", "new"]
        process.communicate("\n", timeout=60)
        assert process.returncode == 0
    assert not _hidden()
    assert Dataset.load("data").train.tokens.tolist() == expected.tolist()


def test_what_was_moved_aside_goes_back(python_environment: dict[str, str]) -> None:
    """Killed in the one moment at which neither folder is in the place."""
    before = prepare("names", "char", "data", seed=7).train.tokens
    with _process(DIES_BETWEEN_TWO_RENAMES, python_environment) as process:
        assert process.wait(60) == -signal.SIGKILL
    assert not Path("data").exists()
    Path("empty.txt").write_text("")
    with pytest.raises(DataError, match="expected text, got none"):
        prepare("empty.txt", "char", "data")
    assert not _hidden()
    assert Dataset.load("data").train.tokens.tolist() == before.tolist()


def test_what_others_made_stays() -> None:
    for name in (".data.versions", ".data.12345678", ".data.abc", ".date.12345678"):
        Path(name).mkdir()
        Path(name, "lock").write_text("")
        Path(name, "mine").write_text("keep me")
    Path(".data.abcdefgh").mkdir()  # no lock: not ours
    Path(".data.abcdefgh", "new").mkdir()
    Path(".data.87654321").write_text("a file")
    before = sorted(Path().rglob("*"))
    with folder_beside(Path("data").resolve()) as staged:
        (staged / "file").write_text("x")
    assert sorted(Path().rglob("*")) == before


def test_a_new_folder_has_the_rights_of_one_that_mkdir_makes() -> None:
    mask = os.umask(0o027)
    try:
        target = Path("data").resolve()
        for text in ("first", "second"):
            with folder_beside(target) as staged:
                assert staged.parent.stat().st_mode & 0o777 == 0o700
                (staged / "file").write_text(text)
                replace_folder(target, staged)
    finally:
        os.umask(mask)
    assert target.stat().st_mode & 0o777 == 0o750
    assert (target / "file").read_text() == "second" and os.listdir() == ["data"]
