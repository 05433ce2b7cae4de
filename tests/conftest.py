"""What all tests share: folders, and pygpt as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's top."""
    return ROOT


@pytest.fixture(scope="session")
def unpacked() -> None:
    """Native libraries are in javacpp's cache: no process says any more that it unpacks them."""
    from pygpt import GPT, GPTConfig

    GPT(GPTConfig.microgpt(1, 1, 1, 1, 1)).close()


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
        return subprocess.run(
            [sys.executable, *arguments],
            env=python_environment | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run
