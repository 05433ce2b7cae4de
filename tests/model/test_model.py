"""GPT: shared weights and their lifetime, arguments, the Java layout."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import jbridge
from pygpt import GPT, CharTokenizer, ConfigError, GPTConfig, ShapeError
from pygpt.errors import ClosedError, TokenError
from pygpt.names.protocol import draw_weights

CONFIG = GPTConfig.microgpt(block_size=7, vocab_size=4, n_layer=2, n_head=3, n_embd=15)
TOKENIZER = CharTokenizer("abc")
DOCUMENTS = ["a", "abcabcabcabc", "cb"]


@pytest.fixture
def model() -> Iterator[GPT]:
    with GPT(CONFIG, tokenizer=TOKENIZER) as made:
        draw_weights(made, random.Random(1))
        yield made


def test_weights_are_those_of_the_layout(model: GPT) -> None:
    parameters = model.parameters()
    assert {name: w.shape for name, w in parameters.items()} == CONFIG.weight_shapes()
    assert list(parameters) == list(CONFIG.weight_shapes())
    assert {w.dtype for w in parameters.values()} == {np.dtype("float32")}
    assert model.num_parameters == sum(w.size for w in parameters.values())
    assert model.description


def test_weights_are_shared_and_outlive_the_model() -> None:
    with GPT(CONFIG) as model:
        row = model.parameters()["h.1.mlp.c_fc.weight"][14]
        row[:] = np.arange(60)
        again = model.parameters()["h.1.mlp.c_fc.weight"]
        np.testing.assert_array_equal(again[14], np.arange(60))
    del again
    model.close()
    gc.collect()
    jbridge.java_class("java.lang.System").gc()
    np.testing.assert_array_equal(row, np.arange(60))


def test_first_weights_are_nanogpt_s() -> None:
    config = GPTConfig(block_size=50, vocab_size=101, n_layer=2, n_head=5, n_embd=40)
    with GPT(config, seed=3) as one, GPT(config, seed=3, backend="plain") as same:
        weights, again = one.parameters(), same.parameters()
        for name, weight in weights.items():
            np.testing.assert_array_equal(weight, again[name].astype(np.float32))
        stds = {name: w.std() for name, w in weights.items() if w.ndim == 2}
        for name, std in stds.items():
            expected = 0.01 if name.endswith("c_proj.weight") else 0.02
            assert std == pytest.approx(expected, rel=0.1), name  # of 1,600 draws and more: 5 sigma
        vectors = {name: w for name, w in weights.items() if w.ndim == 1}
        assert all(np.all(w == name.endswith(".weight")) for name, w in vectors.items())
        with GPT(config, seed=4) as other:
            assert np.all(other.parameters()["wte.weight"] != weights["wte.weight"])


def test_training_changes_the_weights(model: GPT) -> None:
    before = {name: w.copy() for name, w in model.parameters().items()}
    seen: list[tuple[int, list[float]]] = []
    losses = model.train_documents(
        DOCUMENTS, [0.01] * 10, lambda first, new: seen.append((first, new.tolist()))
    )
    assert (losses.shape, losses.dtype) == ((10,), np.float64)
    assert [loss for _, new in seen for loss in new] == losses.tolist()
    assert all(first + len(new) <= 10 for first, new in seen)
    assert all(np.any(before[name] != w) for name, w in model.parameters().items())


def test_no_steps(model: GPT) -> None:
    assert model.train_documents(DOCUMENTS, []).shape == (0,)
    assert model.sample_documents(0, random.Random(1)) == []


def test_sampling_draws_all_its_numbers_first(model: GPT) -> None:
    rng, other = random.Random(3), random.Random(3)
    assert len(model.sample_documents(5, rng)) == 5
    for _ in range(5 * CONFIG.block_size):
        other.random()
    assert rng.random() == other.random()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backend": "gpu"}, "backend: expected one of cpu, nd4j, plain, cuda, got 'gpu'"),
        ({"dtype": "float64"}, "dtype: expected float32 on backend cpu, got 'float64'"),
        ({"dtype": "int8", "backend": "plain"}, "dtype: expected float32 or float64 on backend "),
        ({"tokenizer": CharTokenizer("ab")}, "vocab_size: expected 3, as the tokenizer has, got 4"),
    ],
)
def test_bad_models(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        GPT(CONFIG, **arguments)
    assert str(caught.value).startswith(message)


def test_bad_training(model: GPT) -> None:
    with pytest.raises(ShapeError, match="^documents: expected at least one, got none$"):
        model.train_documents([], [0.1])
    with pytest.raises(ShapeError, match=r"^learning_rates: expected \(steps,\), got \(1, 2\)$"):
        model.train_documents(DOCUMENTS, np.ones((1, 2)))
    with pytest.raises(TokenError, match="^text: expected known characters, got 'x'$"):
        model.train_documents(["xa"], [0.1])


def test_bad_sampling(model: GPT) -> None:
    with pytest.raises(ConfigError, match="^count: expected at least 0, got -1$"):
        model.sample_documents(-1, random.Random(1))
    for temperature in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ConfigError, match="^temperature: expected more than 0, got "):
            model.sample_documents(1, random.Random(1), temperature)
    with GPT(CONFIG) as other, pytest.raises(ConfigError, match="^tokenizer: expected one"):
        other.sample_documents(1, random.Random(1))
    without_bos = CharTokenizer("abcd", bos=False)
    with GPT(CONFIG, tokenizer=without_bos) as other:
        with pytest.raises(ConfigError, match="^tokenizer: expected one with BOS, which begins"):
            other.sample_documents(1, random.Random(1))
        with pytest.raises(TokenError, match="^bos: expected a tokenizer with BOS for documents"):
            other.train_documents(DOCUMENTS, [0.1])


def test_closed(model: GPT) -> None:
    model.close()
    with pytest.raises(ClosedError, match="^the model is closed; "):
        model.parameters()
    with pytest.raises(ClosedError):
        model.train_documents(DOCUMENTS, [0.1])


def test_an_error_in_the_callback_stops_the_training(model: GPT) -> None:
    def fail(first: int, losses: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        model.train_documents(DOCUMENTS, [0.01] * 10_000_000, fail)
