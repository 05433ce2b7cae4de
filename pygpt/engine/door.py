"""Java's classes and errors, and files in the jars; starts the JVM when it must."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import DTypeLike, NDArray

import jbridge.errors
from jbridge import JarsNotFoundError, JavaError, JavaMemoryError, JBridgeError
from jbridge.jvm import (
    environment_for_mpi,
    find_jars,
    mpi_processes,
    prepare_mpi,
    use_processors,
)
from pygpt.application import APPLICATION
from pygpt.engine import java
from pygpt.errors import ClosedError, DeviceError, PygptError, TooLargeError

__all__ = [
    "EngineError", "environment_for_mpi", "jar_resource", "jars", "java_class", "may_pass",
    "mpi_processes", "prepare_mpi", "processors", "require", "translated", "use_processors", "view",
    "wait",
]  # fmt: skip

T = TypeVar("T")

jbridge.use(APPLICATION)


JAVA_CLOSED = "org.pygpt.tensor.ClosedException"
JAVA_TOO_LARGE = "org.pygpt.tensor.TooLargeError"
JAVA_CUDA = "org.pygpt.kernels.cuda.CudaException"


class EngineError(PygptError, JBridgeError):
    """What goes wrong below pygpt: no JDK, no jars, an exception thrown in Java.

    Each is also the exception of jbridge that says what it is, such as `jbridge.JavaValueError`.
    """


class EngineTooLargeError(TooLargeError, EngineError, JavaMemoryError):
    """What Java finds too large for the memory there is."""


class EngineClosedError(ClosedError, EngineError, JavaError):
    """What Java finds closed: another thread has closed it meanwhile."""

    def __str__(self) -> str:
        return self.message.partition(": ")[2]  # after the name of Java's class


class EngineDeviceError(DeviceError, EngineError, JavaError):
    """What a graphics card or its driver refused."""

    def __str__(self) -> str:
        return self.message.partition(": ")[2]


_OURS: dict[type[JBridgeError], type[EngineError]] = {
    kind: type(kind.__name__, (EngineError, kind), {"__module__": __name__})
    for kind in vars(jbridge.errors).values()
    if isinstance(kind, type) and issubclass(kind, JBridgeError)
}

_NAMED: dict[str | None, type[EngineError]] = {
    JAVA_CLOSED: EngineClosedError,
    JAVA_TOO_LARGE: EngineTooLargeError,
    JAVA_CUDA: EngineDeviceError,
}


@contextmanager
def translated() -> Iterator[None]:
    """Within the block whatever jbridge or Java raises leaves as an EngineError.

    Java's TooLargeError is then pygpt's TooLargeError too, its ClosedException a ClosedError.
    """
    try:
        with jbridge.translate():
            yield
    except EngineError:
        raise
    except JBridgeError as error:
        named = error.java_class if isinstance(error, JavaError) else None
        kind = _NAMED.get(named) or _OURS.get(type(error), EngineError)
        ours = kind(*error.args)
        for note in getattr(error, "__notes__", ()):  # Java's stack
            ours.add_note(note)
        raise ours.with_traceback(error.__traceback__) from error.__cause__


def may_pass(error: BaseException) -> bool:
    """Whether another process might not meet an error: the JVM of this one did not start."""
    return isinstance(error, jbridge.errors.JvmStartError)


def java_class(protocol: type[T]) -> T:
    """Return the Java class that a Protocol of the name `...Class` describes.

    Raises:
        EngineError: the JVM does not start, or no jar has the class.
    """
    with translated():
        found: T = jbridge.java_class(java.NAMES[protocol])
    return found


def require(needed_bytes: int, what: str) -> None:
    """Pass if this much of the host's memory is free: Java decides.

    Args:
        what: needs it; begins the message.
    Raises:
        TooLargeError: it is not.
    """
    with translated():
        needed = java_class(java.BigIntegerClass)(str(needed_bytes))
        java_class(java.HostDeviceClass).host().require(needed, what)


def wait(job: java.Job, poll: Callable[[], None] | None = None) -> None:
    """Wait until a job is done; anything that interrupts the wait cancels it.

    Args:
        poll: called about 20 times a second, and once after the end.
    Raises:
        EngineError: the job failed.
        KeyboardInterrupt: Ctrl-C; the job may run on for a while.
    """
    with translated():
        jbridge.wait(job, poll)


def view(
    owner: object, address: int, shape: tuple[int, ...], dtype: DTypeLike
) -> NDArray[Any]:
    """Return memory that a Java object owns as an array; shared, and the array keeps the owner."""
    with translated():
        return jbridge.view(owner, address, shape, dtype)


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def jars(artifact: str) -> list[Path]:
    """Return the jars of this name, up to a version; this starts no JVM.

    Raises:
        EngineError: there are none at all.
    """
    with translated():
        return [path for path in find_jars() if path.name.startswith(artifact)]


def jar_resource(artifact: str, name: str) -> bytes:
    """Return a file that lies in a jar; this starts no JVM.

    Args:
        artifact: the jar's name up to its version.
        name: the file's path in the jar.
    Raises:
        EngineError: there is no such jar, it is damaged, or it lacks the file.
    """
    with translated():
        found = find_jars()
        for path in found:
            if path.name.startswith(f"{artifact}-"):
                try:
                    with zipfile.ZipFile(path) as jar:
                        return jar.read(name)
                except (OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
                    raise JarsNotFoundError(f"cannot read {name} in {path}: {error}") from error
        raise JarsNotFoundError(
            f"the folder of jars {found[0].parent} lacks {artifact}; build or install pygpt again"
        )
