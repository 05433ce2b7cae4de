"""The parts of the training benchmark that need no PyTorch."""

from __future__ import annotations

import math
import os
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.harness.check import FLOAT32, DisagreementError, Steps, Tolerance, compare
from benchmarks.harness.measure import labels
from benchmarks.train.measure import Result
from benchmarks.train.side import Runner, make_runner
from benchmarks.train.workload import BATCHES, WORKLOADS, Workload

SMALL = Workload("small", 11, 3, 2, 1, 5, 7, 1, 1, 1, 1)
STEPS = Steps([0.1] * 10, [3.0 - 0.1 * i for i in range(10)], [1.0 + 0.1 * i for i in range(10)])
NORMS = {"wte.weight": 2.0, "h.0.attn.c_attn.bias": 1e-3, "ln_f.weight": 5.0}


def _changed(values: list[float], index: int, factor: float) -> list[float]:
    return [value * factor if i == index else value for i, value in enumerate(values)]


def _check(steps: Steps, norms: dict[str, float], tolerance: Tolerance = FLOAT32) -> None:
    compare("other", steps, norms, STEPS, NORMS, tolerance)


def test_equal_work_agrees() -> None:
    _check(STEPS, NORMS)
    _check(replace(STEPS, step_s=[9.0] * 10), NORMS | {"h.0.attn.c_attn.bias": 2e-3})
    _check(replace(STEPS, losses=_changed(STEPS.losses, 9, 1 + 0.9 * FLOAT32.loss)), NORMS)


@pytest.mark.parametrize("factor", [1 + 1.1 * FLOAT32.loss, 1 - 1.1 * FLOAT32.loss, math.nan])
def test_other_losses_fail(factor: float) -> None:
    for index in (0, 9):
        with pytest.raises(DisagreementError, match="other does other work .* its loss is"):
            _check(replace(STEPS, losses=_changed(STEPS.losses, index, factor)), NORMS)


def test_other_gradients_fail() -> None:
    other = _changed(STEPS.grad_norms, 9, 1 + 1.1 * FLOAT32.grad_norm)
    with pytest.raises(DisagreementError, match="gradient norm"):
        _check(replace(STEPS, grad_norms=other), NORMS)


def test_other_weights_fail() -> None:
    assert FLOAT32.weight_norm is not None
    with pytest.raises(DisagreementError, match=r"norm of ln_f\.weight"):
        _check(STEPS, NORMS | {"ln_f.weight": 5.0 * (1 + 1.1 * FLOAT32.weight_norm)})
    with pytest.raises(DisagreementError, match="other names"):
        _check(STEPS, NORMS | {"ln_f.bias": 0.0})


def test_jax_does_the_same_work() -> None:
    threads = len(os.sched_getaffinity(0))
    work = replace(SMALL, vocab_size=13, block_size=5, n_head=2, n_embd=8, batch_size=3)
    pygpt, jax = (make_runner(name, work, threads) for name in ("pygpt", "jax"))
    expected, got = pygpt.run(10), jax.run(10)
    compare("jax", got, jax.weight_norms(), expected, pygpt.weight_norms(), FLOAT32)


def test_steps_that_are_not_compared() -> None:
    other = replace(STEPS, losses=_changed(STEPS.losses, 5, 2.0))
    _check(other, NORMS, replace(FLOAT32, steps=5))
    with pytest.raises(DisagreementError):
        _check(other, NORMS, replace(FLOAT32, steps=6))


def test_workloads_have_gpt2s_sizes() -> None:
    named = {work.name: work for work in WORKLOADS}
    assert named["gpt2_124M_1024"].parameters == 124_439_808  # GPT-2 small
    assert named["gpt2_124M"].parameters == 124_439_808 - (1024 - 64) * 768
    C, V, T, L = 5, 11, 3, 2
    block = (3 + 1 + 4 + 4) * C * C + (3 + 1 + 4 + 1) * C + 4 * C
    assert SMALL.parameters == (V + T) * C + L * block + 2 * C
    assert SMALL.flops == 7 * T * (6 * (SMALL.parameters - T * C) + 12 * L * C * T)


def test_first_weights_and_batches_are_the_same_always() -> None:
    first, again = dict(SMALL.first_weights()), dict(SMALL.first_weights())
    assert {name: value.shape for name, value in first.items()} == SMALL.shapes
    for name, value in first.items():
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, again[name])
    batches = SMALL.batches()
    assert len(batches) == BATCHES
    for (ids, targets), (ids_again, _) in zip(batches, SMALL.batches(), strict=True):
        assert ids.shape == targets.shape == (7, 3)
        np.testing.assert_array_equal(ids, ids_again)
        np.testing.assert_array_equal(ids[:, 1:], targets[:, :-1])


class _Counting:
    """A side whose losses count its steps."""

    description = "counting"

    def __init__(self) -> None:
        self.ids: list[NDArray[np.int64]] = []

    def step(self, ids: NDArray[np.int64], targets: NDArray[np.int64]) -> tuple[float, float]:
        self.ids.append(ids)
        return float(len(self.ids)), float(-len(self.ids))

    def weight_norms(self) -> dict[str, float]:
        return {"steps": float(len(self.ids))}


def test_runner_takes_steps_one_after_another() -> None:
    side = _Counting()
    runner = Runner(side, SMALL)
    two, norms, nine = runner.run(2), runner.weight_norms(), runner.run(9)
    assert runner.description == "counting" and norms == {"steps": 2.0}
    assert two.losses == [1.0, 2.0] and two.grad_norms == [-1.0, -2.0]
    assert nine.losses == [float(i) for i in range(3, 12)]
    assert len(nine.step_s) == 9 and min(nine.step_s) >= 0
    expected = [ids for ids, _ in SMALL.batches()]
    for step, ids in enumerate(side.ids):  # the batches take turns
        np.testing.assert_array_equal(ids, expected[step % BATCHES])


def test_times_compare_turn_by_turn() -> None:
    mine = Result("a", "a", turns_step_s=[[1.0, 2.0, 9.0], [30.0, 40.0, 50.0]])
    theirs = Result("b", "b", turns_step_s=[[1.0, 1.0, 7.0], [20.0, 10.0, 30.0]])
    assert mine.times(theirs) == [2.0, 2.0]
    assert labels(["a", "b", "a", "a"]) == ["a", "b", "a (2)", "a (3)"]
