"""A lesson: a Markdown file as parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pygpt.errors import DataError

FOLDER = Path(__file__).parents[1] / "lessons"
_BLOCK = re.compile(r"^```(python|predict|change)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Text:
    """Immutable: Markdown, shown as it is."""

    markdown: str


@dataclass(frozen=True)
class Code:
    """Immutable: Python as a session, each line after `>>> ` or `... `, with what it prints."""

    session: str


@dataclass(frozen=True)
class Prediction:
    """Immutable: a question that is asked before the code that comes next has run.

    Attributes:
        answer: an expression, for after that code.
        within: how far a number may be off.
    """

    question: str
    answer: str
    within: float


@dataclass(frozen=True)
class Change:
    """Immutable: something to change and to run again.

    Attributes:
        solution: Python that does it.
        check: an expression that is true once it is done.
        hint: shown while it is not.
    """

    task: str
    solution: str
    check: str
    hint: str


Part = Text | Code | Prediction | Change


@dataclass(frozen=True)
class Lesson:
    """Immutable: a lesson.

    Attributes:
        number: its place, from 1.
        name: that of its file, without number and ending.
    """

    number: int
    name: str
    title: str
    parts: tuple[Part, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return name -> value; of each part its fields, and `kind`."""
        parts = [{"kind": type(part).__name__.lower(), **asdict(part)} for part in self.parts]
        return {**asdict(self), "parts": parts}


def lessons() -> list[Lesson]:
    """Return all lessons in order."""
    return [_read(path) for path in sorted(FOLDER.glob("*.md"))]


def find(which: str, among: Sequence[Lesson]) -> Lesson:
    """Return a lesson by its number or its name.

    Raises:
        DataError: there is none.
    """
    for lesson in among:
        if which in (str(lesson.number), lesson.name):
            return lesson
    raise DataError(f"lesson: expected 1 to {len(among)}, or a name, got {which!r}")


def _read(path: Path) -> Lesson:
    number, _, name = path.stem.partition("-")
    text = path.read_text(encoding="utf-8")
    heading, _, body = text.partition("\n")
    return Lesson(int(number), name, heading.removeprefix("# "), tuple(_parts(body, path)))


def _parts(body: str, path: Path) -> list[Part]:
    parts: list[Part] = []
    end = 0
    for block in _BLOCK.finditer(body):
        _add_text(parts, body[end : block.start()])
        kind, content = block.groups()
        if kind == "python":
            parts.append(Code(content))
        elif kind == "predict":
            said = _fields(content, ("answer", "within"), path)
            parts.append(Prediction(said[""], said["answer"], float(said["within"] or 0)))
        else:
            said = _fields(content, ("solution", "check", "hint"), path)
            parts.append(Change(said[""], said["solution"], said["check"], said["hint"]))
        end = block.end()
    _add_text(parts, body[end:])
    return parts


def _add_text(parts: list[Part], markdown: str) -> None:
    if markdown.strip():
        parts.append(Text(markdown.strip("\n")))


def _fields(content: str, names: Sequence[str], path: Path) -> dict[str, str]:
    """Return what stands after `name:` at the beginning of a line; under "" what is before all.

    Lines of a field after its first are indented, and lose that.
    """
    found = {"": "", **dict.fromkeys(names, "")}
    at = ""
    for line in content.splitlines():
        name, colon, rest = line.partition(":")
        if colon and name in names:
            at, line = name, rest.strip()
        elif at:
            line = line.removeprefix("    ")
        found[at] += line + "\n"
    found = {name: said.strip() for name, said in found.items()}
    if not found[""] or not found[names[0]]:
        raise DataError(f"lesson {path}: expected a text and `{names[0]}:` in {content!r}")
    return found
