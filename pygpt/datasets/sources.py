"""Where text comes from: what ships with pygpt, a file, or a folder of files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pygpt.datasets.cut import Piece
from pygpt.datasets.readers import has_fields, read_pieces
from pygpt.errors import ConfigError, DataError
from pygpt.files.text import SHIPPED_NAMES, SHIPPED_SHAKESPEARE

FIELD = "text"  # where most collections of documents have it


@dataclass(frozen=True)
class Source:
    """Immutable: files whose documents are read one after another, as often as one likes.

    Attributes:
        name: what the user called it.
        folder: that the files are in, if it is a folder that was named.
        field, lines: see `find_source`.
    """

    name: str
    files: tuple[Path, ...]
    folder: Path | None
    field: str
    lines: bool

    def pieces(self) -> Iterator[Piece]:
        """Yield all documents, in pieces; see `read_pieces`."""
        for path in self.files:
            yield from read_pieces(path, self.field, self.lines)


def find_source(
    where: str | os.PathLike[str], field: str | None = None, lines: bool = False
) -> Source:
    """Return the source of this name.

    Args:
        where: `shakespeare` (one text) or `names` (a document a line), which come with pygpt; or a
            file; or a folder, whose files and those of the folders below are read in the order of
            their paths, without those whose name begins with a dot. What is in a file is told by
            its name: JSON-lines (.jsonl, .ndjson), Parquet (.parquet), and else UTF-8 text.
        field: where JSON-lines and Parquet have the text; `text` if None.
        lines: whether each line of a text file is a document, and not the file.
    Raises:
        DataError: there is no such file, or no file in the folder.
        ConfigError: a field, or lines, for files that have none.
    """
    name, folder = os.fspath(where), None
    if name == "shakespeare":
        files = [SHIPPED_SHAKESPEARE]
    elif name == "names":
        files, lines = [SHIPPED_NAMES], True
    elif os.path.isdir(name):
        folder = Path(name)
        files = _files(folder)
    elif os.path.isfile(name):
        files = [Path(name)]
    else:
        state = "expected a file or a folder" if os.path.exists(name) else "there is no such file"
        raise DataError(f"data file {name}: {state}")
    if field is not None and not any(map(has_fields, files)):
        raise ConfigError("field", f"expected JSON-lines or Parquet, got text: {name}")
    if lines and all(map(has_fields, files)):
        raise ConfigError("lines", f"expected text files, got JSON-lines or Parquet: {name}")
    return Source(name, tuple(files), folder, FIELD if field is None else field, lines)


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
