"""The border to Java: what Python calls is there."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import numpy as np
import pytest

import jbridge
from pygpt import GPT, GPTConfig, PygptError
from pygpt.engine import EngineError, jar_resource, java
from pygpt.engine.model import Engine
from pygpt.errors import TooLargeError

CONFIG = GPTConfig(block_size=5, vocab_size=7, n_layer=1, n_head=1, n_embd=3)

for name in ("model", "training", "generation"):  # each may describe classes of its own
    importlib.import_module(f"pygpt.engine.{name}")


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


def test_what_java_finds_too_large_is_pygpts_too_large_error() -> None:
    with pytest.raises(TooLargeError, match="^a model of these sizes needs at least") as caught:
        Engine(GPTConfig(n_layer=2**31 - 1), "cpu", "float32")
    assert isinstance(caught.value, MemoryError) and isinstance(caught.value, EngineError)
    assert isinstance(caught.value, jbridge.JavaMemoryError)


def test_what_jbridge_raises_is_pygpts_too() -> None:
    with pytest.raises(PygptError, match="lacks none; build or install") as caught:
        jar_resource("none", "x")
    assert isinstance(caught.value, jbridge.JarsNotFoundError)
    assert isinstance(caught.value, EngineError)
