"""Threads that use one model take turns."""

from __future__ import annotations

import threading
from types import TracebackType


class Turns:
    """Mutable: a lock that threads get in about the order in which they come; reentrant.

    Ctrl-C ends the wait for it.
    """

    def __init__(self) -> None:
        self._next = threading.Lock()  # who has it waits for the other one, ahead of who comes back
        self._lock = threading.RLock()
        self._owner: int | None = None
        self._depth = 0  # of turns within one another; changed by the owner alone

    def __enter__(self) -> None:
        self.acquire()

    def acquire(self, blocking: bool = True) -> bool:
        """Wait for a turn; return whether this thread has it."""
        if self._owner != threading.get_ident():
            if not self._next.acquire(blocking):
                return False
            try:
                if not self._lock.acquire(blocking):
                    return False
            finally:
                self._next.release()
            self._owner = threading.get_ident()
        else:
            self._lock.acquire()
        self._depth += 1
        return True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """End the turn, or the one within it."""
        self._depth -= 1
        if not self._depth:
            self._owner = None
        self._lock.release()
