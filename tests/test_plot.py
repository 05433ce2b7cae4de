"""Pictures of runs: what is drawn, what is read, and one line for each error."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pygpt import Trainer
from pygpt.cli import main as cli
from pygpt.errors import ConfigError, DataError, OutputError
from pygpt.plot import Metrics, draw, names_of, plot_runs, read_metrics, running_mean
from pygpt.training.metrics import JsonLines, Record
from tests.support import training_runs

Capture = pytest.CaptureFixture[str]
FIELDS = ("loss", "validation_loss", "learning_rate", "tokens_per_s")


def _records(count: int, factor: float = 1.0, every: int = 7) -> list[Record]:
    """Noisy records, an evaluation at some of them."""
    rng = np.random.default_rng(3)
    records = []
    for step in range(1, count + 1):
        loss, speed = factor * (1 + 2 / step + 0.1 * rng.random()), 100 * factor + rng.random()
        scores = (loss + 0.5, math.exp(loss + 0.5), 1.5) if step % every == 0 else ()
        records.append(Record(step, loss, 0.1 / step, 0.5, speed, 1e3 / speed, *scores))
    return records


def _write(path: str | Path, records: list[Record]) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    log = JsonLines(path)
    log.begin(0)
    for record in records:
        log.write(record)
    log.close()


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _panels(figure: Figure) -> dict[str, Axes]:
    return dict(zip(FIELDS, figure.axes, strict=True))


# ---- what is drawn ---------------------------------------------------------------------------


def test_lines_are_the_records() -> None:
    runs = {"a": _records(431), "_b$": _records(103, 2.0, 5)}  # a legend may hide a first _
    for name, records in runs.items():
        _write(f"{name}/metrics.jsonl", records)
    figure = draw([read_metrics(name) for name in runs])
    window = 431 // 100
    for field, axis in _panels(figure).items():
        noisy = field in ("loss", "tokens_per_s")
        lines = iter(axis.lines)
        for number, records in enumerate(runs.values()):
            known = [r for r in records if getattr(r, field) is not None]
            steps, values = [r.step for r in known], [getattr(r, field) for r in known]
            if noisy:
                faint = next(lines)
                np.testing.assert_array_equal(faint.get_xdata(), steps)
                np.testing.assert_array_equal(faint.get_ydata(), values)
                begins = [max(0, end - window) for end in range(1, len(values) + 1)]
                means = [np.mean(values[b : e + 1]) for e, b in enumerate(begins)]
                values = pytest.approx(means, rel=1e-12)
            line = next(lines)
            np.testing.assert_array_equal(line.get_xdata(), steps)
            assert line.get_ydata().tolist() == values
            assert line.get_color() == f"C{number}"
        assert next(lines, None) is None
        assert axis.get_title().endswith(", and its mean over 4 steps") == noisy
    assert [axis.get_ylabel() for axis in figure.axes] == ["nats a token"] * 2 + ["", "tokens/s"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "_b$"]
    assert [line.get_color() for line in legend.get_lines()] == ["C0", "C1"]


def test_axes_that_begin_at_0() -> None:
    _write("log", _records(13))
    panels = _panels(draw([read_metrics("log")]))
    assert [panels[field].get_ylim()[0] == 0 for field in FIELDS] == [False, False, True, True]


def test_short_runs_have_no_mean() -> None:
    _write("log", _records(1))
    panels = _panels(draw([read_metrics("log")]))
    assert [len(panels[field].lines) for field in FIELDS] == [1, 1, 1, 1]
    assert panels["loss"].get_title() == "loss"
    assert panels["validation_loss"].lines[0].get_xdata().tolist() == []  # no evaluation


def test_every_run_has_a_line_of_its_own() -> None:
    metrics = Metrics("x", np.array([1, 2]), dict.fromkeys(FIELDS, np.array([1.0, 2.0])))
    lines = _panels(draw([metrics] * 37))["loss"].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 37


@pytest.mark.parametrize("window", [1, 3, 17, 50])
def test_running_mean(window: int) -> None:
    values = np.random.default_rng(5).normal(size=17)
    means = [values[max(0, end - window) : end].mean() for end in range(1, 18)]
    np.testing.assert_allclose(running_mean(values, window), means, rtol=1e-12)
    assert running_mean(values[:0], window).tolist() == []


def test_numbers_that_are_not_finite_are_left_out() -> None:
    records = [Record(step, 1.0 / step, 0.1, 0.5, 7.0, 1.0) for step in range(1, 6)]
    records[2] = Record(3, math.inf, 0.1, 0.5, 7.0, 1.0)
    _write("log", records)
    panels = _panels(draw([read_metrics("log")]))
    assert panels["loss"].lines[0].get_xdata().tolist() == [1, 2, 4, 5]
    assert panels["tokens_per_s"].lines[0].get_xdata().tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        (["runs/a", "runs/b/"], ["a", "b"]),
        (["a/metrics.jsonl", "b.jsonl"], ["a", "b.jsonl"]),
        (["x/run", "y/run"], ["x/run", "y/run"]),
        (["x/.", "$x_1$/_y"], ["x", "_y"]),
    ],
)
def test_names(runs: list[str], names: list[str]) -> None:
    assert names_of(runs) == names


# ---- what is read ----------------------------------------------------------------------------


def test_a_run_that_still_trains() -> None:
    with training_runs.model() as model:
        trainer = Trainer(model, training_runs.Data(), training_runs.config(), run="run")
        records = [next(trainer) for _ in range(8)]
        with open("run/metrics.jsonl", "ab") as file:
            file.write(b'{"step": 9, "lo')
        metrics = read_metrics("run")
        trainer.close()
    assert (metrics.name, metrics.steps.tolist()) == ("run", list(range(1, 9)))
    for field in FIELDS:
        numbers = [getattr(record, field) for record in records]
        expected = [math.nan if number is None else number for number in numbers]
        np.testing.assert_array_equal(metrics.columns[field], expected)


LINE = '{"step": 1, "loss": 2}\n'
DAMAGED = {
    "": "expected records, got none; train a step first",
    '{"step": 1': "expected records, got none; train a step first",
    "text\n": "line 1: is damaged: expected a JSON object",
    LINE + "\n": "line 2: is damaged: expected a JSON object",
    LINE + "\xff\n": "line 2: is damaged: expected a JSON object",
    "[" * 99_999 + "\n": "line 1: is damaged: expected a JSON object",
    "[1]\n": "line 1: expected a record with a step, got [1]",
    '{"sample": "kamon"}\n': 'line 1: expected a record with a step, got {"sample": "kamon"}',
    '{"step": true}\n': "line 1: expected a record with a step, got ",
    '{"step": 1e3}\n': "line 1: expected a record with a step, got ",
    f'{{"step": {2**63}}}\n': "line 1: expected a record with a step, got ",
    '{"step": 1, "loss": "2"}\n': 'line 1: loss: expected a number, got "2"',
    '{"step": 1, "tokens_per_s": [2]}\n': "line 1: tokens_per_s: expected a number, got [2]",
    '{"step": 1, "loss": 1' + "0" * 400 + "}\n": "line 1: loss: expected a number, got 1000",
    LINE + LINE: "line 2: expected a step after 1, got 1; plot each run by itself",
}


@pytest.mark.parametrize("case", range(len(DAMAGED)))
def test_damaged_metrics(case: int) -> None:
    text, message = list(DAMAGED.items())[case]
    Path("log").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError) as caught:
        read_metrics("log")
    assert str(caught.value).startswith(f"metrics file log: {message}")
    assert str(caught.value).isascii() or "…" in str(caught.value)
    assert len(str(caught.value)) < 120


# ---- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf", "PNG"])
def test_pictures(suffix: str) -> None:
    name = "$x_y$ & <b>"  # neither maths nor markup
    _write(f"{name}/metrics.jsonl", _records(13))
    plot_runs([name], f"new.{suffix}")
    data = Path(f"new.{suffix}").read_bytes()
    if suffix == "svg":
        ElementTree.fromstring(data)
        assert b"<!-- $x_y$ &amp; &lt;b&gt; -->" in data
    else:
        assert data.startswith(b"%PDF-" if suffix == "pdf" else b"\x89PNG\r\n")
    assert sorted(os.listdir()) == sorted([name, f"new.{suffix}"])
    assert "matplotlib.pyplot" not in sys.modules


def test_a_picture_that_is_there_is_kept_but_by_force(capsys: Capture) -> None:
    _write("run/metrics.jsonl", _records(13))
    Path("plot.png").write_text("keep me")
    assert cli.run(["plot", "run"]) == 1
    assert Path("plot.png").read_text() == "keep me"
    assert cli.run(["plot", "run", "--force"]) == 0
    assert Path("plot.png").read_bytes().startswith(b"\x89PNG")
    captured = capsys.readouterr()
    assert captured.out == "plot.png\n"
    assert captured.err.startswith("pygpt: error: output file plot.png: exists; choose another")


def test_a_full_disk_keeps_the_older_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    _write("log", _records(5))
    Path("plot.png").write_text("keep me")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="^output file plot.png: cannot be written: No space"):
        plot_runs(["log"], "plot.png", overwrite=True)
    assert sorted(os.listdir()) == ["log", "plot.png"]
    assert Path("plot.png").read_text() == "keep me"


BAD = {
    "no_run": (["plot"], 2, "the following arguments are required: RUN"),
    "none": (["plot", "none"], 1, "run none: does not exist; expected a run folder or a metrics"),
    "foreign": (["plot", "folder"], 1, "run folder: has no metrics.jsonl; expected a run folder"),
    "second": (["plot", "run", "none"], 1, "run none: does not exist"),
    "suffix": (["plot", "run", "--out", "a.jpg"], 2, "--out: expected a name that ends in .png, "),
    "no_suffix": (["plot", "run", "--out", ""], 2, "--out: expected a name that ends in .png, "),
    "parent": (["plot", "run", "--out", "run/metrics.jsonl/a.png"], 1, "cannot be written: Not a"),
    "folder": (["plot", "run", "--out", "d.png", "--force"], 1, "d.png: cannot be written: Is a d"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_usage(case: str, capsys: Capture) -> None:
    _write("run/metrics.jsonl", _records(5))
    for name in ("folder", "d.png"):
        Path(name).mkdir()
    arguments, status, message = BAD[case]
    assert cli.run(arguments) == status
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and message in captured.err
    assert sorted(os.listdir()) == ["d.png", "folder", "run"]


def test_no_runs() -> None:
    with pytest.raises(ConfigError, match="^runs: expected at least one, got none$"):
        plot_runs([], "plot.png")


def test_matplotlib_is_an_extra(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    _write("run/metrics.jsonl", _records(5))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert cli.run(["plot", "run"]) == 1
    needs = "pygpt: error: plot: needs matplotlib: pip install 'pygpt[plot]'\n"
    assert capsys.readouterr().err == needs and os.listdir() == ["run"]


def test_help(capsys: Capture) -> None:
    assert cli.run(["plot", "--help"]) == 0
    text = capsys.readouterr().out
    assert "\n  --out FILE" in text and "\n  --force" in text
    assert "python -m pygpt plot runs/first runs/second --out both.svg" in text


def test_json_of_the_records_is_what_is_read() -> None:
    """A column that is not drawn may have anything."""
    Path("log").write_text(json.dumps({"step": 5, "loss": 2, "note": "mine"}) + "\n")
    metrics = read_metrics("log")
    assert (metrics.steps.tolist(), metrics.columns["loss"].tolist()) == ([5], [2.0])
