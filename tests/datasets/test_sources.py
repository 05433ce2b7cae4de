"""Sources: each kind of file, folders, and one line for whatever is wrong with them."""

from __future__ import annotations

import json
import os
import re
import sys
import tracemalloc
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from pygpt import ConfigError, DataError, read_documents, read_text
from pygpt.datasets import readers
from pygpt.datasets.cut import PIECE
from pygpt.datasets.sources import find_source
from pygpt.files import text as files_text

TEXTS = ["one\r\ntwo\n", "\u00e9\U0001f404 \u2028", "  ", 'quoted " and \\', "x" * 207]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _documents(where: str | Path, field: str | None = None, lines: bool = False) -> list[str]:
    """All documents of a source, which reads the same a second time."""
    source = find_source(where, field, lines)
    found: list[list[str]] = []
    for _ in range(2):
        documents = [""]
        for text, ends in source.pieces():
            documents[-1] += text
            if ends:
                documents.append("")
        assert documents.pop() == ""
        found.append(documents)
    assert found[0] == found[1]
    return found[0]


def _jsonl(path: str, values: list[dict[str, object]]) -> None:
    Path(path).write_text("".join(json.dumps(value) + "\n" for value in values))


def _parquet(path: str, **columns: list[object]) -> None:
    parquet.write_table(pyarrow.table(columns), path, row_group_size=2)


def test_what_ships() -> None:
    Path("names").mkdir()
    assert _documents("names") == read_documents()
    assert _documents("shakespeare") == [read_text("shakespeare")]
    assert _documents("shakespeare", lines=True) == read_documents(
        Path(readers.__file__).parents[1] / "data" / "shakespeare.txt"
    )


def test_a_text_file_is_one_document() -> None:
    text = "\ufeff" + "\r\n".join(TEXTS) * (PIECE // 100)
    Path("text.txt").write_bytes(text.encode())
    assert len(list(find_source("text.txt").pieces())) > 2
    assert _documents("text.txt") == [text.removeprefix("\ufeff").replace("\r\n", "\n")]
    Path("empty").write_bytes(b"")
    assert _documents("empty") == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*"ab \t\u00e9\U0001f404\n\r", "\r\n"])), st.integers(1, 9))
def test_lines_and_characters_across_blocks(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], block: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "text"
    path.write_bytes("".join(parts).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files_text, "BLOCK", block)
        expected = re.sub("\r\n|\r", "\n", "".join(parts))
        assert _documents(path) == [expected] * bool(expected)
        lines = [line for line in map(str.strip, expected.split("\n")) if line]
        assert _documents(path, lines=True) == lines
        if lines:
            assert read_documents(path) == lines


def test_no_file_is_in_memory_as_a_whole() -> None:
    Path("text").write_bytes((b"words " * 170 + b"\n") * 2**15)
    _jsonl("texts.jsonl", [{"text": "words " * 2**17}] * 41)
    for name, lines in [("text", False), ("text", True), ("texts.jsonl", False)]:
        source = find_source(name, lines=lines)
        tracemalloc.start()
        assert sum(len(text) for text, _ in source.pieces()) > 2**24 * 1.9
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak_bytes < 2**23  # of 33 MB; JSON-lines have a line and its text, 2 MB


@pytest.mark.parametrize("field", [None, "body"])
@pytest.mark.parametrize("name", ["texts.jsonl", "texts.NDJSON", "texts.parquet"])
def test_fields(name: str, field: str | None) -> None:
    key, texts = field or "text", [*TEXTS, "", "end"]
    if name.endswith("parquet"):
        _parquet(name, **{"id": [*range(len(texts))], key: texts})
    else:
        _jsonl(name, [{"id": [], key: text} for text in texts])
        Path(name).write_bytes(Path(name).read_bytes()[:-1].replace(b"\n", b"\r\n \n\n"))
    assert _documents(name, field) == [*TEXTS, "end"]  # without the empty one


def test_a_long_field_is_in_pieces() -> None:
    _jsonl("long.jsonl", [{"text": "a b " * PIECE}])
    pieces = list(find_source("long.jsonl").pieces())
    assert [piece.ends for piece in pieces] == [False] * 3 + [True]
    assert _documents("long.jsonl") == ["a b " * PIECE]


def test_a_folder() -> None:
    for name, text in {"b/a.txt": "2", "b/c/d": "3", "a": "1", "z.md": "4", "b/empty": ""}.items():
        Path("top", name).parent.mkdir(parents=True, exist_ok=True)
        Path("top", name).write_text(text)
    for name in (".hidden", "b/.git/config"):
        Path("top", name).parent.mkdir(exist_ok=True)
        Path("top", name).write_bytes(b"\0")
    _jsonl("top/b/b.jsonl", [{"text": "21"}, {"text": "22"}])
    _parquet("top/c.parquet", text=["31", "32", "33"])
    Path("top/link").symlink_to("a")
    Path("top/loop").symlink_to(".")
    expected = ["1", "2", "21", "22", "3", "31", "32", "33", "1", "4"]
    assert _documents("top") == _documents("top", "text") == _documents("./top/") == expected


def test_parquet_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    _parquet("texts.parquet", text=["a"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError) as caught:
        _documents("texts.parquet")
    problem = "Parquet needs pyarrow: pip install 'pygpt[parquet]'"
    assert str(caught.value) == f"data file texts.parquet: {problem}"


# ---- what is wrong ---------------------------------------------------------------------------

LONG = ", ".join(f"'c{i}'" for i in range(9)) + ", …"
BAD_TEXT = {
    "binary": (b"ab\x00c", "expected text, got a binary file (a zero byte at offset 2)"),
    "latin_1": (b"ab\nc\xe9d", "expected UTF-8, got byte 0xe9 at offset 4; convert the file to"),
    "ends_early": (b"abc\xf0\x9f\x90", "expected UTF-8, got byte 0xf0 at offset 3; convert"),
    "surrogate": (b"ab\xed\xa0\x80", "expected UTF-8, got byte 0xed at offset 2; convert"),
}
JSON = "; the file is JSON, not a JSON object a line: let its name end in .json"
BAD_LINE = {
    "json": (b'{"text": a}', "expected a JSON object, got Expecting value at column 10"),
    "list": (b"[1]", "expected a JSON object, got a list"),
    "array": (b'[{"text": "a"}]', f"got a list{JSON}"),
    "array_of_lines": (b'[\n{"text": "a"}\n]', f"got Expecting value at column 1{JSON}"),
    "object_of_lines": (b'{\n"text": "a"}', JSON),
    "text": (b'"a"', "expected a JSON object, got text"),
    "number": (b"-1.5", "expected a JSON object, got a number"),
    "deep": (b"[" * 100_000, "expected a JSON object, got "),
    "digits": (b"9" * 5000, "expected a JSON object, got "),
    "latin_1": (b'{"text": "\xe9"}', "expected UTF-8, got byte 0xe9 at column 11"),
    "none": (b"{}", "expected a field 'text', got none"),
    "other": (b'{"body": "a", "id": 1}', "expected a field 'text', got 'body', 'id'"),
    "many": (json.dumps({f"c{i}": 1 for i in range(11)}).encode(), f"'text', got {LONG}"),
    "null": (b'{"text": null}', "text: expected text, got null"),
    "bool": (b'{"text": true}', "text: expected text, got true or false"),
    "object": (b'{"text": {}}', "text: expected text, got an object"),
    "half": (b'{"text": "ab\\ud800"}', "text: expected whole characters, got half a surrogate"),
}


def _fails(name: str, problem: str, lines: bool = False) -> None:
    with pytest.raises(DataError) as caught:
        _documents(name, lines=lines)
    assert problem in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"data file {name}: ")


@pytest.mark.parametrize("block", [3, 2**18])
@pytest.mark.parametrize("case", BAD_TEXT)
def test_bad_text(case: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_text, "BLOCK", block)
    content, problem = BAD_TEXT[case]
    Path("bad.txt").write_bytes(content)
    for lines in (False, True):
        _fails("bad.txt", problem, lines)


@pytest.mark.parametrize("case", BAD_LINE)
def test_bad_lines(case: str) -> None:
    content, problem = BAD_LINE[case]
    Path("bad.jsonl").write_bytes(b'{"text": "good"}\n\n' + content + b"\n")
    _fails("bad.jsonl", problem)
    with pytest.raises(DataError, match="^data file bad.jsonl: line 3: "):
        _documents("bad.jsonl")


def test_a_line_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (readers, files_text):
        monkeypatch.setattr(module, "LONGEST_LINE", 20)
    Path("ok.jsonl").write_bytes(b'{"text": "123456789"}'[:-2] + b'"}\n')
    monkeypatch.setattr(files_text, "BLOCK", 7)
    Path("bad.jsonl").write_bytes(b'{"text": "a"}\n{"text": "1234567890"}\n')
    _fails("bad.jsonl", "line 2: expected at most 20 bytes, got more")
    Path("bad.txt").write_bytes(b"short\n" + b"x" * 40)
    assert _documents("bad.txt") == ["short\n" + "x" * 40]
    _fails("bad.txt", "expected a document a line, got a line of more than 20 characters", True)


def test_bad_parquet() -> None:
    _parquet("null.parquet", text=["a", "b", None])
    _fails("null.parquet", "row 3: text: expected text, got null")
    _parquet("number.parquet", text=[1, 2])
    _fails("number.parquet", "row 1: text: expected text, got a number")
    _parquet("other.parquet", body=["a"])
    _fails("other.parquet", "expected a column 'text', got 'body'")
    Path("text.parquet").write_bytes(b"no Parquet at all")
    _fails("text.parquet", "is damaged, or no Parquet: ")
    whole = Path("null.parquet").read_bytes()
    Path("cut.parquet").write_bytes(whole[:-1])
    _fails("cut.parquet", "is damaged, or no Parquet: ")
    Path("flipped.parquet").write_bytes(whole[:4] + bytes(40) + whole[44:])
    _fails("flipped.parquet", "is damaged, or no Parquet: ")


def test_no_files() -> None:
    Path("empty/.hidden").mkdir(parents=True)
    for where, problem in {
        "none.txt": "data file none.txt: there is no such file",
        "": "data file : there is no such file",
        "a\0b": "data file a\0b: there is no such file",
        os.devnull: f"data file {os.devnull}: expected a file or a folder",
        "empty": "data folder empty: expected files, got none",
    }.items():
        with pytest.raises(DataError) as caught:
            find_source(where)
        assert str(caught.value) == problem


def test_what_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As root, who can read everything, the tests let the system calls fail."""

    def fail(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", "top")

    Path("top").mkdir()
    for name in ("a.txt", "a.jsonl"):
        Path("top", name).write_text("{}")
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", fail)
        with pytest.raises(DataError, match="^data folder top: cannot be read: Permission denied$"):
            find_source("top")
    monkeypatch.setattr(Path, "open", fail)
    for name in ("top/a.txt", "top/a.jsonl"):
        _fails(name, "cannot be read: Permission denied")


def test_flags_that_do_not_go_with_the_files() -> None:
    Path("a.txt").write_text("a")
    _jsonl("a.jsonl", [{"text": "a"}])
    with pytest.raises(ConfigError) as caught:
        find_source("a.txt", field="body")
    assert str(caught.value) == "field: expected JSON-lines or Parquet, got text: a.txt"
    with pytest.raises(ConfigError) as caught:
        find_source("a.jsonl", lines=True)
    assert str(caught.value) == "lines: expected text files, got JSON-lines or Parquet: a.jsonl"
    assert sorted(_documents(".", field="text", lines=True)) == ["a", "a"]
