"""The encoder-decoder's loss and gradients beside JAX's autodiff, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pygpt import EncoderDecoder, EncoderDecoderConfig
from pygpt.model.pair_batch import pair_batch

from . import encoder_decoder_jax

# Two ways to sum in float64, 1e-16 a term.
ROUNDING = {"rtol": 1e-10, "atol": 1e-13}

SIZES: dict[str, Any] = {
    "source_block_size": 7, "target_block_size": 6, "source_vocab_size": 11,
    "target_vocab_size": 5, "n_encoder_layer": 1, "n_decoder_layer": 1, "n_head": 3,
    "n_embd": 12, "n_inner": 13,
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "paper": {"norm_order": "post", "final_norm": False},
    "pre_rotary": {"positions": "rotary", "tie_weights": False, "activation": "swiglu"},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_jaxs(case: str) -> None:
    config = EncoderDecoderConfig(**SIZES, **CASES[case])
    rng = np.random.default_rng(3)
    # sources and targets of several lengths, so that both have padding
    pairs = [
        (rng.integers(0, 11, s).tolist(), rng.integers(0, 4, t).tolist())
        for s, t in ((7, 2), (1, 5), (4, 0))
    ]
    batch = pair_batch(pairs, bound=4)
    with EncoderDecoder(config, backend="plain", dtype="float64", seed=None) as model:
        for weight in model.parameters().values():
            weight[:] = rng.normal(0, 0.4, weight.shape)
        params = {name: weight.copy() for name, weight in model.parameters().items()}
        expected, gradients = encoder_decoder_jax.loss_and_grads(params, tuple(batch), config)
        with model.training(3, 7, 6) as training:
            assert training.accumulate(batch) == pytest.approx(expected, rel=1e-12)
            found = training.gradients()
            assert set(found) == set(gradients)
            for name, gradient in gradients.items():
                np.testing.assert_allclose(found[name], gradient, err_msg=name, **ROUNDING)
