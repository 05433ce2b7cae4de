"""Where text comes from: what ships with pygpt, a file, a pipe, or a folder of files."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import sys
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pygpt.datasets.cut import Piece, cut
from pygpt.datasets.readers import (
    FIELD,
    FORMATS,
    Left,
    Row,
    documents,
    format_of,
    guessed_format,
    read_pieces,
    read_rows,
)
from pygpt.datasets.separate import separate
from pygpt.errors import ConfigError, DataError, TokenError
from pygpt.files.checksums import add_to
from pygpt.files.streams import check_encoding
from pygpt.files.text import SHIPPED_NAMES, SHIPPED_SHAKESPEARE, check_file
from pygpt.tokenizers.protocol import Tokenizer

STANDARD_INPUT = "-"
SHIPPED = {"shakespeare": SHIPPED_SHAKESPEARE, "names": SHIPPED_NAMES}


@dataclass(frozen=True)
class Source:
    """Immutable: files whose documents are read one after another, as often as one likes.

    Attributes:
        name: what the user called it.
        files: to read; one of the temporary folder where a pipe was named.
        folder: that the files are in, if it is a folder that was named.
        field, lines, format, separator, encoding: see `find_source`.
        piped: whether the file has what a pipe gave, and goes with the source.
    """

    name: str
    files: tuple[Path, ...]
    folder: Path | None
    field: str
    lines: bool
    format: str = ""
    piped: bool = False
    separator: str = ""
    encoding: str = ""

    def pieces(self, left: Left | None = None) -> Iterator[Piece]:
        """Yield all documents, in pieces; see `read_pieces`."""
        with _named(self):
            for path in self.files:
                how = (self.field, self.lines, self.format, left, self.encoding)
                pieces = read_pieces(path, *how)
                yield from separate(pieces, self.separator) if self.separator else pieces

    def documents(self) -> Iterator[str]:
        """Yield all documents, each as a whole."""
        parts: list[str] = []
        for text, ends in self.pieces():
            parts.append(text)
            if ends:
                yield "".join(parts)
                parts.clear()

    def rows(self) -> Iterator[Row]:
        """Yield the rows of all files; a `DataError` for one that is text. See `read_rows`."""
        with _named(self):
            for path in self.files:
                yield from read_rows(path, self.format, (), self.encoding)

    def without_ids(self, tokenizer: Tokenizer, error: TokenError) -> TokenError:
        """Return an error of this tokenizer with the place of the text that it refuses.

        It reads all of the source again, to say how many documents are like that.
        """
        left = Left()
        for path in self.files:
            how = (self.field, self.lines, self.format, self.encoding)
            for where, blocks in documents(path, *how):
                line, of_lines = 1, format_of(path, self.format) == "text" and not self.lines
                for text, _ in cut(blocks):
                    part, problem = _refused(tokenizer, text)
                    if problem is not None:
                        if not left.count:
                            error = problem
                        line += part.count("\n")
                        left.add(f"{where}: line {line}" if of_lines else where)
                        break
                    line += text.count("\n")
        if not left.count:
            return error
        more = f"; {left.count:,} documents have such text" if left.count > 1 else ""
        return TokenError(_shown(self, f"{left.first}: {error}{more}"))


def _refused(tokenizer: Tokenizer, text: str) -> tuple[str, TokenError | None]:
    """Return what of a text comes before a line that has no ids, and what is wrong there."""
    try:
        tokenizer.encode(text)
        return text, None
    except TokenError as error:
        before = ""
        for line in text.splitlines(keepends=True):
            try:
                tokenizer.encode(line)
            except TokenError as exact:
                return before, exact
            before += line
        return "", error


@contextmanager
def _named(source: Source) -> Iterator[None]:
    """Within the block messages about a pipe name it, and not the file that has what it gave."""
    try:
        yield
    except DataError as error:
        shown = _shown(source, str(error))
        if shown == str(error):
            raise
        raise DataError(shown) from error


def _shown(source: Source, message: str) -> str:
    if not source.piped:
        return message
    name = "standard input" if source.name == STANDARD_INPUT else source.name
    return message.replace(f"data file {source.files[0]}", f"data {name}")


def find_source(
    where: str | os.PathLike[str],
    field: str | None = None,
    lines: bool | None = False,
    format: str = "",
    separator: str = "",
    encoding: str = "",
) -> Source:
    """Return the source of this name.

    Args:
        where: `shakespeare` (one text) or `names` (a document a line), which come with pygpt; or a
            file; or `-`, standard input, or another pipe, which is copied to a temporary file, and
            whose beginning says whether it is JSON or Parquet, unless `format` does; or a
            folder, whose files and those of the folders below are read in the order of their
            paths, without those whose name begins with a dot. What is in a file is told by its
            name: JSON-lines (.jsonl), JSON (.json), tables (.csv, .tsv), Parquet (.parquet), each
            also packed (.gz, .zst, .bz2, .xz), and else text.
        field: where all but text have the text; `text` if None.
        lines: whether each line of a text file is a document, and not the file; None: also where
            no file is text, but not where there is a separator.
        format: what all files are, whatever their names say; one of `FORMATS`.
        separator: what stands between documents within a text, such as `<|endoftext|>`, and is no
            text itself; none if empty.
        encoding: of files without a byte order mark, by Python's name; UTF-8 if empty.
    Raises:
        DataError: there is no such file, or no file in the folder.
        ConfigError: a field, lines or an encoding for files that have none, or one that there is
            not.
    """
    check_encoding(encoding)
    if lines is None and separator:
        lines = False
    name, folder = os.fspath(where), None
    piped = name == STANDARD_INPUT or _is_pipe(name)
    if name in SHIPPED:
        files, lines = [SHIPPED[name]], lines or name == "names"
    elif piped:
        files = [_spooled(name)]
    elif os.path.isdir(name):
        folder = Path(name)
        files = _files(folder)
    elif os.path.isfile(name):
        files = [Path(name)]
    else:
        state = "expected a file or a folder" if os.path.exists(name) else "there is no such file"
        raise DataError(f"data file {name}: {state}{_of_address(name)}")
    with _removed_if_it_fails(files[0].parent if piped else None):
        if piped:
            format = format or _guessed(name, files[0], encoding)
        _check_reading(name, files, field, lines, format, encoding)
        if piped and format != "text":  # whoever has the file alone shall know it, too
            files = [files[0].rename(files[0].with_suffix(FORMATS[format][0]))]
    field = FIELD if field is None else field
    how = (field, lines is not False, format, piped, separator, encoding)
    source = Source(name, tuple(files), folder, *how)
    if piped:
        weakref.finalize(source, shutil.rmtree, files[0].parent, True)
    return source


def _guessed(name: str, file: Path, encoding: str) -> str:
    try:
        return guessed_format(file, encoding)
    except DataError as error:
        said = str(error).replace(f"data file {file}", f"data {name}")
        raise DataError(said) from error


def _of_address(name: str) -> str:
    """Return what to do where an address was named, or a data set of the hub; else nothing."""
    if _is_address(name):
        return "; no addresses are read: fetch the file first, with curl or wget"
    if re.fullmatch(r"[\w-]+/[\w-]+", name) and not os.path.exists(os.path.dirname(name)):
        return "; the files of a data set on the Hugging Face hub are fetched first"
    return ""


def _is_address(name: str) -> bool:
    return re.match(r"https?:/", name) is not None


@contextmanager
def _removed_if_it_fails(folder: Path | None) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _check_reading(
    name: str,
    files: Sequence[Path],
    field: str | None,
    lines: bool | None,
    format: str,
    encoding: str,
) -> None:
    """Refuse a field, lines or an encoding for files that have none."""
    if encoding and all(format_of(file, format) == "parquet" for file in files):
        raise ConfigError("encoding", f"expected files of text, got Parquet: {name}")
    have_fields = [format_of(file, format) != "text" for file in files]
    if field is not None and not any(have_fields):
        table = "; --format csv or tsv reads a table" if format == "text" else ""
        raise ConfigError("field", f"expected JSON-lines or Parquet, got text: {name}{table}")
    if lines and all(have_fields):
        raise ConfigError("lines", f"expected text files, got JSON-lines or Parquet: {name}")


def fingerprint_of(where: str) -> str:
    """Return the SHA-256, in hex, of a source's files; nothing of what ships, or of no file.

    Raises:
        DataError: a file cannot be read.
    """
    if where in SHIPPED or not (os.path.isdir(where) or os.path.isfile(where)):
        return ""
    found = hashlib.sha256()
    try:
        for path in _files(Path(where)) if os.path.isdir(where) else [Path(where)]:
            add_to(found, path)
    except OSError as error:
        raise DataError(f"data {where}: cannot be read: {error.strerror or error}") from error
    return found.hexdigest()


@contextmanager
def as_file(where: str, encoding: str = "") -> Iterator[str]:
    """Give the name of a file that may be read more than once within the block: a pipe's copy."""
    if where == STANDARD_INPUT or _is_pipe(where):
        source = find_source(where, lines=None, encoding=encoding)
        yield os.fspath(source.files[0])
        del source  # and with it the copy
    else:
        yield where


def rows_of(
    where: str | os.PathLike[str], format: str = "", encoding: str = ""
) -> Iterator[Row]:
    """Yield the rows of a file, a pipe or a folder; see `find_source` and `read_rows`."""
    if os.path.exists(where) or where == STANDARD_INPUT or _is_address(os.fspath(where)):
        yield from find_source(where, lines=None, format=format, encoding=encoding).rows()
    else:
        yield from read_rows(Path(where), format)  # which says what is wrong


def read_documents(
    path: str | os.PathLike[str] | None = None, field: str | None = None, encoding: str = ""
) -> list[str]:
    """Return the documents of a file: the lines of a text, stripped, without those that are empty.

    Args:
        path: text, or a file with fields, as `find_source` has them; None for the 32,033 names that
            come with pygpt.
        field: where a file with fields has a document; `text` if None.
        encoding: of a file without a byte order mark, by Python's name; UTF-8 if empty.
    Raises:
        DataError: no such file, a folder, not readable, binary, not UTF-8, or without text.
    """
    path = SHIPPED_NAMES if path is None else Path(path)
    check_file(path)
    lines = format_of(path) == "text"
    check_encoding(encoding)
    field = FIELD if field is None else field
    found = Source(os.fspath(path), (path,), None, field, lines, encoding=encoding)
    return list_of(found)


def list_of(source: Source) -> list[str]:
    """Return all documents of a source; a `DataError` if it has none."""
    found = list(source.documents())
    if not found:
        what = "at least one line of text" if source.lines else "documents"
        raise DataError(f"data file {source.name}: expected {what}, got none")
    return found


def _is_pipe(name: str) -> bool:
    try:
        mode = os.stat(name).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _spooled(name: str) -> Path:
    """Return a temporary file with all that a pipe gives: a source is read more than once."""
    folder = Path(tempfile.mkdtemp(prefix="pygpt."))
    file = folder / "input"
    try:
        with file.open("wb") as copy:
            if name == STANDARD_INPUT:
                shutil.copyfileobj(sys.stdin.buffer, copy)
            else:
                with open(name, "rb") as pipe:
                    shutil.copyfileobj(pipe, copy)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise DataError(f"data {name}: cannot be copied to {folder}: {reason}") from error
        raise
    return file


def _files(top: Path) -> list[Path]:
    files: list[Path] = []
    for folder, folders, names in os.walk(top, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found = (Path(folder, name) for name in names if not name.startswith("."))
        files += [file for file in found if file.is_file()]
    if not files:
        raise DataError(f"data folder {top}: expected files, got none")
    return sorted(files)


def _raise(error: OSError) -> None:
    raise DataError(f"data folder {error.filename}: cannot be read: {error.strerror}") from error
