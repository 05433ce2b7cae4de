"""Text files: as one text, or as a list of documents, one a line."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Iterator
from itertools import chain
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
    lines = re.split("[\r\n]", _read(path))  # \r\n gives an empty line more, which is left out
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
    text = _read(path)
    if not text:
        raise DataError(f"data file {path}: expected text, got an empty file")
    return text


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"data file {path}: there is no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"data file {path}: expected a text file, got a folder") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"data file {path}: cannot be read: {reason}") from error
    return "".join(decoded([data], path))


def decoded(blocks: Iterable[bytes], path: Path) -> Iterator[str]:
    """Yield the blocks of a file as text, line ends and all.

    Raises:
        DataError: it is binary, or not UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0
    for block in chain(blocks, [b""]):
        nul = block.find(0)
        if nul >= 0:
            got = f"a binary file (a zero byte at offset {offset + nul})"
            raise DataError(f"data file {path}: expected text, got {got}")
        try:
            yield decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            kept = len(error.object) - len(block)  # of a character that began before
            got = f"byte 0x{error.object[error.start]:02x} at offset"
            raise DataError(
                f"data file {path}: expected UTF-8, got {got} {offset - kept + error.start}; "
                "convert the file to UTF-8"
            ) from error
        offset += len(block)
