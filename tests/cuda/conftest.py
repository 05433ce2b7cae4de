"""CUDA's libraries, played on the host: `make cuda-fake` builds them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def fake() -> Path:
    """The folder of the libraries."""
    subprocess.run(["make", "--silent", "cuda-fake"], cwd=ROOT, check=True)
    return ROOT / "build" / "cuda-fake"


@pytest.fixture
def pygpt_on_cuda(
    python: Callable[..., subprocess.CompletedProcess[str]], fake: Path
) -> Callable[..., Any]:
    """Run the command line with the fake: pygpt_on_cuda("names", ..., options="order=random")."""

    def run(*arguments: str, options: str = "") -> subprocess.CompletedProcess[str]:
        variables = {"PYGPT_CUDA": str(fake), "PYGPT_FAKE_CUDA": options}
        return python("-m", "pygpt", *arguments, **variables)

    return run
