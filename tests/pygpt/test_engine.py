"""The border to Java: what Python calls is there."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

import jbridge
from pygpt.engine import java

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
