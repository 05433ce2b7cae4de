"""Text, JSON-lines and Parquet as streams of documents; no file is ever in memory as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pygpt.datasets.cut import Piece, cut
from pygpt.errors import DataError
from pygpt.files.text import BLOCK, LONGEST_LINE, reading, text_blocks, text_lines

JSON_LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet",)


def has_fields(path: Path) -> bool:
    """Whether the text of a file is in a field: that of JSON-lines or Parquet."""
    return path.suffix.lower() in JSON_LINES + PARQUET


def read_pieces(path: Path, field: str, lines: bool) -> Iterator[Piece]:
    """Yield the documents of a file; those that are empty are left out.

    Args:
        path: what its name says: JSON-lines or Parquet; if none of them, UTF-8 text.
        field: where those two have the text.
        lines: whether in UTF-8 text each line is a document, stripped, and not the whole file.
    Raises:
        DataError: not readable, damaged, binary, not UTF-8, without the field, a line that is too
            long to be one.
    """
    suffix = path.suffix.lower()
    if suffix in JSON_LINES:
        for where, values in json_lines(path):
            yield from cut([text_of(values, field, where)])
    elif suffix in PARQUET:
        for text in _parquet(path, field):
            yield from cut([text])
    elif lines:
        for line in text_lines(path):
            yield Piece(line, True)
    else:
        yield from cut(text_blocks(path))


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where each object of a file is, for messages, and the object; blank lines have none."""
    with reading(path) as file:
        read: Iterable[bytes] = iter(lambda: file.readline(LONGEST_LINE + 1), b"")
        for number, line in enumerate(read, start=1):
            where = f"data file {path}: line {number}"
            if len(line) > LONGEST_LINE:
                raise DataError(f"{where}: expected at most {LONGEST_LINE:,} bytes, got more")
            if line.isspace():
                continue
            try:
                values = json.loads(line.decode("utf-8"))
            except json.JSONDecodeError as error:
                got = f"{error.msg} at column {error.colno}"
                raise DataError(f"{where}: expected a JSON object, got {got}") from error
            except UnicodeDecodeError as error:
                got = f"byte 0x{line[error.start]:02x} at column {error.start + 1}"
                raise DataError(f"{where}: expected UTF-8, got {got}") from error
            except (ValueError, RecursionError) as error:  # a number of 5,000 digits; [[[[[…
                raise DataError(f"{where}: expected a JSON object, got {error}") from error
            if not isinstance(values, dict):
                raise DataError(f"{where}: expected a JSON object, got {_kind(values)}")
            yield where, values


def text_of(values: Mapping[str, Any], field: str, where: str) -> str:
    """Return the text in a field; `where` (file and line) begins the message if there is none."""
    if field not in values:
        raise DataError(f"{where}: expected a field {field!r}, got {_names(values)}")
    text = values[field]
    if not isinstance(text, str):
        raise DataError(f"{where}: {field}: expected text, got {_kind(text)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"half a surrogate pair at character {error.start}"
        raise DataError(f"{where}: {field}: expected whole characters, got {half}") from error
    return text


def _parquet(path: Path, field: str) -> Iterator[str]:
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
            if field not in names:
                got = _names(names)
                raise DataError(f"data file {path}: expected a column {field!r}, got {got}")
            for batch in file.iter_batches(64, columns=[field], use_threads=False):
                for value in batch.column(0).to_pylist():
                    row += 1
                    yield text_of({field: value}, field, f"data file {path}: row {row}")
    except (OSError, pyarrow.ArrowException, UnicodeDecodeError) as error:
        first = str(error).partition("\n")[0]
        raise DataError(f"data file {path}: is damaged, or no Parquet: {first}") from error


def _names(names: Iterable[str]) -> str:
    found = list(names)
    shown = ", ".join(map(repr, found[:9])) + (", …" if len(found) > 9 else "")
    return shown or "none"


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    kinds |= {int: "a number", float: "a number", type(None): "null"}
    return kinds.get(type(value), "no text")
