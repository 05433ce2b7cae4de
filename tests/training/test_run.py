"""`pygpt.train`: a run from a recipe in one call. Tiny sizes."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any

import pytest

import pygpt
from pygpt.model.presets import PRESETS
from pygpt.model.presets import __file__ as presets
from pygpt.training.run import RunOptions
from tests.support import training_runs as runs

TINY: Any = {"block_size": 7, "n_layer": 1, "n_head": 1, "n_embd": 6, "batch_size": 3}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("low lower lowest\n" * 23)


def test_a_run_and_its_end() -> None:
    steps: list[int] = []
    whole = pygpt.train(
        "shakespeare-char", data="words.txt", max_iters=7, eval_interval=4,
        on_record=lambda record: steps.append(record.step), **TINY,
    )  # fmt: skip
    assert steps == [1, 2, 3, 4, 5, 6, 7] and whole.record is not None and whole.best is not None
    assert (whole.folder, whole.step, whole.record.step) == (Path("runs/shakespeare-char"), 7, 7)
    with pygpt.GPT.from_pretrained(whole.checkpoint) as model:
        assert model.generate("low", 4, seed=1).startswith("low")
    constant: Any = {**TINY, "schedule": "constant", "out": "parts"}
    pygpt.train("shakespeare-char", data="words.txt", max_iters=3, **constant)
    parts = pygpt.train("shakespeare-char", resume=True, out="parts", max_iters=7)
    again = pygpt.train("shakespeare-char", resume=True, out="parts")
    assert (parts.step, again.step, again.record) == (7, 7, None)
    pygpt.train("shakespeare-char", data="words.txt", max_iters=7, **{**constant, "out": "whole"})
    assert runs.saved(Path("parts/last")) == runs.saved(Path("whole/last"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 3}, "layers: expected one of block_size, "),
        ({"tokenizer": "char"}, "tokenizer does not go with data, which has its own"),
        ({"min_lr": 1}, "min_lr: expected at most learning_rate = 0.001, got 1.0"),
        ({"frozen": "h.1"}, "frozen: expected beginnings of names such as wte."),
    ],
)
def test_mistakes_leave_nothing(options: Any, message: str) -> None:
    pygpt.prepare("words.txt", "char", "data")
    with pytest.raises(pygpt.ConfigError) as caught:
        pygpt.train("shakespeare-char", data="data", out="new/run", **TINY, **options)
    assert str(caught.value).startswith(message)
    assert not os.path.lexists("new")


def test_options_are_the_fields() -> None:
    kinds = (pygpt.GPTConfig, pygpt.TrainConfig)
    assert {*RunOptions.__annotations__} == {f for kind in kinds for f in kind.__annotations__}


def test_every_preset_is_listed() -> None:
    assert {path.stem for path in Path(presets).parent.glob("*.toml")} == {*PRESETS}


def test_public_names_are_imported_from_where_they_are() -> None:
    """What type checkers see is what `import pygpt` gives."""
    assert pygpt.__file__ is not None
    tree = ast.parse(Path(pygpt.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {name: f"pygpt.{home}" for name, home in pygpt._HOMES.items()}
