"""A jar made for these tests, and Python processes to start a JVM in (one JVM a process)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import jbridge
from tests.support.processes import completed

ROOT = Path(jbridge.__file__).parents[1]
# Before the code of each test: the probe runs as pygpt does, with other jars.
USE = "import jbridge; from pygpt.application import APPLICATION; jbridge.use(APPLICATION)\n"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def probe_jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of jars that holds Probe.java, compiled by the JDK that jbridge finds."""
    tools = jbridge.find_jdk().home / "bin"
    classes, jars = tmp_path_factory.mktemp("classes"), tmp_path_factory.mktemp("jars")
    source = Path(__file__).with_name("Probe.java")
    subprocess.run([tools / "javac", "-d", classes, source], check=True)
    subprocess.run([tools / "jar", "cf", jars / "probe.jar", "-C", classes, "."], check=True)
    return jars


@pytest.fixture
def environment(probe_jars: Path) -> dict[str, str]:
    """The variables of this process, with the probe's jars, without buffering."""
    variables = os.environ | {"PYGPT_JARS": str(probe_jars), "PYTHONUNBUFFERED": "1"}
    variables["PYTHONPATH"] = str(ROOT)
    for name in ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "PYTHONFAULTHANDLER"):
        variables.pop(name, None)
    return variables


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run Python code in a process of its own: run(code, *arguments, NAME=value of a variable)."""

    def run_code(code: str, *arguments: str, **variables: str) -> Any:
        command = [sys.executable, "-c", USE + code, *arguments]
        return completed(command, env=environment | variables, cwd=tmp_path, timeout=30)

    return run_code


@pytest.fixture
def run_module(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run `python -m jbridge` in a process of its own."""

    def run_command(*arguments: str, python: tuple[str, ...] = (), **variables: str) -> Any:
        command = [sys.executable, *python, "-m", "jbridge"]
        command += ["--application", "pygpt.application", *arguments]
        return completed(command, env=environment | variables, cwd=tmp_path, timeout=30)

    return run_command


@pytest.fixture
def works(run: Run) -> Callable[..., str]:
    """As `run`, but the code must succeed and keep stderr quiet; returns what it printed."""

    def run_well(code: str, *arguments: str, **variables: str) -> str:
        result = run(code, *arguments, **variables)
        assert (result.returncode, result.stderr) == (0, ""), result
        return result.stdout

    return run_well
