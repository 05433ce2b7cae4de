"""Java's numbers as NumPy arrays: a copy of a tensor, and all weights, gradients or moments."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.engine.door import translated, view
from pygpt.engine.java import Parameters, Tensor
from pygpt.errors import ShapeError


def rounded_to_bfloat16(floats: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the bits of the nearest ones, to even between two; not-a-number stays one."""
    bits = floats.view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    quiet = (bits >> 16) | 64
    return np.where(np.isnan(floats), quiet, rounded).astype("<u2")


def download(tensor: Tensor, out: NDArray[Any]) -> None:
    """Fill an array without gaps with the first elements of a Java tensor of the same dtype."""
    tensor.flat(out.size).read(out.ctypes.data)


def _place(parameters: Parameters, name: object) -> tuple[int, tuple[int, ...]]:
    """Return where in the flat array a tensor begins, and its shape."""
    tensor = parameters.get(name)
    rows, columns = int(tensor.rows()), int(tensor.columns())
    shape = (columns,) if parameters.isVector(name) else (rows, columns)
    return int(tensor.offset()), shape


class FlatArrays:
    """Mutable: the numbers of a Java `Parameters` as NumPy arrays.

    Where they lie in this host's memory the arrays are that memory. A device that has memory of
    its own gets a mirror: a copy on the host, which `upload` writes to the device before a
    computation and `refresh` reads after one that changed the numbers, as long as somebody holds
    one of the arrays.

    Attributes:
        places: name -> where in `flat` a tensor begins, and its shape.
        is_stale: whether an interrupted job may have changed the numbers after the mirror was
            read: whoever reads or writes it refreshes it first.

    Args:
        owner: the Java object that owns the memory; arrays that are that memory keep it alive.
        parameters: of that object.
    """

    def __init__(self, owner: object, parameters: Parameters, dtype: np.dtype[Any]) -> None:
        self._owner = owner
        with translated():
            self._java = parameters.flat()
            self._is_host = self._java.isHost()
            self._length = int(self._java.length())
            self.places = {str(name): _place(parameters, name) for name in parameters.names()}
        self._dtype = dtype
        self._flat: weakref.ref[NDArray[Any]] | None = None
        self._mirror: NDArray[Any] | None = None
        self.is_stale = False

    def flat(self) -> NDArray[Any]:
        """Return all numbers, (n,): matrices first, then vectors, each from 64 bytes on."""
        flat = self._held()
        if flat is None:
            flat = self._shared() if self._is_host else self._mirrored()
            self._flat = weakref.ref(flat)
        return flat

    def named(self) -> dict[str, NDArray[Any]]:
        """Return name -> array, parts of `flat`."""
        flat = self.flat()
        return {
            name: flat[start : start + int(np.prod(shape))].reshape(shape)
            for name, (start, shape) in self.places.items()
        }

    def read(self, out: NDArray[Any]) -> None:
        """Copy all numbers to an array, (n,)."""
        self._check(out)
        if self._is_host or self._mirror is not None:
            np.copyto(out, self.flat())
        else:
            self._copy(out, to_java=False)

    def write(self, array: NDArray[Any]) -> None:
        """Copy all numbers from an array, (n,)."""
        self._check(array)
        if self._is_host or self._mirror is not None:
            np.copyto(self.flat(), array)
        else:
            self._copy(array, to_java=True)

    def _check(self, array: NDArray[Any]) -> None:
        expected = f"expected a contiguous {self._dtype} array ({self._length},)"
        if array.shape != (self._length,) or array.dtype != self._dtype:
            raise ShapeError(f"array: {expected}, got {array.dtype} {array.shape}")
        if not array.flags.c_contiguous:
            raise ShapeError(f"array: {expected}, got one with gaps")

    # ---- in this host's memory, and elsewhere ----------------------------------------------------

    def shared(self) -> NDArray[Any] | None:
        """Return the array that is Java's memory, if somebody holds it or a part of it."""
        return self._held() if self._is_host else None

    def _held(self) -> NDArray[Any] | None:
        return None if self._flat is None else self._flat()

    def _shared(self) -> NDArray[Any]:
        with translated():
            address = self._java.address()
        return view(self._owner, address, (self._length,), self._dtype)

    def _mirrored(self) -> NDArray[Any]:
        """Return a view of the mirror; that it is a view of its own tells who holds it."""
        if self._mirror is None:
            mirror = np.empty(self._length, self._dtype)
            self._copy(mirror, to_java=False)
            self._mirror = mirror
        return view(self._mirror, self._mirror.ctypes.data, (self._length,), self._dtype)

    def upload(self) -> None:
        """Write a mirror to the device; it goes if nobody holds an array of it."""
        if self._mirror is not None:
            self._copy(self._mirror, to_java=not self.is_stale)
            self.is_stale = False
            if self._held() is None:
                self._mirror = None

    def refresh(self, is_changing: bool) -> None:
        """Read a mirror from the device.

        Args:
            is_changing: whether an interrupted job may go on changing the numbers; then the next
                `upload` reads them again, rather than undo what it did.
        """
        if self._mirror is not None:
            self._copy(self._mirror, to_java=False)
            self.is_stale = is_changing

    def _copy(self, array: NDArray[Any], to_java: bool) -> None:
        with translated():
            if to_java:
                self._java.write(array.ctypes.data)
            else:
                self._java.read(array.ctypes.data)
