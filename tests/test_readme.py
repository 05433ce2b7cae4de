"""What the README shows is run: each block of Python, and the commands of each console block."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parents[1] / "README.md"
PROGRAMS = ("python -m pygpt names", "python -m jbridge info")  # commands that tests may run


def _blocks(*languages: str) -> list[str]:
    text = README.read_text(encoding="utf-8")
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one namespace, in order, as a reader would type them."""
    blocks = _blocks("python")
    assert blocks
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), space)
    golden = README.parent / "tests" / "golden" / "microgpt" / "seed42_names.txt"
    assert golden.read_text(encoding="utf-8") in capsys.readouterr().out


def test_commands(python: Callable[..., Any]) -> None:
    """In one folder, in order: a command may use what those before it made."""
    lines = "".join(_blocks("console", "bash", "sh", "shell")).replace("\\\n", " ").splitlines()
    lines = [re.sub(r"\s+#.*", "", line.removeprefix("$ ")) for line in lines]
    commands = [line for line in lines if line.startswith(PROGRAMS)]
    assert commands
    for command in commands:
        result = python(*shlex.split(command)[1:])
        assert result.returncode == 0, (command, result.stderr)
