"""The search for a JDK, on folders made for the purpose: it reads files and runs nothing."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from jbridge import jdk
from jbridge.errors import JdkNotFoundError

FORCED = "PYGPT_JAVA_HOME"
LIBJVM = {"win32": "bin/server/jvm.dll", "darwin": "lib/server/libjvm.dylib"}.get(
    sys.platform, "lib/server/libjvm.so"
)


def make(home: Path, version: str, modules: str = jdk.MODULE, arch: str = "") -> Path:
    """Make what looks like a JDK."""
    (home / LIBJVM).parent.mkdir(parents=True)
    (home / LIBJVM).touch()
    lines = [
        f'JAVA_VERSION="{version}"',
        f'MODULES="java.base {modules}"',
        f'OS_ARCH="{arch or platform.machine()}"',
    ]
    (home / "release").write_text("\n".join(lines) + "\n")
    java = home / "bin" / ("java.exe" if sys.platform == "win32" else "java")
    java.parent.mkdir(exist_ok=True)
    java.touch(mode=0o755)
    return home


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jdk, "usual_folders", lambda *_: [])


def test_variables_win_in_order(tmp_path: Path) -> None:
    homes = {
        name: make(tmp_path / name, "25.0.3") for name in ("PYGPT_JAVA_HOME", "JAVA_HOME", "PATH")
    }
    env = {name: str(home) for name, home in homes.items()} | {"PATH": str(homes["PATH"] / "bin")}
    for name, home in homes.items():
        found = jdk.find(env, FORCED)
        assert (found.home, found.source, found.feature) == (home, name, 25)
        del env[name]


def test_java_on_path_is_followed_through_links(tmp_path: Path, nothing_installed: None) -> None:
    home = make(tmp_path / "jdk", "25")
    (tmp_path / "bin").mkdir()
    java = next((home / "bin").glob("java*"))
    (tmp_path / "bin" / java.name).symlink_to(java)
    assert jdk.find({"PATH": str(tmp_path / "bin")}, FORCED).home == home


def test_bad_java_home_is_noted_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "jvm/new", "25.0.1")
    monkeypatch.setattr(jdk, "usual_folders", lambda *_: [str(tmp_path / "jvm/*")])
    found, refused = jdk.search({"JAVA_HOME": str(tmp_path / "gone"), "PATH": ""}, FORCED)
    assert found is not None and found.home == tmp_path / "jvm/new"
    assert [str(refusal) for refusal in refused] == [
        f"JAVA_HOME={tmp_path / 'gone'} is not a folder"
    ]


def test_forced_choice_that_does_not_fit_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "jvm/new", "25")
    monkeypatch.setattr(jdk, "usual_folders", lambda *_: [str(tmp_path / "jvm/*")])
    old = make(tmp_path / "old", "17.0.9")
    with pytest.raises(JdkNotFoundError, match=r"PYGPT_JAVA_HOME=.*old is Java 17\.0\.9"):
        jdk.find({"PYGPT_JAVA_HOME": str(old), "PATH": ""}, FORCED)


@pytest.mark.parametrize(
    ("version", "modules", "arch", "reason"),
    [
        ("17.0.9", jdk.MODULE, "", "is Java 17.0.9"),
        ("1.8.0_402", "", "", "is Java 1.8.0_402"),
        ("25.0.3", "java.logging", "", f"is Java 25.0.3 without the module {jdk.MODULE}"),
        ("25.0.3", jdk.MODULE, "s390x", "is Java 25.0.3 for s390x"),
    ],
)
def test_unsuitable_says_why(
    tmp_path: Path, version: str, modules: str, arch: str, reason: str
) -> None:
    verdict = jdk.inspect(make(tmp_path / "jdk", version, modules, arch), "folder")
    assert isinstance(verdict, jdk.Refusal) and verdict.reason.startswith(reason)


def test_damaged_folders_say_why(tmp_path: Path) -> None:
    def reason(home: Path) -> str:
        verdict = jdk.inspect(home, "folder")
        assert isinstance(verdict, jdk.Refusal)
        return verdict.reason

    assert "no readable `release`" in reason(tmp_path)
    home = make(tmp_path / "jdk", "25")
    (home / LIBJVM).unlink()
    assert reason(home) == f"is Java 25 without {Path(LIBJVM)}"
    (home / "release").write_bytes(b"\xff\x00nonsense")
    assert reason(home) == "has a `release` file with no JAVA_VERSION"


def test_lowest_release_then_highest_update_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("26", "25.0.3", "25.0.10", "21.0.9"):
        make(tmp_path / f"jvm/{version}", version)
    monkeypatch.setattr(jdk, "usual_folders", lambda *_: [str(tmp_path / "jvm/*")])
    assert jdk.find({"PATH": ""}, FORCED).version == "25.0.10"


def test_bundle_folder_of_macos(tmp_path: Path) -> None:
    home = make(tmp_path / "temurin.jdk/Contents/Home", "25")
    verdict = jdk.inspect(tmp_path / "temurin.jdk", "folder")
    assert isinstance(verdict, jdk.Jdk) and verdict.home == home


def test_nothing_found_is_one_line_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "jvm/old", "21.0.2")
    monkeypatch.setattr(jdk, "usual_folders", lambda *_: [str(tmp_path / "jvm/*")])
    with pytest.raises(JdkNotFoundError) as error:
        jdk.find({"PATH": ""}, FORCED)
    text = str(error.value)
    assert "\n" not in text
    assert f"{tmp_path / 'jvm/old'} is Java 21.0.2" in text and "install-jdk" in text


def test_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user has neither HOME nor a name."""

    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", fail)
    with pytest.raises(JdkNotFoundError, match="^no JDK .* or newer found "):
        monkeypatch.setattr(jdk, "inspect", lambda home, source: jdk.Refusal(home, source, "no"))
        jdk.find({"PATH": ""}, FORCED)


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_no_home_has_no_folders(system: str, tmp_path: Path) -> None:
    patterns = jdk.usual_folders(system, {}, None)
    assert patterns and set(patterns) < {*jdk.usual_folders(system, {}, tmp_path)}
    assert "/c/v0/jdks/*" in jdk.usual_folders(system, {"CJDK_CACHE_DIR": "/c"}, None)


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_each_system_has_folders_and_cjdk_s_cache(system: str, tmp_path: Path) -> None:
    patterns = jdk.usual_folders(system, {}, tmp_path)
    assert len(patterns) > 5 and any("cjdk" in pattern for pattern in patterns)
    moved = jdk.usual_folders(system, {"CJDK_CACHE_DIR": "/elsewhere"}, tmp_path)
    assert "/elsewhere/v0/jdks/*" in moved
