"""The tokens that each option draws, against the distribution that it claims; Ctrl-C."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pygpt import GPT, GPTConfig

V = 23
PROMPT = np.array([3, 1, 3, 17])
DRAWS = 4_000
SIGMAS = 4.75  # one in a million; the seed is fixed, so it either passes for ever or never

Array = NDArray[np.float64]


def _softmax(logits: Array) -> Array:
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())


def _top_k(p: Array, k: int) -> Array:
    return _left(p, np.argsort(-p)[:k])


def _top_p(p: Array, share: float) -> Array:
    order = np.argsort(-p)
    before = np.cumsum(p[order]) - p[order]  # what the likelier ones have together
    return _left(p, order[before < share])


def _min_p(p: Array, share: float) -> Array:
    return _left(p, np.flatnonzero(p >= share * p.max()))


def _left(p: Array, tokens: NDArray[np.intp]) -> Array:
    left = np.zeros_like(p)
    left[tokens] = p[tokens]
    return left / left.sum()


def _penalized(logits: Array, seen: NDArray[np.bool_], penalty: float) -> Array:
    scaled = np.where(logits > 0, logits / penalty, logits * penalty)
    return np.where(seen, scaled, logits)


Claim = Callable[[Array, NDArray[np.bool_]], Array]
"""Of logits and of whether each token occurred: the probabilities."""
CLAIMS: dict[str, tuple[dict[str, Any], Claim]] = {
    "plain": ({}, lambda x, seen: _softmax(x)),
    "temperature": ({"temperature": 0.6}, lambda x, seen: _softmax(x / 0.6)),
    "hot": ({"temperature": 1.9}, lambda x, seen: _softmax(x / 1.9)),
    "top_k": ({"top_k": 5}, lambda x, seen: _top_k(_softmax(x), 5)),
    "top_k_of_all": ({"top_k": 99}, lambda x, seen: _softmax(x)),
    "top_p": ({"top_p": 0.7}, lambda x, seen: _top_p(_softmax(x), 0.7)),
    "min_p": ({"min_p": 0.15}, lambda x, seen: _min_p(_softmax(x), 0.15)),
    "repetition_penalty": (
        {"repetition_penalty": 1.7}, lambda x, seen: _softmax(_penalized(x, seen, 1.7))
    ),
    "all": (
        {"repetition_penalty": 1.3, "temperature": 1.5, "top_k": 13, "top_p": 0.9, "min_p": 0.1},
        lambda x, seen: _min_p(
            _top_p(_top_k(_softmax(_penalized(x, seen, 1.3) / 1.5), 13), 0.9), 0.1
        ),
    ),
}  # fmt: skip


def _chi_square(counts: NDArray[np.int64], p: Array) -> tuple[float, float]:
    """Return the statistic, and what it stays below; rare tokens count as one (Cochran's rule)."""
    rare = p * counts.sum() < 5
    observed = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(p[~rare], p[rare].sum()) * counts.sum()
    observed, expected = observed[expected > 0], expected[expected > 0]
    statistic = float(((observed - expected) ** 2 / expected).sum())
    df = len(expected) - 1
    spread = 2 / (9 * df)  # Wilson and Hilferty 1931
    return statistic, df * (1 - spread + SIGMAS * math.sqrt(spread)) ** 3


@pytest.fixture(scope="module")
def model() -> GPT:
    """A model of moderate opinions: each option changes what it draws."""
    made = GPT(GPTConfig(block_size=7, vocab_size=V, n_layer=1, n_head=1, n_embd=13))
    rng = np.random.default_rng(2)
    for weight in made.parameters().values():
        weight[:] += 0.35 * rng.standard_normal(weight.shape)
    return made


@pytest.mark.parametrize("name", CLAIMS)
def test_distribution(model: GPT, name: str) -> None:
    """Of the first token, which the prompt gives, and the second, from a batch with a cache."""
    options, claim = CLAIMS[name]
    drawn = model.generate(np.tile(PROMPT, (DRAWS, 1)), 2, seed=1, **options)[:, -2:]
    pairs = [[*PROMPT, token] for token in range(V)]
    logits = model.logits(pairs).astype(np.float64)
    first = logits[0, -2]
    p = claim(first, _seen(PROMPT))
    _assert_drawn_by(p, drawn[:, 0])
    _assert_drawn_by(
        sum(
            p[token] * claim(logits[token, -1], _seen(pair)) for token, pair in enumerate(pairs)
        ),
        drawn[:, 1],
    )
    if name not in ("plain", "top_k_of_all"):  # and not that of any other option
        statistic, limit = _chi_square(np.bincount(drawn[:, 0], minlength=V), _softmax(first))
        assert statistic > limit


def _seen(tokens: Sequence[int] | NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.isin(np.arange(V), tokens)


def _assert_drawn_by(p: Array, drawn: NDArray[np.int64]) -> None:
    counts = np.bincount(drawn, minlength=V)
    assert not counts[p == 0].any()
    statistic, limit = _chi_square(counts, p)
    assert statistic < limit


def test_all_tokens_but_one_left_out_is_greedy(model: GPT) -> None:
    greedy = model.generate(PROMPT, 3, temperature=0)
    for options in ({"top_k": 1}, {"top_p": 1e-9}, {"min_p": 1.0}, {"temperature": 1e-300}):
        np.testing.assert_array_equal(model.generate(PROMPT, 3, **options), greedy)


def test_equal_logits_are_taken_by_id(model: GPT) -> None:
    with GPT(model.config) as same:
        for weight in same.parameters().values():
            weight[:] = 0
        assert same.generate([5], 1, temperature=0)[-1] == 0
        drawn = same.generate(np.full((300, 1), 5), 1, seed=1, top_k=3)[:, -1]
        assert set(drawn) == {0, 1, 2}
        drawn = same.generate(np.full((300, 1), 5), 1, seed=1, top_p=3.5 / V)[:, -1]
        assert set(drawn) == {0, 1, 2, 3}


@pytest.mark.usefixtures("signals")
def test_ctrl_c() -> None:
    """The answer comes within half a second, and a second more on a busy machine."""
    config = GPTConfig(block_size=30_000, vocab_size=5, n_layer=2, n_head=4, n_embd=128)
    with GPT(config) as model:
        expected = model.generate([1], 7, seed=1)
        sent = []

        def interrupt() -> None:
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(0.5, interrupt)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            model.generate([1], 29_000)
        assert time.monotonic() - sent[0] < 0.5 + 1.0
        timer.join()
        np.testing.assert_array_equal(model.generate([1], 7, seed=1), expected)
