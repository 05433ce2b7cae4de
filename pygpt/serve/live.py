"""A training that is watched: its records as they come, also those of a run that has ended."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from pygpt.training.metrics import Record
from pygpt.training.run_folder import LOCK_FILE, METRICS_FILE, steps_in
from pygpt.training.trainer import Trainer

NORMS_S = 0.5  # between two looks at the gradient, at least
WAIT_S = 0.05
MOST_RECORDS = 4000  # that are sent at once; of more each second one, or fewer
Event = dict[str, Any]


class Feed(Protocol):
    """Mutable: what is known of a training.

    Attributes:
        watchers: how many look on.
    """

    watchers: int

    def state(self) -> Event:
        """Return what it is, and what it does now."""
        ...

    def events(self, since: int) -> tuple[list[Event], int]:
        """Return what has happened since, and where to go on."""
        ...

    def control(self, action: str) -> bool:
        """Pause it, let it do one step, or let it go on; return whether it can be."""
        ...


class Live:
    """Mutable: a training of this process, for the threads of both; a `MetricsWriter`.

    Between two steps the training calls `gate`, which costs one look at a number where nobody
    watches.

    Attributes:
        watchers: how many look on.
    """

    def __init__(self) -> None:
        self.watchers = 0
        self._max_iters: int | None = None
        self._events: list[Event] = []
        self._mutex = threading.Lock()
        self._go = threading.Event()
        self._go.set()
        self._steps = 0  # to be done in spite of the pause
        self._norms_at = 0.0
        self._ended = False

    # ---- the training's thread -----------------------------------------------------------------

    def begin(self, step: int) -> None:
        """Begin after so many steps."""

    def write(self, record: Record) -> None:
        """Add the record of a step."""
        self._add(record_event(record.step, record.values()))

    def close(self) -> None:
        """End; a second call does nothing."""
        self._ended = True

    def sample(self, step: int, text: str) -> None:
        """Add what the model made after a step."""
        self._add({"kind": "sample", "step": step, "text": text})

    def gate(self, trainer: Trainer, stopping: Callable[[], bool]) -> None:
        """Let those who watch look at the gradient, and wait while they have paused.

        Args:
            stopping: whether to wait no longer.
        """
        self._max_iters = trainer.config.max_iters
        if self.watchers and time.monotonic() - self._norms_at > NORMS_S:
            self._norms_at = time.monotonic()
            norms = trainer.gradient_norms()
            if norms:
                self._add({"kind": "norms", "step": trainer.step, "norms": norms})
        while not (self._go.wait(WAIT_S) or stopping()):
            with self._mutex:
                if self._steps:
                    self._steps -= 1
                    return

    def _add(self, event: Event) -> None:
        with self._mutex:
            self._events.append(event)

    # ---- the server's thread -------------------------------------------------------------------

    def state(self) -> Event:
        return {
            "live": not self._ended,
            "controls": not self._ended,
            "paused": not self._go.is_set(),
            "max_iters": self._max_iters,
        }

    def events(self, since: int) -> tuple[list[Event], int]:
        with self._mutex:
            end = len(self._events)
            new = self._events[since:end]
        return thinned(new), end

    def control(self, action: str) -> bool:
        if action == "pause":
            self._go.clear()
        elif action == "step":
            self._go.clear()
            with self._mutex:
                self._steps += 1
        else:
            self._steps = 0
            self._go.set()
        return True


class RunFeed:
    """Mutable: the records in a run's folder, also while another process trains it."""

    def __init__(self, folder: Path) -> None:
        self.watchers = 0
        self._path = folder / METRICS_FILE
        self._events: list[Event] = []
        self._read = 0  # bytes
        self._grown_at = -math.inf

    def state(self) -> Event:
        self._update()
        live = time.monotonic() - self._grown_at < 5
        return {"live": live, "controls": False, "paused": False, "max_iters": None}

    def events(self, since: int) -> tuple[list[Event], int]:
        self._update()
        end = len(self._events)
        return thinned(self._events[min(since, end) :]), end

    def control(self, action: str) -> bool:
        return False

    def _update(self) -> None:
        """Read what has been added to the file."""
        try:
            with self._path.open("rb") as file:
                file.seek(0, 2)
                if file.tell() < self._read:  # the run began anew
                    self._read, self._events = 0, []
                file.seek(self._read)
                data = file.read()
        except OSError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        if whole and self._read:
            self._grown_at = time.monotonic()
        self._read += len(whole)
        for line in whole.splitlines():
            try:
                values = json.loads(line)
                self._events.append(record_event(values.pop("step"), values))
            except (ValueError, KeyError, AttributeError):  # a line that is damaged
                continue


class NoFeed:
    """Mutable: a model that no run is known of."""

    watchers = 0

    def state(self) -> Event:
        return {"live": False, "controls": False, "paused": False, "max_iters": None}

    def events(self, since: int) -> tuple[list[Event], int]:
        return [], since

    def control(self, action: str) -> bool:
        return False


def record_event(step: int, values: dict[str, Any]) -> Event:
    """Return a record as an event; numbers that are not finite are null."""
    finite = {
        name: value if value is not None and math.isfinite(value) else None
        for name, value in values.items()
    }
    return {"kind": "record", "step": step, **finite}


def thinned(events: list[Event]) -> list[Event]:
    """Return so many events at most, about; those with an evaluation all stay."""
    stride = -(-len(events) // MOST_RECORDS)
    if stride <= 1:
        return events
    return [
        event
        for i, event in enumerate(events)
        if event["kind"] != "record" or "validation_loss" in event or i % stride == 0
    ]


def feed_of(folder: Path | None) -> Feed:
    """Return what is known of the training of a run, or of none."""
    return NoFeed() if folder is None else RunFeed(folder)


def run_of(checkpoint: Path) -> Path | None:
    """Return the run that a path is, or lies in; None if it is no run's."""
    real = checkpoint.resolve()
    for folder in (real, real.parent):
        if (folder / LOCK_FILE).is_file():
            return folder
    return None


def checkpoints_of(run: Path | None) -> list[int]:
    """Return the steps that a run has checkpoints of."""
    return [] if run is None or not run.is_dir() else steps_in(run)
