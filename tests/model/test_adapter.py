"""Adapters against PEFT's frozen answers on every backend; what they leave alone; their files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import pygpt
from pygpt import GPT, GPTConfig, LoraConfig
from pygpt.checkpoints import adapters
from pygpt.errors import CheckpointError, ConfigError
from tests import tolerances
from tests.reference.frozen import GOLDEN

ADAPTERS = GOLDEN / "adapters"
NAMES = ("gpt2", "llama")
SMALL = GPTConfig(block_size=12, vocab_size=19, n_layer=2, n_head=2, n_embd=24, positions="rotary")


def _loaded(name: str, backend: str = "plain") -> GPT:
    model = GPT.from_pretrained(GOLDEN / f"hf_{name}_tiny", backend=backend)
    model.load_adapter(ADAPTERS / name)
    return model


def _expected(name: str) -> dict[str, Any]:
    with np.load(ADAPTERS / name / "expected.npz") as file:
        return dict(file)


def _tolerance(name: str) -> float:
    """That of backend plain; transformers has Llama's norms and angles in float32."""
    return tolerances.TENSOR_FLOAT64 if name == "gpt2" else tolerances.TENSOR_FLOAT32


def _copies(arrays: dict[str, Any]) -> dict[str, Any]:
    return {name: array.copy() for name, array in arrays.items()}


def _fill(model: GPT, seed: int = 3) -> None:
    """Make every number of an adapter other than 0."""
    rng = np.random.default_rng(seed)
    for array in model.adapter_parameters().values():
        array[:] = rng.normal(0, 0.2, array.shape)
    model.weights_changed()


@pytest.mark.parametrize("backend", ["cpu", "nd4j", "plain"])
@pytest.mark.parametrize("name", NAMES)
def test_peft_gives_the_same(name: str, backend: str) -> None:
    expected = _expected(name)
    tolerance = _tolerance(name) if backend == "plain" else tolerances.TENSOR_FLOAT32
    exact = tolerance == tolerances.TENSOR_FLOAT64
    ids, targets = expected["ids"], expected["targets"]
    with _loaded(name, backend) as model:
        before = _copies(model.parameters())
        _close(model.logits(ids), expected["logits"], tolerance)
        loss = tolerances.LOSS_FLOAT64 if exact else tolerances.LOSS_FLOAT32
        assert model.loss(ids, targets) == pytest.approx(float(expected["loss"]), rel=loss)
        with model.training(*ids.shape, weight_decay=0.1) as training:
            assert training.accumulate(ids, targets) == pytest.approx(
                float(expected["loss"]), rel=loss
            )
            gradients = _copies(training.gradients())
            assert gradients.keys() == model.adapter_parameters().keys()
            assert training.moments()[0].keys() == gradients.keys()
            for part in model._parts_of_adapter:
                for matrix in "AB":
                    key = f"lora_{matrix}.weight"
                    theirs = expected[f"d.base_model.model.{part.module}.{key}"]
                    _close(gradients[f"{part.name}.{key}"], theirs, tolerance)
            training.update(1e-2)
        for weight, array in model.parameters().items():
            np.testing.assert_array_equal(array, before[weight])
        assert not np.allclose(model.logits(ids), expected["logits"], atol=1e-3)


def _close(actual: Any, expected: Any, tolerance: float) -> None:
    atol = tolerance * np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("name", NAMES)
def test_it_merges_and_goes(name: str, tmp_path: Path) -> None:
    expected = _expected(name)
    ids, tolerance = expected["ids"], _tolerance(name)
    with GPT.from_pretrained(GOLDEN / f"hf_{name}_tiny", backend="plain") as base:
        plain = base.logits(ids)
    with _loaded(name) as model:
        held = model.adapter_parameters()
        with model.disable_adapter():
            np.testing.assert_array_equal(model.logits(ids), plain)
        merged = model.merge_and_unload()
        assert merged is model and model.adapter is None
        assert all(np.isfinite(array).all() for array in held.values())  # whoever holds it keeps it
        _close(model.logits(ids), expected["merged"], tolerance)
        model.save_pretrained(tmp_path / "merged")
        model.load_adapter(ADAPTERS / name)
        with pytest.raises(ConfigError, match="merge_and_unload first"):
            model.save_pretrained(tmp_path / "other")
        model.unload()
        _close(model.logits(ids), expected["merged"], tolerance)
    with GPT.from_pretrained(tmp_path / "merged", backend="plain") as saved:
        _close(saved.logits(ids), expected["merged"], tolerances.TENSOR_FLOAT32)


@pytest.mark.parametrize("name", NAMES)
def test_files_are_peft_s(name: str, tmp_path: Path) -> None:
    with _loaded(name) as model:
        model.save_adapter(tmp_path / "adapter")
        model.save_adapter(tmp_path / "adapter")  # replaces its own
    folders = ADAPTERS / name, tmp_path / "adapter"
    theirs, ours = (load_file(at / adapters.WEIGHTS_FILE) for at in folders)
    assert theirs.keys() == ours.keys()
    for key, array in theirs.items():
        np.testing.assert_array_equal(ours[key], array)
    both = [json.loads((at / adapters.CONFIG_FILE).read_text()) for at in folders]
    both[1]["target_modules"].sort()
    both[0]["target_modules"].sort()
    base = both[1].pop("base_model_name_or_path")
    assert base == str(GOLDEN / f"hf_{name}_tiny")
    assert {key: both[0][key] for key in both[1]} == both[1]
    with pygpt.load(tmp_path / "adapter", backend="plain") as again:  # base and adapter
        expected = _expected(name)
        _close(again.logits(expected["ids"]), expected["logits"], _tolerance(name))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("peft_type", "IA3", "peft_type: expected 'LORA'"),
        ("use_dora", True, "use_dora: expected none"),
        ("rank_pattern", {"c_attn": 4}, "rank_pattern: expected none"),
        ("bias", "all", "bias: expected 'none'"),
        ("r", 4, "expected numbers of shape"),
        ("base_model_name_or_path", "/nowhere", "expected its base /nowhere"),
    ],
)
def test_what_the_engine_lacks_is_refused(
    key: str, value: Any, message: str, tmp_path: Path
) -> None:
    shutil.copytree(ADAPTERS / "gpt2", tmp_path / "adapter")
    config = tmp_path / "adapter" / adapters.CONFIG_FILE
    values = json.loads(config.read_text())
    values["base_model_name_or_path"] = str(GOLDEN / "hf_gpt2_tiny")
    config.write_text(json.dumps(values | {key: value}))
    with pytest.raises(CheckpointError, match=message):
        pygpt.load(tmp_path / "adapter", backend="plain")


def test_a_new_adapter() -> None:
    ids = np.arange(24).reshape(2, 12) % 19
    with GPT(SMALL) as model:
        plain = model.logits(ids)
        model.add_adapter(LoraConfig(r=3, target_modules=("c_attn", "c_fc")), seed=5)
        np.testing.assert_array_equal(model.logits(ids), plain)
        memory = model.memory(2)
        count = sum(array.size for array in model.adapter_parameters().values())
        assert count == 2 * (3 * (24 + 72) + 3 * (24 + 96))
        assert memory.gradients_bytes == 4 * count and memory.moments_bytes == 8 * count
        with pytest.raises(ConfigError, match="expected a model without one"):
            model.add_adapter()
        model.unload()
        with pytest.raises(ConfigError, match="expected all-linear, or some of c_attn"):
            model.add_adapter(LoraConfig(target_modules=("q_proj",)))
        model.add_adapter(LoraConfig(target_modules=("all-linear",)))
        with pytest.raises(ConfigError, match="expected adamw for an adapter"):
            model.training(2, optimizer="muon")
        with pytest.raises(ConfigError, match="expected float32 for an adapter"):
            model.training(2, dtype="bfloat16")


def test_generation_has_it() -> None:
    with GPT(SMALL, seed=4) as model:
        plain = model.generate([1, 2, 3], 6, temperature=0.0)
        model.add_adapter(LoraConfig(r=4, lora_alpha=40, target_modules=("all-linear",)))
        _fill(model)
        alone = [model.generate([i, 2, 3], 6, temperature=0.0) for i in range(5)]
        together = model.generate([[i, 2, 3] for i in range(5)], 6, temperature=0.0)
        np.testing.assert_array_equal(np.array(alone), together)
        ids = list(alone[1])
        for at in range(3, 9):
            assert int(model.logits(ids[:at])[0, -1].argmax()) == ids[at]
        assert list(plain) != ids
        model.quantize("int8")
        model.generate([1, 2, 3], 6, temperature=0.0)
        with pytest.raises(ConfigError, match="expected unrounded ones"):
            model.merge_and_unload()


def test_dropout_s_gradient() -> None:
    rng = np.random.default_rng(2)
    ids, targets = rng.integers(0, 19, (2, 2, 7))
    with GPT(SMALL, backend="plain") as model:
        model.add_adapter(LoraConfig(r=2, lora_dropout=0.4, target_modules=("c_attn", "c_proj")))
        _fill(model)
        with model.training(2, 7) as training:

            def loss() -> float:
                training.resume(0, 17)  # the same elements are dropped
                return float(training.losses(ids, targets).sum())

            loss()
            training.backward(np.ones((2, 7)))
            found = _copies(training.gradients())
            for name in ("h.0.attn.c_attn.lora_A.weight", "h.1.mlp.c_proj.lora_B.weight"):
                array = model.adapter_parameters()[name]
                for at in ((0, 1), (1, 0)):
                    kept, slopes = array[at], []
                    for moved in (1e-5, -1e-5):
                        array[at] = kept + moved
                        slopes.append(loss())
                    array[at] = kept
                    slope = (slopes[0] - slopes[1]) / 2e-5
                    assert slope == pytest.approx(found[name][at], rel=1e-5)


@pytest.mark.parametrize("backend", ["cpu", "nd4j", "plain"])
def test_losses_of_rows_and_their_weights(backend: str) -> None:
    rng = np.random.default_rng(2)
    ids, targets = rng.integers(0, 19, (2, 3, 7))
    targets[1, :3] = -1
    weights = rng.normal(size=(3, 7))
    tolerance = tolerances.TENSOR_FLOAT64 if backend == "plain" else tolerances.TENSOR_FLOAT32
    with GPT(SMALL, backend=backend) as model, model.training(3, 7) as training:
        losses = model.losses(ids, targets)
        logits = model.logits(ids).astype(float)
        log_sum = np.log(np.exp(logits).sum(-1))
        chosen = np.take_along_axis(logits, np.maximum(targets, 0)[..., None], -1)[..., 0]
        _close(losses, np.where(targets >= 0, log_sum - chosen, 0), tolerance)
        _close(training.losses(ids, targets), losses, tolerance)
        training.backward(weights)
        found = _copies(training.gradients())
        training.update(0.0)
        parts = []  # by the mean, a row at a time
        for at in np.argwhere(targets >= 0):
            one = np.full_like(targets, -1)
            one[tuple(at)] = targets[tuple(at)]
            training.accumulate(ids, one)
            gradients = training.gradients().items()
            parts.append({name: weights[tuple(at)] * array for name, array in gradients})
            training.update(0.0)
        for name in ("wte.weight", "h.0.attn.c_attn.weight", "ln_f.bias"):
            _close(found[name], sum(part[name] for part in parts), tolerance)
        with pytest.raises(pygpt.PygptError, match="expected losses before it"):
            training.backward(weights)
