"""A wheel from a clean copy of the sources works in a new environment, without the sources."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from pygpt.cli import main as cli

pytestmark = pytest.mark.slow

# What git would not have in a clone; see .gitignore.
MADE = (".git", ".venv", ".gradle", "build", "dist", "jars", "node_modules", "__pycache__",
        ".*_cache", "*.log")  # fmt: skip
SHORT = ["names", "--steps", "50", "--samples", "3", "--quiet"]


class Installed(NamedTuple):
    """A wheel, and the Python of the environment that it is installed in."""

    wheel: Path
    python: Path


@pytest.fixture(scope="module")
def installed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build, as `pip install .` does, and install with all dependencies."""
    folder = tmp_path_factory.mktemp("packaging")
    shutil.copytree(root, folder / "clone", ignore=shutil.ignore_patterns(*MADE))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # hatchling is installed for the tests: without isolation pip need not fetch it once more
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "wheels", "./clone"]
    subprocess.run([*pip, *build], cwd=folder, check=True)
    (wheel,) = (folder / "wheels").iterdir()
    shutil.rmtree(folder / "clone")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([*pip, "--python", python, "install", wheel], check=True)
    return Installed(wheel, python)


def test_contents(installed: Installed, root: Path) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        names = set(archive.namelist())
        (info,) = (name for name in names if name.endswith(".dist-info/WHEEL"))
        text = archive.read(info).decode()
    jars = {f"jbridge/jars/{jar.name}" for jar in (root / "jbridge/jars").glob("*.jar")}
    assert "jbridge/jars/pygpt-engine.jar" in jars
    assert {name for name in names if name.startswith("jbridge/jars/")} == jars
    page = "pygpt/serve/page/index.html"
    lesson = "pygpt/lessons/01-descent.md"
    assert {"pygpt/data/names.txt", "pygpt/model/presets/gpt2.toml", page, lesson} <= names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"jbridge", "pygpt"}
    tag = re.search(r"^Tag: py3-none-(.*)$", text, re.MULTILINE)
    assert tag is not None and "Root-Is-Purelib: false" in text
    system = {"linux": ("linux", "manylinux_2_"), "darwin": "macosx", "win32": "win"}[sys.platform]
    assert tag[1].startswith(system) and tag[1].endswith(platform.machine().lower())


def test_runs_anywhere(
    installed: Installed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {name: v for name, v in os.environ.items() if not name.startswith("PYTHON")}

    def run(*arguments: str) -> str:
        command = [installed.python, *arguments]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    assert cli.run(SHORT) == 0  # as in the source tree
    assert run("-m", "pygpt", *SHORT) == capsys.readouterr().out
    code = "import jbridge, pygpt; print(pygpt.__version__, jbridge.__file__, pygpt.__file__)"
    version, *files = run("-c", code).split()
    assert version == installed.wheel.name.split("-")[1]
    assert all(Path(file).is_relative_to(installed.python.parents[1]) for file in files)
    assert list(tmp_path.iterdir()) == []
