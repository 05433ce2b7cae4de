"""Every lesson says what comes out; and how one answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pygpt.cli import main as cli
from pygpt.learn.lesson import Change, Code, Lesson, Prediction, Text, lessons
from pygpt.learn.notebook import notebook
from pygpt.learn.play import Player, is_right

ALL = lessons()
SMALL = Lesson(
    1,
    "small",
    "A small one",
    (
        Text("Read [this](there), **now**."),
        Prediction("What is `x`?", "x", 0.1),
        Code(">>> x = 1 + 1\n>>> print(x)\n2\n"),
        Change("Make x larger than 5.", "x = 6", "x > 5", "Assign to it."),
    ),
)


def _played(lesson: Lesson, *replies: str) -> tuple[Player, str]:
    """A lesson with somebody who gives these replies, one after another, and goes away then."""
    said: list[str] = []
    left = iter(replies)

    def ask(question: str) -> str:
        said.append(question)
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    player = Player(lesson, said.append, ask if replies else None)
    player.run()
    return player, "".join(said)


@pytest.mark.parametrize("lesson", ALL, ids=lambda lesson: lesson.name)
def test_what_it_says_comes_out(
    lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    player, said = _played(lesson)
    assert player.wrong == []
    assert said.startswith(f"{lesson.number}. {lesson.title}\n")
    kinds = [type(part) for part in lesson.parts]
    assert Prediction in kinds and kinds.count(Change) == 1
    for part, after in zip(lesson.parts, lesson.parts[1:], strict=False):
        assert not isinstance(part, Prediction) or isinstance(after, Code)


def test_they_are_in_order() -> None:
    assert [lesson.number for lesson in ALL] == [*range(1, 18)]


def test_somebody_answers() -> None:
    _, said = _played(SMALL, "2", "", "x = 3", "", "y", "", "x += 3", "")
    assert "Read this, now.\n\n" in said
    assert "Right: 2\n" in said
    assert "Not yet. Assign to it.\n" in said
    assert "Not yet: NameError: name 'y' is not defined. Assign to it.\n" in said
    assert said.endswith("Right.\n\n")


def test_somebody_does_not_know_or_goes_away() -> None:
    player, said = _played(SMALL, "3", "", "?")
    assert "You said 3; it is 2.\n" in said
    assert said.endswith("A solution:\n    x = 6\n\nChecked.\n\n") and not player.wrong
    assert _played(SMALL, "3")[1].endswith("Checked.\n\n")


def test_what_does_not_come_out_is_named() -> None:
    parts = (Code(">>> print(1)\n2\n"), Change("Do.", "x = 1", "1 > 2", ""))
    player, _ = _played(Lesson(1, "wrong", "Wrong", parts))
    assert player.wrong == [
        "print(1) printed '1', not '2'",
        "the solution 'x = 1' is not right",
    ]


@pytest.mark.parametrize(
    ("reply", "answer", "within", "right"),
    [
        ("0.94", 0.938, 0.03, True),
        ("0,94", 0.938, 0.03, True),
        ("0.5", 0.938, 0.03, False),
        ("no idea", 0.938, 0.03, False),
        ("yes", True, 0, True),
        ("yes", False, 0, False),
        ("N", False, 0, True),
        ('"Green"', "green", 0, True),
        ("red", "green", 0, False),
    ],
)
def test_replies(reply: str, answer: Any, within: float, right: bool) -> None:
    assert is_right(reply, answer, within) is right


def test_commands(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.run(["learn"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in listed] == [lesson.name for lesson in ALL]
    assert cli.run(["learn", "colours"]) == 0  # no terminal: nobody is asked
    assert "The answer: 0\n" in capsys.readouterr().out
    assert cli.run(["learn", "99"]) == 1
    assert cli.run(["learn", "--answers"]) == 2
    assert cli.run(["learn", "1", "--notebooks", str(tmp_path)]) == 2
    capsys.readouterr()
    folder = tmp_path / "notebooks"
    assert cli.run(["learn", "--notebooks", str(folder)]) == 0
    assert len([*folder.glob("*.ipynb")]) == len(ALL)
    assert cli.run(["learn", "--notebooks", str(folder)]) == 1  # nothing is overwritten


def test_notebooks_have_all_of_it() -> None:
    cells = json.loads(notebook(SMALL))["cells"]
    assert [cell["cell_type"] for cell in cells] == ["markdown"] * 3 + ["code", "markdown"] + [
        "code"
    ] * 2
    assert cells[3]["source"] == "x = 1 + 1\nprint(x)"
    assert "x = 6" in cells[4]["source"]
    space: dict[str, Any] = {"x": 2}
    exec(cells[-1]["source"], space)


def test_in_jupyter(python: Callable[..., Any], tmp_path: Path) -> None:
    """Two notebooks in one kernel, which is restarted between them."""
    result = python("-m", "tests.learn.run_notebooks", str(tmp_path), "neuron", "colours")
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(r"neuron: \d+ cells\ncolours: \d+ cells\n", result.stdout)
