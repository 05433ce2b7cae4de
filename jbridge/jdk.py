"""Finds a JDK by reading folders; standard library only, and runs nothing.

The first that is suitable wins:

1. NAME_JAVA_HOME, of the application: a forced choice, so one that does not fit is an error;
2. `JAVA_HOME`;
3. the home of the first `java` on PATH, symbolic links followed;
4. the usual folders of the operating system, sdkman, IDEs and the cjdk package. Among these
   the lowest feature release wins (25 is the one that the tests run on, and the incubating
   Vector API changes with each), and of that the highest update.

Suitable means what the `release` file says: Java 25 or newer, for this processor, with the
module of the Vector API (a small runtime image, as some Python wheels carry, lacks it), and
that the library to load (libjvm) is there.
"""

from __future__ import annotations

import glob
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from jbridge.errors import JdkNotFoundError

MIN_FEATURE = 25
MODULE = "jdk.incubator.vector"
_ARCH = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
_LIBJVM = {"win32": "bin/server/jvm.dll", "darwin": "lib/server/libjvm.dylib"}


@dataclass(frozen=True)
class Jdk:
    """A JDK that fits; `source` says how it was found."""

    home: Path
    version: str
    feature: int
    arch: str
    libjvm: Path
    source: str

    @property
    def java(self) -> Path:
        """The launcher."""
        return self.home / "bin" / ("java.exe" if sys.platform == "win32" else "java")


@dataclass(frozen=True)
class Refusal:
    """A candidate that does not fit, and why."""

    home: Path
    source: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.home}" if self.source == "folder" else f"{self.source}={self.home}"
        return f"{where} {self.reason}"


def find(env: Mapping[str, str], forced: str) -> Jdk:
    """Return the JDK to use.

    Args:
        forced: name of the variable that is a choice; see the module for the others in `env`.
    Raises:
        JdkNotFoundError: none fits; the message, one line, names all that were refused.
    """
    found, refused = search(env, forced)
    if found is None:
        seen = "; ".join(str(refusal) for refusal in refused) or "no JDK in any usual folder"
        raise JdkNotFoundError(
            f"no JDK {MIN_FEATURE} or newer found ({seen}); get one with "
            f"`python -m jbridge install-jdk`, or set {forced} to the folder of one"
        )
    return found


def search(env: Mapping[str, str], forced: str) -> tuple[Jdk | None, list[Refusal]]:
    """Return the JDK to use, if any, and what was refused before it, in the order of the search."""
    refused: list[Refusal] = []
    suitable: list[Jdk] = []
    seen: set[Path] = set()
    for home, source in chain(_named(env, forced), _installed(env)):
        if source == "folder" and _resolved(home) in seen:
            continue
        seen.add(_resolved(home))
        jdk = inspect(home, source)
        if isinstance(jdk, Refusal):
            refused.append(jdk)
        elif source == "folder":
            suitable.append(jdk)
        else:
            return jdk, refused
        if source == forced:
            return None, refused
    return min(suitable, key=_preference, default=None), refused


def inspect(home: Path, source: str) -> Jdk | Refusal:
    """Judge one folder by its `release` file."""
    if not home.is_dir():
        return Refusal(home, source, "is not a folder")
    if not (home / "release").is_file() and (home / "Contents/Home/release").is_file():
        home = home / "Contents/Home"  # the bundle folder of macOS
    try:
        text = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Refusal(home, source, "has no readable `release` file: not a JDK's home")
    release = dict(re.findall(r'^(\w+)="?(.*?)"?\s*$', text, flags=re.MULTILINE))
    version = release.get("JAVA_VERSION", "")
    number = re.match(r"(?:1\.)?(\d+)", version)
    if number is None:
        return Refusal(home, source, "has a `release` file with no JAVA_VERSION")
    feature = int(number.group(1))
    arch = _normal(release.get("OS_ARCH", ""))
    libjvm = home / _LIBJVM.get(sys.platform, "lib/server/libjvm.so")
    reason = ""
    if feature < MIN_FEATURE:
        reason = f"is Java {version}"
    elif arch != (here := _process_arch()):
        reason = f"is Java {version} for {arch or 'an unknown processor'}, this Python is {here}"
    elif MODULE not in release.get("MODULES", "").split():
        reason = f"is Java {version} without the module {MODULE}: a runtime image, not a JDK"
    elif not libjvm.is_file():
        reason = f"is Java {version} without {libjvm.relative_to(home)}"
    if reason:
        return Refusal(home, source, reason)
    return Jdk(home, version, feature, arch, libjvm, source)


def _named(env: Mapping[str, str], forced: str) -> Iterator[tuple[Path, str]]:
    """Homes that environment variables name, with the variable."""
    for name in (forced, "JAVA_HOME"):
        if env.get(name):
            yield Path(env[name]), name
    java = shutil.which("java", path=env.get("PATH", ""))
    if java:
        yield _resolved(Path(java)).parent.parent, "PATH"


def _installed(env: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Folders with a `release` file among the usual ones."""
    try:
        home: Path | None = Path.home()
    except RuntimeError:  # neither HOME nor a name for this user, as in some containers
        home = None
    for pattern in usual_folders(sys.platform, env, home):
        for home in map(Path, sorted(glob.glob(pattern))):
            if (home / "release").is_file() or (home / "Contents/Home/release").is_file():
                yield home, "folder"


def usual_folders(system: str, env: Mapping[str, str], user: Path | None) -> list[str]:
    """Return glob patterns of the folders in which JDKs are installed on a `sys.platform`.

    Args:
        user: the home; None where there is none, and then its folders are left out.
    """
    none = Path("/nowhere")
    home = none if user is None else user
    if system == "win32":
        programs = env.get("ProgramFiles", r"C:\Program Files")
        local = env.get("LOCALAPPDATA", str(home / "AppData/Local"))
        vendors = ("Java", "Eclipse Adoptium", "Microsoft", "Zulu", "Amazon Corretto", "BellSoft")
        patterns = [f"{root}/{vendor}/*" for root in (programs, f"{local}/Programs")
                    for vendor in vendors]
        cache = f"{local}/cjdk/cache"
    elif system == "darwin":
        patterns = ["/Library/Java/JavaVirtualMachines/*",
                    f"{home}/Library/Java/JavaVirtualMachines/*",
                    "/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk",
                    "/usr/local/opt/openjdk*/libexec/openjdk.jdk",
                    f"{home}/.sdkman/candidates/java/*"]
        cache = f"{home}/Library/Caches/cjdk"
    else:
        patterns = ["/usr/lib/jvm/*", "/usr/java/*", "/opt/java/*",
                    f"{home}/.sdkman/candidates/java/*"]
        cache = f"{env.get('XDG_CACHE_HOME') or home / '.cache'}/cjdk"
    cache = env.get("CJDK_CACHE_DIR") or cache
    patterns += [f"{home}/.jdks/*", f"{cache}/v0/jdks/*", f"{cache}/v0/jdks/*/*"]
    return [pattern for pattern in patterns if not pattern.startswith(f"{none}/")]


def _preference(jdk: Jdk) -> tuple[int, list[int]]:
    return jdk.feature, [-int(part) for part in re.findall(r"\d+", jdk.version)]


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return path


def _normal(arch: str) -> str:
    return _ARCH.get(arch.lower(), arch.lower())


def _process_arch() -> str:
    """The processor that this Python was built for; a 64-bit machine may run a 32-bit one."""
    return _normal(platform.machine()) if sys.maxsize > 2**32 else "32-bit"
