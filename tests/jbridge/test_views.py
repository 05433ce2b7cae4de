"""Arrays over Java's memory: lifetime, writing, byte order, sizes, refusals."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

import jbridge

Works = Callable[..., str]
PREPARE = (
    "import gc, numpy as np, jbridge\n"
    "Memory, collect = jbridge.java_class('probe.Probe$Memory'), "
    "jbridge.java_class('probe.Probe').collect\n"
)


def test_shared_both_ways_in_this_machine_s_byte_order(works: Works) -> None:
    works(
        PREPARE + "memory = Memory(60)\n"
        "array = jbridge.view(memory, memory.address(), (3, 5), np.float32)\n"
        "assert array.shape == (3, 5) and array.dtype == np.float32 and array.dtype.isnative\n"
        "assert array.flags.writeable and array.flags.c_contiguous and not array.any()\n"
        "memory.setFloat(7, 1.5)\n"
        "assert array[1, 2] == 1.5 and np.count_nonzero(array) == 1\n"
        "array[2, 4] = -0.1\n"
        "assert memory.getFloat(14) == array[2, 4] == np.float32(-0.1)\n"
    )


def test_view_keeps_the_memory_alive_and_no_longer(works: Works) -> None:
    works(
        PREPARE + "memory = Memory(4 << 20)\n"
        "whole = jbridge.view(memory, memory.address(), (1 << 20,), 'float32')\n"
        "whole[:] = 3\n"
        "part = whole[5:7].reshape(2, 1).T\n"
        "del memory, whole; gc.collect()\n"
        "assert collect() == 0 and (part == 3).all()\n"
        "part[:] = 4\n"
        "del part; gc.collect()\n"
        "assert collect() == 1\n"
    )


def test_beyond_two_gigabytes(works: Works) -> None:
    works(
        PREPARE + "count = (1 << 29) + 1024\n"
        "memory = Memory(4 * count)\n"
        "array = jbridge.view(memory, memory.address(), (count,), np.float32)\n"
        "assert array.nbytes > 2**31\n"
        "array[-1] = 2.5\n"
        "assert memory.getFloat(count - 1) == 2.5\n"
    )


@pytest.fixture
def memory() -> np.ndarray:
    """Memory of Python's own, for what needs no Java."""
    return np.arange(6, dtype=np.float64)


def test_owner_is_the_base(memory: np.ndarray) -> None:
    owner = object()
    array = jbridge.view(owner, memory.ctypes.data, (2, 3), "f8")
    assert array.base.owner is owner
    assert np.array_equal(array, memory.reshape(2, 3))


@pytest.mark.parametrize("shape", [(0,), (3, 0)])
def test_nothing_to_see_needs_no_address(shape: tuple[int, ...]) -> None:
    assert jbridge.view(None, 0, shape, np.float32).shape == shape


def test_scalar_shape(memory: np.ndarray) -> None:
    assert jbridge.view(memory, memory.ctypes.data + 8, (), "f8") == 1.0


@pytest.mark.parametrize(
    ("address", "shape", "dtype", "error", "message"),
    [
        (0, (1,), "f4", ValueError, "address: expected that of 4 bytes, got 0x0"),
        (-8, (1,), "f4", ValueError, "address"),
        (66, (1,), "f4", ValueError, "address: expected a multiple of 4"),
        (64, (-1,), "f4", ValueError, "shape: expected no negative size"),
        (64, (1 << 62, 4), "f4", ValueError, "address"),
        (64, (1,), "O", TypeError, "dtype"),
        (64, (1,), "f4,i4", TypeError, "dtype"),
        (64, (1,), ">f4" if sys.byteorder == "little" else "<f4", TypeError, "dtype"),
    ],
)
def test_refusals(
    address: int, shape: tuple[int, ...], dtype: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        jbridge.view(None, address, shape, dtype)
