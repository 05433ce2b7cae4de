"""javacpp's cache, to which the native libraries inside the jars are unpacked on first use."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

# A jar of native libraries has its platform at the end of its name.
_NATIVE_JAR = re.compile(r"-(linux|macosx|windows)-[a-z0-9_]+(-\w+)?\.jar$")
_LARGE_BYTES = 5_000_000  # smaller ones unpack before anybody wonders


def cache_folder() -> Path:
    """Return the folder that javacpp uses by itself; passed to it so that both agree."""
    return Path.home() / ".javacpp" / "cache"


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


def announce_unpacking(jars: Iterable[Path], cache: Path) -> None:
    """Say on stderr, in one line, that the first use takes longer; say nothing after that."""
    fresh = not_unpacked(jars, cache)
    if fresh:
        # Compressed about threefold in the jars.
        size_mb = 3 * sum(jar.stat().st_size for jar in fresh) // 1_000_000
        print(
            f"unpacking native libraries, about {size_mb} MB, to {cache} (the first time only)",
            file=sys.stderr,
            flush=True,
        )
