"""The bar, the lines and the silence."""

from __future__ import annotations

import io
import math

from pygpt.cli.progress import Bar, Lines, Progress, progress_on


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_choice() -> None:
    assert type(progress_on(Terminal(), 7, quiet=True)) is Progress
    assert type(progress_on(io.StringIO(), 7, quiet=False)) is Lines
    with progress_on(Terminal(), 7, quiet=False) as shown:
        assert type(shown) is Bar


def test_lines_do_not_depend_on_the_polls() -> None:
    whole, parts = io.StringIO(), io.StringIO()
    losses = [float(i) for i in range(207)]
    Lines(207, whole).update(0, losses)
    shown = Lines(207, parts)
    for first in range(0, 207, 13):
        shown.update(first, losses[first : first + 13])
    shown_lines = [stream.getvalue().splitlines() for stream in (whole, parts)]
    texts = [[line.rsplit("  ", 1)[0] for line in lines] for lines in shown_lines]
    assert texts[0] == texts[1] and len(texts[0]) == 10
    assert texts[0][0] == "step  21/207  loss 10.0000"
    assert texts[0][-1] == "step 207/207  loss 156.5000"  # the mean of 107 to 206


def test_fewer_steps_than_tenths() -> None:
    stream = io.StringIO()
    Lines(3, stream).update(0, [1.0, 2.0, 3.0])
    assert [line.split("  ")[0] for line in stream.getvalue().splitlines()] == [
        "step 1/3", "step 2/3", "step 3/3",
    ]  # fmt: skip


def test_bar() -> None:
    stream = Terminal()
    with Bar(7, stream) as bar:
        assert math.isnan(bar.loss)
        bar.note("head [1]")
        bar.begin()
        bar.update(0, [2.0, 4.0])
        bar.update(2, [3.0] * 5)
    text = stream.getvalue()
    assert "head [1]" in text and "step 7/7" in text and "loss 3.0000" in text
    assert "names/s" in text and "time left" in text
