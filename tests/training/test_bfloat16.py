"""Training in bfloat16: how far rounding takes a gradient, same bits, runs, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pygpt
from pygpt import GPT, ConfigError, GPTConfig, TrainConfig, Trainer
from pygpt.training.state import read_state
from tests import tolerances
from tests.support import training_runs as runs
from tests.support.training_runs import Data, config, digest

GOLDEN = Path(__file__).parents[1] / "golden"
CONFIG = GPTConfig(block_size=67, vocab_size=31, n_layer=2, n_head=2, n_embd=128)


@pytest.fixture(scope="module")
def backend() -> str:
    """`cpu`, or where this processor has no bfloat16 and says so, the reference."""
    with GPT(CONFIG) as model:
        try:
            model.training(1, 1, dtype="bfloat16").close()
        except ConfigError as error:
            assert str(error).startswith("dtype: expected float32, since this processor has no")
            return "plain"
    return "cpu"


def _gradients(model: GPT, ids: Any, targets: Any, dtype: str) -> dict[str, NDArray[Any]]:
    with model.training(*ids.shape, dtype=dtype) as training:
        training.accumulate(ids, targets)
        return {
            name: gradient.astype(np.float64) for name, gradient in training.gradients().items()
        }


@pytest.mark.parametrize("name", ["hf_gpt2_tiny", "hf_llama_tiny"])
def test_gradients_are_float32s_but_for_rounding(name: str, backend: str) -> None:
    with GPT.from_pretrained(GOLDEN / name, backend=backend) as model:
        rng = np.random.default_rng(5)
        ids, targets = rng.integers(0, model.config.vocab_size, (2, 7, model.config.block_size))
        wide = _gradients(model, ids, targets, "float32")
        narrow = _gradients(model, ids, targets, "bfloat16")
    for weight, expected in wide.items():
        far = np.linalg.norm(narrow[weight] - expected) / np.linalg.norm(expected)
        assert 0 < far < tolerances.GRADIENT_BFLOAT16, weight


def test_same_seed_same_bits(backend: str) -> None:
    def train() -> tuple[list[float], dict[str, Any]]:
        B, T = (5, 67) if backend == "cpu" else (1, 5)  # the reference is slow
        ids, targets = np.random.default_rng(7).integers(0, 31, (2, B, T))
        with GPT(CONFIG, seed=2, backend=backend, dtype="float32", threads=2) as model:
            with model.training(5, dtype="bfloat16") as training:
                losses = [training.step(ids, targets, 0.003)[0] for _ in range(5)]
            return losses, {name: weight.copy() for name, weight in model.parameters().items()}

    (losses, weights), (again, same) = train(), train()
    assert losses == again and losses[-1] < losses[0]
    for name, weight in weights.items():
        np.testing.assert_array_equal(weight, same[name], err_msg=name)


def test_a_run_goes_on_in_its_dtype(tmp_path: Path, backend: str) -> None:
    options = config(max_iters=6, checkpoint_interval=3, eval_interval=0, dtype="bfloat16")
    with runs.model(backend=backend) as model:
        list(Trainer(model, Data(), options, run=tmp_path / "whole"))
        whole = digest(model.parameters())
    with runs.model(backend=backend) as model:
        with Trainer(model, Data(), options, run=tmp_path / "parts") as trainer:
            for _ in range(4):
                next(trainer)
    with runs.model(backend=backend) as model:
        other = config(max_iters=6, checkpoint_interval=3, eval_interval=0)
        with pytest.raises(ConfigError, match="dtype: expected 'bfloat16', as the run began with"):
            Trainer(model, Data(), other, run=tmp_path / "parts", resume=True)
        trainer = Trainer(model, Data(), options, run=tmp_path / "parts", resume=True)
        assert trainer.step == 3
        list(trainer)
        assert digest(model.parameters()) == whole
    assert read_state(tmp_path / "parts" / "last").config.dtype == "bfloat16"


def test_what_cannot_be_is_refused() -> None:
    with GPT(CONFIG, backend="nd4j") as model:
        for call in (model.training, model.memory):
            with pytest.raises(ConfigError) as caught:
                call(1, dtype="bfloat16")
            expected = "dtype: expected float32 on backend nd4j (bfloat16 needs cpu), got bfloat16"
            assert str(caught.value) == expected
        with pytest.raises(ConfigError, match="dtype: expected one of float32, bfloat16, got 'f"):
            model.training(1, dtype="float16")
    with pytest.raises(ConfigError, match="dtype: expected one of float32, bfloat16, got 'int8'"):
        TrainConfig(dtype="int8")


def test_memory(backend: str) -> None:
    with GPT(CONFIG, backend=backend, dtype="float32") as model:
        wide, narrow = (model.memory(5, dtype=dtype) for dtype in ("float32", "bfloat16"))
    assert narrow.activations_bytes < 0.75 * wide.activations_bytes
    matrices = sum(
        int(np.prod(shape))
        for name, shape in CONFIG.weight_shapes().items()
        if len(shape) == 2 and name != "wpe.weight"
    )
    assert narrow.copies_bytes == pytest.approx(2 * matrices, rel=1e-3)
    assert narrow.total_bytes - narrow.activations_bytes == (
        wide.total_bytes - wide.activations_bytes + narrow.copies_bytes
    )
    assert "MB weights in bfloat16" not in str(wide)
    assert "weights in bfloat16" in str(narrow)
    assert pygpt.TrainConfig().dtype == "float32"
