"""A training that is watched: its records as they come, also those of a run that has ended."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pygpt.errors import ClosedError
from pygpt.serve.probes import steps_of
from pygpt.training.metrics import Record
from pygpt.training.run_folder import LOCK_FILE, METRICS_FILE, steps_in
from pygpt.training.trainer import Trainer

NORMS_S = 0.5  # between two looks at the gradient, at least
WAIT_S = 0.05
MOST_RECORDS = 4000  # that are sent at once; of more each second one, or fewer
Event = dict[str, Any]
T = TypeVar("T")


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

    def look(self, compute: Callable[[Trainer], T]) -> Future[T] | None:
        """Have the training's thread compute something between two steps.

        Returns:
            What will have the result, or a ClosedError if the training ends before; None where
            there is no training of this process.
        """
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
        self._looks: deque[tuple[Callable[[Trainer], Any], Future[Any]]] = deque()
        self._ended = False

    # ---- the training's thread -----------------------------------------------------------------

    def begin(self, step: int) -> None:
        """Begin after so many steps."""

    def write(self, record: Record) -> None:
        """Add the record of a step."""
        self._add(record_event(record.step, record.values()))

    def close(self) -> None:
        """End; a second call does nothing."""
        with self._mutex:
            self._ended = True
            left, self._looks = self._looks, deque()
        for _, future in left:
            if future.set_running_or_notify_cancel():
                future.set_exception(ClosedError("the training has ended"))

    def sample(self, step: int, text: str) -> None:
        """Add what the model made after a step."""
        self._add({"kind": "sample", "step": step, "text": text})

    def probe(self, step: int) -> None:
        """Add that there is a look at the model after a step; see `Probes`."""
        self._add({"kind": "probe", "step": step})

    def gate(self, trainer: Trainer, stopping: Callable[[], bool]) -> None:
        """Let those who watch look at the training, and wait while they have paused.

        Args:
            stopping: whether to wait no longer.
        """
        self._max_iters = trainer.config.max_iters
        if self.watchers and time.monotonic() - self._norms_at > NORMS_S:
            self._norms_at = time.monotonic()
            norms = trainer.gradient_norms()
            if norms:
                self._add({"kind": "norms", "step": trainer.step, "norms": norms})
        self._answer(trainer)
        while not (self._go.wait(WAIT_S) or stopping()):
            self._answer(trainer)
            with self._mutex:
                if self._steps:
                    self._steps -= 1
                    return

    def _answer(self, trainer: Trainer) -> None:
        """Compute what was asked for."""
        while self._looks:
            compute, future = self._looks.popleft()
            if not future.set_running_or_notify_cancel():
                continue  # the client has gone
            try:
                future.set_result(compute(trainer))
            except Exception as error:
                future.set_exception(error)

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

    def look(self, compute: Callable[[Trainer], T]) -> Future[T] | None:
        future: Future[T] = Future()
        with self._mutex:
            if self._ended:
                return None
            self._looks.append((compute, future))
        return future


class RunFeed:
    """Mutable: the records in a run's folder, also while another process trains it."""

    def __init__(self, folder: Path) -> None:
        self.watchers = 0
        self._folder = folder
        self._path = folder / METRICS_FILE
        self._probes: set[int] = set()  # steps whose looks are among the events
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

    def look(self, compute: Callable[[Trainer], T]) -> Future[T] | None:
        return None

    def _update(self) -> None:
        """Read what has been added to the file."""
        try:
            with self._path.open("rb") as file:
                file.seek(0, 2)
                if file.tell() < self._read:  # the run began anew
                    self._read, self._events, self._probes = 0, [], set()
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
        for step in steps_of(self._folder):
            if step not in self._probes:
                self._probes.add(step)
                self._events.append({"kind": "probe", "step": step})


class Past:
    """Mutable: what is known of a training that has ended; by default nothing.

    Args:
        events: in order.
    """

    watchers = 0

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self._events = [*events]

    def state(self) -> Event:
        return {"live": False, "controls": False, "paused": False, "max_iters": None}

    def events(self, since: int) -> tuple[list[Event], int]:
        return thinned(self._events[since:]), len(self._events)

    def control(self, action: str) -> bool:
        return False

    def look(self, compute: Callable[[Trainer], T]) -> Future[T] | None:
        return None


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
    return Past() if folder is None else RunFeed(folder)


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
