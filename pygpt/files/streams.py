"""A file as a stream of UTF-8: unpacked where it was packed, without a byte order mark.

What a file is, its first bytes say, never its name: gzip, bzip2, xz and Zstandard are unpacked;
UTF-16 and UTF-32 with a byte order mark become UTF-8, as does what the caller says is in another
encoding; archives and pictures are refused by name.
"""

from __future__ import annotations

import codecs
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from pygpt.errors import ConfigError, DataError

PACKED = (".gz", ".zst", ".bz2", ".xz")
"""Endings of packed files, before which another one says what is inside."""

_BLOCK = 2**16  # bytes of UTF-16 that are converted at once
_HEAD = 512  # bytes that say what a file is
_PACKERS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "lzma", b"(\xb5/\xfd": "zstd"}
_MARKS = (  # the longer one first: UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNPACK = "unpack it first"
_OTHERS = (
    (b"PK\x03\x04", f"a ZIP archive, or a document made as one (.docx, .xlsx): {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", f"a 7z archive: {_UNPACK}"),
    (b"Rar!\x1a\x07", f"a RAR archive: {_UNPACK}"),
    (b"PAR1", "Parquet, whose name does not say so: rename it to .parquet"),
    (b"pygpttok", "a token file of pygpt: give the folder that it is in"),
    (b"%PDF-", "a PDF: convert it to text first"),
    (b"\x89PNG\r\n", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"SQLite format 3\0", "a database (SQLite): export it as CSV first"),
    (b"\xd0\xcf\x11\xe0", "a document of an old Office: save it as text or CSV first"),
    (b"\x1f\x9d", f"a file packed with compress: {_UNPACK}"),
    (b"\x04\x22\x4d\x18", f"a file packed with LZ4: {_UNPACK}"),
)
_PARQUET = "write it as Parquet or JSON-lines first"
_BINARY = (  # those that text might begin with, too: they have a zero byte soon
    (b"\x93NUMPY", "an array of NumPy"),
    (b"ARROW1", f"Arrow (Feather): {_PARQUET}"),
    (b"\xff\xff\xff\xff", f"Arrow, as a data set of Hugging Face's has it: {_PARQUET}"),
    (b"Obj\x01", f"Avro: {_PARQUET}"),
    (b"ORC", f"ORC: {_PARQUET}"),
    (b"\x89HDF", "HDF5: write its texts as JSON-lines first"),
    *((b"\x80" + bytes([version]), "a pickle of Python") for version in range(2, 6)),
    (b"GGUF", "a model (GGUF)"),
    (b"\x7fELF", "a program (ELF)"),
    (b"RIFF", "a sound, picture or film (RIFF)"),
    (b"ID3", "a sound (MP3)"),
    (b"OggS", "a sound (Ogg)"),
)


def check_encoding(name: str) -> None:
    """Raise a ConfigError unless Python knows an encoding of text by this name; "" names none."""
    try:
        "a".encode(name or "utf-8")
    except (LookupError, ValueError) as error:
        known = "utf-16, latin-1, cp1252, shift_jis or gb18030"
        raise ConfigError("encoding", f"expected one such as {known}, got {name!r}") from error


@contextmanager
def reading(path: Path, encoding: str = "") -> Iterator[BinaryIO]:
    """Open a file of text to read as UTF-8 within the block; what goes wrong is a `DataError`.

    `tell` of what is yielded counts the bytes of the file, or of what it was unpacked to; it is not
    seekable where they were in another encoding.

    Args:
        encoding: of a file without a byte order mark; UTF-8 if empty.
    """
    with ExitStack() as stack, readable(path):
        file = stack.enter_context(path.open("rb"))
        head = _peeked(file)
        packer = next((name for magic, name in _PACKERS.items() if head.startswith(magic)), None)
        if packer is not None and (packer != "bz2" or head[4:10] == b"1AY&SY"):
            unpacked = stack.enter_context(_packer(packer, path).open(file, "rb"))
            file = io.BufferedReader(unpacked)
            head = _peeked(file)
        kinds = (*_OTHERS, *(_BINARY if b"\0" in head else ()))
        other = next((what for magic, what in kinds if head.startswith(magic)), None)
        if other is None and head[257:262] == b"ustar":
            other = f"a tar archive: {_UNPACK}"
        if other is not None:
            raise DataError(f"data file {path}: expected text, got {other}")
        mark, found = _marked(head, encoding)
        file.read(len(mark))
        if found:
            says = "its first bytes say" if mark else "--encoding says"
            file = io.BufferedReader(_Converted(path, file, found, says), _BLOCK)
        yield file


def _marked(head: bytes, encoding: str) -> tuple[bytes, str]:
    """Return the byte order mark that a text begins with, and its encoding unless that is UTF-8."""
    mark, found = next((pair for pair in _MARKS if head.startswith(pair[0])), (b"", encoding))
    is_utf8 = not found or codecs.lookup(found).name in ("utf-8", "utf-8-sig")
    return mark, "" if is_utf8 else found


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Within the block what goes wrong with reading a file is a `DataError`."""
    damaged = "is damaged, or ends too early"
    try:
        yield
    except (EOFError, zlib.error) as error:
        raise DataError(f"data file {path}: {damaged}: {error}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"data file {path}: cannot be read: {reason}") from error
    except Exception as error:
        if type(error).__name__ not in ("LZMAError", "ZstdError"):
            raise
        raise DataError(f"data file {path}: {damaged}: {error}") from error


def _peeked(file: Any) -> bytes:
    return bytes(file.peek(_HEAD)[:_HEAD])


def _packer(name: str, path: Path) -> Any:
    """Return the module of Python that unpacks such a file, or the one that stands in for it."""
    if name != "zstd":
        return import_module(name)
    module = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return import_module(module)
    except ImportError as error:
        install = "pip install 'pygpt[zstd]'"
        raise DataError(f"data file {path}: Zstandard needs backports.zstd: {install}") from error


def kind_of_binary(head: bytes, offset: int) -> str:
    """Say what a file is that has a zero byte at this offset, from its first bytes."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = max(even, odd) * 4 > len(head) >= 8
    if half and min(even, odd) * 8 < max(even, odd):
        name = "UTF-16BE" if even > odd else "UTF-16LE"
        convert = f"convert it: iconv -f {name} -t UTF-8; or say so: --encoding {name}"
        return f"{name} without a byte order mark; {convert}"
    return f"a binary file (a zero byte at offset {offset})"


class _Converted(io.RawIOBase):
    """Mutable: a stream in another encoding as UTF-8.

    Args:
        says: what says that this is the encoding, for messages.
    """

    def __init__(self, path: Path, file: Any, encoding: str, says: str) -> None:
        self._path, self._file, self._encoding, self._says = path, file, encoding, says
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = self._file.read(_BLOCK)
            try:
                self._rest = self._decoder.decode(block, final=not block).encode()
            except UnicodeDecodeError as error:
                name = self._encoding.upper()
                raise DataError(
                    f"data file {self._path}: expected {name}, as {self._says}, got something "
                    f"else ({error.reason})"
                ) from error
            if not block:
                break
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def decoded(data: bytes, encoding: str = "") -> str:
    """Return what came by a pipe as text: without a byte order mark, with \\n as line ends.

    Bytes that are no UTF-8 become surrogates, which every tokenizer refuses.

    Args:
        encoding: of what has no byte order mark; UTF-8 if empty.
    Raises:
        DataError: it is not in the encoding that was named.
    """
    mark, found = _marked(data, encoding)
    errors = "replace" if mark else "strict"
    try:
        text = data[len(mark) :].decode(found or "utf-8", errors if found else "surrogateescape")
    except UnicodeDecodeError as error:
        name = found.upper()
        got = f"something else at byte {error.start} ({error.reason})"
        raise DataError(
            f"standard input: expected {name}, as --encoding says, got {got}"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
