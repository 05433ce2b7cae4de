"""AdamW's moments of all workers in one file, as one worker writes it, and back on any number.

The first worker has the file, and holds a block of each array at a time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pygpt.checkpoints.safetensors import StoredTensor, opened
from pygpt.distributed.group import Group
from pygpt.engine.model import Model
from pygpt.engine.training import Training
from pygpt.errors import CheckpointError

BLOCK = 1 << 22  # numbers that travel at once
_NAMES = {"float32": "F32", "float64": "F64"}
_ALIGNMENT_BYTES = 8  # of the first tensor


@dataclass(frozen=True)
class Piece:
    """Immutable: what a block of a flat array has of a tensor.

    Attributes:
        name: of the tensor.
        begin: its first number that is in the block, counted in the tensor.
        at: where that is in the block.
        count: how many there are.
    """

    name: str
    begin: int
    at: int
    count: int


class Moments:
    """Immutable: where the moments of a training lie, on which workers and in which tensors."""

    def __init__(self, training: Training, group: Group) -> None:
        self._training, self._group = training, group
        self._bounds = training.bounds(group.size)
        self._dtype = np.dtype(training.dtype)
        self._places = {
            name: (place, math.prod(shape)) for name, (place, shape) in training.places().items()
        }

    def _blocks(self) -> Iterator[tuple[int, int, list[int]]]:
        """Yield the first number and the end of each block, and how much of it each worker has."""
        for first in range(0, self._bounds[-1], BLOCK):
            end = min(first + BLOCK, self._bounds[-1])
            parts = zip(self._bounds, self._bounds[1:], strict=False)
            yield first, end, [max(0, min(b, end) - max(a, first)) for a, b in parts]

    def _pieces(self, first: int, end: int) -> Iterator[Piece]:
        for name, (place, size) in self._places.items():
            begin, until = max(place, first), min(place + size, end)
            if begin < until:
                yield Piece(name, begin - place, begin - first, until - begin)

    def gathered(self, moment: str) -> Iterator[tuple[NDArray[Any], list[Piece]]]:
        """Yield block after block, and what it has of which tensor; empty but on worker 0."""
        group = self._group
        for first, end, counts in self._blocks():
            own = np.empty(counts[group.rank], self._dtype)
            if own.size:
                self._training.read_moments(moment, max(0, first - self._bounds[group.rank]), own)
            is_writer = group.rank == 0
            block = np.empty(end - first if is_writer else 0, self._dtype)
            nothing = [0] * group.size
            sent = [own.size, *nothing[1:]]
            group.alltoall(own, nothing, sent, block, counts if is_writer else nothing)
            yield block, list(self._pieces(first, end)) if is_writer else []

    def scatter(self, moment: str, tensors: Mapping[str, StoredTensor] | None) -> None:
        """Give every worker its part.

        Args:
            tensors: name -> tensor in a file; None but on worker 0.
        """
        group = self._group
        for first, end, counts in self._blocks():
            block = np.zeros(end - first if tensors is not None else 0, self._dtype)
            for piece in self._pieces(first, end) if tensors is not None else ():
                assert tensors is not None
                stored = tensors[f"{moment}.{piece.name}"]
                stored.file.seek(stored.offset + piece.begin * self._dtype.itemsize)
                part = block[piece.at : piece.at + piece.count]
                part[:] = np.fromfile(stored.file, self._dtype.newbyteorder("<"), piece.count)
            own = np.empty(counts[group.rank], self._dtype)
            nothing = [0] * group.size
            starts = [sum(counts[:worker]) for worker in range(group.size)]
            sent = counts if tensors is not None else nothing
            group.alltoall(block, starts, sent, own, [own.size, *nothing[1:]])
            if own.size:
                self._training.write_moments(moment, max(0, first - self._bounds[group.rank]), own)


def write(
    path: Path | None,
    text: str,
    shapes: Mapping[str, Sequence[int]],
    weights: Mapping[str, NDArray[Any]],
    training: Training,
    group: Group,
) -> None:
    """Write a run's state as `training.state.write_state` does, byte for byte.

    Args:
        path: the file; None but on worker 0.
        text: what is no array.
        shapes: of all weights of the model; moments of frozen ones are zeros.
        weights: that are saved too.
    Raises:
        OSError: it cannot be written.
    """
    moments = Moments(training, group)
    if path is None:
        for moment in "mv":
            for _ in moments.gathered(moment):
                pass
        return
    sizes = {f"{moment}.{name}": tuple(shape) for moment in "mv" for name, shape in shapes.items()}
    sizes |= {f"weight.{name}": weight.shape for name, weight in weights.items()}
    with path.open("wb") as file:
        offsets = _write_header(file, sizes, training.dtype, text)
        for name, weight in weights.items():
            file.seek(offsets[f"weight.{name}"])
            file.write(np.ascontiguousarray(weight).data)
        for moment in "mv":
            for block, pieces in moments.gathered(moment):
                for piece in pieces:
                    at = offsets[f"{moment}.{piece.name}"] + piece.begin * block.itemsize
                    file.seek(at)
                    file.write(block[piece.at : piece.at + piece.count].data)


def read(folder: Path | None, model: Model, training: Training, group: Group) -> None:
    """Read a run's state from a checkpoint; every worker gets its part, the first one all weights.

    Args:
        folder: of the checkpoint; None but on worker 0.
    Raises:
        CheckpointError: it has not the arrays of such a model.
    """
    moments = Moments(training, group)
    if folder is None:
        for moment in "mv":
            moments.scatter(moment, None)
        return
    shapes = model.trained_shapes()
    names = [f"{moment}.{name}" for moment in "mv" for name in shapes]
    if model.dtype == "float64":
        names += [f"weight.{name}" for name in shapes]
    path = folder / "training.safetensors"
    with opened(path) as (tensors, _):
        found = {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
        kind = _NAMES[model.dtype]
        if found != {name: (kind, shapes[name.partition(".")[2]]) for name in names}:
            expected = f"expected the arrays of a {model.dtype} model of this shape"
            raise CheckpointError(f"checkpoint {folder}: {path.name}: {expected}")
        for moment in "mv":
            moments.scatter(moment, tensors)
        if model.dtype == "float64":
            for name, weight in model.parameters().items():
                stored = tensors[f"weight.{name}"]
                stored.file.seek(stored.offset)
                weight.reshape(-1)[:] = np.fromfile(stored.file, "<f8", weight.size)


def _write_header(
    file: BinaryIO, sizes: Mapping[str, tuple[int, ...]], dtype: str, text: str
) -> dict[str, int]:
    """Begin a safetensors file as long as it will be; return where each tensor begins."""
    header: dict[str, Any] = {"__metadata__": {"pygpt": text}}
    end, begins = 0, {}
    for name in sorted(sizes):
        begins[name], end = end, end + math.prod(sizes[name]) * np.dtype(dtype).itemsize
        place = {"dtype": _NAMES[dtype], "shape": list(sizes[name])}
        header[name] = place | {"data_offsets": [begins[name], end]}
    encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % _ALIGNMENT_BYTES)
    file.write(len(encoded).to_bytes(8, "little") + encoded)
    start = file.tell()
    file.truncate(start + end)
    return {name: start + begin for name, begin in begins.items()}
