"""safetensors files: headers checked before they are believed, tensors mapped block by block.

The safetensors package checks a header: its length against the file's, its JSON, that the tensors
lie one after another without holes or overlaps up to the end of the file, and that each has the
bytes of its shape and dtype. It also takes headers of up to 100 MB, and has no bfloat16 in NumPy:
hence a limit here, and our own way to the bytes. https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import math
import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import CheckpointError

READ_DTYPES = ("F32", "F16", "BF16")
HEADER_LIMIT_BYTES = 1 << 24  # 100,000 tensors; its JSON takes several times as much memory
BLOCK_BYTES = 1 << 22  # mapped at once
_LENGTH_BYTES = 8  # of the header's length, which begins the file
_ALIGNMENT_BYTES = 8  # of the first tensor
_ITEM_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}


@dataclass(frozen=True, eq=False)
class Place:
    """Where a tensor of a file lies in a model.

    Attributes:
        name: of the model's weight.
        columns: those of the weight that it is, in its order; all by default.
        transposed: whether the file has (out, in) where the model has (in, out).
        offset: what the model has more than the file.
        skipped: rows at the file's beginning that the model lacks; zeros are written.
        shape: the file's, where it is another one than that of the columns.
    """

    name: str
    columns: slice | NDArray[np.int64] | EllipsisType = ...
    transposed: bool = False
    offset: float = 0.0
    skipped: int = 0
    shape: tuple[int, ...] | None = None

    def shape_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape in the file, for the shape of the weight."""
        if self.shape is not None:
            return self.shape
        *rows, columns = shape
        if isinstance(self.columns, slice):
            columns = len(range(*self.columns.indices(columns)))
        elif not isinstance(self.columns, EllipsisType):
            columns = len(self.columns)
        found = (columns, *rows) if self.transposed else (*rows, columns)
        return (found[0] + self.skipped, *found[1:])

    def store(self, weights: Mapping[str, NDArray[Any]], first: int, block: NDArray[Any]) -> None:
        """Set what rows of the file, from number `first` on, are of the weights."""
        weight = weights[self.name]
        if self.offset:
            block = block + np.asarray(self.offset, weight.dtype)
        if self.shape is not None:
            first, block = first * self.shape[-1], block.reshape(-1)
        if self.skipped:
            block = block[max(0, self.skipped - first) :]
            first = max(0, first - self.skipped)
        rows = slice(first, first + len(block))
        if isinstance(self.columns, np.ndarray):
            weight[..., self.columns[rows]] = block.T
        else:
            view = weight if isinstance(self.columns, EllipsisType) else weight[..., self.columns]
            (view.T if self.transposed else view)[rows] = block

    def part(self, weights: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Return that part of the weights as the file has it, shared where it lies together."""
        weight = weights[self.name]
        part = weight if isinstance(self.columns, EllipsisType) else weight[..., self.columns]
        if self.offset:
            part = part - np.asarray(self.offset, weight.dtype)
        if self.skipped:
            part = np.concatenate([np.zeros((self.skipped, part.shape[1]), part.dtype), part])
        if self.shape is not None:
            part = part.reshape(self.shape)
        return part.T if self.transposed else part


# ---- reading ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in an open file; its header has been checked, its bytes have not been read."""

    file: BinaryIO
    dtype: str
    shape: tuple[int, ...]
    offset: int

    def copy_to(self, target: NDArray[Any]) -> None:
        """Convert every number to the target's dtype; the target has this shape."""
        for first, block in self.numbers():
            target[first : first + len(block)] = block

    def numbers(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield (index of the first row, rows), as numbers, each only until the next."""
        for first, block in self._blocks({"F32": "<f4", "F16": "<f2", "BF16": "<u2"}[self.dtype]):
            if self.dtype == "BF16":  # the upper half of a float32, a dtype that NumPy lacks
                block = (block.astype(np.uint32) << 16).view(np.float32)
            yield first, block

    def has_bytes_of(self, other: StoredTensor) -> bool:
        """Whether dtype, shape and bytes are the same."""
        if (self.dtype, self.shape) != (other.dtype, other.shape):
            return False
        kind = f"<u{_ITEM_BYTES[self.dtype]}"
        pairs = zip(self._blocks(kind), other._blocks(kind), strict=True)
        return all(np.array_equal(mine, theirs) for (_, mine), (_, theirs) in pairs)

    def _blocks(self, kind: str) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield (index of the first row, rows), mapped only until the next, so never all at once.

        That also keeps a file that is cut meanwhile from ending the process: an access beyond the
        end of a mapped file is a signal, not an exception.
        """
        row_items = math.prod(self.shape[1:])
        row_bytes = row_items * _ITEM_BYTES[self.dtype]
        rows = max(1, BLOCK_BYTES // row_bytes)
        for first in range(0, self.shape[0], rows):
            count = min(rows, self.shape[0] - first)
            begin = self.offset + first * row_bytes
            skipped = begin % mmap.ALLOCATIONGRANULARITY
            length = skipped + count * row_bytes
            try:
                pages = mmap.mmap(
                    self.file.fileno(), length, access=mmap.ACCESS_READ, offset=begin - skipped
                )
            except ValueError as error:
                problem = f"was cut while it was read: {error}"
                raise CheckpointError(f"weights file {self.file.name}: {problem}") from error
            flat = np.frombuffer(pages, kind, count * row_items, skipped)
            yield first, flat.reshape(count, *self.shape[1:])


@contextmanager
def opened(path: Path) -> Iterator[tuple[dict[str, StoredTensor], Mapping[str, str]]]:
    """Give name -> tensor of a file, which is open within the block, and the file's own notes.

    Raises:
        CheckpointError: it is no safetensors file, or damaged; the message says only how.
        OSError: it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    with path.open("rb") as file:
        first = file.read(_LENGTH_BYTES)
        header_bytes = int.from_bytes(first, "little")
        if len(first) == _LENGTH_BYTES and header_bytes > HEADER_LIMIT_BYTES:
            limit = f"expected a header of at most {HEADER_LIMIT_BYTES} bytes"
            raise CheckpointError(f"is damaged: {limit}, got {header_bytes}")
        tensors: dict[str, StoredTensor] = {}
        offset = _LENGTH_BYTES + header_bytes
        try:
            with safe_open(path, framework="numpy") as checked:
                metadata = checked.metadata() or {}
                for name in checked.offset_keys():  # one after another, without holes
                    found = checked.get_slice(name)
                    dtype, shape = str(found.get_dtype()), tuple(found.get_shape())
                    if dtype not in _ITEM_BYTES:
                        known = ", ".join(_ITEM_BYTES)
                        raise CheckpointError(f"{name}: expected one of {known}, got {dtype}")
                    tensors[name] = StoredTensor(file, dtype, shape, offset)
                    offset += math.prod(shape) * _ITEM_BYTES[dtype]
        except SafetensorError as error:
            raise CheckpointError(f"is damaged: {error}") from error
        size = os.fstat(file.fileno()).st_size
        if offset != size:  # not the file that was checked
            raise CheckpointError(f"is damaged: expected {offset} bytes, got {size}")
        yield tensors, metadata


# ---- writing ---------------------------------------------------------------------------------


def encode(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> Iterator[bytes]:
    """Yield the bytes of a file, header first, then one tensor after another, as float32.

    They are those of the safetensors package, which makes them all at once.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name in sorted(arrays):
        begin, end = end, end + 4 * arrays[name].size
        shape = list(arrays[name].shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT_BYTES)
    yield len(text).to_bytes(_LENGTH_BYTES, "little") + text
    for name in sorted(arrays):
        yield np.ascontiguousarray(arrays[name], dtype="<f4").data  # type: ignore[misc]
