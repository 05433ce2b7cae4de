"""`python -m pygpt prepare`: its files, its progress, one line for each error."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pygpt import CharTokenizer, Dataset
from pygpt.cli import main as cli
from pygpt.cli.prepare import report_to
from pygpt.cli.progress import progress_on
from pygpt.datasets.prepare import Prepared

Capture = pytest.CaptureFixture[str]
CHAR = ["--tokenizer", "char", "--out", "new"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_bytes(b"low lower\nlowest")
    Path("latin1.txt").write_bytes(b"ab\xe9\n")
    Path("empty.txt").write_bytes(b"")
    Path("one.txt").write_bytes(b"a")
    Path("texts.jsonl").write_text('{"text": "a b", "body": "c"}\n' * 3)
    Path("bad.jsonl").write_text('{"text": "a"}\n{"body": "b"}\n')
    Path("folder").mkdir()
    Path("texts").mkdir()
    Path("texts/one.txt").write_bytes(b"text")
    CharTokenizer("ab").save("char.json")


def test_shakespeare(capsys: Capture) -> None:
    assert cli.run(["prepare", "shakespeare", *CHAR]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "new/train.bin: 1,003,854 tokens of 1,003,854 bytes of text, 1.00 each",
        "new/val.bin: 111,540 tokens of 111,540 bytes of text, 1.00 each",
        "new/tokenizer.json: 65 ids",
    ]
    head, *lines, following = captured.err.splitlines()
    assert following == "next: python -m pygpt train shakespeare-char --data new"
    assert head == "1 document, 1,115,394 characters"
    assert lines[-1].startswith("100%  1,115,394 tokens  ") and lines[-1].endswith(" tokens/s")
    assert 3 < len(lines) <= 10


def test_options(capsys: Capture) -> None:
    arguments = ["prepare", "texts.jsonl", *CHAR, "--quiet"]
    assert cli.run([*arguments, "--field", "body", "--validation", "0.5", "--seed", "7"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    dataset = Dataset.load("new")
    assert dataset.tokenizer == CharTokenizer("c")
    assert dataset.train.tokens.tolist() == [1, 0, 1]
    assert dataset.val.tokens.tolist() == [1, 0, 1, 0, 1]
    assert cli.run(["prepare", "words.txt", *CHAR, "--quiet", "--lines"]) == 0  # ours: replaced
    assert Dataset.load("new").tokenizer == CharTokenizer(" elorstw")


def test_a_tokenizer_of_a_folder() -> None:
    assert cli.run(["prepare", "words.txt", *CHAR]) == 0
    assert cli.run(["prepare", "words.txt", "--tokenizer", "new", "--out", "more"]) == 0
    assert Dataset.load("more").tokenizer == Dataset.load("new").tokenizer


BAD_USAGE = {
    "no_source": (CHAR, "the following arguments are required: SOURCE"),
    "no_out": (["names", "--tokenizer", "char"], "are required: --out"),
    "no_tokenizer": (["names", "--out", "new"], "are required: --tokenizer"),
    "no_number": (["names", *CHAR, "--validation", "x"], "invalid float value: 'x'"),
    "all": (["names", *CHAR, "--validation", "1"], "--validation: expected more than 0 and less"),
    "nan": (["names", *CHAR, "--validation", "nan"], "--validation: expected more than 0 and less"),
    "field": (["names", *CHAR, "--field", "a"], "--field: expected JSON-lines or Parquet, got"),
    "lines": (["texts.jsonl", *CHAR, "--lines"], "--lines: expected text files, got JSON-lines"),
    "inside": (
        ["texts", "--tokenizer", "char", "--out", "texts/new"],
        "--out: expected a folder outside of the source, got texts/new",
    ),
}
BAD_INPUT = {
    "missing": (["none.txt", *CHAR], "data file none.txt: there is no such file"),
    "empty": (["empty.txt", *CHAR], "data empty.txt: expected text, got none"),
    "latin1": (["latin1.txt", *CHAR], "expected UTF-8, got byte 0xe9 at offset 2; convert the"),
    "one": (["one.txt", *CHAR], "data one.txt: expected characters enough to split, got 1; a"),
    "field": (["bad.jsonl", *CHAR], "bad.jsonl: line 2: expected a field 'text', got 'body'"),
    "folder": (["folder", *CHAR], "data folder folder: expected files, got none"),
    "tokenizer": (["names", "--tokenizer", "gpt3", "--out", "new"], "tokenizer gpt3: expected a"),
    "character": (
        ["words.txt", "--tokenizer", "char.json", "--out", "new"],
        "text: expected known characters, got 'l'",
    ),
    "out": (["names", "--tokenizer", "char", "--out", "folder"], "exists and is no dataset that"),
    "out_file": (["names", "--tokenizer", "char", "--out", "one.txt"], "exists and is no dataset"),
    "out_parent": (
        ["names", "--tokenizer", "char", "--out", "one.txt/new"],
        "one.txt/new: cannot be written: Not a directory",
    ),
}


def _fails(arguments: list[str], status: int, message: str, capsys: Capture) -> None:
    """The command must end with this status and one line, and leave the folder as it was."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    names = sorted(os.listdir())
    assert cli.run(["prepare", *arguments, "--quiet"]) == status
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert captured.err.startswith("pygpt: error: ") and message in captured.err
    assert sorted(os.listdir()) == names
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.mark.parametrize("case", BAD_USAGE)
def test_bad_usage(case: str, capsys: Capture) -> None:
    arguments, message = BAD_USAGE[case]
    _fails(arguments, 2, message, capsys)


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input(case: str, capsys: Capture) -> None:
    arguments, message = BAD_INPUT[case]
    _fails(arguments, 1, message, capsys)


def test_help(capsys: Capture) -> None:
    assert cli.run(["prepare", "--help"]) == cli.run(["--help"]) == 0
    text = capsys.readouterr().out
    for word in ("--tokenizer", "--out", "--validation", "--seed", "--field", "--lines", "--quiet"):
        assert f"\n  {word}" in text
    assert text.count("python -m pygpt prepare shakespeare --tokenizer char --out data") == 2


def test_sigterm_leaves_nothing(python: Callable[..., Any], tmp_path: Path) -> None:
    """The folder that is written beside its place goes, too."""
    code = (
        "import os, signal, sys\n"
        "from pygpt.cli import main as cli\n"
        "from pygpt.datasets import prepare as preparing\n"
        "preparing._encode = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.exit(cli.run())"
    )
    before = sorted(os.listdir(tmp_path))
    result = python("-c", code, "prepare", "shakespeare", *CHAR, "--quiet")
    assert (result.returncode, result.stdout) == (143, "")
    assert result.stderr == "pygpt: terminated\n" and sorted(os.listdir(tmp_path)) == before


# ---- progress --------------------------------------------------------------------------------

STEPS = [
    Prepared(3, 300, None, 0),
    Prepared(7, 700, None, 0),
    *[Prepared(7, done, 1000, done // 4) for done in range(0, 1001, 50)],
]


def test_lines() -> None:
    stream = io.StringIO()
    with progress_on(stream, quiet=False) as progress:
        show = report_to(progress)
        for step in STEPS:
            show(step)
    head, *lines = stream.getvalue().splitlines()
    assert head == "7 documents, 1,000 characters"
    assert [line.rsplit("  ", 1)[0] for line in lines] == [
        f"{10 * tenth:3}%  {25 * tenth} tokens" for tenth in range(1, 11)
    ]


def test_bar() -> None:
    stream = Terminal()
    with progress_on(stream, quiet=False, first="count", then="encode") as progress:
        show = report_to(progress)
        for step in STEPS:
            show(step)
    text = stream.getvalue()
    assert "7 documents, 1,000 characters\n" in text and "250 tokens" in text
    assert "encode" in text and "tokens/s" in text
