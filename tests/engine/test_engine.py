"""The border to Java: what Python calls is there."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import jbridge
from jbridge import JarsNotFoundError, JBridgeError, JdkNotFoundError, JvmStartError
from pygpt import GPT, GPTConfig, PygptError
from pygpt.engine import (
    EngineError,
    auto,
    jar_resource,
    java,
    java_gradients,
    java_network,
    java_vectors,
)
from pygpt.engine.arrays import FlatArrays
from pygpt.engine.generation import EngineGenerator
from pygpt.engine.model import Model
from pygpt.errors import ConfigError, ShapeError, TooLargeError

CONFIG = GPTConfig(block_size=5, vocab_size=7, n_layer=1, n_head=1, n_embd=3)


def _found(java_class: Any, name: str, is_static: bool) -> set[int]:
    """The numbers of parameters that public methods of this name have."""
    modifier = jbridge.java_class("java.lang.reflect.Modifier")
    if name == "__call__":
        return {int(found.getParameterCount()) for found in java_class.getConstructors()}
    return {
        int(found.getParameterCount())
        for found in java_class.getMethods()
        if found.getName() == name and modifier.isStatic(found.getModifiers()) == is_static
    }


assert java_network.NetworkClass in java.NAMES  # importing it has added its own
assert java_vectors.WordVectorTrainingClass in java.NAMES
assert java_gradients.GradientJobClass in java.NAMES
assert auto.AutoBackendClass in java.NAMES


@pytest.mark.parametrize("protocol", java.NAMES, ids=lambda protocol: protocol.__name__)
def test_java_has_what_python_calls(protocol: type) -> None:
    java_class = jbridge.java_class(java.NAMES[protocol]).class_
    for kind in protocol.__mro__:
        for name, method in vars(kind).items():
            if kind.__module__.startswith("pygpt.") and inspect.isfunction(method):
                if name.startswith("_") and name != "__call__":
                    continue  # typing's own
                parameters = list(inspect.signature(method).parameters.values())[1:]
                found = _found(java_class, name, protocol.__name__.endswith("Class"))
                if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
                    assert found, name
                else:
                    assert len(parameters) in found, f"{name}: {found}"


# ---- errors --------------------------------------------------------------------------------------


def test_an_error_of_java_is_pygpts_too() -> None:
    with GPT(CONFIG) as model:
        model.parameters()["wte.weight"][0, 0] = np.inf
        with pytest.raises(PygptError, match="^loss: expected a finite number") as caught:
            with model.training(1, 3) as training:
                training.step([0, 1, 2], [1, 2, 3], 0.1)
        error = caught.value
        assert isinstance(error, EngineError) and isinstance(error, jbridge.JavaNumberError)
        assert isinstance(error, ArithmeticError) and not isinstance(error, MemoryError)
        assert error.java_class == "java.lang.ArithmeticException"
        assert "Training.backward" in error.java_stack and error.__notes__ == [error.java_stack]


def test_what_java_finds_too_large_is_pygpts_too_large_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pygpt.engine.model.require", lambda needed_bytes, what: None)
    with pytest.raises(TooLargeError, match="^a model of these sizes needs at least") as caught:
        Model(GPTConfig(n_layer=2**31 - 1))
    assert isinstance(caught.value, MemoryError) and isinstance(caught.value, EngineError)
    assert isinstance(caught.value, jbridge.JavaMemoryError)


def test_what_jbridge_raises_is_pygpts_too() -> None:
    with pytest.raises(PygptError, match="lacks none; build or install") as caught:
        jar_resource("none", "x")
    assert isinstance(caught.value, jbridge.JarsNotFoundError)
    assert isinstance(caught.value, EngineError)


BATCH = (np.array([[0, 1, 2, 3, 4], [5, 6, 0, 1, 2]]), np.array([[1, 2, 3, 4, 5], [6, 0, 1, 2, 3]]))


# ---- jobs ----------------------------------------------------------------------------------------


class SlowJob:
    """A job that was interrupted and ends after some more polls."""

    def __init__(self, polls: int = 3) -> None:
        self.polls = polls

    def isRunning(self) -> bool:
        return self.polls > 0

    def awaitMillis(self, _: int) -> bool:
        self.polls -= 1
        if not self.polls:
            raise jbridge.java_class("java.util.concurrent.CancellationException")("cancelled")
        return False


@pytest.mark.parametrize("error", [JdkNotFoundError, JarsNotFoundError, JvmStartError])
def test_an_unknown_backend_needs_no_java(
    error: type[JBridgeError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: str) -> None:
        raise error("not there")

    monkeypatch.setattr("jbridge.java_class", missing)
    expected = "^backend: expected one of cpu, nd4j, plain, cuda, got 'gpu'"
    with pytest.raises(ConfigError, match=expected):
        GPT(CONFIG, backend="gpu")


@pytest.mark.parametrize("call", ["step", "update", "resume", "loss", "advance"])
def test_a_call_waits_for_an_interrupted_job(call: str) -> None:
    job = SlowJob()
    with GPT(CONFIG) as model, model.training(2) as training:
        training.accumulate(*BATCH)
        model._interrupted = job  # type: ignore[assignment]
        if call == "step":
            training.step(*BATCH, 0.1)
        elif call == "update":
            training.update(0.1)
        elif call == "resume":
            training.resume(0, 0)
        elif call == "loss":
            model.loss(*BATCH)
        else:
            with EngineGenerator(model, 1, exact=True) as generator:
                generator.advance(0)
        assert not job.isRunning() and model._interrupted is None


def test_a_job_that_does_not_start_is_forgotten() -> None:
    class Job(SlowJob):
        def __init__(self) -> None:
            super().__init__(0)

        def start(self) -> None:
            raise RuntimeError("no thread")

    with GPT(CONFIG) as model:
        with pytest.raises(RuntimeError, match="no thread"):
            model._run(Job())  # type: ignore[arg-type]
        assert model._interrupted is None


def test_an_interrupted_job_is_cancelled_and_stays_until_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with GPT(CONFIG) as model, model.training(2) as training:
        with monkeypatch.context() as patch:
            patch.setattr("pygpt.engine.handle.wait", interrupt)  # before its own try
            with pytest.raises(KeyboardInterrupt):
                training.steps([BATCH], [0.1] * 1_000_000)
        training.step(*BATCH, 0.1)
        assert training.updates < 1_000_000 and model._interrupted is None


def test_what_is_written_after_an_interruption_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    make = FlatArrays.__init__

    def make_mirrors(self: FlatArrays, *args: Any) -> None:
        make(self, *args)
        self._is_host = False

    monkeypatch.setattr(FlatArrays, "__init__", make_mirrors)
    with GPT(CONFIG, seed=1) as model:
        held = model.parameters()["wte.weight"]
        model._numbers("weights", model.java.weights).refresh(is_changing=True)
        model.parameters()["wte.weight"][:] = 4
        model.loss(*BATCH)
        assert np.all(held == 4) and np.all(model.parameters()["wte.weight"] == 4)


# ---- arrays --------------------------------------------------------------------------------------

@pytest.fixture(params=["host", "device"])
def memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether arrays are Java's memory, or mirrors of it, as on a device."""
    make = FlatArrays.__init__

    def make_mirrors(self: FlatArrays, *args: Any) -> None:
        make(self, *args)
        self._is_host = False

    if request.param == "device":
        monkeypatch.setattr(FlatArrays, "__init__", make_mirrors)
    return str(request.param)


def test_flat_gradient_is_all_gradients(memory: str) -> None:
    with GPT(CONFIG, seed=3) as model, model.training(2) as training:
        training.accumulate(*BATCH)
        flat, named = training.flat_gradient, training.gradients()
        assert list(named) == list(CONFIG.weight_shapes())
        used = np.zeros(len(flat), bool)
        for gradient in named.values():
            assert np.shares_memory(gradient, flat) and np.any(gradient)
            start = (gradient.ctypes.data - flat.ctypes.data) // flat.itemsize
            used[start : start + gradient.size] = True
            assert start % 16 == 0
            np.testing.assert_array_equal(flat[start : start + gradient.size], gradient.ravel())
        assert used.sum() == CONFIG.num_parameters and not np.any(flat[~used])
        copy = np.empty_like(flat)
        training.read_gradient(copy)
        np.testing.assert_array_equal(copy, flat)


def test_an_update_takes_what_was_written(memory: str) -> None:
    with GPT(CONFIG, seed=3) as model, model.training(2, grad_clip=0) as training:
        with GPT(CONFIG, seed=3) as other, other.training(2, grad_clip=0) as expected:
            training.accumulate(*BATCH)
            expected.accumulate(*BATCH)
            training.flat_gradient[:] *= 3
            for gradient in expected.gradients().values():
                gradient *= 3
            training.update(0.1)
            expected.update(0.1)
            wanted = other.parameters()
            for name, weight in model.parameters().items():
                np.testing.assert_array_equal(weight, wanted[name], err_msg=name)


def test_gradients_go_by_copies(memory: str) -> None:
    with GPT(CONFIG, seed=3) as model, model.training(2) as training:
        with GPT(CONFIG, seed=3) as other, other.training(2) as second:
            training.accumulate(*BATCH)
            second.accumulate(*BATCH)
            gradient = np.empty(training.flat_gradient.shape, np.float32)
            training.read_gradient(gradient)
            second.write_gradient(gradient)
            assert training.update(0.1) == second.update(0.1)
        for wrong in (gradient[1:], gradient.astype(np.float64), np.repeat(gradient, 2)[::2]):
            with pytest.raises(ShapeError, match="^array: expected a contiguous float32 array"):
                training.read_gradient(wrong)


def test_arrays_follow_the_model_and_reach_it(memory: str) -> None:
    with GPT(CONFIG, seed=3) as model, model.training(2) as training:
        held, before = model.parameters()["wte.weight"], model.parameters()["wte.weight"].copy()
        training.step(*BATCH, 0.1)
        assert not np.any(held == before)
        first, second = training.moments()
        assert all(map(np.any, [*first.values(), *second.values()]))
        model.parameters()["wte.weight"][:] = before  # an array that is gone at once
        np.testing.assert_array_equal(held, before)
        del held
        logits = model.logits(BATCH[0])
        model.parameters()["wte.weight"][:] *= 2
        assert not np.array_equal(model.logits(BATCH[0]), logits)
        model.parameters()["wte.weight"][:] = before
        np.testing.assert_array_equal(model.logits(BATCH[0]), logits)


def test_a_training_is_the_same_whoever_looks_on(memory: str) -> None:
    with GPT(CONFIG, seed=3) as model, GPT(CONFIG, seed=3) as other:
        with model.training(2) as training, other.training(2) as alone:
            watched = [model.parameters(), training.gradients(), *training.moments()]
            for _ in range(3):
                assert training.step(*BATCH, 0.1) == alone.step(*BATCH, 0.1)
            wanted = [other.parameters(), alone.gradients(), *alone.moments()]
            for arrays, expected in zip(watched, wanted, strict=True):
                for name, array in arrays.items():
                    np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_a_mirror_does_not_undo_an_interrupted_step() -> None:
    with GPT(CONFIG, seed=1) as model:
        mirror = FlatArrays(model.java, model.java.weights(), np.dtype("float32"))
        mirror._is_host = False
        held, shared = mirror.flat(), model.parameters()
        shared["wte.weight"][:] = 2
        mirror.refresh(is_changing=True)
        shared["wte.weight"][:] = 3
        mirror.upload()
        assert np.all(shared["wte.weight"] == 3) and np.count_nonzero(held == 3) >= 21
        held[:] = 4
        mirror.upload()
        assert np.all(shared["wte.weight"] == 4)
