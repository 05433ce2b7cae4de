"""Every backend against frozen answers: NumPy's, which JAX confirms, and Hugging Face's."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from pygpt import GPT, GPTConfig
from tests import tolerances
from tests.reference import gpt
from tests.reference.frozen import (
    GOLDEN,
    GPT2_TINY,
    LLAMA_TINY,
    Frozen,
    from_gpt2,
    from_llama,
    hugging_face,
)

CASES = sorted(path.stem for path in (GOLDEN / "gpt").glob("*.npz"))
BACKENDS = ("cpu", "nd4j", "plain")


def _model(config: gpt.Config, params: gpt.Params, backend: str) -> GPT:
    model = GPT(GPTConfig(**asdict(config)), backend=backend)
    weights = model.parameters()
    assert {name: w.shape for name, w in weights.items()} == gpt.layout(config)
    for name, value in params.items():
        weights[name][:] = value
    return model


def _assert_gradients(actual: gpt.Params, expected: gpt.Params, tolerance: float) -> None:
    assert actual.keys() == expected.keys()
    largest = max(float(np.abs(gradient).max()) for gradient in expected.values())
    for name, gradient in expected.items():
        size = max(float(np.abs(gradient).max()), tolerances.NO_GRADIENT * largest / tolerance)
        np.testing.assert_allclose(
            actual[name], gradient, rtol=0, atol=tolerance * size, err_msg=name
        )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_gradients_and_training(case: str, backend: str) -> None:
    frozen = Frozen(case)
    exact = backend == "plain"
    tensor = tolerances.TENSOR_FLOAT64 if exact else tolerances.TENSOR_FLOAT32
    curve = tolerances.CURVE_FLOAT64 if exact else tolerances.CURVE_FLOAT32
    options = asdict(frozen.training)
    rate = options.pop("learning_rate")
    with _model(frozen.config, frozen.params, backend) as model:
        ids, targets = frozen.batches[0]
        logits = model.logits(ids)
        np.testing.assert_allclose(
            logits, frozen.logits, rtol=0, atol=tensor * np.abs(frozen.logits).max()
        )
        assert model.loss(ids, targets) == pytest.approx(frozen.losses[0], rel=curve)
        with model.training(*ids.shape, **options) as training:
            training.accumulate(ids, targets)
            _assert_gradients(training.gradients(), frozen.grads, tensor)
            losses = []
            training.update(0.0)
        with model.training(*ids.shape, **options) as training:
            losses = [training.step(*batch, rate)[0] for batch in frozen.batches]
    np.testing.assert_allclose(losses, frozen.losses, rtol=curve, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("folder", "config", "converted"),
    [("hf_gpt2_tiny", GPT2_TINY, from_gpt2), ("hf_llama_tiny", LLAMA_TINY, from_llama)],
    ids=["gpt2", "llama"],
)
def test_agrees_with_hugging_face(
    folder: str, config: gpt.Config, converted: Any, backend: str
) -> None:
    params, expected = hugging_face(folder, converted)
    ids = expected["ids"]
    targets = np.pad(ids[:, 1:], [(0, 0), (0, 1)], constant_values=-1)
    grads = converted({n[5:]: g for n, g in expected.items() if n.startswith("grad:")})
    with _model(config, params, backend) as model:
        atol = tolerances.TENSOR_FLOAT32 * np.abs(expected["logits"]).max()
        np.testing.assert_allclose(model.logits(ids), expected["logits"], rtol=0, atol=atol)
        loss = float(expected["loss"])
        assert model.loss(ids, targets) == pytest.approx(loss, rel=tolerances.LOSS_FLOAT32)
        with model.training(*ids.shape) as training:
            training.accumulate(ids, targets)
            _assert_gradients(training.gradients(), grads, tolerances.TENSOR_FLOAT32)
