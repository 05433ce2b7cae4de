"""The protocol, on each backend: the original's run, and the reference's on other options."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tolerances import LOSS_RTOL_FLOAT32, LOSS_RTOL_FLOAT64

from pygpt.cli import main as cli
from pygpt.model.config import GPTConfig
from pygpt.model.gpt import GPT
from pygpt.names import protocol as names
from pygpt.names.config import NamesConfig

TESTS = Path(__file__).parents[1]
PROTOCOLS = json.loads((TESTS / "golden" / "protocols.json").read_text(encoding="utf-8"))
RTOL = {"cpu": LOSS_RTOL_FLOAT32, "nd4j": LOSS_RTOL_FLOAT32, "plain": LOSS_RTOL_FLOAT64}


def _run(log: Path, options: dict[str, Any]) -> tuple[list[float], list[str]]:
    """Run the command line in this process; return the losses and names of its log."""
    arguments = ["names", "--quiet", "--log", str(log)]
    for name, value in options.items():
        text = str(TESTS / "data" / value) if name == "data" else str(value)
        arguments += [cli.flag(name), text]
    assert cli.run(arguments) == 0
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, len(steps) + 1))
    samples = [line["sample"] for line in lines[len(steps) :]]
    return [line["loss"] for line in steps], samples


@pytest.mark.parametrize("backend", ["cpu", "nd4j", "plain"])
def test_default_run_is_the_original(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = TESTS / "golden" / "microgpt"
    expected = np.loadtxt(golden / "seed42_losses.tsv")[:, 1]
    losses, samples = _run(tmp_path / "log.jsonl", {"backend": backend})
    np.testing.assert_allclose(losses, expected, rtol=RTOL[backend])
    text = (golden / "seed42_names.txt").read_text(encoding="utf-8")
    assert samples == text.splitlines()
    assert capsys.readouterr() == (text, "")


@pytest.mark.parametrize("backend", ["cpu", "nd4j", "plain"])
@pytest.mark.parametrize("case", PROTOCOLS)
def test_other_runs(case: str, backend: str, tmp_path: Path) -> None:
    protocol = PROTOCOLS[case]
    losses, samples = _run(tmp_path / "log.jsonl", protocol["options"] | {"backend": backend})
    np.testing.assert_allclose(losses, protocol["losses"], rtol=RTOL[backend])
    assert samples == protocol["names"]


def test_same_seed_same_bits(tmp_path: Path) -> None:
    options = {"steps": 50, "samples": 5, "seed": 9}
    first = _run(tmp_path / "first.jsonl", options)
    assert _run(tmp_path / "second.jsonl", options) == first
    assert all(map(math.isfinite, first[0]))


def test_learning_rates() -> None:
    rates = names.learning_rates(NamesConfig(steps=7, learning_rate=0.3))
    assert rates.tolist() == [0.3 * (1 - step / 7) for step in range(7)]


def test_more_steps_than_documents_go_round() -> None:
    documents = ["ab", "b", "abc"]
    with names.NamesRun(NamesConfig(steps=7, n_embd=8, n_head=2), documents) as run:
        assert documents == ["ab", "b", "abc"]  # the caller's list is not shuffled
        assert len(run.train()) == 7


def test_weights_are_rows_of_outputs() -> None:
    """The second layer's value matrix, found by counting draws."""
    config = GPTConfig.microgpt(block_size=3, vocab_size=5, n_layer=2, n_head=2, n_embd=4)
    with GPT(config, backend="plain") as model:
        names.draw_weights(model, random.Random(5))
        weights = model.parameters()
    rng = random.Random(5)
    before = (5 + 3 + 5) * 4 + 12 * 16 + 2 * 16
    draws = [rng.gauss(0, 0.08) for _ in range(before + 16)][before:]
    value = weights["h.1.attn.c_attn.weight"][:, 8:]
    np.testing.assert_array_equal(value, np.array(draws).reshape(4, 4).T)
    assert sum(w.size for w in weights.values()) == model.num_parameters
