"""`python -m jbridge` and the messages of what cannot work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import jbridge
from jbridge import __main__ as commands
from jbridge import native
from jbridge.errors import JvmStartError

RunModule = Callable[..., "subprocess.CompletedProcess[str]"]


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that failed as it should."""
    assert (result.returncode, result.stdout) == (1, ""), result
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def test_jdk_home_needs_only_the_standard_library(run_module: RunModule) -> None:
    result = run_module("jdk-home", python=("-S",))
    home = str(jbridge.find_jdk().home)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{home}\n", "")


@pytest.mark.parametrize("command", ["jdk-home", "info"])
def test_old_jdk_is_one_line(run_module: RunModule, tmp_path: Path, command: str) -> None:
    (tmp_path / "release").write_text('JAVA_VERSION="17.0.9"\n')
    line = one_line(run_module(command, PYGPT_JAVA_HOME=str(tmp_path)))
    assert f"PYGPT_JAVA_HOME={tmp_path} is Java 17.0.9" in line and "install-jdk" in line


def test_missing_and_empty_jars_are_one_line(run_module: RunModule, tmp_path: Path) -> None:
    line = one_line_of_jars(run_module("info", PYGPT_JARS=str(tmp_path / "gone")))
    assert f"{tmp_path / 'gone'} does not exist" in line and "make names" in line
    line = one_line_of_jars(run_module("info", PYGPT_JARS=str(tmp_path)))
    assert f"{tmp_path} is empty of jars" in line


def one_line_of_jars(result: subprocess.CompletedProcess[str]) -> str:
    """As `one_line`; the JDK, which is there, has been printed."""
    assert result.returncode == 1 and result.stdout.startswith("JDK ")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def test_missing_class_is_told(run_module: RunModule, run: Callable[..., object]) -> None:
    result = run(
        "import jbridge\ntry: jbridge.java_class('org.gone.Thing')\n"
        "except jbridge.JarsNotFoundError as error: print(error)\n"
    )
    assert isinstance(result, subprocess.CompletedProcess)
    assert "has the class org.gone.Thing" in result.stdout and "make names" in result.stdout


def test_info_without_nd4j(run_module: RunModule, probe_jars: Path) -> None:
    result = run_module("info")
    assert (result.returncode, result.stderr) == (0, ""), result
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines["JDK"] == str(jbridge.find_jdk().home)
    assert lines["jars"] == f"{probe_jars}: 1 jars, 0 MB"
    assert "--add-modules=jdk.incubator.vector" in lines["flags"]
    assert "dontinline,org.pygpt.kernels.cpu.*::vector*" in lines["flags"]
    assert lines["ND4J"] == "not among the jars"


def test_info_with_nd4j(run_module: RunModule) -> None:
    from jbridge.jvm import jars_folder

    result = run_module("info", PYGPT_JARS=str(jars_folder()))
    assert result.returncode == 0, result
    assert "WARNING" not in result.stderr and "SLF4J" not in result.stderr
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert "backend CpuBackend" in lines["ND4J"] and "threads" in lines["BLAS"]


def test_install_jdk_checks_what_came(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[dict[str, str]] = []

    def java_home(home: Path) -> SimpleNamespace:
        return SimpleNamespace(java_home=lambda **wish: asked.append(wish) or home)

    good = jbridge.find_jdk()
    monkeypatch.setitem(sys.modules, "cjdk", java_home(good.home))
    assert commands.main(["install-jdk"]) == 0
    assert asked == [{"vendor": "temurin", "version": "25"}]
    assert capsys.readouterr().out == f"JDK {good.version} is in {good.home}\n"
    monkeypatch.setitem(sys.modules, "cjdk", java_home(tmp_path))
    assert commands.main(["install-jdk"]) == 1
    assert "does not fit" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "cjdk", None)
    assert commands.main(["install-jdk"]) == 1
    assert "pip install cjdk" in capsys.readouterr().err


def test_archive_is_made_used_and_ignored_when_stale(
    run_module: RunModule, works: Callable[..., str], probe_jars: Path, tmp_path: Path
) -> None:
    jar = tmp_path / "probe.jar"
    jar.write_bytes((probe_jars / "probe.jar").read_bytes())
    result = run_module("archive", "probe.Probe", PYGPT_JARS=str(tmp_path))
    file = tmp_path / "classes.jsa"
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{file}\n", ""), result
    assert sorted(path.name for path in tmp_path.iterdir()) == ["classes.jsa", "probe.jar"]
    code = (
        "import jbridge\n"
        "print(any('SharedArchiveFile' in flag for flag in jbridge.start().options))\n"
        "maps = open('/proc/self/maps').read() if __import__('os').path.exists('/proc') else ''\n"
        "print('classes.jsa' in maps, jbridge.java_class('probe.Probe').property('no'))\n"
    )
    mapped = Path("/proc").exists()
    assert works(code, PYGPT_JARS=str(tmp_path)) == f"True\n{mapped} None\n"
    os.utime(jar, (1e9, 1e9))
    assert works(code, PYGPT_JARS=str(tmp_path)).startswith("True\n")
    file.write_bytes(b"damaged" * 1000)
    assert works(code, PYGPT_JARS=str(tmp_path)) == "True\nFalse None\n"


def test_archive_of_what_fails_is_one_line(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "empty.jar").touch()
    line = one_line(run_module("archive", "org.gone.Main", PYGPT_JARS=str(tmp_path)))
    assert "cannot archive the classes of org.gone.Main" in line
    assert [path.name for path in tmp_path.iterdir()] == ["empty.jar"]


def test_unpacking_is_announced_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    large = tmp_path / "thing-1.0-linux-x86_64-avx512.jar"
    rare = tmp_path / "rarely-needed-1.0-linux-x86_64.jar"
    small, plain = tmp_path / "small-1.0-linux-x86_64.jar", tmp_path / "plain-1.0.jar"
    for jar, size in ((large, 8_000_000), (rare, 6_000_000), (small, 1000), (plain, 6_000_000)):
        with jar.open("wb") as file:
            file.truncate(size)
    jars, cache = [large, rare, small, plain], tmp_path / "cache"
    assert native.not_unpacked(jars, cache) == [large, rare]
    native.announce_unpacking(jars, cache, "X_CACHE")
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "42 MB" in line and str(cache) in line
    free = SimpleNamespace(free=41_000_000)
    with monkeypatch.context() as small_disk:
        small_disk.setattr(native.shutil, "disk_usage", lambda _: free)
        with pytest.raises(JvmStartError, match="about 42 MB in .* 41 MB are free.* set X_CACHE"):
            native.announce_unpacking(jars, cache, "X_CACHE")
    mounted = SimpleNamespace(f_flag=os.ST_NOEXEC)
    with monkeypatch.context() as noexec:
        noexec.setattr(native.os, "statvfs", lambda _: mounted)
        with pytest.raises(JvmStartError, match="noexec; set X_CACHE to another folder"):
            native.announce_unpacking(jars, cache, "X_CACHE")
    (cache / large.name).mkdir(parents=True)
    native.announce_unpacking(jars, cache, "X_CACHE")
    assert capsys.readouterr().err == ""
