"""Commands as one of several workers, which mpiexec or srun has started."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pygpt.cli.flags import UsageError, flag
from pygpt.errors import ConfigError, PygptError

if TYPE_CHECKING:
    from pygpt.distributed.group import Group


class AllStop(BaseException):
    """All workers end, as they have agreed.

    Attributes:
        cause: what ends each of them.
    """

    def __init__(self, cause: BaseException) -> None:
        super().__init__(cause)
        self.cause = cause


@contextmanager
def workers() -> Iterator[Group | None]:
    """Give the group of the workers that were started with this one; None if there are no others.

    Within the block the first one prints, and the others do not. What raises in one ends all, with
    a line that names it.
    """
    from pygpt.engine.door import may_pass, mpi_processes

    if mpi_processes() < 2:
        yield None
        return
    from pygpt.distributed.mpi import mpi

    group = mpi()
    if group.size == 1:
        raise UsageError(_FOREIGN)
    try:
        with _silent(group.rank > 0):
            if group.rank == 0:
                print(group.describe(), file=sys.stderr, flush=True)
            yield group
    except AllStop as stop:
        group.close()
        raise stop.cause from None
    except (PygptError, UsageError) as error:
        text = error.about(flag(error.name)) if isinstance(error, ConfigError) else str(error)
        if may_pass(error):
            group.abort(f"{type(error).__name__}: {' '.join(text.split())}")
        usage = isinstance(error, ConfigError | UsageError)
        group.abort(f"error: {' '.join(text.split())}", 2 if usage else 1)
    except MemoryError as error:
        group.abort(f"error: out of memory: {error}; try a smaller model")
    except KeyboardInterrupt:
        group.abort("interrupted", 130)
    except SystemExit as error:
        group.abort("terminated", error.code if isinstance(error.code, int) else 1)
    except BaseException as error:
        group.abort(f"{type(error).__name__}: {error}")
    group.close()


_FOREIGN = (
    "mpiexec is of another MPI than the one that mpi4py has found, so each process is alone; start "
    "them by `python -m pygpt launch`, or by the mpiexec of that MPI"
)


def is_first(group: Group | None) -> bool:
    """Whether this is the worker that prints, writes and shows."""
    return group is None or group.rank == 0


@contextmanager
def _silent(wanted: bool) -> Iterator[None]:
    """Within the block, if that is wanted, nothing is printed."""
    if not wanted:
        yield
        return
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        sys.stdout = sys.stderr = nowhere
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before
