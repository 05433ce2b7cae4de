"""A run that learns preferences and is interrupted goes on with the same bits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pygpt import (
    GPT,
    CharTokenizer,
    ConfigError,
    DPOConfig,
    DPOTrainer,
    GPTConfig,
    GRPOConfig,
    GRPOTrainer,
    LoraConfig,
    OutputError,
    PreferencePairs,
    RewardModel,
    RewardTrainer,
    TrainConfig,
)
from pygpt.cli import main as cli
from pygpt.errors import DataError
from pygpt.preferences.losses import least_divergence
from pygpt.preferences.pairs import Text
from pygpt.preferences.rewards import RULES
from tests.support.processes import default_signals

LETTERS = CharTokenizer("abcdeot", bos=True)
SIZES = GPTConfig(block_size=10, vocab_size=8, n_layer=1, n_head=2, n_embd=24)
STEPS, STOPPED = 9, 4
CONFIG = TrainConfig(
    max_iters=STEPS, batch_size=4, learning_rate=0.01, warmup_iters=2, weight_decay=0.01,
    checkpoint_interval=3,
)  # fmt: skip
PAIRS = PreferencePairs(
    [Text.of([7, 0, i, 7], 1) for i in range(6)], [Text.of([7, 1, i, 7], 1) for i in range(6)]
)


def _trainer(kind: str, model: GPT, **to: Any) -> Any:
    if kind == "dpo":
        return DPOTrainer(model, PAIRS, CONFIG, DPOConfig(beta=0.5), **to)
    if kind == "reward":
        return RewardTrainer(RewardModel(model), PAIRS, CONFIG, **to)
    model.add_adapter(LoraConfig(r=2, target_modules=("all-linear",)))
    options = GRPOConfig(num_generations=4, max_completion_length=6, kl_weight=0.01)
    config = replace(CONFIG, lora=2, batch_size=2)
    prompts = ("", "a", "bc")
    return GRPOTrainer(model, RULES["length"], config, options, prompts=prompts, **to)


def _weights(trainer: Any) -> dict[str, Any]:
    model = trainer.model
    arrays = model.parameters() if model.adapter is None else model.adapter_parameters()
    return {name: np.array(array) for name, array in arrays.items()}


@pytest.mark.parametrize("kind", ["dpo", "grpo", "reward"])
def test_the_bits_are_those_of_a_whole_run(kind: str, tmp_path: Path) -> None:
    with GPT(SIZES, tokenizer=LETTERS) as model, _trainer(kind, model) as trainer:
        records = list(trainer)
        expected = _weights(trainer)
    run = tmp_path / "run"
    with GPT(SIZES, tokenizer=LETTERS) as model:
        with _trainer(kind, model, run=run) as trainer:
            begun = [next(trainer) for _ in range(STOPPED)]
            trainer.notes["mine"] = 0.1
            trainer.save()
        names = sorted(path.name for path in run.glob("step-*"))
        assert names == ["step-00000003", "step-00000004"]
    with GPT(SIZES, tokenizer=LETTERS) as model:
        with _trainer(kind, model, run=run, resume=True) as trainer:
            assert trainer.step == STOPPED and trainer.notes == {"mine": 0.1}
            assert [*begun, *trainer] == records
            found = _weights(trainer)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert (run / "last").resolve().name == f"step-{STEPS:08}"


def test_what_cannot_go_on_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with GPT(SIZES, tokenizer=LETTERS) as model:
        with DPOTrainer(model, PAIRS, CONFIG, run=run) as trainer:
            next(trainer)
            trainer.save()
    with GPT(SIZES, tokenizer=LETTERS) as model:
        go_on: dict[str, Any] = {"run": run, "resume": True}
        with pytest.raises(OutputError, match="has a run of 1 steps; resume it"):
            DPOTrainer(model, PAIRS, CONFIG, run=run)
        with pytest.raises(ConfigError, match=r"beta: expected 0\.1, as the run began with"):
            DPOTrainer(model, PAIRS, CONFIG, DPOConfig(beta=0.2), **go_on)
        with pytest.raises(ConfigError, match="learning_rate: expected 0.01, as the run began"):
            DPOTrainer(model, PAIRS, replace(CONFIG, learning_rate=0.02), **go_on)
        with pytest.raises(ConfigError, match="run: expected dpo, which .* began with, got reward"):
            RewardTrainer(RewardModel(model), PAIRS, CONFIG, **go_on)
        others = PreferencePairs(PAIRS.rejected, PAIRS.chosen)
        with pytest.raises(DataError, match="began with other data, or with another model"):
            DPOTrainer(model, others, CONFIG, **go_on)
        with pytest.raises(ConfigError, match="resume: expected a run folder"):
            DPOTrainer(model, PAIRS, CONFIG, resume=True)
    with GPT(SIZES, seed=2, tokenizer=LETTERS) as other:
        with pytest.raises(DataError, match="began with other data, or with another model"):
            DPOTrainer(other, PAIRS, CONFIG, **go_on)


RULE = """\
import os, pathlib, signal
calls = 0
def short(prompt, answer):
    global calls
    calls += 1
    mark = pathlib.Path("interrupt")
    if calls == 600 and mark.exists():  # 500 are measured before the first step
        mark.unlink()
        os.kill(os.getpid(), signal.SIGINT)
    return float(len(answer) < 3)
"""


def test_an_interrupted_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with GPT(SIZES, tokenizer=LETTERS) as model:
        model.save_pretrained("base")
    Path("rule.py").write_text(RULE)
    words = ["prefer", "base", "--reward", "rule.py:short", "--max-completion-length", "6"]
    words += ["--max-iters", "6", "--batch-size", "4", "--log", "log"]
    options = ["--learning-rate", "0.01", "--kl-weight", "0.02"]
    assert cli.run([*words, *options, "--out", "whole"]) == 0
    records = Path("log").read_text()
    expected = capsys.readouterr().out.splitlines()
    assert not Path("whole.run").exists()
    Path("interrupt").touch()
    with default_signals():
        assert cli.run([*words, *options, "--out", "parts"]) == 130
    assert "--resume goes on from there" in capsys.readouterr().err
    assert not Path("parts").exists() and 1 <= len(Path("log").read_text().splitlines()) < 6
    assert cli.run([*words, *options, "--out", "parts"]) == 1
    assert "resume it" in capsys.readouterr().err
    assert cli.run([*words, "--kl-weight", "0.1", "--out", "parts", "--resume"]) == 2
    assert cli.run([*words, "--out", "parts", "--resume"]) == 0
    found = capsys.readouterr().out.splitlines()
    assert Path("log").read_text() == records and len(records.splitlines()) == 6
    assert found[-4:-2] == expected[-4:-2] and "such a share takes at least" in found[-3]
    for name in ("config.json", "model.safetensors"):
        assert Path("parts", name).read_bytes() == Path("whole", name).read_bytes()
    assert not Path("parts.run").exists()
    assert cli.run([*words, "--out", "parts", "--resume"]) == 0
    assert "nothing to do: parts is there" in capsys.readouterr().out
    assert json.loads(records.splitlines()[-1])["step"] == 6


def test_the_least_divergence() -> None:
    assert least_divergence(0.9, 0.228) == pytest.approx(1.031, abs=1e-3)
    assert least_divergence(1, 0.228) == pytest.approx(-np.log(0.228))
    assert least_divergence(0.3, 0.3) == 0 and least_divergence(0.1, 0) == float("inf")
