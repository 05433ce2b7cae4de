"""The oracles of the general GPT check each other, the frozen answers and Hugging Face's."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from . import gpt, gpt_jax, microgpt
from .frozen import (
    GOLDEN,
    GPT2_TINY,
    LLAMA_TINY,
    Frozen,
    from_gpt2,
    from_llama,
    hugging_face,
)

CASES = sorted(path.stem for path in (GOLDEN / "gpt").glob("*.npz"))

# Two ways to sum in float64, 1e-16 a term; 5e-15 was measured, relative and absolute.
ROUNDING = {"rtol": 1e-11, "atol": 1e-13}

# Central differences with this step: truncation is about step**2, rounding about 1e-16 / step.
STEP = 1e-5
DIFFERENCES = {"rtol": 1e-6, "atol": 1e-9}

# The gradient of a key bias without rotary positions is 0, and about 1e-17 after rounding: Adam
# divides that by its epsilon of 1e-8 and moves it by up to 1e-9 learning rates a step.
TRAINED = {"rtol": 1e-9, "atol": 1e-8}

# Hugging Face's numbers are float32, 6e-8 a rounding, through two layers 32 wide.
FLOAT32 = {"rtol": 1e-5, "atol": 2e-6}

# T = 3 of a block of 5, V = 7, H = 3, D = 2, F = 11.
BASE = gpt.Config(block_size=5, vocab_size=7, n_layer=1, n_head=3, n_embd=6, n_inner=11)
AXES: dict[str, dict[str, Any]] = {
    "gpt2": {},
    "no_bias": {"bias": False},
    "rmsnorm": {"norm": "rmsnorm"},
    "rmsnorm_no_bias": {"norm": "rmsnorm", "bias": False},
    "rmsnorm_no_gain": {"norm": "rmsnorm", "norm_gain": False},
    "no_gain": {"norm_gain": False},
    "large_eps": {"norm_eps": 0.1},
    "gelu_exact": {"activation": "gelu_exact"},
    "relu": {"activation": "relu"},
    "relu2": {"activation": "relu2"},
    "swiglu": {"activation": "swiglu"},
    "untied": {"tie_weights": False},
    "one_kv_head": {"n_kv_head": 1},
    "grouped_queries": {"n_head": 6, "n_embd": 12, "n_kv_head": 2},
    "grouped_rotary": {"n_head": 6, "n_embd": 12, "n_kv_head": 3, "positions": "rotary"},
    "default_n_inner": {"n_inner": None},
    "no_final_norm": {"final_norm": False},
    "embedding_norm": {"embedding_norm": True},
    "embedding_rmsnorm": {"embedding_norm": True, "norm": "rmsnorm"},
    "embedding_norm_no_gain": {"embedding_norm": True, "norm_gain": False},
    "rotary": {"positions": "rotary"},
    "rotary_theta": {"positions": "rotary", "rope_theta": 7.0, "n_embd": 18},
    "full_block": {"block_size": 3},
    "three_layers": {"n_layer": 3},
}
MICROGPT = {
    "bias": False,
    "norm": "rmsnorm",
    "activation": "relu",
    "tie_weights": False,
    "norm_gain": False,
    "final_norm": False,
    "embedding_norm": True,
}


def _problem(axis: str) -> tuple[gpt.Config, gpt.Params, gpt.Array, gpt.Array]:
    """A configuration, weights, and two sequences, in which a token repeats and one is masked."""
    config = replace(BASE, **AXES[axis])
    params = gpt.random_params(config, np.random.default_rng(3))
    ids, targets = np.array([[3, 1, 3], [0, 6, 1]]), np.array([[1, 3, -1], [6, 1, 5]])
    return config, params, ids, targets


def _assert_close(actual: gpt.Params, expected: gpt.Params, tolerance: dict[str, float]) -> None:
    assert actual.keys() == expected.keys()
    for name, array in actual.items():
        np.testing.assert_allclose(array, expected[name], **tolerance, err_msg=name)


@pytest.mark.parametrize("axis", AXES)
def test_gradients_agree_with_finite_differences(axis: str) -> None:
    config, params, ids, targets = _problem(axis)

    def loss() -> float:
        return gpt.cross_entropy(gpt.forward(params, ids, config)[0], targets)[0]

    _, grads = gpt.loss_and_grads(params, ids, targets, config)
    expected = {name: np.empty_like(w) for name, w in params.items()}
    for name, w in params.items():
        for index in np.ndindex(w.shape):
            kept = w[index]
            w[index] = kept + STEP
            above = loss()
            w[index] = kept - STEP
            expected[name][index] = (above - loss()) / (2 * STEP)
            w[index] = kept
    _assert_close(grads, expected, DIFFERENCES)


@pytest.mark.parametrize("axis", AXES)
def test_gradients_agree_with_jax(axis: str) -> None:
    config, params, ids, targets = _problem(axis)
    loss, grads = gpt.loss_and_grads(params, ids, targets, config)
    expected_loss, expected = gpt_jax.loss_and_grads(params, ids, targets, config)
    assert loss == pytest.approx(expected_loss, rel=1e-13)
    _assert_close(grads, expected, ROUNDING)


def test_nothing_scored_has_no_loss_and_no_gradient() -> None:
    config, params, ids, targets = _problem("gpt2")
    nothing = np.full_like(targets, -1)
    zeros = {name: np.zeros_like(w) for name, w in params.items()}
    for oracle in (gpt, gpt_jax):
        loss, grads = oracle.loss_and_grads(params, ids, nothing, config)
        assert loss == 0
        _assert_close(grads, zeros, {"rtol": 0, "atol": 0})


# ---- known models ----------------------------------------------------------------------------


def test_layout_has_the_published_numbers_of_parameters() -> None:
    def count(config: gpt.Config) -> int:
        return sum(math.prod(shape) for shape in gpt.layout(config).values())

    assert count(gpt.Config(1024, 50257, 12, 12, 768)) == 124_439_808  # GPT-2
    assert count(gpt.Config(16, 27, 1, 4, 16, **MICROGPT)) == 4_192
    llama = {"bias": False, "norm": "rmsnorm", "activation": "swiglu", "positions": "rotary"}
    sizes = {"n_kv_head": 8, "n_inner": 14336, "tie_weights": False}
    assert count(gpt.Config(8192, 128256, 32, 32, 4096, **sizes, **llama)) == 8_030_261_248  # 3 8B


def test_microgpt_is_one_of_its_configurations() -> None:
    tokens = [10, 3, 1, 4, 1, 5, 9, 2]
    old_config = microgpt.Config(n_layer=2, n_embd=6, n_head=3, block_size=7)
    old = microgpt.initial_params(old_config, 11, random.Random(1))
    old_loss, old_grads = microgpt.loss_and_grads(old, tokens, old_config)
    config = gpt.Config(7, 11, 2, 3, 6, **MICROGPT)
    ids, targets = np.array([tokens[:-1]]), np.array([tokens[1:]])
    loss, grads = gpt.loss_and_grads(_from_microgpt(old), ids, targets, config)
    assert loss == pytest.approx(old_loss, rel=1e-13)
    _assert_close(grads, _from_microgpt(old_grads), ROUNDING)


def _from_microgpt(old: microgpt.Params) -> gpt.Params:
    params = {f"{name}.weight": old[name] for name in ("wte", "wpe", "lm_head")}
    for i in range(sum(name.endswith("attn_wq") for name in old)):
        w = {name: old[f"layer{i}.{name}"].T for name in microgpt.LAYER}
        qkv = np.concatenate([w["attn_wq"], w["attn_wk"], w["attn_wv"]], axis=1)
        params[f"h.{i}.attn.c_attn.weight"] = qkv
        params[f"h.{i}.attn.c_proj.weight"] = w["attn_wo"]
        params[f"h.{i}.mlp.c_fc.weight"] = w["mlp_fc1"]
        params[f"h.{i}.mlp.c_proj.weight"] = w["mlp_fc2"]
    return params


HUGGING_FACE = [
    pytest.param("hf_gpt2_tiny", GPT2_TINY, from_gpt2, id="gpt2"),
    pytest.param("hf_llama_tiny", LLAMA_TINY, from_llama, id="llama"),
]


@pytest.mark.parametrize(("folder", "config", "converted"), HUGGING_FACE)
def test_agrees_withhugging_face(folder: str, config: gpt.Config, converted: Any) -> None:
    params, expected = hugging_face(folder, converted)
    assert {name: w.shape for name, w in params.items()} == gpt.layout(config)
    ids = expected["ids"]
    targets = np.pad(ids[:, 1:], [(0, 0), (0, 1)], constant_values=-1)
    logits, _ = gpt.forward(params, ids, config)
    loss, grads = gpt.loss_and_grads(params, ids, targets, config)
    expected_grads = {n[len("grad:") :]: g for n, g in expected.items() if n.startswith("grad:")}
    np.testing.assert_allclose(logits, expected["logits"], **FLOAT32)
    assert loss == pytest.approx(float(expected["loss"]), rel=1e-6)
    _assert_close(grads, converted(expected_grads), FLOAT32)


@pytest.mark.parametrize(("folder", "config", "converted"), HUGGING_FACE)
def test_continues_ashugging_face(folder: str, config: gpt.Config, converted: Any) -> None:
    """Greedy; the narrowest lead of a token over the next is 8e-4, far above float32's rounding.

    The Llama prompt holds id 0, and the file's continuation is that of the prompt without it: 0
    was taken for padding when it was made. With it, the file's own logits begin another way. So
    both are compared with what they continue. GPT-2's prompt has no 0.
    """
    params, expected = hugging_face(folder, converted)
    prompt, continuation = np.split(expected["greedy"], [5])
    np.testing.assert_array_equal(prompt, expected["ids"][0, :5])
    seen = prompt[prompt != 0]
    continued = gpt.greedy(params, seen, len(continuation), config)
    np.testing.assert_array_equal(continued[len(seen) :], continuation)
    first = gpt.greedy(params, prompt, 1, config)[-1]
    assert first == expected["logits"][0, 4].argmax()


# ---- frozen answers --------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_frozen_answers_are_the_reference(case: str) -> None:
    frozen = Frozen(case)
    logits, _ = gpt.forward(frozen.params, frozen.batches[0][0], frozen.config)
    _, grads = gpt.loss_and_grads(frozen.params, *frozen.batches[0], frozen.config)
    losses = list(gpt.train(frozen.params, frozen.batches, frozen.config, frozen.training))
    np.testing.assert_allclose(logits, frozen.logits, **ROUNDING)
    _assert_close(grads, frozen.grads, ROUNDING)
    np.testing.assert_allclose(losses, frozen.losses, rtol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_training_agrees_with_jax(case: str) -> None:
    frozen = Frozen(case)
    _, grads = gpt_jax.loss_and_grads(frozen.params, *frozen.batches[0], frozen.config)
    _assert_close(grads, frozen.grads, ROUNDING)
    run = gpt_jax.train(frozen.params, frozen.batches, frozen.config, frozen.training)
    losses, params = zip(*run, strict=True)
    np.testing.assert_allclose(losses, frozen.losses, rtol=1e-10)
    list(gpt.train(frozen.params, frozen.batches, frozen.config, frozen.training))
    _assert_close(frozen.params, params[-1], TRAINED)
