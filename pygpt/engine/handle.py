"""A Java object with memory of its own, and NumPy arrays over that memory."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pygpt.engine.door import java_class, translated, view, wait
from pygpt.engine.java import Closeable, HostMemoryClass, Job, Parameters, Tensor
from pygpt.errors import ClosedError

J = TypeVar("J", bound=Closeable)


class Handle(Generic[J]):
    """Mutable: a Java object with memory of its own. Use it from one thread.

    Args:
        what: it is called in messages.
        dtype: of its arrays.
        model: the one whose weights its jobs use; None if it is that model.
    """

    def __init__(
        self, what: str, java: J, dtype: DTypeLike, model: Handle[Any] | None = None
    ) -> None:
        self._what = what
        self._java: J | None = java
        self.dtype = np.dtype(dtype)
        self._model = model
        self._views: list[weakref.ref[NDArray[Any]]] = []
        self._jobs: list[Job] = []

    @property
    def java(self) -> J:
        """The Java object; ClosedError if this or its model is closed."""
        if self._model is not None:
            _ = self._model.java
        if self._java is None:
            raise ClosedError(f"the {self._what} is closed; make another one")
        return self._java

    def view(
        self, tensor: Tensor, shape: tuple[int, ...], dtype: DTypeLike | None = None
    ) -> NDArray[Any]:
        """Return the memory of a Java tensor as an array; shared, and kept alive by the array."""
        with translated():
            address = java_class(HostMemoryClass).address(tensor)
            array = view(self.java, address, shape, dtype or self.dtype)
        self._views = [view for view in self._views if view() is not None]
        self._views.append(weakref.ref(array))
        return array

    def named_views(self, parameters: Parameters) -> dict[str, NDArray[Any]]:
        """Return name -> array of every tensor; shared."""
        arrays: dict[str, NDArray[Any]] = {}
        with translated():
            for name in parameters.names():
                tensor = parameters.get(name)
                columns = int(tensor.columns())
                is_vector = parameters.isVector(name)
                shape = (columns,) if is_vector else (int(tensor.rows()), columns)
                arrays[str(name)] = self.view(tensor, shape)
        return arrays

    def run(self, job: Job, poll: Callable[[], None] | None = None) -> None:
        """Start a job and wait for its end; see `door.wait`."""
        for handle in (self, self._model):
            if handle is not None:
                handle._jobs = [*handle._running(), job]
        with translated():
            job.start()
        wait(job, poll)

    def _running(self) -> list[Job]:
        """Jobs that use this memory and have not ended: interrupted ones may be among them."""
        return [job for job in self._jobs if not job.isDone()]

    def close(self) -> None:
        """Free the memory, at once if it can: arrays of it that are alive keep it.

        So does a job that was interrupted and may still be running. Java's collector frees the
        memory after them.
        """
        java, self._java = self._java, None
        if java is None or self._running() or any(view() is not None for view in self._views):
            return
        with translated():
            java.close()
