"""Training step by step: same bits, accumulation, dropout, threads, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pygpt import GPT, ConfigError, GPTConfig, ShapeError
from pygpt.engine import EngineError
from pygpt.errors import ClosedError, TokenError
from tests import tolerances

CONFIG = GPTConfig(block_size=67, vocab_size=31, n_layer=2, n_head=2, n_embd=128)
DROPPED = GPTConfig(
    block_size=17, vocab_size=31, n_layer=2, n_head=3, n_embd=48, dropout=0.2, n_kv_head=1
)


def _batches(config: GPTConfig, B: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(7)
    shape = (count, 2, B, config.block_size)
    return [(ids, targets) for ids, targets in rng.integers(0, config.vocab_size, shape)]


def _train(config: GPTConfig, batches: list[Any], **options: Any) -> tuple[list[float], Any]:
    with GPT(config, seed=2, **options) as model:
        with model.training(len(batches[0][0])) as training:
            losses = [training.step(*batch, 0.003)[0] for batch in batches]
        return losses, {name: w.copy() for name, w in model.parameters().items()}


@pytest.mark.parametrize("config", [CONFIG, DROPPED], ids=["wide", "dropout"])
def test_same_seed_same_bits(config: GPTConfig) -> None:
    batches = _batches(config, 5, 7)
    losses, weights = _train(config, batches, threads=2)
    again, same = _train(config, batches, threads=2)
    assert losses == again
    for name, weight in weights.items():
        np.testing.assert_array_equal(weight, same[name], err_msg=name)


def test_threads_change_no_more_than_rounding() -> None:
    batches = _batches(CONFIG, 5, 7)
    one, _ = _train(CONFIG, batches, threads=1)
    three, _ = _train(CONFIG, batches, threads=3)
    np.testing.assert_allclose(one, three, rtol=tolerances.CURVE_FLOAT32)


def test_backends_drop_the_same() -> None:
    batches = _batches(DROPPED, 3, 3)
    expected, _ = _train(DROPPED, batches, backend="plain")
    for backend in ("cpu", "nd4j"):
        losses, _ = _train(DROPPED, batches, backend=backend)
        np.testing.assert_allclose(losses, expected, rtol=tolerances.CURVE_FLOAT32)


@pytest.mark.parametrize("backend", ["cpu", "nd4j", "plain"])
@pytest.mark.parametrize("planned", [(4, 4), (2, 9), (16, 1)])
def test_a_batch_may_be_longer_than_planned(backend: str, planned: tuple[int, int]) -> None:
    config = GPTConfig(block_size=32, vocab_size=60, n_layer=2, n_head=4, n_embd=32)
    batch = np.arange(16)[None], np.arange(1, 17)[None]
    gradients = []
    for B, T in ((1, 16), planned):
        with GPT(config, backend=backend) as model:
            for weight in model.parameters().values():
                weight *= 20
            with model.training(B, T) as training:
                losses = training.accumulate(*batch), model.loss(*batch)
                gradients.append((losses, training.flat_gradient.copy()))
    assert gradients[0][0] == gradients[1][0] and np.abs(gradients[0][1]).max() > 1
    np.testing.assert_array_equal(gradients[0][1], gradients[1][1])


def test_evaluation_drops_nothing() -> None:
    (ids, targets), *_ = _batches(DROPPED, 3, 1)
    with GPT(DROPPED) as model:
        loss = model.loss(ids, targets)
        assert model.loss(ids, targets) == loss
        with model.training(3) as training:
            dropped = [training.step(ids, targets, 0.0)[0] for _ in range(3)]
        assert len({loss, *dropped}) == 4


def test_accumulated_batches_are_one_large_batch() -> None:
    ids, targets = _batches(CONFIG, 6, 1)[0]
    with GPT(CONFIG) as one, GPT(CONFIG) as two:
        with one.training(6) as training:
            loss, norm = training.step(ids, targets, 0.01)
        with two.training(2) as training:
            parts = [training.accumulate(ids[i : i + 2], targets[i : i + 2]) for i in (0, 2, 4)]
            assert training.updates == 0
            assert training.update(0.01) == pytest.approx(norm, rel=tolerances.TENSOR_FLOAT32)
            assert training.updates == 1
        assert np.mean(parts) == pytest.approx(loss, rel=tolerances.LOSS_FLOAT32)
        expected, weights = one.parameters(), two.parameters()
        for name, weight in weights.items():  # Adam's first step is the rate times a sign
            far = np.abs(weight - expected[name]) > 1e-4
            assert np.count_nonzero(far) <= 1e-4 * weight.size + 1, name


def test_smaller_batches_fit_too() -> None:
    ids, targets = _batches(CONFIG, 4, 1)[0]
    with GPT(CONFIG) as model, model.training(4) as training:
        loss = training.accumulate(ids[1:3, :5], targets[1:3, :5])
        assert loss == pytest.approx(model.loss(ids[1:3, :5], targets[1:3, :5]), rel=1e-6)
        assert training.accumulate(ids[0], targets[0]) == pytest.approx(
            model.loss(ids[0], targets[0]), rel=1e-6
        )


def test_logits_of_one_sequence_and_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, targets = _batches(CONFIG, 5, 1)[0]
    with GPT(CONFIG) as model:
        whole, loss = model.logits(ids), model.loss(ids, targets)
        assert (whole.shape, whole.dtype) == ((5, 67, 31), np.float32)
        np.testing.assert_allclose(model.logits(ids[2].astype(np.int32))[0], whole[2], rtol=1e-4)
        monkeypatch.setattr("pygpt.engine.model.LOGITS_AT_ONCE", 2 * 67 * 31)
        np.testing.assert_allclose(model.logits(ids), whole, rtol=1e-4, atol=1e-6)
        assert model.loss(ids, targets) == pytest.approx(loss, rel=1e-6)
        targets[:, 3:] = -1
        assert model.loss(ids, np.full_like(ids, -1)) == 0
        assert model.loss(ids[:, :3], targets[:, :3]) == pytest.approx(
            model.loss(ids, targets), rel=1e-6
        )


BAD_BATCHES = {
    "id": (lambda ids: ids.__setitem__((1, 2), 31), TokenError, "ids: expected 0 to 30, got 31"),
    "negative": (lambda ids: ids.__setitem__((1, 2), -1), TokenError, "ids: expected 0 to 30, g"),
    "long": (lambda ids: np.zeros((1, 68), int), ShapeError, "ids: expected T up to block_size = "),
    "empty": (lambda ids: ids[:0], ShapeError, "ids: expected at least one token, got none"),
    "deep": (lambda ids: ids[None], ShapeError, r"ids: expected \(T,\) or \(B, T\), got "),
    "floats": (lambda ids: ids * 1.0, ShapeError, "ids: expected whole numbers, got float64"),
    "short": (lambda ids: ids[:1], ShapeError, "targets: expected the shape of ids, got "),
    "large": (lambda ids: np.vstack([ids, ids]), ShapeError, "targets: expected the shape of "),
}


@pytest.mark.parametrize("case", BAD_BATCHES)
def test_bad_batches_leave_the_model_usable(case: str) -> None:
    change, error, message = BAD_BATCHES[case]
    ids, targets = _batches(CONFIG, 3, 1)[0]
    with GPT(CONFIG) as model, model.training(3) as training:
        before = training.accumulate(ids, targets)
        wrong = ids.copy()
        changed = change(wrong)
        wrong = wrong if changed is None else changed
        for call in (
            lambda: training.step(wrong, targets, 0.1),
            lambda: model.loss(wrong, targets),
        ):
            with pytest.raises(error, match=f"^{message}"):
                call()
        if case not in ("short", "large"):
            with pytest.raises(error, match=f"^{message}"):
                model.logits(wrong)
        assert training.accumulate(ids, targets) == before


def test_other_refusals() -> None:
    ids, targets = _batches(CONFIG, 3, 1)[0]
    with GPT(CONFIG) as model:
        for sizes in ((0, 3), (3, 0), (3, 68)):
            with pytest.raises(ShapeError, match="^batch: expected "):
                model.training(*sizes)
        with pytest.raises(ConfigError, match="^beta3: expected one of beta1, beta2, "):
            model.training(1, beta3=0.5)
        with pytest.raises(ConfigError, match="^grad_clip: expected at least 0, got -1.0"):
            model.training(1, grad_clip=-1)
        with model.training(2) as training:
            with pytest.raises(ShapeError, match=r"^batch: expected at most 134 tokens, got \(3, "):
                training.step(ids, targets, 0.1)
            with pytest.raises(EngineError, match="update: expected a backward before it"):
                training.update(0.1)
        with pytest.raises(ClosedError, match="^the training is closed; "):
            training.step(ids[:1], targets[:1], 0.1)


@pytest.mark.parametrize("backend", ["cpu", "nd4j", "plain"])
def test_no_number_in_the_loss_reaches_no_weight(backend: str) -> None:
    config = GPTConfig(block_size=3, vocab_size=5, n_layer=1, n_head=1, n_embd=7)
    ids, targets = _batches(config, 2, 1)[0]
    with GPT(config, backend=backend) as model, model.training(2) as training:
        training.step(ids, targets, 0.01)
        weights = model.parameters()
        kept = weights["wte.weight"].copy()
        weights["ln_f.weight"][3] = np.nan
        with pytest.raises(ArithmeticError, match="^loss: expected a finite number in step 2, "):
            training.step(ids, targets, 0.01)
        np.testing.assert_array_equal(weights["wte.weight"], kept)
        weights["ln_f.weight"][3] = 1
        assert np.isfinite(training.step(ids, targets, 0.01)[0])


def test_many_steps_in_one_call_are_those_steps() -> None:
    batches = [*_batches(DROPPED, 3, 3), ([1, 2, 3], [2, 3, 4])]  # of different sizes
    rates = [0.01 * (step + 1) for step in range(9)]  # round again
    with GPT(DROPPED, seed=2) as model, model.training(3) as training:
        expected = [training.step(*batches[s % 4], rate)[0] for s, rate in enumerate(rates)]
        weights = {name: w.copy() for name, w in model.parameters().items()}
    seen: list[float] = []

    def take(first: int, losses: np.ndarray) -> None:
        assert first == len(seen)
        seen.extend(losses)

    with GPT(DROPPED, seed=2) as model, model.training(3) as training:
        losses = training.steps(batches, rates, take)
        np.testing.assert_array_equal(losses, expected)
        assert seen == expected and training.updates == 9
        for name, weight in model.parameters().items():
            np.testing.assert_array_equal(weight, weights[name], err_msg=name)
        assert training.steps(batches, []).shape == (0,)
        with pytest.raises(ShapeError, match="^batches: expected at least one, got none"):
            training.steps([], rates)
        with pytest.raises(ShapeError, match=r"^learning_rates: expected \(steps,\), got \(1, 9\)"):
            training.steps(batches, [rates])
        with pytest.raises(TokenError, match="^targets: expected -1 to 30, got 31"):
            training.steps([([1], [31])], rates)
        with pytest.raises(ShapeError, match="^batch: expected at most 51 tokens, got "):
            training.steps(_batches(DROPPED, 4, 1), rates)


@pytest.mark.parametrize("rate", [float("nan"), float("inf")])
def test_learning_rates_are_finite(rate: float) -> None:
    batch = _batches(DROPPED, 2, 1)[0]
    message = f"^learning_rate: expected a finite number, got {rate}$"
    with GPT(DROPPED) as model, model.training(2) as training:
        assert training.model is model
        training.accumulate(*batch)
        for call in (
            lambda: training.step(*batch, rate),
            lambda: training.steps([batch], [0.1, rate]),
            lambda: training.update(rate),
        ):
            with pytest.raises(ConfigError, match=message):
                call()
        assert training.updates == 0


def test_names_of_frozen_weights_may_come_twice() -> None:
    with GPT(DROPPED) as model, model.training(2, frozen=["wte.weight"] * 2) as training:
        assert "wte.weight" not in training.gradients()
