"""Text, JSON, tables and Parquet as streams of documents; no file is ever in memory as a whole."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pygpt.datasets.cut import Piece, cut
from pygpt.datasets.json_text import JsonText
from pygpt.errors import ConfigError, DataError
from pygpt.files.streams import PACKED, readable, reading
from pygpt.files.text import BLOCK, LONGEST_LINE, numbered_lines, text_blocks, whole_lines

FORMATS = {
    "text": (),
    "jsonl": (".jsonl", ".ndjson", ".jsonlines"),
    "json": (".json",),
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "parquet": (".parquet", ".pq"),
}
"""What a file can be -> the endings of its name that say so; any other name is text's."""

FIELD = "text"
"""Where most collections of documents have it."""

_HEAD = 2**16  # bytes of a file without a name that say what it is
OTHER_FIELD = "; --field takes another"
Row = tuple[str, dict[str, Any]]
"""Where a row is, for messages: file and line. And its fields."""


def format_of(path: Path, format: str = "") -> str:
    """Return what a file is: the given format, or what its name says, packed or not.

    Raises:
        ConfigError: there is no such format.
    """
    if format:
        if format not in FORMATS:
            raise ConfigError("format", f"expected one of {', '.join(FORMATS)}, got {format!r}")
        return format
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if len(suffixes) > 1 and suffixes[-1] in PACKED:
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    return next((name for name, endings in FORMATS.items() if suffix in endings), "text")


def guessed_format(path: Path, encoding: str = "") -> str:
    """Return what a file without a name is, from its first bytes: JSON, Parquet, or else text."""
    with readable(path), path.open("rb") as file:
        if file.read(4) == b"PAR1":
            return "parquet"
    with reading(path, encoding) as file:
        head = file.read(_HEAD).lstrip()
    if re.match(rb"\[\s*\{\s*\"", head):
        return "json"
    if not re.match(rb"\{\s*\"", head):
        return "text"
    line = head.splitlines()[0]
    return "jsonl" if line.endswith(b"}") or len(line) == len(head) else "json"


class Left:
    """Mutable: what was left out of a source: how many, and where the first was."""

    def __init__(self) -> None:
        self.count = 0
        self.first = ""

    def add(self, where: str) -> None:
        """Count one."""
        self.first = self.first or where
        self.count += 1


def read_pieces(
    path: Path,
    field: str,
    lines: bool,
    format: str = "",
    left: Left | None = None,
    encoding: str = "",
) -> Iterator[Piece]:
    """Yield the documents of a file; those that are empty are left out.

    Args:
        path: see `format_of`.
        field: where all but text have the text.
        lines: whether in text each line is a document, stripped, and not the whole file.
        left: counts empty fields and files.
        encoding: of a file without a byte order mark; UTF-8 if empty.
    Raises:
        DataError: not readable, damaged, binary, not UTF-8, without the field, a line that is too
            long to be one.
    """
    if lines and format_of(path, format) == "text":
        yield from (Piece(line, True) for _, line in numbered_lines(path, encoding))
        return
    for where, blocks in documents(path, field, lines, format, encoding):
        some = False
        for piece in cut(blocks):
            some = True
            yield piece
        if not some and left is not None:
            left.add(where)


def documents(
    path: Path, field: str, lines: bool, format: str = "", encoding: str = ""
) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield where each document of a file is, for messages, and its text in blocks."""
    if format_of(path, format) != "text":
        for where, values in read_rows(path, format, (field,), encoding):
            yield where, (text_of(values, field, where),)
    elif lines:
        for number, line in numbered_lines(path, encoding):
            yield f"data file {path}: line {number}", (line,)
    else:
        yield f"data file {path}", text_blocks(path, encoding)


def read_rows(
    path: Path, format: str = "", columns: Collection[str] = (), encoding: str = ""
) -> Iterator[Row]:
    """Yield the rows of a file that is no text: JSON-lines, JSON, a table, or Parquet.

    Args:
        columns: those that are needed, so that no others are read where that can be; if empty, all.
        encoding: of a file without a byte order mark, and not Parquet; UTF-8 if empty.
    Raises:
        DataError: not readable, damaged, or text.
    """
    kind = format_of(path, format)
    if kind == "jsonl":
        yield from json_lines(path, encoding)
    elif kind == "json":
        yield from JsonText(path, text_blocks(path, encoding)).objects()
    elif kind in ("csv", "tsv"):
        yield from _table(path, kind, encoding)
    elif kind == "parquet":
        yield from _parquet(path, columns)
    else:
        with reading(path):  # what cannot be read says so first
            known = ", ".join(ending for endings in FORMATS.values() for ending in endings)
            raise DataError(
                f"data file {path}: expected rows with fields ({known}), got text; text is "
                f"prepared first: pygpt prepare {path} --tokenizer MODEL --out DATA"
            )


_JSON = "; the file is JSON, not a JSON object a line: let its name end in .json"


def json_lines(path: Path, encoding: str = "") -> Iterator[Row]:
    """Yield the objects of JSON-lines; blank lines have none."""
    with reading(path, encoding) as file:
        read: Iterable[bytes] = iter(lambda: file.readline(LONGEST_LINE + 1), b"")
        lines = (line for several in read for line in several.splitlines(keepends=True))
        for number, line in enumerate(lines, start=1):  # \r ends one, too
            where = f"data file {path}: line {number}"
            if len(line) > LONGEST_LINE:
                raise DataError(f"{where}: expected at most {LONGEST_LINE:,} bytes, got more")
            if line.isspace():
                continue
            try:
                values = json.loads(line.decode("utf-8"))
            except json.JSONDecodeError as error:
                got = f"{error.msg} at column {error.colno}"
                is_json = line.strip() in (b"[", b"{")
                raise DataError(
                    f"{where}: expected a JSON object, got {got}{_JSON if is_json else ''}"
                ) from error
            except UnicodeDecodeError as error:
                got = f"byte 0x{line[error.start]:02x} at column {error.start + 1}"
                raise DataError(f"{where}: expected UTF-8, got {got}") from error
            except (ValueError, RecursionError) as error:  # a number of 5,000 digits; [[[[[…
                raise DataError(f"{where}: expected a JSON object, got {error}") from error
            if not isinstance(values, dict):
                is_json = isinstance(values, list) and isinstance(next(iter(values), None), dict)
                got = f"{kind_of(values)}{_JSON if is_json else ''}"
                raise DataError(f"{where}: expected a JSON object, got {got}")
            yield where, values


def text_of(values: Mapping[str, Any], field: str, where: str) -> str:
    """Return the text in a field; `where` (file and line) begins the message if there is none.

    A field `a.b` that is none is the field `b` of the object `a`.
    """
    outer, dot, inner = field.partition(".")
    if field not in values and dot and isinstance(values.get(outer), Mapping):
        return text_of(values[outer], inner, where)
    if field not in values:
        another = OTHER_FIELD if field == FIELD else ""
        raise DataError(f"{where}: expected a field {field!r}, got {names_of(values)}{another}")
    text = values[field]
    if not isinstance(text, str):
        raise DataError(f"{where}: {field}: expected text, got {kind_of(text)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"half a surrogate pair at character {error.start}"
        raise DataError(f"{where}: {field}: expected whole characters, got {half}") from error
    return text


def _table(path: Path, kind: str, encoding: str) -> Iterator[Row]:
    """Yield the rows of CSV or TSV, whose first line names the columns.

    Columns are set apart by tabs in TSV; in CSV by commas, or by semicolons or tabs where the first
    line has more of them. Texts may be in quotation marks, and then have line ends.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))
    lines = whole_lines(path, encoding)
    first = next(lines, "")
    delimiter = "\t" if kind == "tsv" else max(",;\t", key=first.count)

    def all_lines() -> Iterator[str]:
        yield first
        yield from lines

    reader = csv.reader(all_lines(), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    line = 1
    while True:
        where = f"data file {path}: line {line}"
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{where}: expected a row of {kind.upper()}, got {error}") from error
        if row is None:
            return
        line = reader.line_num + 1
        if names is None:
            names = row
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise DataError(f"{where}: expected different columns, got {twice[0]!r} twice")
        elif row:
            if len(row) != len(names):
                expected = f"expected {len(names)} columns, as the first line has"
                raise DataError(f"{where}: {expected}, got {len(row)}; quote texts that have any")
            yield where, dict(zip(names, row, strict=True))


def _parquet(path: Path, columns: Collection[str]) -> Iterator[Row]:
    try:
        import pyarrow  # type: ignore[import-untyped]
        from pyarrow import parquet
    except ImportError as error:
        install = "pip install 'pygpt[parquet]'"
        raise DataError(f"data file {path}: Parquet needs pyarrow: {install}") from error
    row = 0
    try:
        with parquet.ParquetFile(path, buffer_size=BLOCK, pre_buffer=False) as file:
            names = file.schema_arrow.names
            for column in columns:
                if column not in names and column.partition(".")[0] not in names:
                    expected = f"expected a column {column!r}"
                    got = names_of(names) + (OTHER_FIELD if column == FIELD else "")
                    raise DataError(f"data file {path}: {expected}, got {got}")
            wanted = [name for name in names if not columns or name in columns]
            wanted += [name for name in names if any(c.startswith(f"{name}.") for c in columns)]
            for batch in file.iter_batches(64, columns=wanted, use_threads=False):
                for values in batch.to_pylist():
                    row += 1
                    yield f"data file {path}: row {row}", values
    except (OSError, pyarrow.ArrowException, UnicodeDecodeError) as error:
        first = str(error).partition("\n")[0]
        raise DataError(f"data file {path}: is damaged, or no Parquet: {first}") from error


def names_of(names: Iterable[str]) -> str:
    """Return the names of fields for a message: the first few."""
    found = list(names)
    shown = ", ".join(map(repr, found[:9])) + (", …" if len(found) > 9 else "")
    return shown or "none"


def kind_of(value: Any) -> str:
    """Return what a value of JSON or Parquet is, for a message."""
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    kinds |= {int: "a number", float: "a number", type(None): "null", bytes: "bytes"}
    return kinds.get(type(value), f"a value of type {type(value).__name__}")
