"""What every call into Java passes: the right process, a program that goes on, and errors.

A forked child has the memory of a JVM but none of its threads, so that a call would wait for ever.
As the program ends, JPype shuts the JVM down; a daemon thread that is inside Java then aborts the
process. So daemon threads are let out before that and stay where they are.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jbridge.errors import ForkedProcessError, from_java, is_java

END_S = 5.0  # that calls of daemon threads have to end as the program ends


class _Attached(threading.local):
    """Of each thread: what goes with it as it ends; made when the thread first calls Java.

    JPype makes such a thread known to Java and leaves it so: where threads come and go, as in a
    web server, Java would keep an object and native memory for each.
    """

    def __init__(self) -> None:
        java = sys.modules["jpype"].JClass("java.lang.Thread")
        thread = java.currentThread()
        if thread.getContextClassLoader() is None:  # by which Java's libraries find their parts
            loaders = sys.modules["jpype"].JClass("java.lang.ClassLoader")
            thread.setContextClassLoader(loaders.getSystemClassLoader())
        if threading.current_thread() is not threading.main_thread():
            self.end = _End(java.detach)


class _End:
    """Something that happens when nobody refers to this any more."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action

    def __del__(self) -> None:
        if not _State.is_ending and not is_forked():
            self._action()


class _State:
    """Mutable: what is known of this process's JVM; there is one."""

    pid: int | None = None  # that started it
    had_faulthandler = False
    is_ending = False
    inside: set[int] = set()  # threads that are within `translate`
    attached: _Attached | None = None


def started() -> None:
    """Note that this process has started a JVM."""
    _State.pid = os.getpid()
    _State.had_faulthandler = faulthandler.is_enabled()
    _State.attached = _Attached()


def check_process() -> None:
    """Raise ForkedProcessError in a forked child of the process that started the JVM."""
    if is_forked():
        raise ForkedProcessError(
            f"the JVM belongs to process {_State.pid}, from which this one ({os.getpid()}) "
            "was forked; start workers with multiprocessing.get_context('spawn'), or fork before "
            "Java is used"
        )


def is_forked() -> bool:
    """Return whether this is a forked child of the process that started the JVM."""
    return _State.pid is not None and _State.pid != os.getpid()


def is_ending() -> bool:
    """Return whether the program ends, so that no more of Java is to be used."""
    return _State.is_ending


@contextmanager
def translate() -> Iterator[None]:
    """Within the block a Java exception leaves as a `JavaError`; others pass unchanged.

    Raises:
        ForkedProcessError: this process was forked from the one that started the JVM.
    """
    check_process()
    _keep_signals()
    park_if_ending()
    if _State.attached is not None:
        _ = _State.attached.__dict__  # this thread's
    thread = threading.get_ident()
    is_outermost = thread not in _State.inside
    _State.inside.add(thread)
    try:
        yield
    except Exception as error:
        if not is_java(error):
            raise
        raise from_java(error) from None
    finally:
        if is_outermost:
            _State.inside.discard(thread)


def _keep_signals() -> None:
    """Undo a faulthandler that came after the JVM: it takes signals that the JVM works with."""
    if _State.pid is not None and faulthandler.is_enabled() and not _State.had_faulthandler:
        faulthandler.disable()
        print(
            "faulthandler was enabled after the JVM had started, which needs the same signals, "
            "and is disabled again; call faulthandler.enable() before Java is first used",
            file=sys.stderr,
            flush=True,
        )


def park_if_ending() -> None:
    """Let a daemon thread stay here for good if the program ends."""
    if _State.is_ending and threading.current_thread() is not threading.main_thread():
        _State.inside.discard(threading.get_ident())
        threading.Event().wait()


def end() -> None:
    """Wait until no daemon thread is inside Java any more; called as the program ends."""
    if is_forked():
        return
    _State.is_ending = True
    deadline = time.monotonic() + END_S
    while _State.inside - {threading.get_ident()} and time.monotonic() < deadline:
        time.sleep(0.005)
