"""Files of word vectors in word2vec's two forms, as gensim, word2vec.c and fastText know them.

Text: `V C` on the first line, then a line for each word: the word and C numbers. Binary: the same
first line, then for each word the word, a blank and C float32, little-endian.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import DataError, OutputError
from pygpt.files.atomic import write_new
from pygpt.files.text import check_file, whole_lines

Table = tuple[list[str], NDArray[np.float32]]
_FLOAT = np.dtype("<f4")
_LONGEST_WORD = 1 << 16  # bytes


def write(
    path: Path,
    keys: Sequence[str],
    vectors: NDArray[np.float32],
    binary: bool = False,
    overwrite: bool = False,
) -> None:
    """Write vectors, (V, C), to a file.

    Raises:
        OutputError: the file exists, cannot be written, or a word has a blank or a line end.
    """
    for key in keys:
        if not key or any(character.isspace() for character in key):
            problem = "which has a blank or nothing in it, cannot be in such a file"
            raise OutputError(f"output file {path}: the word {key!r}, {problem}")
    write_new(path, _parts(keys, vectors, binary), overwrite)


def write_counts(
    path: Path, keys: Sequence[str], counts: Iterable[int], overwrite: bool = False
) -> None:
    """Write how often each word occurs, a line each: gensim's `fvocab`."""
    lines = (f"{key} {count}\n".encode() for key, count in zip(keys, counts, strict=True))
    write_new(path, lines, overwrite)


def _parts(
    keys: Sequence[str], vectors: NDArray[np.float32], binary: bool
) -> Iterator[bytes]:
    yield f"{len(keys)} {vectors.shape[1]}\n".encode()
    for key, row in zip(keys, vectors, strict=True):
        if binary:
            yield key.encode() + b" " + row.astype(_FLOAT).tobytes()
        else:
            yield f"{key} {' '.join(row.astype(str))}\n".encode()


def read(path: Path, binary: bool = False, limit: int | None = None) -> Table:
    """Return the words of a file and their vectors, (V, C).

    Args:
        limit: take at most so many, the first ones, which are the most frequent ones.
    Raises:
        DataError: there is no such file, or it is none of this form.
    """
    check_file(path)
    try:
        keys, vectors = (_read_binary if binary else _read_text)(path, limit)
    except OSError as error:
        raise DataError(f"vectors {path}: cannot be read: {error.strerror or error}") from error
    if len({*keys}) < len(keys):
        seen: set[str] = set()
        twice = next(key for key in keys if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise DataError(f"vectors {path}: expected each word once, got {twice!r} twice")
    return keys, vectors


def read_counts(path: Path) -> dict[str, int]:
    """Return how often each word occurs, as `write_counts` has it; a `DataError` if it is not."""
    counts = {}
    for number, line in enumerate(whole_lines(path), start=1):
        word, _, count = line.rstrip("\n").rpartition(" ")
        if not word or not count.isdigit():
            got = line.strip()[:40]
            raise DataError(f"{path}, line {number}: expected a word and a count, got {got!r}")
        counts[word] = int(count)
    return counts


def is_binary(path: str | os.PathLike[str]) -> bool:
    """Return whether a file of vectors is binary: its first word is not followed by text."""
    check_file(Path(path))
    with open(path, "rb") as file:
        _, size = _sizes(file.readline(_LONGEST_WORD), Path(path))
        row = file.read(8 * _LONGEST_WORD).split(b"\n", 1)[0]
    try:
        return len([float(number) for number in row.decode().split()[1:]]) != size
    except ValueError:
        return True


def _sizes(line: bytes, path: Path) -> tuple[int, int]:
    numbers = line.split()
    if len(numbers) != 2 or not all(number.isdigit() for number in numbers):
        shown = line[:40].decode("utf-8", "replace").strip()
        raise DataError(
            f"vectors {path}: expected the number of words and the size of vectors on the first "
            f"line, got {shown!r}"
        )
    count, size = map(int, numbers)
    if size < 1:
        raise DataError(f"vectors {path}: expected vectors of at least 1 number, got {size}")
    return count, size


# ---- text ------------------------------------------------------------------------------------


def _read_text(path: Path, limit: int | None) -> Table:
    lines = whole_lines(path)
    first = next(lines, "")
    if len(first.split()) == 2:
        count, size = _sizes(first.encode(), path)
        before = 1
    else:  # GloVe's files have no first line
        count, size = -1, len(first.split()) - 1
        lines, before = chain([first], lines), 0
        if size < 1:
            raise DataError(f"vectors {path}: expected a word and its numbers, got {first[:40]!r}")
    wanted = count if limit is None or 0 <= count < limit else limit
    keys: list[str] = []
    rows: list[NDArray[np.float32]] = []
    for number, line in enumerate(islice(lines, wanted if wanted >= 0 else None), before + 1):
        word, *numbers = line.rstrip().split(" ")
        try:
            row = np.array(numbers, np.float32)
        except ValueError as error:
            raise DataError(f"vectors {path}, line {number}: {error}") from error
        if len(row) != size:
            expected = f"expected a word and {size} numbers, got {len(row)}"
            raise DataError(f"vectors {path}, line {number}: {expected}")
        keys.append(word)
        rows.append(row)
    if len(keys) < wanted:
        raise DataError(f"vectors {path}: expected {wanted} words, got {len(keys)}")
    return keys, np.array(rows, np.float32).reshape(len(rows), size)


# ---- binary ----------------------------------------------------------------------------------


def _read_binary(path: Path, limit: int | None) -> Table:
    with path.open("rb") as file:
        count, size = _sizes(file.readline(_LONGEST_WORD), path)
        if size * _FLOAT.itemsize * min(count, 1) > os.fstat(file.fileno()).st_size:
            raise DataError(f"vectors {path}: ends within the first vector of {size} numbers")
        keys: list[str] = []
        rows: list[NDArray[np.float32]] = []
        for _ in range(count if limit is None else min(count, limit)):
            keys.append(_word(file, path))
            data = file.read(size * _FLOAT.itemsize)
            if len(data) < size * _FLOAT.itemsize:
                raise DataError(f"vectors {path}: ends within the vector of {keys[-1]!r}")
            rows.append(np.frombuffer(data, _FLOAT))
    return keys, np.array(rows, np.float32).reshape(len(rows), size)


def _word(file: BinaryIO, path: Path) -> str:
    """Return what comes before the next blank; line ends before it are word2vec.c's."""
    assert isinstance(file, io.BufferedReader)
    word = bytearray()
    while True:
        ahead = file.peek(1)[:_LONGEST_WORD]
        part, blank, _ = ahead.partition(b" ")
        word += file.read(len(part) + len(blank))[: len(part)]
        if blank:
            break
        if not ahead or len(word) > _LONGEST_WORD:
            raise DataError(f"vectors {path}: expected a word and a blank before each vector")
    try:
        return word.lstrip(b"\n").decode()
    except UnicodeDecodeError as error:
        raise DataError(f"vectors {path}: expected words in UTF-8; is it text?") from error
