"""How signals end a training run: soon, and with a checkpoint."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Protocol

from pygpt.cli.signals import STOPPING, handled_by

GRACE_S = 1.0  # for a step or an evaluation to end by itself
_AGAIN_S = 0.1


class BrokenOff(BaseException):
    """A step or an evaluation that took too long after a signal; the next one begins with it."""


class Stoppable(Protocol):
    """Mutable: what is trained; see `Trainer`."""

    breakable: bool


class Shown(Protocol):
    """Mutable: what tells of the run; see `Display`."""

    def stop(self, number: int) -> None:
        """Show that the run ends because of this signal."""
        ...


class Stop:
    """Mutable: the signal after which a run ends.

    A step or an evaluation that goes on may end within `GRACE_S`; else it is broken off and will
    begin again when the run goes on. What must not be broken off, such as a checkpoint, is waited
    for. A second signal ends at once.

    Attributes:
        number: of the signal; 0 for none.
    """

    def __init__(self, trainer: Stoppable, display: Shown) -> None:
        self.number = 0
        self._trainer, self._display = trainer, display
        self._before: dict[int, Any] = {}
        self._overdue = self._breakable = self._over = False
        self._timer: threading.Timer | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within the block the first signal only sets `number`, or raises `BrokenOff`."""
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, *STOPPING)}
        known = [number for number, before in self._before.items() if callable(before)]
        try:
            with handled_by(self._asked, known):  # not where somebody has them ignored
                yield
        finally:
            self._over = True
            if self._timer is not None:
                self._timer.cancel()

    @contextmanager
    def breakable(self) -> Iterator[None]:
        """Within the block the run may be broken off."""
        self._breakable = True
        try:
            yield
        finally:
            self._breakable = False

    @property
    def error(self) -> BaseException:
        """What ends the program as the signal says, which another worker may have got."""
        number = self.number or signal.SIGTERM
        return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self._overdue:
            self._overdue = False
            if self._trainer.breakable or self._breakable:
                raise BrokenOff
            self._wait(_AGAIN_S)
        elif self.number:
            self._before[number](number, frame)
        else:
            self.number = number
            self._wait(GRACE_S)
            with suppress(OSError):  # of a terminal that is gone
                self._display.stop(number)

    def _wait(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._remind)
        self._timer.daemon = True
        self._timer.start()

    def _remind(self) -> None:
        if not self._over:
            self._overdue = True
            _thread.interrupt_main(signal.Signals(self.number))
