"""Frees Java's memory when Python's last reference to it goes.

Python may drop an object anywhere, also inside a call to Java, where no other call may be made. So
a finalizer only notes what is to be freed, and a thread of its own frees it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import NamedTuple

from jbridge import is_forked
from pygpt.engine.arrays import FlatArrays
from pygpt.engine.door import translated
from pygpt.engine.java import Closeable
from pygpt.errors import PygptError


class Memory(NamedTuple):
    """Java objects that are closed together, and NumPy arrays that may be their memory."""

    parts: Sequence[Closeable]  # closed before the owner
    owner: Closeable
    arrays: Mapping[str, FlatArrays]


_work: SimpleQueue[Callable[[], object]] = SimpleQueue()  # its `put` may interrupt itself
_start = threading.Lock()
_threads: list[threading.Thread] = []


def watch(handle: object, memory: Memory) -> weakref.finalize[[Memory], object]:
    """Free memory when nobody refers to its handle any more, unless `detach` of this is called."""
    with _start:
        if not _threads:
            _threads.append(threading.Thread(target=_work_on, name="pygpt-free", daemon=True))
            _threads[0].start()
    finalizer = weakref.finalize(handle, free_later, memory)
    finalizer.atexit = False
    return finalizer


def later(work: Callable[[], object]) -> None:
    """Do something soon on the thread that frees, after there has been a model."""
    _work.put(work)


def free_later(memory: Memory) -> None:
    """Free memory soon, when nobody holds an array of it."""
    later(partial(_free_unheld, memory))


def _work_on() -> None:
    while True:
        work = _work.get()
        with suppress(PygptError):
            work()
        del work  # else what it holds is kept until the next one comes


def _free_unheld(memory: Memory) -> None:
    if not _is_held(memory):
        free(memory)


def _is_held(memory: Memory) -> bool:
    """Whether somebody holds an array of this memory, which is then freed after that."""
    for arrays in memory.arrays.values():
        array = arrays.shared()
        if array is not None:
            weakref.finalize(array, free_later, memory).atexit = False
            return True
    return False


def free(memory: Memory) -> None:
    """Free memory at once: Java waits until nobody computes with it."""
    if not is_forked():  # its JVM is the parent's
        with translated():
            for part in memory.parts:
                part.close()
            memory.owner.close()
