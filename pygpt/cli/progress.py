"""How far a command is: a live bar on a terminal, plain lines elsewhere, or nothing. On stderr."""

from __future__ import annotations

import shlex
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self, TextIO

FIRST_SIGN_S, LONGEST_SILENCE_S = 2.0, 60.0  # of a phase that shows nothing by itself
_LOOK_S = 0.1
RECENT = 100  # the loss and the speed that are shown are means of this many steps


class Progress:
    """Mutable: shows nothing; the base of the others."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.shown_at = self._began = time.perf_counter()

    def note(self, text: str) -> None:
        """Show one line about the command."""

    def begin(self, total: int, done: int = 0) -> None:
        """Count the time, and what is done of a total, from here."""
        self.total = total
        self._began = time.perf_counter()

    def update(self, done: int, state: Callable[[], str], always: bool = False) -> None:
        """Show how much is done.

        Args:
            state: returns the rest of the line; called only where it is shown.
            always: also where only each tenth is shown.
        """

    def per_s(self, count: int) -> float:
        """Return how many that is for each second since `begin`."""
        return count / max(time.perf_counter() - self._began, 1e-9)

    def close(self) -> None:
        """Leave the terminal as it was; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Lines(Progress):
    """Mutable: a plain line for each tenth of the way, for a pipe or a file.

    Args:
        steps: whether a line says `step 21/207`; else it says how many percent are done.
    """

    def __init__(self, stream: TextIO, steps: bool) -> None:
        super().__init__()
        self._stream = stream
        self._steps = steps
        self._tenths = 0

    def note(self, text: str) -> None:
        self.shown_at = time.perf_counter()
        print(text, file=self._stream, flush=True)

    def begin(self, total: int, done: int = 0) -> None:
        super().begin(total, done)
        self._tenths = 10 * done // total

    def update(self, done: int, state: Callable[[], str], always: bool = False) -> None:
        if self.total is None:
            return
        tenths = 10 * done // self.total
        if tenths > self._tenths or always:
            self._tenths = tenths
            step = f"step {done:{len(str(self.total))}}/{self.total}"
            self.note(f"{step if self._steps else f'{10 * tenths:3}%'}  {state()}")


class Bar(Progress):
    """Mutable: a live bar, for a terminal; before `begin` it shows that something is going on.

    Args:
        steps: whether it says `step 21/207`.
        first, then: what is going on before `begin`, and after it.
    """

    def __init__(self, stream: TextIO, steps: bool, first: str = "", then: str = "") -> None:
        super().__init__()
        from rich import progress
        from rich.console import Console

        text = "step {task.completed}/{task.total}" if steps else "{task.description}"
        self._then = then
        self._bar = progress.Progress(
            progress.TextColumn(text),
            progress.BarColumn(),
            progress.TextColumn("{task.fields[state]}"),
            progress.TextColumn("time left"),
            progress.TimeRemainingColumn(elapsed_when_finished=False),
            console=Console(file=stream),
        )
        self._task = self._bar.add_task(first, total=None, state="")
        if first:
            self._bar.start()

    def note(self, text: str) -> None:
        self._bar.console.print(text, highlight=False, markup=False)

    def begin(self, total: int, done: int = 0) -> None:
        super().begin(total, done)
        self._bar.reset(self._task, total=total, completed=done, description=self._then)
        self._bar.start()

    def update(self, done: int, state: Callable[[], str], always: bool = False) -> None:
        self._bar.update(self._task, completed=done, state=state())

    def close(self) -> None:
        self._bar.stop()


def progress_on(
    stream: TextIO, quiet: bool, *, steps: bool = False, first: str = "", then: str = ""
) -> Progress:
    """Return what fits the stream: a bar for a terminal, lines for others, nothing if quiet.

    Args:
        steps, first, then: see `Lines` and `Bar`.
    """
    if quiet:
        return Progress()
    return Bar(stream, steps, first, then) if stream.isatty() else Lines(stream, steps)


@contextmanager
def alive(
    stream: TextIO, quiet: bool, doing: Callable[[], str], progress: Progress | None = None
) -> Iterator[None]:
    """Within the block say what goes on when nothing else does: after 2 s, then ever more rarely.

    Args:
        doing: what goes on, or nothing where it shows itself; called by another thread. Another
            first word begins another 2 s.
        progress: shows what goes on by itself: on a terminal always, elsewhere in lines, after
            which nothing more is to say for a while.
    """
    if quiet or (progress is not None and stream.isatty()):
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        began = said = time.perf_counter()
        kind, gap = doing().partition(" ")[0], FIRST_SIGN_S
        while not ended.wait(_LOOK_S):
            now, what = time.perf_counter(), doing()
            if progress is not None:
                said = max(said, progress.shown_at)
            if what.partition(" ")[0] != kind:
                kind, gap, began, said = what.partition(" ")[0], FIRST_SIGN_S, now, now
            elif what and now - said >= gap:
                with suppress(OSError, ValueError):  # a reader that is gone
                    print(f"{what} … {now - began:.0f} s", file=stream, flush=True)
                said, gap = now, min(2 * gap, LONGEST_SILENCE_S)

    thread = threading.Thread(target=watch, daemon=True, name="signs of life")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def say_next(quiet: bool, *words: object) -> None:
    """Say on stderr which command to try next, unless the command is quiet."""
    if not quiet:
        command = " ".join(shlex.quote(str(word)) for word in words)
        print(f"next: python -m pygpt {command}", file=sys.stderr, flush=True)


@contextmanager
def shown_warnings() -> Iterator[None]:
    """Within the block a warning is one line on stderr, without a line of our source."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        print(f"pygpt: warning: {' '.join(str(message).split())}", file=sys.stderr, flush=True)

    before = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


class Losses:
    """Mutable: shows the losses of steps that come many at a time.

    They are shown a tenth of the run at a time, so that lines do not depend on when they come.
    """

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._recent: deque[float] = deque(maxlen=RECENT)

    def update(self, first: int, losses: Iterable[float]) -> None:
        """Take the losses of the steps from `first` (counted from 0) on."""
        step = first
        for step, loss in enumerate(losses, first + 1):
            self._recent.append(float(loss))
            if 10 * step // self._total > 10 * (step - 1) // self._total:
                self._show(step)
        self._show(step)

    def _show(self, step: int) -> None:
        def state() -> str:
            return f"loss {mean(self._recent):.4f}  {self._progress.per_s(step):,.0f} names/s"

        self._progress.update(step, state)


def mean(values: Iterable[float]) -> float:
    """Return the mean of numbers; not a number if there are none."""
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else float("nan")
