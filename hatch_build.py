"""Build hook of wheel and editable install: Gradle builds the engine, the wheel has its jars.

A wheel has all of them, unless PYGPT_ND4J_APART is set: then ND4J's natives, more than half of it,
are left to the wheel of packages/nd4j, which this one then needs. `make wheels` builds both.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

JARS = "jbridge/jars"
STAMP = f"{JARS}/.stamp"  # touched after each build, here and in the Makefile
APART = "PYGPT_ND4J_APART"
ND4J = "pygpt-nd4j==1.0.0.2.1"  # ND4J 1.0.0-M2.1, as packages/nd4j/pyproject.toml has it
_GLIBC = re.compile(rb"GLIBC_(\d)\.(\d{1,2})\b")  # the version of a symbol, as libraries have it
_BLOCK_BYTES, _LONGEST_BYTES = 1 << 22, 16
_ND4J_NATIVES = re.compile(r"nd4j-.*-(linux|macosx|windows)-.*\.jar")


class EngineBuildHook(BuildHookInterface):
    """Calls Gradle unless the jars are newer than their sources; adds them to the wheel.

    With `part = "nd4j"` in its table the wheel has ND4J's natives and nothing else.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the jars and mark the wheel as one for this platform.

        Args:
            version: "standard" or "editable"; both need the jars, which stay in the source tree.
            build_data: hatchling's description of the wheel; changed in place.
        Raises:
            SystemExit: with one line, if Gradle or the JDK is missing or the Java build fails.
        """
        root = Path(__file__).parent
        if not jars_are_current(root):
            build_jars(root)
        jars = sorted(path.name for path in (root / JARS).glob("*.jar"))
        apart = [name for name in jars if _ND4J_NATIVES.fullmatch(name)]
        is_nd4j = self.config.get("part") == "nd4j"
        if is_nd4j:
            jars = apart
            for name in jars:
                build_data["force_include"][str(root / JARS / name)] = f"{JARS}/{name}"
        else:
            if version != "editable" and os.environ.get(APART):
                jars = [name for name in jars if name not in apart]
                build_data["dependencies"].append(ND4J)
            # git ignores them, so hatchling would too
            build_data["artifacts"] += [f"{JARS}/{name}" for name in jars]
        build_data["pure_python"] = False
        natives = [] if version == "editable" else [root / JARS / name for name in jars]
        build_data["tag"] = f"py3-none-{platform_tag(natives)}"


def jars_are_current(root: Path) -> bool:
    """Return whether the stamp of the last Java build is newer than every source of the engine."""
    stamp = root / STAMP
    if not stamp.exists():
        return False
    sources = [root / name for name in ("build.gradle", "settings.gradle", "pyproject.toml")]
    copied = (
        *("pygpt/data/*.txt", "pygpt/model/layouts/*", "pygpt/model/presets/*.toml"),
        "pygpt/checkpoints/families/*.json",
    )
    for pattern in ("java/src/main/**/*", *copied):
        sources += root.glob(pattern)
    return all(source.stat().st_mtime <= stamp.stat().st_mtime for source in sources)


def build_jars(root: Path) -> None:
    """Run `gradle jars` with a JDK that jbridge finds.

    Raises:
        SystemExit: with one line that says what is missing and how to get it.
    """
    jdk = subprocess.run(
        [sys.executable, "-m", "jbridge", "--application", "pygpt.application", "jdk-home"],
        cwd=root, capture_output=True, text=True,
    )
    if jdk.returncode != 0:
        reason = jdk.stderr.strip().removeprefix("jbridge: ")
        raise SystemExit(f"pygpt: cannot build the Java engine: {reason}")
    gradle = shutil.which("gradle")
    if gradle is None:
        raise SystemExit(
            "pygpt: building the Java engine needs Gradle 4.4 or newer on PATH "
            "(apt-get install gradle, brew install gradle, or gradle.org/install)"
        )
    command = [gradle, "--no-daemon", "-q", f"-Pjdk={jdk.stdout.strip()}", "jars"]
    if subprocess.run(command, cwd=root).returncode != 0:
        raise SystemExit("pygpt: Gradle could not build the Java engine; its message is above")
    (root / STAMP).touch()


def platform_tag(jars: Iterable[Path] = ()) -> str:
    """Return the wheel tag of the machines that can load the native libraries in these jars.

    On Linux it names the glibc that they need, as an index wants it, where this machine has it too.
    """
    if sys.platform == "darwin":  # Python itself may be universal; the libraries are not
        return f"macosx_11_0_{platform.machine()}"
    tag = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    needed = max((version for jar in jars for version in glibc_versions(jar)), default=None)
    if needed is None or not tag.startswith("linux_") or needed > own_glibc():
        return tag
    return f"many{tag.replace('linux_', 'linux_{}_{}_'.format(*needed), 1)}"


def glibc_versions(jar: Path) -> Iterator[tuple[int, int]]:
    """Yield the versions of glibc whose symbols the libraries in a jar need."""
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if re.search(r"\.so(\.\d+)*$", name):
                with archive.open(name) as library:
                    kept = b""
                    while block := library.read(_BLOCK_BYTES):
                        for found in _GLIBC.finditer(kept + block):
                            yield int(found[1]), int(found[2])
                        kept = block[-_LONGEST_BYTES:]


def own_glibc() -> tuple[int, int]:
    """Return the version of this machine's glibc; (0, 0) where it has another library."""
    name, version = platform.libc_ver()
    numbers = version.split(".")
    return (int(numbers[0]), int(numbers[1])) if name == "glibc" else (0, 0)
