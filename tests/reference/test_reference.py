"""The oracles check each other: finite differences, hand-written backward, JAX, the original."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from . import microgpt, microgpt_jax

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
PROTOCOLS = json.loads((GOLDEN / "protocols.json").read_text(encoding="utf-8"))

# T = 7, V = 11, H = 3, D = 2; the document of nine is longer than the block, a character repeats.
CONFIG = microgpt.Config(n_layer=2, n_embd=6, n_head=3, block_size=7)
TOKENS = [10, 3, 1, 4, 1, 5, 9, 2, 6, 8, 10]


def _params(config: microgpt.Config, vocab_size: int) -> microgpt.Params:
    """Weights five times the usual, so that no gradient is near zero for its smallness alone."""
    params = microgpt.initial_params(config, vocab_size, random.Random(1))
    return {name: 5 * w for name, w in params.items()}


def test_gradients_agree_with_finite_differences() -> None:
    params = _params(CONFIG, 11)
    _, grads = microgpt.loss_and_grads(params, TOKENS, CONFIG)
    step = 1e-5
    for name, w in params.items():
        expected = np.empty_like(w)
        for index in np.ndindex(w.shape):
            kept = w[index]
            w[index] = kept + step
            above, _ = microgpt.loss_and_grads(params, TOKENS, CONFIG)
            w[index] = kept - step
            below, _ = microgpt.loss_and_grads(params, TOKENS, CONFIG)
            w[index] = kept
            expected[index] = (above - below) / (2 * step)
        # truncation is about step**2, rounding about 1e-16 / step
        np.testing.assert_allclose(grads[name], expected, rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.parametrize(
    ("config", "tokens"),
    [
        (CONFIG, TOKENS),
        (CONFIG, [10, 0, 10]),
        (microgpt.Config(n_layer=1, n_embd=15, n_head=5, block_size=13), TOKENS),
        (microgpt.Config(n_layer=3, n_embd=7, n_head=1, block_size=1), TOKENS),
    ],
    ids=["longer_than_block", "one_character", "shorter_than_block", "block_of_one"],
)
def test_gradients_agree_with_jax(config: microgpt.Config, tokens: list[int]) -> None:
    params = _params(config, 11)
    loss, grads = microgpt.loss_and_grads(params, tokens, config)
    expected_loss, expected = microgpt_jax.loss_and_grads(
        params, tokens, config.n_head, config.block_size
    )
    assert loss == pytest.approx(expected_loss, rel=1e-13)
    assert grads.keys() == expected.keys()
    for name, g in grads.items():
        np.testing.assert_allclose(g, expected[name], rtol=1e-11, atol=1e-14, err_msg=name)


def test_default_run_is_the_original() -> None:
    model = microgpt.Model(
        microgpt.read_documents(ROOT / "pygpt" / "data" / "names.txt"), microgpt.Config()
    )
    expected = np.loadtxt(GOLDEN / "microgpt" / "seed42_losses.tsv")[:, 1]
    losses = np.array(list(model.train(1000)))
    names = (GOLDEN / "microgpt" / "seed42_names.txt").read_text(encoding="utf-8").split()
    np.testing.assert_allclose(losses, expected, rtol=0, atol=6e-11)  # the file has ten decimals
    assert [model.sample() for _ in range(20)] == names


@pytest.mark.parametrize("case", PROTOCOLS)
def test_frozen_protocols_are_the_reference(case: str) -> None:
    frozen = PROTOCOLS[case]
    config = {
        key: value
        for key, value in frozen["options"].items()
        if key in microgpt.Config.__dataclass_fields__
    }
    data = frozen["options"].get("data")
    path = ROOT / "tests" / "data" / data if data else ROOT / "pygpt" / "data" / "names.txt"
    model = microgpt.Model(
        microgpt.read_documents(path), microgpt.Config(**config), frozen["options"].get("seed", 42)
    )
    losses = list(model.train(frozen["options"]["steps"]))
    temperature = frozen["options"].get("temperature", 0.5)
    # another BLAS sums in another order
    np.testing.assert_allclose(losses, frozen["losses"], rtol=1e-10)
    assert [model.sample(temperature) for _ in frozen["names"]] == frozen["names"]
