"""Rounded weights: the numbers, every configuration and backend, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pygpt import GPT, CharTokenizer, ConfigError
from pygpt.engine import EngineError
from pygpt.errors import TooLargeError
from tests.generate.test_generation import BACKENDS, CONFIGS, PROMPT, make
from tests.tolerances import TENSOR_FLOAT32

FORMATS = ("int4", "int8", "bfloat16")


def int8(matrix: NDArray[np.float32], outputs_axis: int) -> NDArray[np.float32]:
    """Round to whole numbers times the scale of each output; see docs/maths/rounding.md."""
    largest = np.abs(matrix).max(axis=1 - outputs_axis, keepdims=True)
    bits = (largest / np.float32(127)).view(np.int32)
    scale = ((bits + 127) & ~127).view(np.float32)  # up, to 17 bits
    whole = np.rint(matrix.astype(np.float64) / np.where(scale == 0, 1, scale))
    assert np.abs(whole).max() == 127
    return (whole * scale).astype(np.float32)


def bfloat16(matrix: NDArray[np.float32], outputs_axis: int) -> NDArray[np.float32]:
    """Round to 8 bits of precision, ties to even."""
    _, exponent = np.frexp(matrix)
    step = np.ldexp(1.0, exponent - 8)
    return (np.rint(matrix / step) * step).astype(np.float32)


def int4(matrix: NDArray[np.float32], outputs_axis: int) -> NDArray[np.float32]:
    """Round to whole numbers times the scale of 32 inputs, but what has rows of outputs to int8."""
    if outputs_axis == 0:
        return int8(matrix, outputs_axis)
    rounded = np.empty_like(matrix)
    for first in range(0, len(matrix), 32):
        group = matrix[first : first + 32]
        largest = np.take_along_axis(group, np.abs(group).argmax(0)[None], 0)
        scale = np.float32(np.float16(largest / np.float32(-8)))
        whole = np.rint(group.astype(np.float64) / np.where(scale == 0, 1, scale))
        rounded[first : first + 32] = np.clip(whole, -8, 7) * scale
    return rounded


REFERENCES = {"int4": int4, "int8": int8, "bfloat16": bfloat16}


@pytest.fixture
def model() -> Iterator[GPT]:
    with make(CONFIGS["gpt2"]) as made:
        yield made


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("weights", FORMATS)
@pytest.mark.parametrize("name", CONFIGS)
def test_rounds_matrices_to_the_nearest(name: str, weights: str, backend: str) -> None:
    with make(CONFIGS[name], backend, dtype="float32") as model:
        model.parameters()["h.1.mlp.c_proj.weight"][:, 3] = 0
        before = {name: w.copy() for name, w in model.parameters().items()}
        model.quantize(weights)
        assert model.quantized == weights
        for weight, after in model.parameters().items():
            expected = before[weight]
            if expected.ndim == 2 and weight != "wpe.weight":
                outputs_axis = 0 if weight in ("wte.weight", "lm_head.weight") else 1
                expected = REFERENCES[weights](expected, outputs_axis)
                assert np.any(expected != before[weight])
            np.testing.assert_array_equal(after, expected, weight)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("weights", FORMATS)
@pytest.mark.parametrize("name", CONFIGS)
def test_steps_have_the_rounded_weights(name: str, weights: str, backend: str) -> None:
    """Loss and logits read the rounded weights, steps their smaller copy: the same tokens."""
    with make(CONFIGS[name], backend) as model:
        plain = model.logits(PROMPT)
        model.quantize(weights)
        assert np.any(model.logits(PROMPT) != plain)
        new = model.config.block_size - len(PROMPT)
        (continuation,) = model.continuations(PROMPT, new, temperature=0)
        ids = np.append(PROMPT, continuation.ids)
        logits = np.float64(model.logits(ids)[0, len(PROMPT) - 1 : -1])
        chosen = np.take_along_axis(logits, continuation.ids[:, None], 1)[:, 0]
        slack = TENSOR_FLOAT32 * np.abs(logits).max()
        assert np.all(chosen >= logits.max(axis=1) - slack)
        expected = chosen - np.log(np.exp(logits).sum(axis=1))
        np.testing.assert_allclose(continuation.log_probabilities, expected, atol=slack)


@pytest.mark.parametrize("weights", FORMATS)
def test_saved_and_rounded_again_is_the_same(model: GPT, weights: str, tmp_path: Path) -> None:
    model.quantize(weights)
    model.save_pretrained(tmp_path / "model")
    with GPT.from_pretrained(tmp_path / "model", weights=weights) as again:
        assert again.quantized == again.rounded == weights
        for name, weight in again.parameters().items():
            np.testing.assert_array_equal(weight, model.parameters()[name], name)
        expected = model.generate(PROMPT, 20, seed=3)
        np.testing.assert_array_equal(again.generate(PROMPT, 20, seed=3), expected)


def test_cannot_be_trained() -> None:
    tokenizer = CharTokenizer("abc")
    config = replace(CONFIGS["microgpt"], vocab_size=4)
    with GPT(config, tokenizer=tokenizer) as model:
        ids = np.array([[0, 1, 2]])
        with model.training(1, 3) as training:
            training.step(ids, ids, 0.1)
            model.quantize("int8")
            with pytest.raises(EngineError, match="weights: expected .*, got int8; load"):
                training.step(ids, ids, 0.1)
        with pytest.raises(ConfigError, match="weights: expected unrounded ones, got int8; load"):
            model.training(1, 3)
        with pytest.raises(ConfigError, match="weights: expected unrounded ones, got int8; load"):
            model.train_documents(["abc"], [0.1])


def test_what_is_refused(model: GPT, tmp_path: Path) -> None:
    expected = "weights: expected one of int4, int8, bfloat16, got 'int2'"
    with pytest.raises(ConfigError, match=expected):
        model.quantize("int2")
    with pytest.raises(ConfigError, match=expected):
        GPT.from_pretrained(tmp_path / "missing", weights="int2")
    model.parameters()["h.0.attn.c_attn.weight"][3, 5] = np.nan
    before = model.parameters()["wte.weight"].copy()
    with pytest.raises(ValueError, match="weights: expected finite numbers"):
        model.quantize("bfloat16")
    np.testing.assert_array_equal(model.parameters()["wte.weight"], before)
    model.parameters()["h.0.attn.c_attn.weight"][3, 5] = 0
    model.quantize("bfloat16")
    with pytest.raises(ConfigError, match="got bfloat16; load the model again"):
        model.quantize("int8")


def test_a_copy_that_does_not_fit(model: GPT, free: Any) -> None:
    before = model.parameters()["wte.weight"].copy()
    free[0] = model.num_parameters // 2
    with pytest.raises(TooLargeError, match="a copy of the weights as int8 needs at least"):
        model.quantize("int8")
    assert model.quantized is None
    np.testing.assert_array_equal(model.parameters()["wte.weight"], before)
