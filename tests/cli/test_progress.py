"""The bar, the lines and the silence."""

from __future__ import annotations

import io
import math

from pygpt.cli.progress import Bar, Lines, Losses, Progress, mean, progress_on


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_choice() -> None:
    assert type(progress_on(Terminal(), quiet=True)) is Progress
    assert type(progress_on(io.StringIO(), quiet=False)) is Lines
    with progress_on(Terminal(), quiet=False) as shown:
        assert type(shown) is Bar


def _losses(stream: io.StringIO, total: int) -> Losses:
    lines = Lines(stream, steps=True)
    lines.begin(total)
    return Losses(lines, total)


def test_lines_do_not_depend_on_the_polls() -> None:
    whole, parts = io.StringIO(), io.StringIO()
    losses = [float(i) for i in range(207)]
    _losses(whole, 207).update(0, losses)
    shown = _losses(parts, 207)
    for first in range(0, 207, 13):
        shown.update(first, losses[first : first + 13])
    shown_lines = [stream.getvalue().splitlines() for stream in (whole, parts)]
    texts = [[line.rsplit("  ", 1)[0] for line in lines] for lines in shown_lines]
    assert texts[0] == texts[1] and len(texts[0]) == 10
    assert texts[0][0] == "step  21/207  loss 10.0000"
    assert texts[0][-1] == "step 207/207  loss 156.5000"  # the mean of 107 to 206


def test_fewer_steps_than_tenths() -> None:
    stream = io.StringIO()
    _losses(stream, 3).update(0, [1.0, 2.0, 3.0])
    assert [line.split("  ")[0] for line in stream.getvalue().splitlines()] == [
        "step 1/3", "step 2/3", "step 3/3",
    ]  # fmt: skip


def test_bar() -> None:
    stream = Terminal()
    with Bar(stream, steps=True) as bar:
        assert math.isnan(mean([]))
        bar.note("head [1]")
        bar.begin(7)
        shown = Losses(bar, 7)
        shown.update(0, [2.0, 4.0])
        shown.update(2, [3.0] * 5)
    text = stream.getvalue()
    assert "head [1]" in text and "step 7/7" in text and "loss 3.0000" in text
    assert "names/s" in text and "time left" in text
