"""What people bring: encodings, line ends, packed files, pipes, JSON, tables: one reader."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pygpt import (
    GPT,
    DataError,
    GPTConfig,
    TokenError,
    prepare,
    read_documents,
    read_text,
)
from pygpt.cli import main as cli
from pygpt.datasets.readers import FORMATS, format_of, read_rows
from pygpt.datasets.sources import find_source
from pygpt.errors import ConfigError
from pygpt.tokenizers.char import CharTokenizer

TEXT = "Grüße, \U0001f404!\nzweite Zeile\n\nend"
NAMES = ["anna", "bo", "çelik"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _documents(name: str, field: str | None = None, **options: object) -> list[str]:
    return list(find_source(name, field, **options).documents())  # type: ignore[arg-type]


def _fails(name: str, problem: str, **options: object) -> None:
    with pytest.raises(DataError) as caught:
        _documents(name, **options)  # type: ignore[arg-type]
    assert problem in str(caught.value) and "\n" not in str(caught.value)


# ---- encodings and line ends -----------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-be-mark"])
def test_a_text_is_the_same_in_every_encoding(encoding: str, end: str) -> None:
    text = TEXT.replace("\n", end)
    data = text.encode(encoding.removesuffix("-mark"))
    data = b"\xfe\xff" + data if encoding.endswith("mark") else data
    Path("text.md").write_bytes(data)
    assert read_text("text.md") == TEXT
    assert _documents("text.md") == [TEXT]
    lines = [line for line in TEXT.split("\n") if line]
    assert _documents("text.md", lines=True) == read_documents("text.md") == lines
    row = json.dumps({"text": TEXT}, ensure_ascii=False)
    Path("rows.ndjson").write_bytes(data[: len(data) - len(text.encode(_plain(encoding)))])
    with open("rows.ndjson", "ab") as file:
        file.write(f"{row}{end}{end}{row}".encode(_plain(encoding)))
    assert _documents("rows.ndjson") == [TEXT, TEXT]


def _plain(encoding: str) -> str:
    """The encoding that this machine writes after the mark of another."""
    little = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
    return little.get(encoding, encoding.removesuffix("-mark"))


def test_a_mark_within_a_text_stays() -> None:
    Path("a.txt").write_bytes(b"\xef\xbb\xbfa\xef\xbb\xbfb\r\r\n")
    assert read_text("a.txt") == "a\ufeffb\n\n"
    Path("empty.txt").write_bytes(b"\xef\xbb\xbf")
    _fails_to_read("empty.txt", "expected text, got an empty file")


def _fails_to_read(name: str, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        read_text(name)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("Grüße, zwei".encode("utf-16-le"), "UTF-16LE without a byte order mark; convert it"),
        ("ascii alone".encode("utf-16-be"), "UTF-16BE without a byte order mark; convert it"),
        (b"\xff\xfea", "expected UTF-16-LE, as its first bytes say, got something else"),
        (b"\xef\xbb\xbfab\xff", "expected UTF-8, got byte 0xff at offset 5"),
        (b"PK\x03\x04" + bytes(30), "a ZIP archive, or a document made as one"),
        (b"pygpttok\1\0\0\0", "a token file of pygpt: give the folder that it is in"),
        (b"%PDF-1.7\n\x80", "a PDF: convert it to text first"),
        (b"\xff\xd8\xff\xe0", "a picture (JPEG)"),
        (b"PAR1" + bytes(8), "Parquet, whose name does not say so"),
        (bytes(257) + b"ustar\x0000", "a tar archive: unpack it first"),
        (b"\x93NUMPY\1\0v\0{'descr'", "an array of NumPy"),
        (b"\x80\4\x95" + bytes(8), "a pickle of Python"),
        (b"ARROW1\0\0", "Arrow (Feather): write it as Parquet or JSON-lines first"),
        (b"\xff\xff\xff\xff\x10\0\0\0", "Arrow, as a data set of Hugging Face's has it: write"),
        (b"RIFF\x24\0\0\0WAVE", "a sound, picture or film (RIFF)"),
        (b"GGUF\3\0\0\0", "a model (GGUF)"),
    ],
)
def test_what_is_no_text_is_named(data: bytes, problem: str) -> None:
    Path("file").write_bytes(data)
    _fails("file", problem)
    _fails_to_read("file", problem)


def test_texts_that_begin_as_other_files_do() -> None:
    for text in ("ORC and elf", "ID3, a tree", "RIFF-RAFF", "Objects"):
        Path("file").write_text(text)
        assert read_text("file") == text


# ---- packed files and pipes ------------------------------------------------------------------


def _zstd(data: bytes) -> bytes:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    return bytes(pytest.importorskip(name).compress(data))


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": _zstd,
}


@pytest.mark.parametrize("ending", PACK)
def test_packed(ending: str) -> None:
    pack = PACK[ending]
    Path(f"a.txt.{ending}").write_bytes(pack(TEXT.encode("utf-8-sig")))
    Path("b").write_bytes(pack(TEXT.replace("\n", "\r\n").encode("utf-16")))  # bytes say it
    for name in (f"a.txt.{ending}", "b"):
        assert _documents(name) == [TEXT] and read_text(name) == TEXT
    Path(f"rows.csv.{ending.upper()}").write_bytes(pack(b'text\n"a\nb"\n'))
    assert _documents(f"rows.csv.{ending.upper()}") == ["a\nb"]
    whole = pack(os.urandom(5000).hex().encode())
    Path("cut").write_bytes(whole[: len(whole) // 2])
    _fails("cut", "data file cut: is damaged, or ends too early")
    two = pack(b"one ") + pack(b"two")  # as `cat` and parallel packers make them
    Path("two").write_bytes(two)
    assert _documents("two") == ["one two"]


def test_zstandard_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.zst").write_bytes(b"(\xb5/\xfd" + bytes(9))
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    _fails("a.zst", "Zstandard needs backports.zstd: pip install 'pygpt[zstd]'")


def test_a_pipe_is_read_as_a_file() -> None:
    os.mkfifo("pipe.jsonl")
    rows = b'{"text": "one"}\n{"text": "two"}\n'
    writer = threading.Thread(target=lambda: Path("pipe.jsonl").write_bytes(gzip.compress(rows)))
    writer.start()
    source = find_source("pipe.jsonl", format="jsonl")
    writer.join()
    copy = source.files[0]
    for _ in range(2):
        assert list(source.documents()) == ["one", "two"]
    del source
    assert not copy.exists()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    give("\ufefflow lower lowest\r\n".encode() * 23)
    assert cli.run(["prepare", "-", "--tokenizer", "char", "--out", "a", "--quiet"]) == 0
    give(b'{"words": "low"}\n{"words": 3}\n')
    arguments = ["prepare", "-", "--format", "jsonl", "--field", "words", "--tokenizer", "char"]
    assert cli.run([*arguments, "--out", "b", "--quiet"]) == 1


@pytest.mark.parametrize(
    ("data", "documents"),
    [
        (b' {"text": "a"}\n{"text": "b"}\n', ["a", "b"]),
        (gzip.compress(b'[ {"text": "a"} ]'), ["a"]),
        (b'{\n "text": "a"\n}', ["a"]),
        (b"{ braces } of a text\n", ["{ braces } of a text\n"]),
        (b"[1] a note\n", ["[1] a note\n"]),
    ],
)
def test_a_pipe_says_what_it_is(
    data: bytes, documents: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert _documents("-") == documents


def test_nothing_is_left_of_a_pipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for data, options in (
        (b"text", {"field": "a"}),
        (b'{"text": 3}', {"lines": True}),
        (b"text", {"format": "xml"}),
        (b"PK\x03\x04", {}),
    ):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        with pytest.raises((ConfigError, DataError)):
            find_source("-", **options)  # type: ignore[arg-type]
        assert os.listdir(tmp_path) == []


def test_messages_name_the_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a,b\nc\n")))
    arguments = ["prepare", "-", "--format", "csv", "--field", "a", "--tokenizer", "char"]
    assert cli.run([*arguments, "--out", "b", "--quiet"]) == 1
    said = "pygpt: error: data standard input: line 2: expected 2 columns, as the first line has"
    assert capsys.readouterr().err.startswith(said)


# ---- JSON and tables -------------------------------------------------------------------------


def test_what_names_say() -> None:
    for name, expected in {
        "a.txt": "text", "a.TSV": "tsv", "a.json.gz": "json", "a.gz": "text", "a.csv.old": "text",
        "a.jsonl.ZST": "jsonl", "csv": "text", ".csv": "text", "b.parquet": "parquet",
    }.items():  # fmt: skip
        assert format_of(Path(name)) == expected
        assert format_of(Path(name), "csv") == "csv"
    with pytest.raises(ConfigError, match="^format: expected one of text, jsonl, json, csv"):
        format_of(Path("a"), "xml")
    assert list(FORMATS) == ["text", "jsonl", "json", "csv", "tsv", "parquet"]


JSON = {
    "array": "[%s]",
    "pretty": "[\n  %s\n]\n",
    "one_a_line": "%s",
    "no_blanks": "[%s]",
}


@pytest.mark.parametrize("block", [1, 7, 2**18])
@pytest.mark.parametrize("shape", JSON)
def test_json(shape: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pygpt.files.text.BLOCK", block)
    texts = ["one", 'two "]},{["', "dr\u00e9i\n\\", "", "\U0001f404 " * 9, "12"]
    indent = 2 if shape == "pretty" else None
    items = [json.dumps({"id": 12.5, "text": text, "x": [{}]}, indent=indent) for text in texts]
    between = {"one_a_line": "\n", "no_blanks": ","}.get(shape, " ,\n")
    Path("a.json").write_text(JSON[shape] % between.join(items))
    assert _documents("a.json") == [text for text in texts if text]
    rows = list(read_rows(Path("a.json")))
    assert [row["text"] for _, row in rows] == texts
    line = {"pretty": 2, "no_blanks": 1}.get(shape, 1)
    assert rows[0][0] == f"data file a.json: line {line}, item 1"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[{"text": "a"},\n{"text": "b"}', "line 2: expected , or ] after an item of the array"),
        ('[{"text": "a"},\n]', "item 2: expected JSON, got Expecting value in line 2"),
        ('[{"text": "a"} {"text": "b"}]', "expected , or ] after an item of the array, got '{'"),
        ('[{"text": "a"}] [', "expected nothing after the array, got '['"),
        ('[{"text": "a"},\n\n3]', "line 3, item 2: expected an object, got 3"),
        ('{"data": [{"text": "a"}]}', "item 1: expected a field 'text', got 'data'"),
        ('[{"text":\n tru}]', "item 1: expected JSON, got Expecting value in line 2"),
        ('[{"text": "abc', "item 1: expected JSON, got Unterminated string"),
        ("plain text", "item 1: expected JSON, got Expecting value"),
        ("[" * 100_000, "item 1: expected JSON, got "),
    ],
)
def test_bad_json(text: str, problem: str) -> None:
    Path("a.json").write_text(text)
    _fails("a.json", problem)


def test_a_long_array_is_not_in_memory_as_a_whole() -> None:
    import tracemalloc

    with open("a.json", "w") as file:
        file.write("[" + ",".join(['{"text": "%s"}' % ("words " * 2**15)] * 200) + "]")
    source = find_source("a.json")
    tracemalloc.start()
    assert sum(len(text) for text, _ in source.pieces()) == 6 * 2**15 * 200
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 2**23  # of 39 MB


TABLE = (
    'id{0}text{0}n\r\n1{0}"He said ""yes"", {0}\r\nthen; left"{0}\r\n\r\n'
    "2{0}{0}x\r\n3{0}plain{0}"
)
TABLE_TEXTS = ['He said "yes", {0}\nthen; left', "plain"]


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t")])
def test_tables(name: str, mark: str) -> None:
    Path(name).write_bytes(TABLE.format(mark).encode("utf-8-sig"))
    assert _documents(name) == [text.format(mark) for text in TABLE_TEXTS]
    assert _documents(name, "id") == ["1", "2", "3"]
    wheres = [where for where, _ in read_rows(Path(name))]
    assert wheres == [f"data file {name}: line {line}" for line in (2, 5, 6)]


def test_a_field_of_a_table_may_be_long() -> None:
    Path("a.csv").write_text("text\n" + "word " * 10**5 + "\n")
    assert _documents("a.csv") == ["word " * 10**5]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a,b\n1,2\n", "line 2: expected a field 'text', got 'a', 'b'"),
        ("text,b\n1,2\n1,2,3\n", "line 3: expected 2 columns, as the first line has, got 3"),
        ("text,b\n1\n", "line 2: expected 2 columns, as the first line has, got 1"),
        ("text,text\n", "line 1: expected different columns, got 'text' twice"),
        ('text\n"open\nand on', "line 2: expected a row of CSV, got unexpected end of data"),
        ('text\n"shut"open\n', "line 2: expected a row of CSV, got ',' expected after"),
    ],
)
def test_bad_tables(text: str, problem: str) -> None:
    Path("a.csv").write_text(text)
    _fails("a.csv", problem)


def test_fields_of_fields() -> None:
    Path("a.jsonl").write_text('{"data": {"body": {"text": "deep"}}, "data.id": "flat"}\n')
    assert _documents("a.jsonl", "data.body.text") == ["deep"]
    assert _documents("a.jsonl", "data.id") == ["flat"]
    with pytest.raises(DataError, match="line 1: expected a field 'x', got 'body'"):
        _documents("a.jsonl", "data.x")


def test_a_folder_of_many_kinds() -> None:
    for name, data in {
        "a.csv": b"text\none\n", "b.json": b'[{"text": "two"}]', "c.txt.gz": gzip.compress(b"3"),
        "d.jsonl": b'{"text": "four"}', "e/f.tsv": b"text\tx\nfive\t1\n",
    }.items():  # fmt: skip
        Path("top", name).parent.mkdir(parents=True, exist_ok=True)
        Path("top", name).write_bytes(data)
    assert _documents("top") == ["one", "two", "3", "four", "five"]


# ---- the same everywhere ---------------------------------------------------------------------


def _names_of(path: str, *flags: str) -> list[str]:
    """The documents that `names` trains on, by the alphabet of its model."""
    run = ["names", "--data", path, "--steps", "1", "--samples", "0", "--out", "m", "--quiet"]
    assert cli.run([*run, *flags]) == 0
    return sorted(json.loads(Path("m/config.json").read_bytes())["characters"])


@pytest.mark.parametrize("kind", ["marked", "csv", "json", "folder", "packed"])
def test_names(kind: str) -> None:
    if kind == "marked":
        Path("names").write_bytes("\r\n".join(NAMES).encode("utf-8-sig"))
        found = _names_of("./names")
    elif kind == "csv":
        Path("n.csv").write_text("name,count\n" + "".join(f"{name},7\n" for name in NAMES))
        found = _names_of("n.csv", "--field", "name")
    elif kind == "json":
        Path("n.txt").write_text(json.dumps([{"name": name} for name in NAMES]))
        found = _names_of("n.txt", "--field", "name", "--format", "json")
    elif kind == "folder":
        for name in NAMES:
            Path("many").mkdir(exist_ok=True)
            Path("many", name).write_text(name)
        found = _names_of("many")
    else:
        Path("n.gz").write_bytes(gzip.compress("\n".join(NAMES).encode()))
        found = _names_of("n.gz")
    assert found == sorted(set("".join(NAMES)))


TRAIN = [
    "--block-size", "5", "--n-layer", "1", "--n-head", "1", "--n-embd", "4", "--batch-size", "2",
    "--max-iters", "2", "--eval-iters", "1", "--quiet",
]  # fmt: skip


def test_train_takes_documents(tmp_path: Path) -> None:
    Path("words.txt").write_text("\n".join(NAMES * 9))
    assert cli.run(["train", "makemore", "--data", "words.txt", *TRAIN, "--out", "lines"]) == 0
    Path("rows.jsonl").write_text("".join(f'{{"name": "{name}"}}\n' for name in NAMES * 9))
    flags = ["--data", "rows.jsonl", "--field", "name"]
    assert cli.run(["train", "makemore", *flags, *TRAIN, "--out", "rows"]) == 0
    toml = '[data]\nsource = "rows.txt"\ntokenizer = "char"\nfield = "name"\nformat = "jsonl"\n'
    Path("at").mkdir()
    Path("at/mine.toml").write_bytes(toml.replace("\n", "\r\n").encode("utf-8-sig"))
    Path("at/rows.txt").write_bytes(Path("rows.jsonl").read_bytes())  # beside the file
    arguments = ["train", "at/mine.toml", "--batches", "packed", *TRAIN, "--out", "toml"]
    assert cli.run(arguments) == 0
    parts = [Path(run, "data/train.bin").read_bytes() for run in ("lines", "rows", "toml")]
    assert parts[0] == parts[1] == parts[2]
    assert cli.run(["train", "microgpt", "--data", "words.txt", "--no-lines", *TRAIN]) == 1


def test_tokenizer_train_takes_what_prepare_takes() -> None:
    rows = [{"body": "low lower lowest " * 3}] * 5
    Path("rows.json").write_text(json.dumps(rows))
    Path("plain").mkdir()
    for number, row in enumerate(rows):
        Path("plain", str(number)).write_text(row["body"])
    train = ["tokenizer", "train", "--vocab-size", "262"]
    assert cli.run([*train, "rows.json", "--field", "body", "--out", "a.json"]) == 0
    assert cli.run([*train, "plain", "--out", "deep/er/b.json"]) == 0
    assert Path("a.json").read_bytes() == Path("deep/er/b.json").read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_prompts_and_questions(
    encoding: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with GPT(GPTConfig.microgpt(9, 6, 1, 1, 2), tokenizer=CharTokenizer("\nabcd")) as model:
        model.save_pretrained("model")
    data = "ab\r\ncd\r\n".encode(encoding)
    Path("prompt.txt").write_bytes(data)
    Path("prompt.gz").write_bytes(gzip.compress(data))
    flags = ["--max-new-tokens", "1", "--temperature", "0"]
    for source in (["--file", "prompt.txt"], ["--file", "prompt.gz"], ["-"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert cli.run(["generate", "model", *source, *flags]) == 0
        assert capsys.readouterr().out.startswith("ab\ncd")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert cli.run(["chat", "model", *flags]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 2


def test_lines_of_a_conversation_that_begin_with_a_slash(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with GPT(GPTConfig.microgpt(9, 4, 1, 1, 2), tokenizer=CharTokenizer("/ab")) as model:
        model.save_pretrained("model")
    chat = ["chat", "model", "--max-new-tokens", "1"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"//ab\nab\n/ab\n")))
    assert cli.run(chat) == 1
    error = capsys.readouterr().err
    assert error.startswith("pygpt: error: /ab: expected one of /help, /reset")
    assert "text that begins with / is given with two of them, // (line 3 of standard" in error


# ---- what is left out, and what is unknown ---------------------------------------------------


def test_empty_documents_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text("text,n\none,1\n,2\ntwo,3\n,4\n")
    assert cli.run(["prepare", "a.csv", "--tokenizer", "char", "--out", "a"]) == 0
    said = capsys.readouterr().err
    assert "2 empty ones are left out; the first: data file a.csv: line 3\n" in said


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.txt", "ab\n" * 99999 + "abc\nabd\n", "a.txt: line 100000: text: expected"),
        ("a.jsonl", '{"text": "ab"}\n' * 3 + '{"text": "a\\nc"}\n' * 4, "a.jsonl: line 4: text"),
        ("a.csv", 'text\n"a\nb"\nc\nc\n', "a.csv: line 4: text: expected known characters"),
    ],
)
def test_unknown_characters_have_a_place(name: str, text: str, place: str) -> None:
    Path(name).write_text(text)
    tokenizer = CharTokenizer("\nab")
    with pytest.raises(TokenError) as caught:
        prepare(name, tokenizer, "out")
    assert place in str(caught.value)
    many = {"a.jsonl": "; 4 documents have such text", "a.csv": "; 2 documents have such text"}
    assert str(caught.value).endswith(many.get(name, "got 'c'"))
