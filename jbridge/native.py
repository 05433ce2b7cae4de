"""javacpp's cache, to which the native libraries inside the jars are unpacked on first use."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from jbridge.errors import JvmStartError

# A jar of native libraries has its platform at the end of its name.
_NATIVE_JAR = re.compile(r"-(linux|macosx|windows)-[a-z0-9_]+(-\w+)?\.jar$")
_LARGE_BYTES = 5_000_000  # smaller ones unpack before anybody wonders


def cache_folder(named: str | None = None) -> Path:
    """Return the folder to unpack to: one that can be written, and whose files can be loaded.

    Args:
        named: by the user; else javacpp's own in the home, or one of this user among the temporary
            files where there is no home, or one that will not do.
    """
    if named:
        return Path(named).absolute()
    try:
        home = Path.home()
    except RuntimeError:  # neither HOME nor a name for this user
        home = None
    if home is not None and _is_usable(home / ".javacpp" / "cache"):
        return home / ".javacpp" / "cache"
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"javacpp-{user}" / "cache"


def _is_usable(folder: Path) -> bool:
    """Return whether this process may write to a folder, or make it, and load libraries there."""
    folder = _existing(folder)
    if sys.platform == "win32":
        return os.access(folder, os.W_OK)
    return os.access(folder, os.W_OK | os.X_OK) and not os.statvfs(folder).f_flag & os.ST_NOEXEC


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder.parent != folder:
        folder = folder.parent
    return folder


def not_unpacked(jars: Iterable[Path], cache: Path) -> list[Path]:
    """Return the large native jars without a folder in the cache, if the largest is among them.

    javacpp makes one folder for each jar, with the jar's name; only names and sizes are read. The
    largest is the one that every use of the jars unpacks; others may never be needed.
    """
    sizes = {jar: jar.stat().st_size for jar in jars if _NATIVE_JAR.search(jar.name)}
    missing = [
        jar
        for jar, size in sizes.items()
        if size > _LARGE_BYTES and not (cache / jar.name).is_dir()
    ]
    return missing if max(sizes, key=sizes.__getitem__, default=None) in missing else []


def announce_unpacking(jars: Iterable[Path], cache: Path, variable: str) -> None:
    """Say on stderr, in one line, that the first use takes longer; say nothing after that.

    Args:
        variable: names the variable that names another cache.
    Raises:
        JvmStartError: the cache will not do, or has no room for what is to be unpacked.
    """
    fresh = not_unpacked(jars, cache)
    if not fresh:
        return
    if not _is_usable(cache):
        raise JvmStartError(
            f"native libraries cannot be unpacked to {cache} and loaded from there: it is "
            f"read-only or mounted with noexec; set {variable} to another folder"
        )
    size = 3 * sum(jar.stat().st_size for jar in fresh)  # compressed about threefold in the jars
    free = shutil.disk_usage(_existing(cache)).free
    if free < size:
        raise JvmStartError(
            f"native libraries need about {size // 1_000_000} MB in {cache}, where "
            f"{free // 1_000_000} MB are free; make room, or set {variable} to another folder"
        )
    size_mb = size // 1_000_000
    print(
        f"unpacking native libraries, about {size_mb} MB, to {cache} (the first time only)",
        file=sys.stderr,
        flush=True,
    )
