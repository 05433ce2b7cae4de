"""How a training run shows itself: live in a terminal, as plain lines, or not at all."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, TextIO

from pygpt.cli.progress import RECENT, Lines, Progress, mean
from pygpt.training.metrics import Record

LEVELS = "▁▂▃▄▅▆▇█"
PLAIN_LEVELS = "_.-=+*#@"  # where there is ASCII alone
REFRESHES_PER_S = 4
SPARKS = 40  # most characters of a sparkline; even


class Sparkline:
    """Mutable: a curve in one line of text, of as many values as there are."""

    def __init__(self) -> None:
        self._means: list[float] = []  # each of `_each` values
        self._each = 1
        self._waiting: list[float] = []

    def add(self, value: float) -> None:
        """Add a number at the right end."""
        self._waiting.append(value)
        if len(self._waiting) < self._each:
            return
        means = [*self._means, mean(self._waiting)]
        if len(means) == SPARKS:
            means = [mean(pair) for pair in zip(means[::2], means[1::2], strict=True)]
            self._each *= 2
        self._means, self._waiting = means, []

    def text(self, levels: str = LEVELS) -> str:
        """Return it: the lowest mean is at the first level, the highest at the last."""
        means = self._means
        if not means:
            return ""
        low, span = min(means), max(means) - min(means)
        last = len(levels) - 1
        return "".join(levels[round((mean - low) / span * last) if span else 0] for mean in means)


class Display:
    """Mutable: a line for each evaluation and each tenth of the run; or nothing, without `lines`.

    Args:
        total: steps of the run.
        done: those that it has had.
        lines: where the lines go.

    Attributes:
        stopping: number of the signal after which the run ends with this step; 0 for none.
    """

    samples = False  # whether it shows text of the model after an evaluation

    def __init__(self, total: int, done: int = 0, lines: Progress | None = None) -> None:
        self._lines = Progress() if lines is None else lines
        self._lines.begin(total, done)
        self.total = total
        self.step = self._first = done
        self.stopping = 0
        self._losses: deque[float] = deque(maxlen=RECENT)
        self._rates: deque[float] = deque(maxlen=RECENT)
        self._began = time.perf_counter()

    def update(self, record: Record) -> None:
        """Take what a step did, and show it."""
        self.step = record.step
        self._losses.append(record.loss)
        self._rates.append(record.tokens_per_s)
        self.show(record)

    def show(self, record: Record) -> None:
        """Show where the run is, after a step."""
        evaluated = record.validation_loss is not None
        self._lines.update(self.step, lambda: self._state(record), always=evaluated)

    def _state(self, record: Record) -> str:
        parts = [f"loss {self.loss:.4f}"]
        if record.validation_loss is not None:
            parts.append(f"validation {record.validation_loss:.4f}")
        parts.append(f"learning rate {record.learning_rate:.2e}")
        parts.append(f"{self.tokens_per_s:,.0f} tokens/s")
        parts.append(f"{duration(self.seconds_left)} left")
        return "  ".join(parts)

    def sample(self, step: int, text: str) -> None:
        """Show text that the model made after a step."""

    def stop(self, number: int) -> None:
        """Show that the run ends because of this signal."""
        self.stopping = number
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        self._lines.note(f"{name}: a checkpoint is written, then the run ends; once more: at once")

    def close(self) -> None:
        """Leave the terminal as it was; a second call does nothing."""

    @property
    def progress(self) -> Progress:
        """What shows the lines."""
        return self._lines

    @property
    def loss(self) -> float:
        """Mean loss of the newest steps."""
        return mean(self._losses)

    @property
    def tokens_per_s(self) -> float:
        """Mean speed of the newest steps."""
        return mean(self._rates)

    @property
    def seconds_left(self) -> float:
        """How long the other steps will take if they go on like those so far."""
        done = self.step - self._first
        return (time.perf_counter() - self._began) / max(done, 1) * (self.total - self.step)

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Live(Display):
    """Mutable: a few lines of a terminal that change: a bar, a curve, numbers, a sample.

    rich draws them several times a second in a thread of its own, which only reads.
    """

    samples = True

    def __init__(self, stream: TextIO, total: int, done: int = 0) -> None:
        super().__init__(total, done)
        from rich.console import Console
        from rich.live import Live as RichLive
        from rich.progress_bar import ProgressBar

        self._console = Console(file=stream)
        self._bar = ProgressBar(total, done, width=SPARKS)
        self._sparkline = Sparkline()
        self._record: Record | None = None
        self._validation: list[tuple[float, int]] = []  # the newest loss and its step, the best
        self._sample: tuple[int, str] | None = None
        self._live = RichLive(
            console=self._console,
            get_renderable=self._rendered,
            refresh_per_second=REFRESHES_PER_S,
        )
        self._live.start()

    def show(self, record: Record) -> None:
        self._sparkline.add(record.loss)
        self._record = record
        if record.validation_loss is not None:
            newest = (record.validation_loss, record.step)
            self._validation = [newest, min([newest, *self._validation[1:]])]

    def sample(self, step: int, text: str) -> None:
        self._sample = (step, text)

    def _rendered(self) -> Any:
        from rich.console import Group
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        record = self._record
        if record is None:
            return Text(f"step {self.step}/{self.total}")
        levels = PLAIN_LEVELS if self._console.options.ascii_only else LEVELS
        self._bar.update(self.step)
        rows = Table.grid(padding=(0, 2))
        step = f"step {self.step:,}/{self.total:,}"
        rows.add_row(step, self._bar, f"{duration(self.seconds_left)} left")
        rows.add_row(f"loss {self.loss:.4f}", Text(self._sparkline.text(levels)))
        parts: list[Any] = [rows, *(Text(line) for line in self._texts(record))]
        if self._sample is not None:
            after, text = self._sample
            parts.append(Panel(Text(printable(text)), title=f"after step {after:,}"))
        return Group(*parts)

    def _texts(self, record: Record) -> Iterator[str]:
        yield f"{self.tokens_per_s:,.0f} tokens/s, learning rate {record.learning_rate:.2e}"
        if self._validation:
            (newest, _), (best, step) = self._validation
            yield f"validation {newest:.4f}, best {best:.4f} after step {step:,}"
        if self.stopping:
            yield "stopping, with a checkpoint; once more: at once"

    def close(self) -> None:
        self._live.stop()


def display_on(stream: TextIO, quiet: bool, total: int, done: int = 0) -> Display:
    """Return what fits the stream: live on a terminal, lines on others, nothing if quiet."""
    if quiet:
        return Display(total, done)
    if stream.isatty():
        return Live(stream, total, done)
    return Display(total, done, Lines(stream, steps=True))


def duration(seconds: float) -> str:
    """Return a time as `m:ss` or `h:mm:ss`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def printable(text: str) -> str:
    """Return a model's text without what a terminal would obey."""
    return "".join(c if c.isprintable() or c == "\n" else "·" for c in text)
