"""Processes of this machine that mpiexec has started: which they are, and how they end (Linux)."""

from __future__ import annotations

import re
import select
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_RANK = re.compile(rb"\0(?:PMI_RANK|OMPI_COMM_WORLD_RANK)=(\d+)\0")


def children(process: int) -> list[int]:
    """Return the processes that a process has started, and theirs."""
    found: list[int] = []
    for path in Path("/proc", str(process), "task").glob("*/children"):
        with suppress(OSError):
            found += [int(word) for word in path.read_text().split()]
    return [*found, *(below for child in found for below in children(child))]


def is_stopped(process: int) -> bool:
    """Whether a process does not run since it got SIGSTOP."""
    with suppress(OSError):
        stat = Path("/proc", str(process), "stat").read_text(errors="replace")
        return stat.rpartition(")")[2].split()[0] == "T"
    return False


def rank_of(process: int) -> int | None:
    """Return which worker mpiexec has started as a process; None if it is none."""
    with suppress(OSError):
        found = _RANK.search(b"\0" + Path("/proc", str(process), "environ").read_bytes())
        return None if found is None else int(found[1])
    return None


def ends_of(handles: Iterable[int]) -> select.epoll:
    """Return what tells in which order processes end, by handles that `os.pidfd_open` gives.

    `select.poll` would name those that have ended meanwhile in the order of its handles.
    """
    ends = select.epoll()
    for handle in handles:
        ends.register(handle, select.EPOLLIN)
    return ends
