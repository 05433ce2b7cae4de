"""What all tests share: folders, and pygpt as a process of its own."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import jbridge
from pygpt.application import APPLICATION
from tests.support.processes import completed, default_signals

ROOT = Path(__file__).parents[1]

jbridge.use(APPLICATION)  # some tests call Java themselves


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's top."""
    return ROOT


@pytest.fixture(scope="session")
def unpacked() -> None:
    """Native libraries are in javacpp's cache: no process says any more that it unpacks them."""
    from pygpt import GPT, GPTConfig

    GPT(GPTConfig.microgpt(1, 1, 1, 1, 1)).close()


@pytest.fixture(autouse=True, scope="module")
def _little_to_search() -> None:
    """Let collections of Python's pass over what earlier modules left, as all that was imported.

    Each of Java's has JPype collect Python's garbage as well, which would take longer and longer.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a phase may last 2 seconds: what is shown shall not depend on that."""
    monkeypatch.setattr("pygpt.cli.progress.FIRST_SIGN_S", 1e9)


@pytest.fixture
def python_environment() -> dict[str, str]:
    """Variables for a Python process in any folder that imports this tree."""
    variables = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    variables.pop("PYTHONFAULTHANDLER", None)
    return variables


@pytest.fixture
def python(python_environment: dict[str, str], tmp_path: Path) -> Callable[..., Any]:
    """Run Python in a process of its own: python("-m", "pygpt", ..., NAME=value of a variable)."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return completed(command, env=python_environment | variables, cwd=tmp_path, timeout=60)

    return run


@pytest.fixture
def signals() -> Iterator[None]:
    """This process gets the signals that it sends itself, even where they were ignored."""
    with default_signals():
        yield


@pytest.fixture
def free() -> Iterator[Any]:
    """What sets the memory that Java says is free: `free[0] = 1000`."""
    import jbridge
    from tests.support.free import Free

    yield Free()
    jbridge.java_class("java.lang.System").clearProperty("pygpt.memory_bytes")
