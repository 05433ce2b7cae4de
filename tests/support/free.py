"""A limit to the memory that Java says is free."""

from __future__ import annotations

import jbridge


class Free:
    """Mutable: a limit to the memory that Java says is free, as the one item of a list."""

    def __init__(self) -> None:
        self._system = jbridge.java_class("java.lang.System")
        self._limit = 0

    def __getitem__(self, _: int) -> int:
        return self._limit

    def __setitem__(self, _: int, limit: int) -> None:
        self._limit = limit
        self._system.setProperty("pygpt.memory_bytes", str(min(limit, 2**63 - 1)))
