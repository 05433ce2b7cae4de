"""Signals, handled in another way for a while."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

STOPPING = [
    getattr(signal, name)
    for name in ("SIGTERM", "SIGHUP", "SIGUSR1")  # of a terminal that is closed; of SLURM
    if hasattr(signal, name)
]
"""What tells a process to end, beside Ctrl-C."""


@contextmanager
def handled_by(
    handler: Callable[[int, FrameType | None], None], numbers: Sequence[int]
) -> Iterator[None]:
    """Within the block these signals call the handler; in another thread than the main one not.

    A signal that whoever started the process has ignored, as `nohup` does, stays ignored.
    """
    numbers = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)
