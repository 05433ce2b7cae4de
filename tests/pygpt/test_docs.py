"""What docs/tokenizers.md shows is run, and what it says comes out does come out."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest

from pygpt import cli

PAGE = Path(__file__).parents[2] / "docs" / "tokenizers.md"


def _blocks(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    return blocks


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """In one folder, in order: a command may use what those before it made."""
    for block in _blocks("console"):
        for command, *lines in (part.splitlines() for part in block.split("$ ") if part):
            words = shlex.split(command)
            assert words[:3] == ["python", "-m", "pygpt"]
            assert cli.run(words[3:]) == 0, command
            assert capsys.readouterr().out.splitlines() == lines, command


def test_python() -> None:
    """In one namespace, in order."""
    examples = "".join(_blocks("python"))
    test = doctest.DocTestParser().get_doctest(examples, {}, PAGE.name, str(PAGE), 0)
    results = doctest.DocTestRunner().run(test)
    assert results.attempted > 10 and results.failed == 0
