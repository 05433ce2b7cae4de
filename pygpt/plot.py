"""Pictures of training runs: loss, validation loss, learning rate and speed over the steps."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import ConfigError, DataError, PygptError
from pygpt.files.atomic import check_new, write_new
from pygpt.training.run_folder import METRICS_FILE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Floats = NDArray[np.float64]

FORMATS = (".png", ".svg", ".pdf")
INCHES = (11.0, 7.0)
DOTS_PER_INCH = 150
WINDOWS = 100  # a running mean is over this part of the longest run
COLORS = 10  # of matplotlib's own cycle; then the same with another line
LINES = ("-", "--", ":", "-.")


class Panel(NamedTuple):
    """One of the small pictures: of a field of `Record`.

    Attributes:
        noisy: whether each step is drawn faintly, and a running mean over it.
    """

    column: str
    title: str
    unit: str
    noisy: bool
    from_zero: bool


PANELS = (
    Panel("loss", "loss", "nats a token", noisy=True, from_zero=False),
    Panel("validation_loss", "validation loss", "nats a token", noisy=False, from_zero=False),
    Panel("learning_rate", "learning rate", "", noisy=False, from_zero=True),
    Panel("tokens_per_s", "speed", "tokens/s", noisy=True, from_zero=True),
)


@dataclass(frozen=True)
class Metrics:
    """Immutable: the records of a run, column by column.

    Attributes:
        name: of the run.
        steps: int64, (n,), rising.
        columns: the column of each panel -> float64, (n,); nan where there is no number.
    """

    name: str
    steps: NDArray[np.int64]
    columns: dict[str, Floats]

    def points(self, column: str) -> tuple[NDArray[np.int64], Floats]:
        """Return the steps at which there is a number, and these numbers."""
        values = self.columns[column]
        known = np.isfinite(values)
        return self.steps[known], values[known]


def plot_runs(
    runs: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    overwrite: bool = False,
) -> None:
    """Draw runs into one picture and write it.

    Args:
        runs: run folders, or files that `JsonLines` wrote; a run that is not at its end, too.
        out: the file, .png, .svg or .pdf.
        overwrite: whether a file that is there is replaced.
    Raises:
        ConfigError: no runs, or a name that ends otherwise.
        DataError: there is no such run, it has no records, or they are damaged.
        OutputError: the file exists, or cannot be written.
        PygptError: matplotlib is not installed.
    """
    path = Path(out)
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        problem = f"expected a name that ends in {', '.join(FORMATS)}, got {path}"
        raise ConfigError("out", problem)
    if not runs:
        raise ConfigError("runs", "expected at least one, got none")
    if not overwrite:
        check_new(path)
    names = names_of(runs)
    figure = draw([read_metrics(run, name) for run, name in zip(runs, names, strict=True)])
    picture = io.BytesIO()
    figure.savefig(picture, format=suffix[1:], dpi=DOTS_PER_INCH)
    write_new(path, picture.getvalue(), overwrite)


def names_of(runs: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Return the last part of each run's path, or all of each where two would be called alike."""
    paths = [Path(os.path.abspath(run)) for run in runs]
    short = [path.parent.name if path.name == METRICS_FILE else path.name for path in paths]
    return short if len({*short}) == len(short) else [os.fspath(run) for run in runs]


# ---- reading ---------------------------------------------------------------------------------


def read_metrics(run: str | os.PathLike[str], name: str | None = None) -> Metrics:
    """Return the records of a run; a last line that is still being written is left out.

    Args:
        run: a run folder, or a file that `JsonLines` wrote.
        name: of the run; by default from its path.
    Raises:
        DataError: there is no such run, it has no records, or they are damaged.
    """
    path = Path(run)
    if path.is_dir():
        path = path / METRICS_FILE
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError as error:
        missing = f"has no {METRICS_FILE}" if path != Path(run) else "does not exist"
        expected = "expected a run folder or a metrics file"
        raise DataError(f"run {run}: {missing}; {expected}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"metrics file {path}: cannot be read: {reason}") from error
    steps: list[int] = []
    rows: list[list[float]] = []
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            break
        step, row = _parse(line, f"metrics file {path}: line {number}")
        if steps and step <= steps[-1]:
            expected = f"expected a step after {steps[-1]}, got {step}; plot each run by itself"
            raise DataError(f"metrics file {path}: line {number}: {expected}")
        steps.append(step)
        rows.append(row)
    if not steps:
        raise DataError(f"metrics file {path}: expected records, got none; train a step first")
    columns = np.array(rows, np.float64).T
    named = {panel.column: column for panel, column in zip(PANELS, columns, strict=True)}
    return Metrics(names_of([run])[0] if name is None else name, np.array(steps), named)


def _parse(line: bytes, where: str) -> tuple[int, list[float]]:
    """Return a line's step, and the number of each panel."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: is damaged: expected a JSON object") from error
    step = values.get("step") if isinstance(values, dict) else None
    if type(step) is not int or not 0 <= step < 2**63:
        raise DataError(f"{where}: expected a record with a step, got {_shown(line)}")
    return step, [_number(values, panel.column, where) for panel in PANELS]


def _number(values: dict[str, Any], column: str, where: str) -> float:
    """Return a number of a record; nan where there is none, or null for one that is not finite."""
    value = values.get(column)
    if value is None:
        return math.nan
    try:
        if type(value) in (int, float):
            return float(value)
    except OverflowError:
        pass
    raise DataError(f"{where}: {column}: expected a number, got {_shown(json.dumps(value))}")


def _shown(text: str | bytes) -> str:
    text = ascii(text.decode(errors="replace") if isinstance(text, bytes) else text)[1:-1]
    return text if len(text) <= 40 else f"{text[:39]}…"


# ---- drawing ---------------------------------------------------------------------------------


def draw(runs: Sequence[Metrics]) -> Figure:
    """Return a figure of four panels with a line for each run, at least one; nothing is shown."""
    try:
        from matplotlib.figure import Figure  # not pyplot, which has a state and wants a display
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise PygptError("plot: needs matplotlib: pip install 'pygpt[plot]'") from error
    figure = Figure(figsize=INCHES, layout="constrained")
    window = max(1, max(len(run.steps) for run in runs) // WINDOWS)
    axes = figure.subplots(2, 2, sharex=True)
    for axis, panel in zip(axes.flat, PANELS, strict=True):
        lines = [
            _draw_run(axis, panel, run, window, f"C{number % COLORS}", LINES[number // COLORS % 4])
            for number, run in enumerate(runs)
        ]
        mean = f", and its mean over {window} steps" if panel.noisy and window > 1 else ""
        axis.set_title(f"{panel.title}{mean}", fontsize="medium")
        axis.set_ylabel(panel.unit)
        axis.grid(alpha=0.3)
        if panel.from_zero:
            axis.set_ylim(bottom=0)
    axes[1, 1].yaxis.set_major_formatter("{x:,.0f}")
    for axis in axes[1]:
        axis.set_xlabel("step")
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    names = [run.name for run in runs]
    legend = figure.legend(lines, names, loc="outside upper center", ncols=min(4, len(runs)))
    for text in legend.get_texts():
        text.set_parse_math(False)  # a name may have dollar signs
    return figure


def _draw_run(
    axis: Axes, panel: Panel, run: Metrics, window: int, color: str, style: str
) -> Line2D:
    """Draw a run's line; return it, for the legend."""
    steps, values = run.points(panel.column)
    if panel.noisy and window > 1:
        axis.plot(steps, values, color=color, linewidth=0.8, alpha=0.25, zorder=1)
        values = running_mean(values, window)
    marker = "o" if panel.column == "validation_loss" else ""
    (line,) = axis.plot(
        steps, values, color=color, linestyle=style, linewidth=1.6, marker=marker, markersize=3.5
    )
    return line


def running_mean(values: Floats, window: int) -> Floats:
    """Return at each place the mean of the last `window` values, or of all there are so far."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(ends - window, 0)
    mean: Floats = (sums[ends] - sums[begins]) / (ends - begins)
    return mean
