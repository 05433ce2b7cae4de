"""Text files: as one text, or as a list of documents, one a line."""

from __future__ import annotations

import os
from pathlib import Path

from pygpt.errors import DataError

_DATA = Path(__file__).parents[1] / "data"
SHIPPED_NAMES = _DATA / "names.txt"
SHIPPED_SHAKESPEARE = _DATA / "shakespeare.txt"


def read_documents(path: str | os.PathLike[str] | None = None) -> list[str]:
    """Return the lines of a text file, stripped, without those that are empty.

    A line ends with \\n, \\r\\n or \\r. Nothing else is changed: a byte order mark, say, is a
    character of the first line.

    Args:
        path: a UTF-8 file; None for the 32,033 names that come with pygpt.
    Raises:
        DataError: no such file, a folder, not readable, binary, not UTF-8, or without text.
    """
    path = SHIPPED_NAMES if path is None else Path(path)
    text = _decode(_read(path), path)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    documents = [line for line in map(str.strip, lines) if line]
    if not documents:
        raise DataError(f"data file {path}: expected at least one line of text, got none")
    return documents


def read_text(path: str | os.PathLike[str]) -> str:
    """Return a text file as it is, line ends included.

    Args:
        path: a UTF-8 file; or `shakespeare` or `names` for what comes with pygpt (a file of such a
            name is `./names`).
    Raises:
        DataError: no such file, a folder, not readable, binary, not UTF-8, or empty.
    """
    shipped = {"names": SHIPPED_NAMES, "shakespeare": SHIPPED_SHAKESPEARE}
    path = shipped.get(os.fspath(path), Path(path))
    text = _decode(_read(path), path)
    if not text:
        raise DataError(f"data file {path}: expected text, got an empty file")
    return text


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"data file {path}: there is no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"data file {path}: expected a text file, got a folder") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"data file {path}: cannot be read: {reason}") from error


def _decode(data: bytes, path: Path) -> str:
    nul = data.find(0)
    if nul >= 0:
        raise DataError(
            f"data file {path}: expected text, got a binary file (a zero byte at offset {nul})"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"data file {path}: expected UTF-8, got byte 0x{data[error.start]:02x} at offset "
            f"{error.start}; convert the file to UTF-8"
        ) from error
