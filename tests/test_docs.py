"""What the pages of docs/ show is run, and what they say comes out does come out."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest

from pygpt.cli import main as cli

DOCS = Path(__file__).parents[1] / "docs"
COMMANDS = (
    *("data.md", "tokenizers.md", "cli.md", "cli-generate.md", "vectors.md", "adapters.md"),
    "preferences.md",
)
PYTHON = (
    *("data.md", "tokenizers.md", "generate.md", "training.md", "embeddings.md"),
    *("page.md", "encoder-decoder.md", "network.md", "vectors.md", "adapters.md"),
    "preferences.md",
)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
MATCH = doctest.OutputChecker().check_output


def _blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    return blocks


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", COMMANDS)
def test_commands(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In one folder, in order: a command may use what those before it made."""
    for block in _blocks(page, "console"):
        for command, *lines in (part.splitlines() for part in block.split("$ ") if part):
            words = shlex.split(command)
            assert words[:3] == ["python", "-m", "pygpt"]
            assert cli.run(words[3:]) == 0, command
            got = "\n".join(capsys.readouterr().out.splitlines())
            assert MATCH("\n".join(lines), got, doctest.ELLIPSIS), f"{command}:\n{got}"


@pytest.mark.parametrize("page", PYTHON)
def test_python(page: str) -> None:
    """In one namespace, in order."""
    examples = "".join(_blocks(page, "python"))
    test = doctest.DocTestParser().get_doctest(examples, {}, page, page, 0)
    results = doctest.DocTestRunner(optionflags=FLAGS).run(test)
    assert results.attempted > 10 and results.failed == 0
