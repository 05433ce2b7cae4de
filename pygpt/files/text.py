"""Text files: as one text, in blocks, or line by line; never more in memory than is asked for."""

from __future__ import annotations

import codecs
import io
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from stat import S_ISDIR

from pygpt.errors import DataError
from pygpt.files.streams import check_encoding, kind_of_binary, reading

_DATA = Path(__file__).parents[1] / "data"
SHIPPED_NAMES = _DATA / "names.txt"
SHIPPED_SHAKESPEARE = _DATA / "shakespeare.txt"
BLOCK = 2**18  # bytes that are read at once
TO_UTF8 = "convert the file to UTF-8"  # how the message about a file in another encoding ends
LONGEST_LINE = 2**26  # bytes, or characters, of a line, which is read as a whole


def read_text(path: str | os.PathLike[str], encoding: str = "") -> str:
    """Return the text of a file: line ends become \\n, and a byte order mark is left out.

    Args:
        path: UTF-8, or UTF-16 with a byte order mark, packed or not (see `pygpt.files.streams`); or
            `shakespeare` or `names` for what comes with pygpt (a file of such a name is `./names`).
        encoding: of a file without a byte order mark, by Python's name; UTF-8 if empty.
    Raises:
        DataError: no such file, a folder, not readable, binary, not UTF-8, or empty.
        ConfigError: there is no such encoding.
    """
    check_encoding(encoding)
    shipped = {"names": SHIPPED_NAMES, "shakespeare": SHIPPED_SHAKESPEARE}
    path = shipped.get(os.fspath(path), Path(path))
    check_file(path)
    text = "".join(text_blocks(path, encoding))
    if not text:
        raise DataError(f"data file {path}: expected text, got an empty file")
    return text


def check_file(path: Path) -> None:
    """Raise a DataError if there is no such file, or a folder; other problems reading finds."""
    with suppress(OSError, ValueError):  # reading says it better
        try:
            is_folder = S_ISDIR(path.stat().st_mode)
        except FileNotFoundError as error:
            raise DataError(f"data file {path}: there is no such file") from error
        if is_folder:
            raise DataError(f"data file {path}: expected a text file, got a folder")


def text_blocks(path: Path, encoding: str = "") -> Iterator[str]:
    """Yield a text file in blocks, as `read_text` has it; a `DataError` if it is no text."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")(), translate=True)
    with reading(path, encoding) as file:
        offset = file.tell() if file.seekable() else 0
        head = b""
        for block in chain(iter(lambda: file.read(BLOCK), b""), [b""]):
            head = head or block[:512]
            nul = block.find(0)
            if nul >= 0:
                got = kind_of_binary(head, offset + nul)
                raise DataError(f"data file {path}: expected text, got {got}")
            try:
                yield decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                kept = len(error.object) - len(block)  # of a character that began before
                got = f"byte 0x{error.object[error.start]:02x} at offset"
                raise DataError(
                    f"data file {path}: expected UTF-8, got {got} {offset - kept + error.start}; "
                    + TO_UTF8
                ) from error
            offset += len(block)


def numbered_lines(path: Path, encoding: str = "") -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file with their numbers, stripped, without those that are empty.

    Raises:
        DataError: it is no text, or a line is too long to be read as a whole.
    """
    for number, line in enumerate(whole_lines(path, encoding), start=1):
        line = line.strip()
        if line:
            yield number, line


def whole_lines(path: Path, encoding: str = "") -> Iterator[str]:
    """Yield the lines of a text file with their ends, none of which is too long."""
    rest = ""
    for block in text_blocks(path, encoding):
        lines = (rest + block).split("\n")
        rest = lines.pop()
        yield from (f"{line}\n" for line in lines)
        if len(rest) > LONGEST_LINE:
            raise DataError(
                f"data file {path}: expected a document a line, got a line of more than "
                f"{LONGEST_LINE:,} characters; leave lines out, or split it"
            )
    if rest:
        yield rest
