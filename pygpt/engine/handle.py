"""A Java object with memory of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Generic, NoReturn, Self, TypeVar

import numpy as np

from jbridge import JavaError, is_forked
from pygpt.engine.arrays import FlatArrays
from pygpt.engine.door import translated, wait
from pygpt.engine.freeing import Memory, free, free_later, watch
from pygpt.engine.java import Closeable, Job, Parameters
from pygpt.engine.turns import Turns
from pygpt.errors import ClosedError

J = TypeVar("J", bound=Closeable)


class Handle(Generic[J]):
    """Mutable: a Java object with memory of its own, for any thread.

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
        self._turns: Turns = Turns() if model is None else model._turns
        self._arrays: dict[str, FlatArrays] = {}
        self._parts: list[Closeable] = []  # Java objects that are closed with this one
        self._interrupted: Job | None = None  # of a model: one that may not have ended
        self._freeing = watch(self, Memory(self._parts, java, self._arrays))

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError(
            f"a {self._what} cannot be copied or pickled, since its memory is the engine's; "
            "save the model and load it where it is needed"
        )

    @property
    def java(self) -> J:
        """The Java object; ClosedError if this or its model is closed."""
        if self._model is not None:
            _ = self._model.java
        java = self._java
        if java is None:
            raise ClosedError(f"the {self._what} is closed; make another one")
        return java

    def _numbers(self, what: str, parameters: Callable[[], Parameters]) -> FlatArrays:
        """Return the arrays of one of the Java object's `Parameters`; `what` tells them apart."""
        with self._turns, translated():
            if what not in self._arrays:
                self._arrays[what] = FlatArrays(self.java, parameters(), np.dtype(self.dtype))
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
        with self._computing(changes=changes):
            try:
                job.start()
                wait(job, poll)
            except BaseException:
                if job.isRunning():  # Ctrl-C may have come before the wait, which cancels too
                    job.cancel()
                    self._root._interrupted = job
                raise

    @contextmanager
    def _computing(self, *, changes: bool = False) -> Iterator[None]:
        """Within the block Java reads, and may change, what arrays hold; see `FlatArrays`.

        A job that was interrupted has ended before: two would use the same memory.
        """
        with self._turns:
            _ = self.java  # somebody may have closed it meanwhile
            self._settle()
            for arrays in self._all_arrays():
                arrays.upload()
            try:
                with translated():
                    yield
            finally:
                if changes:
                    for arrays in self._all_arrays():
                        arrays.refresh(is_changing=self._root._interrupted is not None)

    def _settle(self) -> None:
        """Wait until an interrupted job has ended; how it ends is of no interest."""
        job, self._root._interrupted = self._root._interrupted, None
        if job is not None and job.isRunning():
            with suppress(JavaError):
                wait(job)

    @property
    def _root(self) -> Handle[Any]:
        """The model's."""
        return self if self._model is None else self._model

    def _all_arrays(self) -> list[FlatArrays]:
        handles = [self] if self._model is None else [self, self._model]
        return [arrays for handle in handles for arrays in handle._arrays.values()]

    def close(self) -> None:
        """Free the memory; a second call does nothing.

        This waits for its turn where another thread uses the model. Arrays of the memory that are
        alive keep it, as does a job that was interrupted and may still be running. A forked child
        leaves all as it is.
        """
        if is_forked():
            return
        with self._turns:
            java, self._java = self._java, None
            if java is None:
                return
            self._freeing.detach()
            memory = Memory(self._parts, java, self._arrays)
            held = any(arrays.shared() is not None for arrays in self._arrays.values())
            if held or self._root._interrupted is not None:
                free_later(memory)
            else:
                free(memory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
