"""Text files: as one text, in blocks, or line by line; never more in memory than is asked for."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from stat import S_ISDIR
from typing import BinaryIO

from pygpt.errors import DataError

_DATA = Path(__file__).parents[1] / "data"
SHIPPED_NAMES = _DATA / "names.txt"
SHIPPED_SHAKESPEARE = _DATA / "shakespeare.txt"
BLOCK = 2**18  # bytes that are read at once
LONGEST_LINE = 2**26  # bytes, or characters, of a line, which is read as a whole


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
    _check_file(path)
    documents = list(text_lines(path))
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
    _check_file(path)
    text = "".join(text_blocks(path))
    if not text:
        raise DataError(f"data file {path}: expected text, got an empty file")
    return text


def _check_file(path: Path) -> None:
    with suppress(OSError, ValueError):  # reading says it better
        try:
            is_folder = S_ISDIR(path.stat().st_mode)
        except FileNotFoundError as error:
            raise DataError(f"data file {path}: there is no such file") from error
        if is_folder:
            raise DataError(f"data file {path}: expected a text file, got a folder")


def text_blocks(path: Path) -> Iterator[str]:
    """Yield a text file in blocks, line ends and all; a `DataError` if it is no UTF-8 text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0
    with reading(path) as file:
        for block in chain(iter(lambda: file.read(BLOCK), b""), [b""]):
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


def text_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file as `read_documents` returns them, if none is too long."""
    rest = ""
    for block in chain(text_blocks(path), ["\n"]):
        # \r\n becomes an additional empty line, and empty lines are left out
        *lines, rest = (rest + block).replace("\r", "\n").split("\n")
        yield from filter(None, map(str.strip, lines))
        if len(rest) > LONGEST_LINE:
            raise DataError(
                f"data file {path}: expected a document a line, got a line of more than "
                f"{LONGEST_LINE:,} characters; leave lines out, or split it"
            )


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open a file to read from within the block; what goes wrong is a `DataError`."""
    try:
        with path.open("rb") as file:
            yield file
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"data file {path}: cannot be read: {reason}") from error
