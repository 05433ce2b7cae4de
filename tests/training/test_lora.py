"""Fine-tuning by an adapter: the run's folder, going on, and what may not be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pygpt
from pygpt import GPT, CharTokenizer, ConfigError, GPTConfig, TrainConfig, finetune
from pygpt.checkpoints import adapters
from pygpt.cli import main as cli
from pygpt.errors import CheckpointError
from tests.support.training_runs import digest

OPTIONS: dict[str, Any] = {
    "max_iters": 8, "batch_size": 5, "learning_rate": 0.02, "min_lr": 0.001, "warmup_iters": 2,
    "eval_interval": 4, "checkpoint_interval": 4, "seed": 3, "lora": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model `base`, and `pairs.jsonl`."""
    folder = tmp_path_factory.mktemp("lora")
    tokenizer = CharTokenizer.train(["0123456789+="], bos=True)
    sizes = GPTConfig(
        block_size=12, vocab_size=tokenizer.vocab_size, n_layer=2, n_head=2, n_embd=24, dropout=0.1
    )
    with GPT(sizes, tokenizer=tokenizer) as model:
        model.parameters()["wte.weight"][:] *= 20  # which an adapter cannot do
        model.save_pretrained(folder / "base")
    rows = [{"prompt": f"{a}+{b}=", "answer": str(a + b)} for a in range(7) for b in range(7)]
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def _trained(folder: Path, run: Path, **changes: Any) -> tuple[str, list[float]]:
    """Train, and return a digest of the adapter and the losses."""
    config = TrainConfig(**OPTIONS | changes)
    with finetune(folder / "base", folder / "pairs.jsonl", config, run=run, resume=True) as trainer:
        losses = [record.loss for record in trainer]
        return digest(trainer.model.adapter_parameters()), losses


def test_a_run_goes_on_and_its_base_stays(folder: Path, tmp_path: Path) -> None:
    before = {file.name: file.read_bytes() for file in (folder / "base").iterdir()}
    changes = {"lora_dropout": 0.2, "lora_targets": "c_attn,c_fc", "lora_alpha": 6.0}
    whole, losses = _trained(folder, tmp_path / "whole", **changes)
    _trained(folder, tmp_path / "parts", **changes, max_iters=4, lr_decay_iters=8)
    again, rest = _trained(folder, tmp_path / "parts", **changes)
    assert again == whole and losses[4:] == rest
    last = tmp_path / "whole" / "last"
    names = {file.name for file in last.iterdir()}
    assert {adapters.CONFIG_FILE, adapters.WEIGHTS_FILE, "training.safetensors"} <= names
    assert "model.safetensors" not in names
    values = json.loads((last / adapters.CONFIG_FILE).read_text())
    assert (values["r"], values["lora_alpha"]) == (4, 6.0)
    assert sorted(values["target_modules"]) == ["c_attn", "c_fc"]
    with pygpt.load(last) as model, GPT.from_pretrained(folder / "base") as base:
        assert digest(model.adapter_parameters()) == whole
        assert digest(model.parameters()) == digest(base.parameters())
        assert model.generate("1+1=", 3).startswith("1+1=")
    assert {file.name: file.read_bytes() for file in (folder / "base").iterdir()} == before
    with pytest.raises(ConfigError, match="lora: expected 4, as the run began with, got 2"):
        _trained(folder, tmp_path / "whole", **changes, lora=2, max_iters=9)


def test_it_learns(folder: Path, tmp_path: Path) -> None:
    options = {"max_iters": 60, "lora_targets": "all-linear", "eval_interval": 0}
    _, losses = _trained(folder, tmp_path / "run", **options)
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:5])


def test_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, run = str(folder / "base"), str(tmp_path / "run")
    short = ["--max-iters", "2", "--eval-interval", "2", "--batch-size", "3"]
    words = ["finetune", base, str(folder / "pairs.jsonl"), "--out", run, *short]
    assert cli.run([*words, "--lora", "4", "--lora-targets", "c_proj"]) == 0
    out = capsys.readouterr().out
    assert "of an adapter, which alone are trained" in out and "lora = 4" in out
    assert cli.run(["generate", run, "--prompt", "1+1=", "--max-new-tokens", "2"]) == 0
    assert cli.run(["info", run]) == 0
    assert "adapter" in capsys.readouterr().out
    assert cli.run([*words, "--lora", "4", "--frozen", "wte"]) != 0
    assert "frozen: expected none where an adapter is trained" in capsys.readouterr().err
    again = ["finetune", run, *words[2:4], str(tmp_path / "second"), *short]
    assert cli.run(again) == 0
    assert "is merged into its weights" in capsys.readouterr().out
    assert cli.run(["train", "makemore", "--dry-run", "--data", base]) != 0


def test_a_base_that_has_gone(folder: Path, tmp_path: Path) -> None:
    with GPT.from_pretrained(folder / "base") as model:
        model.save_pretrained(tmp_path / "base")
    with GPT.from_pretrained(tmp_path / "base") as model:
        model.add_adapter()
        model.save_adapter(tmp_path / "adapter")
    (tmp_path / "base").rename(tmp_path / "moved")
    with pytest.raises(CheckpointError, match="expected its base .*base, where it was"):
        pygpt.load(tmp_path / "adapter")
    with GPT.from_pretrained(tmp_path / "moved") as model:
        model.load_adapter(tmp_path / "adapter")
