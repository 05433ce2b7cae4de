"""Attention probabilities: against NumPy on every backend, shapes, errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from pygpt import GPT, GPTConfig, ShapeError, TokenError
from pygpt.errors import ClosedError, TooLargeError
from tests.reference import gpt
from tests.tolerances import TENSOR_FLOAT32, TENSOR_FLOAT64

BACKENDS = ("cpu", "nd4j", "plain")
CONFIGS = {  # heads narrower than T, as wide as T, wider than T, and one so long that it is native
    "gpt2": gpt.Config(block_size=17, vocab_size=31, n_layer=3, n_head=5, n_embd=35, bias=True),
    "one_head": gpt.Config(block_size=13, vocab_size=31, n_layer=2, n_head=1, n_embd=13),
    "wide": gpt.Config(block_size=7, vocab_size=31, n_layer=2, n_head=3, n_embd=57),
    "grouped_rotary": gpt.Config(
        block_size=17, vocab_size=31, n_layer=2, n_head=6, n_embd=36, n_kv_head=2,
        norm="rmsnorm", activation="swiglu", positions="rotary", bias=False, tie_weights=False,
    ),
    "microgpt": gpt.Config(
        block_size=11, vocab_size=31, n_layer=1, n_head=3, n_embd=15, bias=False, norm="rmsnorm",
        activation="relu", tie_weights=False, norm_gain=False, final_norm=False,
        embedding_norm=True,
    ),
    "long": gpt.Config(
        block_size=67, vocab_size=31, n_layer=1, n_head=2, n_embd=94, n_kv_head=1,
    ),
}  # fmt: skip


def reference(params: gpt.Params, ids: gpt.Array, config: gpt.Config) -> gpt.Array:
    """What the NumPy model's backward keeps of its attention: (B, L, H, T, T)."""
    _, stack = gpt.forward(params, ids, config)
    B, T = ids.shape
    kept = [saved[1] for saved in stack if len(saved) == 3 and isinstance(saved[1], tuple)]
    layers = [probs.reshape(B, config.n_head, T, T) for _, _, _, probs in kept]
    assert len(layers) == config.n_layer
    return np.stack(layers, axis=1)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CONFIGS)
def test_is_that_of_numpy(name: str, backend: str) -> None:
    """For the longest context, a shorter one, and one token."""
    config = CONFIGS[name]
    rng = np.random.default_rng(5)
    params = gpt.random_params(config, rng)
    tolerance = TENSOR_FLOAT64 if backend == "plain" else TENSOR_FLOAT32
    with GPT(GPTConfig(**asdict(config)), seed=None, backend=backend) as model:
        for parameter, weight in model.parameters().items():
            weight[:] = params[parameter]
        for T in (config.block_size, 5, 1):
            ids = rng.integers(0, config.vocab_size, (3, T))
            probabilities = model.attention(ids)
            expected = reference(params, ids, config)
            assert probabilities.dtype == model.dtype
            np.testing.assert_allclose(probabilities, expected, rtol=0, atol=tolerance)
            later = np.triu(np.ones((T, T), bool), 1)
            assert np.all(probabilities[..., later] == 0)
            np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=0, atol=tolerance)
            np.testing.assert_array_equal(model.attention(ids[1]), probabilities[1])


@pytest.fixture
def model() -> Iterator[GPT]:
    with GPT(GPTConfig(7, 31, 2, 3, 15, dropout=0.5)) as made:
        yield made


def test_leaves_the_model_as_it_was(model: GPT) -> None:
    """Its program has memory of its own; the answer is a copy that outlives the model."""
    ids = np.array([3, 17, 5, 0, 23])
    logits = model.logits(ids)
    first = model.attention(ids)
    kept = first.copy()
    np.testing.assert_array_equal(model.attention(ids[::-1].copy())[:, :, 0, 0], 1)
    np.testing.assert_array_equal(model.logits(ids), logits)
    np.testing.assert_array_equal(model.attention(ids), first)
    model.close()
    np.testing.assert_array_equal(first, kept)
    with pytest.raises(ClosedError):
        model.attention(ids)


@pytest.mark.parametrize(
    ("ids", "kind", "message"),
    [
        ([3] * 8, ShapeError, "ids: expected T up to block_size = 7, got (1, 8)"),
        ([], ShapeError, "ids: expected at least one token, got none"),
        ([[[3]]], ShapeError, "ids: expected (T,) or (B, T), got (1, 1, 1)"),
        ([31], TokenError, "ids: expected 0 to 30, got 31"),
    ],
)
def test_bad_input(model: GPT, ids: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        model.attention(ids)
    assert str(caught.value) == message


def test_too_large_is_said_before(model: GPT, free: Any) -> None:
    """(B + 1) x 2 layers x 3 heads x 5 x 5 float32."""
    free[0] = 101 * 600
    assert model.attention([[1] * 5] * 100).shape == (100, 2, 3, 5, 5)
    with pytest.raises(TooLargeError, match="^the attention of 101 x 5 tokens needs at least "):
        model.attention([[1] * 5] * 101)
