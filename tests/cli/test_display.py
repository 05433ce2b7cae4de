"""How a training run shows itself: live, as lines, or not at all."""

from __future__ import annotations

import io

import pytest

from pygpt import Record
from pygpt.cli.display import (
    PLAIN_LEVELS,
    SPARKS,
    Display,
    Live,
    Sparkline,
    display_on,
    duration,
    printable,
)
from pygpt.cli.progress import Lines


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def record(step: int, loss: float, validation: float | None = None) -> Record:
    return Record(step, loss, 1e-3, 0.5, 2e4, 3.0, validation)


def test_choice() -> None:
    assert type(display_on(Terminal(), True, 7)) is Display
    assert type(display_on(io.StringIO(), False, 7)) is Display
    with display_on(Terminal(), False, 7) as shown:
        assert type(shown) is Live
    assert [kind.samples for kind in (Display, Live)] == [False, True]


def test_sparkline() -> None:
    line = Sparkline()
    assert line.text() == ""
    for value in (3.0, 1.0, 8.0, 4.5):
        line.add(value)
    assert line.text() == "▃▁█▅"  # levels 2, 0, 7 and, of 3.5, 4
    assert line.text(PLAIN_LEVELS) == "-_@+"


def test_a_sparkline_of_equal_values() -> None:
    line = Sparkline()
    for _ in range(5):
        line.add(2.0)
    assert line.text() == "▁▁▁▁▁"


@pytest.mark.parametrize("count", [SPARKS - 1, SPARKS, SPARKS + 1, 1021])
def test_a_long_sparkline_shows_means(count: int) -> None:
    """Of values that fall in a straight line it falls from the highest level to the lowest."""
    line = Sparkline()
    for i in range(count):
        line.add(float(count - i))
    text = line.text()
    assert SPARKS // 2 <= len(text) < SPARKS
    assert text[0] == "█" and text[-1] == "▁" and list(text) == sorted(text, reverse=True)


def test_lines() -> None:
    """A line for each tenth and each evaluation; the loss is the mean of the newest 100."""
    stream = io.StringIO()
    shown = Display(207, lines=Lines(stream, steps=True))
    for step in range(1, 208):
        shown.update(record(step, float(step), 2.5 if step in (50, 207) else None))
    lines = stream.getvalue().splitlines()
    steps = [int(line.removeprefix("step ").split("/")[0]) for line in lines]
    assert steps == [21, 42, 50, 63, 83, 104, 125, 145, 166, 187, 207]
    assert lines[0].startswith("step  21/207  loss 11.0000  learning rate 1.00e-03  20,000 tokens/")
    assert lines[0].endswith("0:00 left")
    assert "  loss 25.5000  validation 2.5000  " in lines[2]
    assert "  loss 157.5000  validation 2.5000  " in lines[-1]


def test_lines_of_a_run_that_goes_on() -> None:
    stream = io.StringIO()
    shown = Display(20, 11, Lines(stream, steps=True))
    for step in range(12, 21):
        shown.update(record(step, 1.0))
    steps = [line.split("/")[0] for line in stream.getvalue().splitlines()]
    assert steps == ["step 12", "step 14", "step 16", "step 18", "step 20"]


def test_live() -> None:
    stream = Terminal()
    with Live(stream, 1009) as shown:
        shown.update(record(1, 4.0))
        shown.update(record(2, 2.0, 3.25))
        shown.update(record(3, 3.0, 3.5))
        shown.sample(3, "to be [b]or[/b]\x1b[31m\nnot")
    text = stream.getvalue()
    assert "step 3/1,009" in text and "loss 3.0000" in text
    assert "█▁▅" in text
    assert "validation 3.5000, best 3.2500 after step 2" in text
    assert "20,000 tokens/s" in text and " left" in text and "after step 3" in text
    assert "to be [b]or[/b]·[31m" in text  # neither rich nor the terminal obeys a model


def test_live_before_the_first_step() -> None:
    stream = Terminal()
    with Live(stream, 7):
        pass
    assert "step 0/7" in stream.getvalue()


def test_text() -> None:
    assert [duration(s) for s in (0.4, 59.6, 61, 3600, 36061)] == [
        "0:00", "1:00", "1:01", "1:00:00", "10:01:01",
    ]  # fmt: skip
    assert printable("é\t\n\x07\u202e") == "é·\n··"
