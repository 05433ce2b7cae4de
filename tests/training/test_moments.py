"""AdamW's moments in bfloat16: the bits of runs, what is saved, memory, and how well it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from pygpt import GPT, ConfigError, EncoderDecoder, EncoderDecoderConfig, TrainConfig, Trainer
from pygpt.cli import main as cli
from pygpt.distributed.group import Alone
from pygpt.model.pair_batch import PairBatch
from pygpt.preferences.config import USED
from pygpt.training.state import read_state
from tests.support import training_runs as runs
from tests.support.thread_group import ThreadGroup, in_threads
from tests.support.training_runs import Data, config, digest

NARROW = {"moments": "bfloat16"}


def _trained(
    group: ThreadGroup | Alone, options: TrainConfig, run: Path | None = None, **model: Any
) -> tuple[str, list[float]]:
    """Train, or go on, to the end; return a digest of the weights and the losses."""
    with runs.model(threads=1, **model) as gpt:
        with Trainer(gpt, Data(), options, run=run, resume=run is not None, group=group) as trainer:
            losses = [record.loss for record in trainer]
        return digest(gpt.parameters()), losses


@pytest.mark.parametrize("backend", ["cpu", "nd4j"])
def test_a_run_goes_on_bit_by_bit(tmp_path: Path, backend: str) -> None:
    options = config(max_iters=7, checkpoint_interval=3, eval_interval=0, frozen="wpe", **NARROW)
    whole = _trained(Alone(), options, tmp_path / "whole", backend=backend)
    with runs.model(threads=1, backend=backend) as model:
        with Trainer(model, Data(), options, run=tmp_path / "parts") as trainer:
            for _ in range(5):
                next(trainer)
    again = _trained(Alone(), options, tmp_path / "parts", backend=backend, seed=7)
    assert again == (whole[0], whole[1][3:])
    files = [tmp_path / run / "last" / "training.safetensors" for run in ("whole", "parts")]
    arrays = [load_file(file) for file in files]
    assert all(np.array_equal(array, arrays[1][name]) for name, array in arrays[0].items())
    assert all(array.dtype == np.float32 for array in arrays[0].values())
    assert not any((array.view(np.uint32) & 0xFFFF).any() for array in arrays[0].values())
    assert not arrays[0]["m.wpe.weight"].any() and arrays[0]["v.wte.weight"].any()


@pytest.mark.parametrize("wire", ["float32", "bfloat16"])
def test_any_number_of_workers_has_the_same_bits(tmp_path: Path, wire: str) -> None:
    options = config(
        max_iters=6, eval_interval=0, checkpoint_interval=2, microbatches=4, wire=wire, threads=1,
        **NARROW,
    )  # fmt: skip
    whole, losses = _trained(Alone(), options, tmp_path / "whole")
    for size in (2, 4):
        assert in_threads(size, lambda g: _trained(g, options)) == [(whole, losses)] * size
    for size, last in ((4, 2), (1, 4), (2, 6)):
        some = TrainConfig(**options.to_dict() | {"max_iters": last})
        results = in_threads(size, lambda g, some=some: _trained(g, some, tmp_path / "parts"))
    assert {result[0] for result in results} == {whole}


def test_options_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="^moments: expected one of float32, bfloat16, got 'int8"):
        TrainConfig(moments="int8")
    with pytest.raises(ConfigError, match="^moments: expected float32, since optimizer = muon"):
        TrainConfig(moments="bfloat16", optimizer="muon")
    with GPT(runs.MODEL) as model, pytest.raises(ConfigError, match="^moments: .* = muon"):
        model.training(2, moments="bfloat16", optimizer="muon")
    with GPT(runs.MODEL, backend="plain") as model:
        with pytest.raises(ConfigError, match="^moments: expected float32 with a float64"):
            model.training(2, moments="bfloat16")
    short = {"max_iters": 2, "eval_interval": 0}
    _trained(Alone(), config(**short, **NARROW), tmp_path)
    with pytest.raises(ConfigError, match="^moments: expected 'bfloat16', as the run began with"):
        _trained(Alone(), config(**short), tmp_path)
    assert "moments" not in TrainConfig().to_dict()  # files of other runs are as they were
    assert config(**NARROW).to_dict()["moments"] == "bfloat16"


def test_they_take_half_the_memory() -> None:
    with GPT(runs.MODEL) as model:
        plans = [model.memory(2, moments=moments) for moments in ("float32", "bfloat16")]
        assert plans[0].moments_bytes == 2 * plans[1].moments_bytes
        assert plans[0].gradients_bytes == plans[1].gradients_bytes
        with model.training(2) as wide, model.training(2, **NARROW) as narrow:
            sizes = [int(t.java.secondMoments().memory().byteSize()) for t in (wide, narrow)]
            assert sizes[0] == 2 * sizes[1]
            assert narrow.moments()[0].keys() == wide.moments()[0].keys()
            assert {array.dtype for array in narrow.moments()[0].values()} == {np.dtype("float32")}


def test_learning_is_nearly_as_good() -> None:
    """With beta2 = 0.999 a second moment that is rounded to the nearest would never fall."""
    last = []
    for moments in ("float32", "bfloat16"):
        options = config(max_iters=200, eval_interval=0, beta2=0.999, moments=moments)
        _, losses = _trained(Alone(), options)
        last.append(np.mean(losses[-30:]))
    assert last[1] == pytest.approx(last[0], rel=0.02)
    assert last[0] < 2


def test_encoder_decoders_have_them() -> None:
    sizes = EncoderDecoderConfig(
        source_block_size=5, target_block_size=5, source_vocab_size=4, target_vocab_size=4,
        n_encoder_layer=1, n_decoder_layer=1, n_head=2, n_embd=8,
    )  # fmt: skip
    ids = np.array([[1, 2, 3]], np.int32)
    batch = PairBatch(ids, np.array([3], np.int32), ids, ids)
    after = []
    for moments in ("float32", "bfloat16", "bfloat16"):
        with EncoderDecoder(sizes, seed=1) as model, model.training(1, moments=moments) as training:
            losses = [training.step(batch, 0.01)[0] for _ in range(5)]
            assert losses[-1] < losses[0]
            after.append(digest(model.parameters()))
    assert after[1] == after[2] != after[0]


def test_preferences_have_them() -> None:
    assert "moments" in USED


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be, that is the question; " * 20)
    command = [
        "train", "shakespeare-char", "--data", str(text), "--n-layer", "1", "--n-embd", "8",
        "--n-head", "2", "--block-size", "8", "--max-iters", "4", "--batch-size", "2",
        "--eval-iters", "1",
    ]  # fmt: skip
    shown = []
    for moments in ("float32", "bfloat16"):
        assert cli.run([*command, "--moments", moments, "--dry-run"]) == 0
        shown.append(capsys.readouterr().out)
    assert "moments" in shown[1] and shown[0] != shown[1]
    assert cli.run([*command, "--moments", "int8", "--dry-run"]) == 2
    assert "expected one of float32, bfloat16, got 'int8'" in capsys.readouterr().err
    run = tmp_path / "run"
    assert cli.run([*command, "--moments", "bfloat16", "--out", str(run), "--quiet"]) == 0
    assert read_state(run / "last").config.moments == "bfloat16"
