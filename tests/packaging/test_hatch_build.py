"""The build hook: what is missing is told in one line, and Gradle is called only if it must be."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import jbridge

HOW_TO_GET_GRADLE = "apt-get install gradle, brew install gradle, or gradle.org/install"


@pytest.fixture(scope="module")
def hook(root: Path) -> ModuleType:
    """The module at the top of the tree, which is not on the path."""
    spec = importlib.util.spec_from_file_location("hatch_build", root / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(root: Path, tmp_path: Path) -> Path:
    """A source tree with jbridge and one Java source, without jars."""
    shutil.copytree(root / "jbridge", tmp_path / "jbridge", ignore=shutil.ignore_patterns("jars"))
    (tmp_path / "jbridge/jars").mkdir()
    (tmp_path / "java/src/main").mkdir(parents=True)
    (tmp_path / "pygpt/data").mkdir(parents=True)
    for name in ("__init__.py", "application.py"):
        shutil.copy(root / "pygpt" / name, tmp_path / "pygpt" / name)
    others = ("pyproject.toml", "pygpt/data/names.txt")
    for name in ("build.gradle", "settings.gradle", "java/src/main/A.java", *others):
        (tmp_path / name).touch()
    return tmp_path


def _gradle(tree: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a `gradle` on PATH, alone with the shell's own commands."""
    folder = tree / "bin"
    folder.mkdir()
    (folder / "gradle").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "gradle").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def _refusal(hook: ModuleType, tree: Path) -> str:
    """The message of a build that cannot be; it is one line and leaves no stamp."""
    with pytest.raises(SystemExit) as caught:
        hook.build_jars(tree)
    message = str(caught.value)
    assert message.startswith("pygpt: ") and "\n" not in message
    assert not (tree / hook.STAMP).exists()
    return message


def test_missing_gradle(hook: ModuleType, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYGPT_JAVA_HOME", str(jbridge.find_jdk().home))
    monkeypatch.setenv("PATH", str(tree))
    message = _refusal(hook, tree)
    assert "needs Gradle 4.4 or newer on PATH" in message and HOW_TO_GET_GRADLE in message


def test_missing_jdk(
    hook: ModuleType, tree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYGPT_JAVA_HOME", str(tmp_path / "gone"))
    message = _refusal(hook, tree)
    assert message.startswith("pygpt: cannot build the Java engine: no JDK 25 or newer found (")
    assert f"{tmp_path / 'gone'} is not a folder" in message and "install-jdk" in message


def test_failing_gradle(
    hook: ModuleType,
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PYGPT_JAVA_HOME", str(jbridge.find_jdk().home))
    _gradle(tree, monkeypatch, "echo 'A.java:1: error' >&2; exit 3")
    assert "its message is above" in _refusal(hook, tree)
    assert capfd.readouterr().err == "A.java:1: error\n"


def test_gradle_gets_the_jdk_and_leaves_a_stamp(
    hook: ModuleType, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = jbridge.find_jdk().home
    monkeypatch.setenv("PYGPT_JAVA_HOME", str(home))
    _gradle(tree, monkeypatch, 'echo "$PWD" "$@" > called')
    assert not hook.jars_are_current(tree)
    hook.build_jars(tree)
    words = (tree / "called").read_text().split()
    assert words == [str(tree), "--no-daemon", "-q", f"-Pjdk={home}", "jars"]
    assert hook.jars_are_current(tree)


@pytest.mark.parametrize("name", ["build.gradle", "settings.gradle", "java/src/main/A.java"])
def test_newer_sources_want_another_build(hook: ModuleType, tree: Path, name: str) -> None:
    (tree / hook.STAMP).touch()
    times = (2e9, 2e9)
    os.utime(tree / hook.STAMP, times)
    assert hook.jars_are_current(tree)
    os.utime(tree / name, (2e9 + 1, 2e9 + 1))
    assert not hook.jars_are_current(tree)


def test_tag_of_a_mac_is_that_of_its_processor(
    hook: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert hook.platform_tag() == "macosx_11_0_arm64"


def _jar(path: Path, **libraries: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in libraries.items():
            archive.writestr(f"org/{name}.so.1", content)
        archive.writestr("org/notes", b"GLIBC_2.99\0")
    return path


def test_tag_on_linux_names_the_glibc_that_the_natives_need(
    hook: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("sysconfig.get_platform", lambda: "linux-x86_64")
    monkeypatch.setattr(hook, "own_glibc", lambda: (2, 36))
    monkeypatch.setattr(hook, "_BLOCK_BYTES", 32)  # a version may lie across two blocks
    first = _jar(tmp_path / "a.jar", one=b"." * 27 + b"GLIBC_2.34\0", two=b"GLIBC_2.4\0")
    second = _jar(tmp_path / "b.jar", three=b"GLIBC_2.17\0GLIBCXX_3.4.29\0GLIBC_PRIVATE\0")
    assert hook.platform_tag([second, first]) == "manylinux_2_34_x86_64"
    assert hook.platform_tag([second]) == "manylinux_2_17_x86_64"
    assert hook.platform_tag() == "linux_x86_64"
    monkeypatch.setattr(hook, "own_glibc", lambda: (2, 31))  # whose pip would not install it
    assert hook.platform_tag([first]) == "linux_x86_64"


def test_two_wheels_have_what_one_has(
    hook: ModuleType, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "jars_are_current", lambda root: True)
    monkeypatch.setattr(hook, "platform_tag", lambda natives: "any")  # it reads them all

    def jars(config: dict[str, str]) -> tuple[set[str], list[str]]:
        made = hook.EngineBuildHook.__new__(hook.EngineBuildHook)
        monkeypatch.setattr(hook.EngineBuildHook, "config", config)
        data = {"artifacts": [], "dependencies": [], "force_include": {}}
        made.initialize("standard", data)
        included = {Path(path).name for path in data["force_include"].values()}
        return {Path(path).name for path in data["artifacts"]} | included, data["dependencies"]

    whole, needs = jars({})
    assert (whole, needs) == ({path.name for path in (root / "jbridge/jars").glob("*.jar")}, [])
    monkeypatch.setenv(hook.APART, "1")
    own, needs = jars({})
    others, needs_no_more = jars({"part": "nd4j"})
    assert own | others == whole and not own & others and len(others) == 1
    name, _, version = needs[0].partition("==")
    text = (root / "packages/nd4j/pyproject.toml").read_text()
    assert f'name = "{name}"' in text and f'version = "{version}"' in text
    assert needs_no_more == []
