"""NumPy arrays over memory that Java owns."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from jbridge.calls import check_process

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


def view(
    owner: object, address: int, shape: Sequence[int], dtype: DTypeLike
) -> NDArray[Any]:
    """Return a writable array over `shape` elements at `address`; shared, not copied.

    The array, and every NumPy view made from it, keeps `owner` alive, so that Java's garbage
    collector does not free the memory. An owner that has a `close` method frees it when that is
    called: then drop the arrays first. There is no limit of 2 GB.

    Args:
        owner: the Java object whose memory it is.
        address: of the first element, in bytes; a Python or a Java integer.
        shape: C order; may hold 0.
        dtype: a plain number or bool in this machine's byte order.
    Raises:
        ValueError: an address that is null or not aligned, a negative or too large shape.
        TypeError: a dtype that is not a plain number in this machine's byte order.
        ForkedProcessError: this process was forked from the one that has the memory.
    """
    import numpy as np

    check_process()
    kind = np.dtype(dtype)
    if kind.kind not in "biufc" or not kind.isnative:
        raise TypeError(
            f"dtype: expected a number in {sys.byteorder}-endian order, got {kind.str!r}"
        )
    sizes = tuple(int(size) for size in shape)
    if any(size < 0 for size in sizes):
        raise ValueError(f"shape: expected no negative size, got {sizes}")
    where, size_bytes = int(address), math.prod(sizes) * kind.itemsize
    if size_bytes == 0:
        return np.empty(sizes, kind)
    if where <= 0 or where + size_bytes > 2 * sys.maxsize:
        raise ValueError(f"address: expected that of {size_bytes} bytes, got {where:#x}")
    if where % kind.alignment:
        raise ValueError(
            f"address: expected a multiple of {kind.alignment} for {kind}, got {where:#x}"
        )
    interface = {"version": 3, "shape": sizes, "typestr": kind.str, "data": (where, False)}
    memory = SimpleNamespace(owner=owner, __array_interface__=interface)  # NumPy keeps it
    return np.asarray(memory)
