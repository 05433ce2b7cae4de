"""DPO against TRL's frozen answers, GRPO against finite differences, and the command of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pygpt
from pygpt import (
    GPT,
    CharTokenizer,
    ConfigError,
    DPOConfig,
    DPOTrainer,
    GPTConfig,
    GRPOConfig,
    GRPOTrainer,
    PreferencePairs,
    RewardModel,
    RewardTrainer,
    TrainConfig,
)
from pygpt.checkpoints import layouts
from pygpt.cli import main as cli
from pygpt.errors import DataError
from pygpt.preferences.losses import advantages, grpo
from pygpt.preferences.pairs import Text
from pygpt.preferences.rewards import RULES, reward_of
from tests import tolerances
from tests.reference.frozen import GOLDEN

RUN: dict[str, Any] = {
    "max_iters": 12, "batch_size": 4, "learning_rate": 0.01, "min_lr": 0.001, "warmup_iters": 0,
    "weight_decay": 0.0,
}  # fmt: skip
LETTERS = CharTokenizer("abcdeot", bos=True)
SIZES = GPTConfig(block_size=10, vocab_size=8, n_layer=1, n_head=2, n_embd=24, tie_weights=False)


@pytest.fixture
def small() -> Any:
    with GPT(SIZES, tokenizer=LETTERS) as model:
        model.parameters()["lm_head.weight"][:] *= 20  # which an adapter cannot do
        yield model


def _trl(case: str) -> tuple[dict[str, Any], dict[str, Any]]:
    with np.load(GOLDEN / "adapters" / "dpo.npz") as file:
        found = {k.removeprefix(f"{case}."): v for k, v in file.items() if k.startswith(case)}
    return found, json.loads(str(found.pop("told")))


@pytest.mark.parametrize(
    ("case", "options"),
    [("plain", DPOConfig(beta=0.3)), ("robust", DPOConfig(beta=0.7, label_smoothing=0.2))],
)
def test_trl_gives_the_same(case: str, options: DPOConfig) -> None:
    """TRL takes log-probabilities in float32, of a float64 model too."""
    expected, told = _trl(case)
    batch = told["batch"]
    texts = []
    for ids, mask in zip(batch["input_ids"], batch["completion_mask"], strict=True):
        first, end = mask.index(1), len(mask) - mask[::-1].index(1)
        texts.append(Text.of(ids[:end], first))
    pairs = PreferencePairs(texts[: len(texts) // 2], texts[len(texts) // 2 :])
    config = TrainConfig(**RUN | {"batch_size": len(pairs), "grad_clip": 0.0})
    base = GOLDEN / "hf_gpt2_tiny"
    with GPT.from_pretrained(base, backend="plain") as model:
        references = DPOTrainer(model, pairs, config, options)
        model.load_adapter(GOLDEN / "adapters" / "gpt2")
        model.merge_and_unload()
        with references as trainer:
            record = next(trainer)
            loss = float(expected["loss"])
            assert record.loss == pytest.approx(loss, rel=tolerances.LOSS_FLOAT32)
            metrics = told["metrics"]
            assert record.margin == pytest.approx(metrics["rewards/margins"], rel=1e-5)
            assert record.accuracy == pytest.approx(metrics["rewards/accuracies"])
            assert record.chosen == pytest.approx(metrics["logps/chosen"], rel=1e-5)
            assert record.rejected == pytest.approx(metrics["logps/rejected"], rel=1e-5)
            gradients = trainer._training.gradients()
            places = layouts.layout(model.config, "gpt2")
            for name, theirs in expected.items():
                if name.startswith("d."):
                    ours = places[name[2:]].part(gradients)
                    atol = tolerances.TENSOR_FLOAT32 * np.abs(theirs).max()
                    np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol, err_msg=name)


def test_grpo_s_slopes() -> None:
    rng = np.random.default_rng(3)
    now, reference = rng.normal(-2, 1, (2, 4, 5))
    scored = rng.random((4, 5)) < 0.7
    better = advantages(np.array([[0.0, 1.0], [3.0, 2.0]]), scale=True)
    np.testing.assert_allclose(better, np.array([[-1, 1], [1, -1]]) / 2**0.5, rtol=1e-3)
    found = grpo(now, reference, scored, better.ravel(), 0.3)

    def loss(moved: np.ndarray) -> float:  # ratios of new to old, which are 1 at `now`
        d = reference - moved
        tokens = np.exp(moved - now) * better.ravel()[:, None] - 0.3 * (np.exp(d) - d - 1)
        return -float(tokens[scored].sum() / scored.sum())

    assert found.loss == pytest.approx(loss(now), rel=1e-12)
    for at in np.ndindex(now.shape):
        step = np.zeros_like(now)
        step[at] = 1e-6
        slope = (loss(now + step) - loss(now - step)) / 2e-6
        assert found.slopes[at] == pytest.approx(slope, abs=1e-8)


def test_pairs_are_read(tmp_path: Path) -> None:
    rows = [
        {"prompt": "ab", "chosen": "cd", "rejected": "e"},
        {"prompt": "", "chosen": "a", "rejected": "oo"},
        {"chosen": "t", "rejected": "d"},
        {
            "prompt": [{"role": "user", "content": "ab"}],
            "chosen": [{"role": "assistant", "content": "c"}],
            "rejected": [{"role": "assistant", "content": "d"}],
        },
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    pairs = PreferencePairs.read(path, LETTERS, 10)
    end = LETTERS.bos
    assert [text.targets.tolist() for text in pairs.chosen] == [
        [-1, 2, 3, end], [0, end], [6, end], [-1, 2, end],
    ]  # fmt: skip
    assert pairs.rejected[1].ids.tolist() == [end, 5, 5]
    with pytest.raises(DataError, match=r"pairs.jsonl: line 1: chosen: expected at most 3 tokens"):
        PreferencePairs.read(path, LETTERS, 3)
    assert len(PreferencePairs.read(path, LETTERS, 3, skip=True)) == 3


def test_dpo_tells_of_both_and_warns(small: GPT, tmp_path: Path) -> None:
    pairs = PreferencePairs(
        [Text.of([7, 0, i, 7], 1) for i in range(6)], [Text.of([7, 1, i, 7], 1) for i in range(6)]
    )
    notes: list[str] = []
    config = TrainConfig(**RUN | {"max_iters": 30, "learning_rate": 0.03})
    with DPOTrainer(small, pairs, config, DPOConfig(beta=0.5), on_note=notes.append) as trainer:
        first, *_, last = list(trainer)
        assert first.margin == pytest.approx(0, abs=1e-5)
        assert first.loss == pytest.approx(np.log(2), rel=1e-5)
        assert last.margin > 1 and last.rejected_change < -1
        assert last.margin == pytest.approx(0.5 * (last.chosen_change - last.rejected_change))
        assert trainer.evaluate()[0] == 1.0
        trainer._changes.clear()
        trainer._warned = False
        notes.clear()
        for _ in range(10):
            trainer._watch(last.__class__(**last.to_dict() | {"chosen_change": -2.0}))
        assert len(notes) == 1 and "2.0 nats less likely" in notes[0]


def test_an_adapter_learns_by_reward_and_its_base_stays(small: GPT) -> None:
    before = {name: array.copy() for name, array in small.parameters().items()}
    small.add_adapter(pygpt.LoraConfig(r=8, target_modules=("all-linear",)))
    changes = {"max_iters": 30, "learning_rate": 0.03, "batch_size": 2, "lora": 8}
    config = TrainConfig(**RUN | changes)
    options = GRPOConfig(num_generations=16, max_completion_length=6, kl_weight=0.01)
    with GRPOTrainer(small, RULES["ends-in-vowel"], config, options) as trainer:
        was = trainer.measure(300)
        assert was.kl == pytest.approx(0, abs=1e-6)
        last = trainer.fit()
        now = trainer.measure(300)
    assert last is not None and last.step == 30
    assert now.reward > was.reward + 0.2 and now.kl > 0
    for name, array in small.parameters().items():
        np.testing.assert_array_equal(array, before[name])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with GPT(SIZES, tokenizer=LETTERS) as model:
        model.save_pretrained(tmp_path / "base")
    pairs = tmp_path / "pairs.jsonl"
    rows = [{"prompt": c, "chosen": "a", "rejected": "t"} for c in "abcdeot"]
    pairs.write_text("\n".join(map(json.dumps, rows)))
    base, out = str(tmp_path / "base"), str(tmp_path / "out")
    short = ["--max-iters", "3", "--batch-size", "4"]
    log = str(tmp_path / "log.jsonl")
    assert cli.run(["prefer", base, str(pairs), "--out", out, *short, "--log", log]) == 0
    assert "chosen answers rewarded more:" in capsys.readouterr().out
    assert [json.loads(line)["step"] for line in Path(log).read_text().splitlines()] == [1, 2, 3]
    pygpt.load(out).close()
    rules = tmp_path / "rules.py"
    rules.write_text("def short(prompt, answer):\n    return -len(answer)\n")
    words = ["prefer", base, "--reward", f"{rules}:short", "--max-completion-length", "6", *short]
    adapter = str(tmp_path / "adapter")
    assert cli.run([*words, "--out", adapter, "--lora", "2", "--num-generations", "4"]) == 0
    assert "nats a token" in capsys.readouterr().out
    with pygpt.load(adapter) as model:
        assert model.adapter is not None and model.adapter.r == 2
    assert cli.run([*words, "--out", adapter, "--beta", "0.2"]) == 2
    assert cli.run(["prefer", base, "--out", out]) == 2
    with pytest.raises(ConfigError, match="expected one of ends-in-a"):
        reward_of("nothing")


def test_a_reward_model_judges(small: GPT) -> None:
    rng = np.random.default_rng(1)
    end = LETTERS.bos
    assert end is not None

    def text(last: int) -> Text:
        return Text.of([end, *map(int, rng.integers(0, 7, 4)), last, end], 1)

    others = [text(int(rng.integers(1, 7))) for _ in range(40)]
    pairs = PreferencePairs([text(0) for _ in range(40)], others)
    judge = RewardModel(small)
    config = TrainConfig(**RUN | {"max_iters": 60, "learning_rate": 0.02, "batch_size": 20})
    with RewardTrainer(judge, pairs, config) as trainer:
        first, *_, last = list(trainer)
    assert first.loss == pytest.approx(np.log(2), abs=0.2) and last.accuracy > 0.9
    assert judge("", "cdbea") > judge("", "cdbet")
