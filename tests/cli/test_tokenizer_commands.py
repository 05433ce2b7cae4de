"""`python -m pygpt tokenizer`: each task, standard input, one line for each error."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pygpt import BPETokenizer, CharTokenizer, load_tokenizer, read_text
from pygpt.cli import main as cli
from pygpt.tokenizers.explain import show

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_bytes("low lower lowest\r\n\u00e9\u00e9 \u00e9\u00e9".encode())
    Path("latin1.txt").write_bytes(b"ab\xe9\n")
    Path("empty.txt").write_bytes(b"")
    Path("folder").mkdir()
    CharTokenizer("\nab").save("char.json")


def _run(*arguments: str) -> None:
    assert cli.run(["tokenizer", *arguments]) == 0


def _stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def _merges(output: str) -> list[str]:
    return [line.split()[1] for line in output.splitlines() if " = " in line]


def test_explain(capsys: Capture) -> None:
    _run("explain", "abracadabra")
    output = capsys.readouterr().out
    assert _merges(output) == ["ab", "abr", "abra"]
    assert output.splitlines()[-2].endswith("2 ×  abra c a d abra")


def test_explain_takes_the_first_of_those_that_tie(capsys: Capture) -> None:
    _run("explain", "zyzyxwxw")
    assert _merges(capsys.readouterr().out) == ["zy", "xw"]
    _run("explain", "aaaa")
    assert _merges(capsys.readouterr().out) == ["aa"]


def test_explain_any_text(capsys: Capture) -> None:
    for text in ("", "a", "na\u00efve na\u00efve\n\t\x00\x00", "\U0001f404" * 5, "ab" * 5000):
        _run("explain", text)
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split()[:2] == ["bytes:", str(len(text.encode()))]
        assert lines[-1].startswith("     tokens: ") and max(map(len, lines[:1])) <= 120
    assert [show(t) for t in (b" a\n", b"\xc3", "\u00e9".encode())] == ["␣a\\n", "\\xc3", "\u00e9"]


def test_explain_with_the_other_split(capsys: Capture) -> None:
    _run("explain", "12345")
    gpt2 = capsys.readouterr().out
    _run("explain", "12345", "--split", "cl100k")
    assert "1 2 3 4 5" in gpt2 and "1 2 3 | 4 5" in capsys.readouterr().out


@pytest.mark.parametrize("split", ["gpt2", "cl100k"])
def test_train(split: str, capsys: Capture) -> None:
    _run("train", "words.txt", "--vocab-size", "263", "--out", "new.json", "--split", split)
    output = capsys.readouterr().out
    expected = BPETokenizer.train(read_text("words.txt"), 263, split)
    assert load_tokenizer("new.json") == expected
    count = len(expected.encode(read_text("words.txt")))
    sizes = f"26 bytes of text are {count} tokens, {26 / count:.2f} bytes each"
    assert output == f"new.json: 263 ids; {sizes}\n"


def test_encode_and_decode(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    _run("encode", "gpt2", "hello world")
    _run("encode", "char.json", "ba")
    _run("decode", "char.json", "2", "0", "1")
    assert capsys.readouterr().out == "31373 995\n2 1\nb\na"
    Path("run/best").mkdir(parents=True)  # a training run
    Path("run/lock").touch()
    Path("run/best/tokenizer.json").write_bytes(Path("char.json").read_bytes())
    _run("encode", "run", "ba")
    _run("decode", "run", "2", "0", "1")
    assert capsys.readouterr().out == "2 1\nb\na"
    text = "\n h\u00e9llo\r\n\U0001f404\n\n"
    _stdin(monkeypatch, text.encode())
    _run("encode", "cl100k_base")
    _stdin(monkeypatch, capsys.readouterr().out.encode())
    _run("decode", "cl100k_base")
    assert capsys.readouterr().out == text


def test_bytes_go_through_a_pipe(python: Callable[..., Any], tmp_path: Path) -> None:
    """Line ends too (which `text=True` then makes \\n), whatever the terminal's encoding."""
    arguments = ["decode", "gpt2", *map(str, load_tokenizer("gpt2").encode("a\r\n\u00e9"))]
    code = "import sys; from pygpt.cli.main import run; sys.exit(run())"
    result = python("-X", "utf8=0", "-c", code, "tokenizer", *arguments, PYTHONIOENCODING="latin-1")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "a\n\u00e9"


BAD_USAGE = {
    "no_task": ([], "the following arguments are required: TASK"),
    "other_task": (["explian"], "argument TASK: invalid choice: 'explian'"),
    "no_out": (["train", "words.txt", "--vocab-size", "300"], "are required: --out"),
    "no_number": (["train", "words.txt", "--vocab-size", "x"], "invalid int value: 'x'"),
    "too_small": (
        ["train", "words.txt", "--vocab-size", "256", "--out", "new"],
        "--vocab-size: expected at least 257, got 256",
    ),
    "too_large": (
        ["train", "words.txt", "--vocab-size", "300", "--out", "new"],
        "--vocab-size: expected at most 267, where the text is merged to whole words, got 300",
    ),
    "split": (["explain", "a", "--split", "o200k"], "--split: expected one of gpt2, cl100k, got"),
    "id": (["decode", "gpt2", "x"], "argument ID: invalid int value: 'x'"),
}
BAD_INPUT = {
    "missing": (["train", "none", "--vocab-size", "300", "--out", "new"], "there is no such file"),
    "latin1": (
        ["train", "latin1.txt", "--vocab-size", "300", "--out", "new"],
        "data file latin1.txt: expected UTF-8, got byte 0xe9 at offset 2",
    ),
    "empty": (
        ["train", "empty.txt", "--vocab-size", "300", "--out", "new"],
        "data file empty.txt: expected text, got an empty file",
    ),
    "out_exists": (
        ["train", "words.txt", "--vocab-size", "260", "--out", "words.txt"],
        "output file words.txt: exists; choose another name, or remove it",
    ),
    "out_folder": (
        ["train", "words.txt", "--vocab-size", "260", "--out", "folder"],
        "output file folder: exists; ",
    ),
    "out_parent": (
        ["train", "words.txt", "--vocab-size", "260", "--out", "words.txt/new"],
        "output file words.txt/new: cannot be written: Not a directory",
    ),
    "tokenizer": (["encode", "gpt3", "a"], "tokenizer gpt3: expected a folder, a file, or one of"),
    "tokenizer_folder": (["encode", "folder", "a"], "folder/tokenizer.json: expected a folder"),
    "tokenizer_file": (["decode", "words.txt", "1"], "tokenizer file words.txt: is damaged: "),
    "character": (["encode", "char.json", "abc"], "text: expected known characters, got 'c'"),
    "surrogate": (["encode", "gpt2", "a\udcff"], "text: expected whole characters, got half a"),
    "large_id": (["decode", "char.json", "3"], "ids: expected 0 to 2, got 3"),
    "negative_id": (["decode", "gpt2", "-1"], "ids: expected 0 to 50256, got -1"),
}


def _fails(arguments: list[str], status: int, message: str, capsys: Capture) -> None:
    """The command must end with this status and one line, and leave the folder as it was."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    names = sorted(os.listdir())
    assert cli.run(["tokenizer", *arguments]) == status
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


@pytest.mark.parametrize(
    ("task", "data", "message"),
    [
        ("encode", b"ab\xe9", "text: expected whole characters, got half a surrogate pair at 2"),
        ("decode", b"31373 99x", "ids: expected numbers, got 99x"),
        ("decode", b"31373 \xe9", "ids: expected numbers, got \\xe9"),
    ],
)
def test_bad_standard_input(
    task: str, data: bytes, message: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stdin(monkeypatch, data)
    _fails([task, "gpt2"], 1, message, capsys)


def test_help(capsys: Capture) -> None:
    assert cli.run(["tokenizer", "--help"]) == cli.run(["tokenizer", "train", "--help"]) == 0
    text = capsys.readouterr().out
    for word in ("explain", "train", "encode", "decode", "--vocab-size", "--out", "--split"):
        assert word in text
    assert cli.run(["--help"]) == 0
    assert "python -m pygpt tokenizer explain abracadabra" in capsys.readouterr().out
