"""What backend `auto` is for a model: Java decides, by org.pygpt.backends.AutoBackend."""

from __future__ import annotations

import logging
from typing import Protocol

from pygpt.engine.door import java_class, translated
from pygpt.engine.java import describes
from pygpt.model.config import AUTO

_log = logging.getLogger("pygpt")


@describes("org.pygpt.backends.AutoBackend")
class AutoBackend(Protocol):
    """What backend auto is, and why."""

    def backend(self) -> object: ...
    def why(self) -> object: ...


@describes("org.pygpt.backends.AutoBackend")
class AutoBackendClass(Protocol):
    def choose(self, weights: int, /) -> AutoBackend: ...


def resolved(backend: str, weights: int) -> str:
    """Return the backend itself, or what `auto` is for a model of so many weights; logs that."""
    if backend != AUTO:
        return backend
    with translated():
        choice = java_class(AutoBackendClass).choose(min(weights, 2**63 - 1))
        _log.info("backend auto: %s, since %s", choice.backend(), choice.why())
        return str(choice.backend())
