"""How a run shows itself while it trains: a live bar, plain lines, or nothing. All on stderr."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TextIO

from numpy.typing import NDArray

RECENT = 100  # the loss that is shown is the mean of this many


class Progress:
    """Mutable: shows nothing; the base of the others, which override `show` and `close`.

    Args:
        total: steps there are.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.step = 0
        self._recent: list[float] = []
        self._began = time.perf_counter()

    def note(self, text: str) -> None:
        """Show one line about the run."""

    def begin(self) -> None:
        """The training begins now: count its time from here."""
        self._began = time.perf_counter()

    def update(self, first: int, losses: Sequence[float] | NDArray[Any]) -> None:
        """Take the losses of the steps from `first` (counted from 0) on, and show where it is."""
        self._recent = [*self._recent, *map(float, losses)][-RECENT:]
        self.step = first + len(losses)
        self.show()

    def show(self) -> None:
        """Show step, loss, speed and time left."""

    def close(self) -> None:
        """Leave the terminal as it was."""

    @property
    def loss(self) -> float:
        """Mean of the newest losses; not a number before the first."""
        return sum(self._recent) / len(self._recent) if self._recent else float("nan")

    @property
    def names_per_s(self) -> float:
        """Steps, and so names, for each second since `begin`."""
        return self.step / max(time.perf_counter() - self._began, 1e-9)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Lines(Progress):
    """Mutable: a plain line for each tenth of the run, for a pipe or a file."""

    def __init__(self, total: int, stream: TextIO) -> None:
        super().__init__(total)
        self._stream = stream
        self._tenths = 0

    def note(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def update(self, first: int, losses: Sequence[float] | NDArray[Any]) -> None:
        taken = 0
        while taken < len(losses):
            tenth = -(-(self._tenths + 1) * self.total // 10)  # the step that ends it
            until = min(tenth - first, len(losses))
            super().update(first + taken, losses[taken:until])
            taken = until

    def show(self) -> None:
        tenths = 10 * self.step // self.total
        if tenths > self._tenths:
            self._tenths = tenths
            width = len(str(self.total))
            self.note(
                f"step {self.step:{width}}/{self.total}  loss {self.loss:.4f}  "
                f"{self.names_per_s:,.0f} names/s"
            )


class Bar(Progress):
    """Mutable: a live bar, for a terminal."""

    def __init__(self, total: int, stream: TextIO) -> None:
        super().__init__(total)
        from rich import progress
        from rich.console import Console

        self._bar = progress.Progress(
            progress.TextColumn("step {task.completed}/{task.total}"),
            progress.BarColumn(),
            progress.TextColumn("{task.fields[state]}"),
            progress.TextColumn("time left"),
            progress.TimeRemainingColumn(elapsed_when_finished=False),
            console=Console(file=stream),
        )
        self._task = self._bar.add_task("", total=total, state="")

    def note(self, text: str) -> None:
        self._bar.console.print(text, highlight=False, markup=False)

    def begin(self) -> None:
        super().begin()
        self._bar.start()

    def show(self) -> None:
        state = f"loss {self.loss:.4f}  {self.names_per_s:,.0f} names/s"
        self._bar.update(self._task, completed=self.step, state=state)

    def close(self) -> None:
        self._bar.stop()


def progress_on(stream: TextIO, total: int, quiet: bool) -> Progress:
    """Return what fits the stream: a bar for a terminal, lines for others, nothing if quiet."""
    if quiet:
        return Progress(total)
    return Bar(total, stream) if stream.isatty() else Lines(total, stream)
