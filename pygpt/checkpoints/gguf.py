"""GGUF files: metadata and tensors in one, as llama.cpp has them; checked before they are believed.

A file is a header, metadata (key, type, value), descriptions of tensors, and their numbers, each
from a multiple of the alignment on. Whatever a file says is held against its size before anything
of that size is made. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short_repr
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pygpt.checkpoints import ggml
from pygpt.errors import CheckpointError

MAGIC = b"GGUF"
VERSION = 3
HEADER_LIMIT_BYTES = 1 << 26  # of all before the numbers: 256,000 tokens with merges take a third
BLOCK_BYTES = 1 << 22  # read at once
ALIGNMENT = 32  # where the metadata say no other
_ALIGNMENT_KEY = "general.alignment"
_MOST_DIMENSIONS = 4
_MOST_ALIGNMENT = 1 << 20
_LONGEST_NAME = 200

# The types of values, by their numbers: NumPy's dtypes, and two more.
_SCALARS = {
    0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 10: "<u8", 11: "<i8",
    12: "<f8",
}  # fmt: skip
_BOOL, _STRING, _ARRAY = 7, 8, 9
_UINT32, _INT32, _FLOAT32 = 4, 5, 6

Metadata = Mapping[str, Any]
"""Key -> bool, int, float, str, a list of str, or an array of numbers."""


@dataclass(frozen=True)
class GgufTensor:
    """A tensor in an open file; what describes it has been checked, its numbers are not read.

    Attributes:
        dtype: its kind, one of `ggml.KINDS`.
        shape: as NumPy has it: of a matrix (rows, columns).
        offset: of its first byte in the file.
    """

    file: BinaryIO
    dtype: str
    shape: tuple[int, ...]
    offset: int

    def numbers(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield (index of the first row, rows), as numbers; of a vector one number is a row.

        Raises:
            CheckpointError: the file was cut since it was opened.
        """
        *rows_in, columns = self.shape
        rows = math.prod(rows_in)
        row_bytes = ggml.KINDS[self.dtype].row_bytes(columns)
        at_once = max(1, BLOCK_BYTES // row_bytes)
        for first in range(0, rows, at_once):
            count = min(at_once, rows - first)
            data = os.pread(self.file.fileno(), count * row_bytes, self.offset + first * row_bytes)
            if len(data) != count * row_bytes:
                raise CheckpointError("is damaged: it was cut while it was read")
            block = ggml.decode(self.dtype, count, data)
            yield (first, block) if rows_in else (0, block[0])


# ---- reading ---------------------------------------------------------------------------------


@contextmanager
def opened(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, GgufTensor]]]:
    """Give the metadata and name -> tensor of a file, which is open within the block.

    Raises:
        CheckpointError: it is no GGUF file, or damaged, or has tensors of a kind that is not read;
            the message says only how.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        reader = _Reader(file)
        metadata, tensors = reader.header()
        yield metadata, tensors


class _Reader:
    """Mutable: goes through the beginning of a file, no further than its end and the limit."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._at = 0

    def header(self) -> tuple[dict[str, Any], dict[str, GgufTensor]]:
        magic, version = self._bytes(4, "the magic number"), self._number("<u4")
        if magic != MAGIC:
            raise CheckpointError(f"expected GGUF, got a file that begins with {magic!r}")
        if version not in (2, VERSION):
            raise CheckpointError(f"expected version 2 or {VERSION} of GGUF, got {version}")
        tensor_count, key_count = self._number("<u8"), self._number("<u8")
        metadata: dict[str, Any] = {}
        for _ in range(key_count):  # reading ends at the limit, whatever the number is
            key = self._name()
            if key in metadata:
                raise CheckpointError(f"is damaged: {key} is there twice")
            metadata[key] = self._value(key, self._number("<u4"))
        described = {}
        for _ in range(tensor_count):
            name = self._name()
            if name in described:
                raise CheckpointError(f"is damaged: tensor {name} is there twice")
            described[name] = self._description(name)
        alignment = metadata.get(_ALIGNMENT_KEY, ALIGNMENT)
        if type(alignment) is not int or not 1 <= alignment <= _MOST_ALIGNMENT:
            raise CheckpointError(f"is damaged: {_ALIGNMENT_KEY} = {alignment!r}")
        begin = -(-self._at // alignment) * alignment
        return metadata, {
            name: self._tensor(name, kind, shape, begin, offset)
            for name, (kind, shape, offset) in described.items()
        }

    def _description(self, name: str) -> tuple[int, tuple[int, ...], int]:
        count = self._number("<u4")
        if not 1 <= count <= _MOST_DIMENSIONS:
            raise CheckpointError(f"is damaged: tensor {name} has {count} dimensions")
        sizes = [self._number("<u8") for _ in range(count)]
        return self._number("<u4"), tuple(reversed(sizes)), self._number("<u8")

    def _tensor(
        self, name: str, number: int, shape: tuple[int, ...], begin: int, offset: int
    ) -> GgufTensor:
        kind = next((kind for kind, has in ggml.KINDS.items() if has.number == number), None)
        if kind is None:
            got = ggml.OTHERS.get(number, f"number {number}")
            expected = f"expected {', '.join(ggml.KINDS)}, got {got}"
            raise CheckpointError(
                f"tensor {name}: {expected}; llama.cpp's llama-quantize --allow-requantize FILE "
                "NEW q8_0 makes a file that is read"
            )
        items, size = ggml.KINDS[kind].items, math.prod(shape)
        if min(shape) < 1 or shape[-1] % items:
            raise CheckpointError(f"is damaged: tensor {name} of {kind} has shape {shape}")
        end = begin + offset + ggml.KINDS[kind].row_bytes(size)
        if end > self._size:
            expected = f"expected at least {end} bytes, for tensor {name}"
            raise CheckpointError(f"is damaged or cut: {expected}, got {self._size}")
        return GgufTensor(self._file, kind, shape, begin + offset)

    # values

    def _bytes(self, count: int, what: str) -> bytes:
        if self._at + count > self._size:
            raise CheckpointError(f"is damaged or cut: {what} reaches beyond the end of the file")
        if self._at + count > HEADER_LIMIT_BYTES:
            limit = f"expected at most {HEADER_LIMIT_BYTES} bytes before the tensors"
            raise CheckpointError(f"is damaged: {limit}, {what} reaches beyond them")
        self._at += count
        return self._file.read(count)

    def _number(self, kind: str) -> Any:
        return np.frombuffer(self._bytes(int(kind[2:]), "a number"), kind)[0].item()

    def _text(self) -> str:
        (length,) = struct.unpack("<Q", self._bytes(8, "a length"))
        return self._bytes(length, "a text").decode("utf-8", "surrogateescape")

    def _name(self) -> str:
        name = self._text()
        if len(name) > _LONGEST_NAME or not name.isprintable():
            raise CheckpointError(f"is damaged: expected a name, got {short_repr(name)}")
        return name

    def _value(self, key: str, kind: int) -> Any:
        if kind == _FLOAT32:  # 1e-5 and not 9.99999975e-06
            return float(str(np.float32(self._number("<f4"))))
        if kind in _SCALARS:
            return self._number(_SCALARS[kind])
        if kind == _BOOL:
            return self._number("<u1") != 0
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            raise CheckpointError(f"is damaged: {key} has a value of type {kind}")
        items, count = self._number("<u4"), self._number("<u8")
        if items == _STRING:
            return [self._text() for _ in range(count)]
        dtype = "<u1" if items == _BOOL else _SCALARS.get(items)
        if dtype is None:
            raise CheckpointError(f"is damaged: {key} is an array of type {items}")
        return np.frombuffer(self._bytes(count * int(dtype[2:]), key), dtype)


# ---- writing ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class NewTensor:
    """Immutable: a tensor to write.

    Attributes:
        kind: one of `ggml.KINDS`.
        shape: as NumPy has it.
        make: gives its numbers, when they are written.
    """

    kind: str
    shape: tuple[int, ...]
    make: Callable[[], NDArray[Any]]

    @property
    def size_bytes(self) -> int:
        """How many bytes its numbers take."""
        return ggml.KINDS[self.kind].row_bytes(math.prod(self.shape))

    def parts(self) -> Iterator[bytes]:
        """Yield the bytes of its numbers, block by block."""
        rows = self.make().reshape(-1, self.shape[-1])
        at_once = max(1, BLOCK_BYTES // (4 * self.shape[-1]))
        for first in range(0, len(rows), at_once):
            yield ggml.encode(self.kind, rows[first : first + at_once])


def encode(metadata: Metadata, tensors: Mapping[str, NewTensor]) -> Iterator[bytes]:
    """Yield the bytes of a file: all but the numbers first, then one tensor after another.

    Whole numbers are written as uint32, arrays of them as int32, other numbers as float32.
    """
    head = [MAGIC, struct.pack("<IQQ", VERSION, len(tensors), len(metadata))]
    for key, value in metadata.items():
        head += [_text(key), *_value(value)]
    offset = 0
    for name, tensor in tensors.items():
        sizes = struct.pack(f"<{len(tensor.shape)}Q", *reversed(tensor.shape))
        number = ggml.KINDS[tensor.kind].number
        head += [_text(name), struct.pack("<I", len(tensor.shape)), sizes]
        head.append(struct.pack("<IQ", number, offset))
        offset += tensor.size_bytes + _gap(tensor.size_bytes)
    written = b"".join(head)
    yield written + bytes(_gap(len(written)))
    for tensor in tensors.values():
        yield from tensor.parts()
        yield bytes(_gap(tensor.size_bytes))


def _gap(size: int) -> int:
    return -size % ALIGNMENT


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> Iterator[bytes]:
    if isinstance(value, bool):
        yield struct.pack("<I?", _BOOL, value)
    elif isinstance(value, int):
        yield struct.pack("<II", _UINT32, value)
    elif isinstance(value, float):
        yield struct.pack("<If", _FLOAT32, value)
    elif isinstance(value, str):
        yield struct.pack("<I", _STRING) + _text(value)
    elif isinstance(value, list):
        yield struct.pack("<IIQ", _ARRAY, _STRING, len(value))
        yield from map(_text, value)
    else:
        kind, dtype = (_INT32, "<i4") if value.dtype.kind == "i" else (_FLOAT32, "<f4")
        yield struct.pack("<IIQ", _ARRAY, kind, len(value)) + value.astype(dtype).tobytes()
