"""Whether a model fits into memory, asked before any of it is allocated.

Below pygpt nothing asks: a request that the system refuses ends the process, and one that it grants
may still be for more than there is, and end the process later.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pygpt.errors import TooLargeError


def require(needed_bytes: int, what: str) -> None:
    """Raise TooLargeError if this much memory is not there; pass where that is not known.

    Args:
        what: needs it; begins the message.
    """
    available = available_bytes()
    if available is not None and needed_bytes > available:
        raise TooLargeError(
            f"{what} needs at least {_gigabytes(needed_bytes)} of memory and "
            f"{_gigabytes(available)} are available; choose smaller sizes, or end other programs"
        )


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return how much this process can still allocate, or None where that is not known.

    On Linux: what the kernel counts as available, or what the control groups of this process have
    left, if that is less. On other systems: all the memory that the machine has.

    Args:
        root: of the file system; another one in tests.
    """
    found = re.search(r"^MemAvailable: +(\d+) kB$", _read(root / "proc/meminfo"), re.MULTILINE)
    if found is None:
        return _physical_bytes()
    return max(0, min([1024 * int(found[1]), *_left_in_groups(root)]))


def _left_in_groups(root: Path) -> Iterator[int]:
    """Yield limit minus use for each control group with a limit, in version 1 or 2 of them."""
    top = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _left(top, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            limit, use = "memory.limit_in_bytes", "memory.usage_in_bytes"
            yield from _left(top / "memory", path, limit, use, "total_inactive_file")


def _left(top: Path, path: str, limit: str, use: str, cache: str) -> Iterator[int]:
    """Yield limit minus use of a group and those around it; cached files that can go do not count.

    In a container the path may be the host's, and only the group at the top is to be seen.
    """
    group = top / path.strip("/")
    for folder in (group, *group.parents):
        limit_bytes, use_bytes = _read(folder / limit).strip(), _read(folder / use).strip()
        if limit_bytes.isdecimal() and use_bytes.isdecimal():  # not "max", which is no limit
            stat = _read(folder / "memory.stat")
            found = re.search(rf"^{cache} (\d+)$", stat, re.MULTILINE)
            yield int(limit_bytes) - int(use_bytes) + (int(found[1]) if found else 0)
        if folder == top:
            return


def _physical_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _read(path: Path) -> str:
    """Return the text of a file, or nothing if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:,.2f} GB"
