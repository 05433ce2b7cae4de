"""A Java object with memory of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Generic, Self, TypeVar

import numpy as np

from jbridge import JavaError
from pygpt.engine.arrays import FlatArrays
from pygpt.engine.door import translated, wait
from pygpt.engine.java import Closeable, Job, Parameters
from pygpt.errors import ClosedError

J = TypeVar("J", bound=Closeable)


class Handle(Generic[J]):
    """Mutable: a Java object with memory of its own. Use it from one thread.

    Args:
        what: it is called in messages.
        dtype: of its numbers.
        model: the one whose weights its jobs use; None if it is that model.
    """

    def __init__(
        self, what: str, java: J, dtype: str, model: Handle[Any] | None = None
    ) -> None:
        self._what = what
        self._java: J | None = java
        self.dtype = dtype
        self._model = model
        self._arrays: dict[str, FlatArrays] = {}
        self._jobs: list[Job] = []

    @property
    def java(self) -> J:
        """The Java object; ClosedError if this or its model is closed."""
        if self._model is not None:
            _ = self._model.java
        if self._java is None:
            raise ClosedError(f"the {self._what} is closed; make another one")
        return self._java

    def _numbers(self, what: str, parameters: Parameters) -> FlatArrays:
        """Return the arrays of one of the Java object's `Parameters`; `what` tells them apart."""
        if what not in self._arrays:
            self._arrays[what] = FlatArrays(self.java, parameters, np.dtype(self.dtype))
        arrays = self._arrays[what]
        if arrays.is_stale:
            self._settle()
            arrays.refresh(is_changing=False)
        return arrays

    def _run(
        self, job: Job, poll: Callable[[], None] | None = None, *, changes: bool = False
    ) -> None:
        """Start a job and wait for its end; see `door.wait`.

        Args:
            changes: whether it changes the numbers of a `Parameters`.
        """
        handles = self._handles()
        with self._computing(changes=changes):
            try:
                for handle in handles:
                    handle._jobs.append(job)
                job.start()
                wait(job, poll)
            except BaseException:
                if job.isRunning():  # Ctrl-C may have come before the wait, which cancels too
                    job.cancel()
                raise
            finally:
                for handle in handles:
                    handle._jobs = handle._running()  # Java frees what a job held

    @contextmanager
    def _computing(self, *, changes: bool = False) -> Iterator[None]:
        """Within the block Java reads, and may change, what arrays hold; see `FlatArrays`.

        A job that was interrupted has ended before: two would use the same memory.
        """
        self._settle()
        for arrays in self._all_arrays():
            arrays.upload()
        try:
            with translated():
                yield
        finally:
            if changes:
                for arrays in self._all_arrays():
                    arrays.refresh(is_changing=bool(self._jobs))

    def _settle(self) -> None:
        """Wait until the jobs that use this memory have ended; how they end is of no interest."""
        for handle in self._handles():
            for job in handle._running():
                with suppress(JavaError):
                    wait(job)
            handle._jobs = []

    def _handles(self) -> list[Handle[Any]]:
        """This one, and that of its model."""
        return [self] if self._model is None else [self, self._model]

    def _all_arrays(self) -> list[FlatArrays]:
        return [arrays for handle in self._handles() for arrays in handle._arrays.values()]

    def _running(self) -> list[Job]:
        """Jobs that use this memory and have not ended: interrupted ones may be among them."""
        return [job for job in self._jobs if job.isRunning()]

    def close(self) -> None:
        """Free the memory, at once if it can: arrays of it that are alive keep it.

        So does a job that was interrupted and may still be running. Java's collector frees the
        memory after them.
        """
        java, self._java = self._java, None
        arrays, self._arrays = self._arrays, {}
        in_use = self._running() or any(some.keep_memory for some in arrays.values())
        if java is not None and not in_use:
            with translated():
                java.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
