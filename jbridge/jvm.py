"""Starts the JVM, once in a process, and hands out its classes.

The only module that reads environment variables:

    NAME_JAVA_HOME, JAVA_HOME, PATH    where to look for the JDK (see jdk.py)
    NAME_JARS                          the folder of jars, instead of the application's
    NAME_CACHE                         where native libraries are unpacked (see native.py)
    LC_ALL, LC_CTYPE, LANG             how Java decodes the names of files
    JAVA_TOOL_OPTIONS, _JAVA_OPTIONS   HotSpot reads these by itself

NAME is that of the application, in capitals: see application.py.
"""

from __future__ import annotations

import atexit
import os
import re
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from jbridge import application, archive, calls, jdk, native, quiet
from jbridge.errors import JarsNotFoundError, JvmStartError
from jbridge.jdk import Jdk

ADDRESS_SPACE = 7 << 29  # bytes, for the JVM with a heap of HEAP and for the native libraries
HEAP = "1g"  # for tokens, names and logs; weights and activations are off the heap


@dataclass(frozen=True)
class Started:
    """What this process's JVM was started with."""

    pid: int
    jdk: Jdk
    jars: tuple[Path, ...]
    options: tuple[str, ...]


_lock = threading.Lock()
_started: list[Started] = []  # a process has one JVM or none, and it cannot start a second


def find_jdk() -> Jdk:
    """Return the JDK that `start` uses; a `JdkNotFoundError` if none fits."""
    return jdk.find(os.environ, application.used().variable("JAVA_HOME"))


def jars_folder() -> Path:
    """Return the folder whose jars make the class path; it may not exist."""
    program = application.used()
    named = os.environ.get(program.variable("JARS"))
    return Path(named).absolute() if named else program.jars


def find_jars(folder: Path | None = None) -> tuple[Path, ...]:
    """Return the jars in `folder` (default: `jars_folder()`), at least one, sorted by name."""
    folder = jars_folder() if folder is None else folder.absolute()
    jars = tuple(sorted(folder.glob("*.jar")))
    if not jars:
        state = "is empty of jars" if folder.is_dir() else "does not exist"
        how = application.used().how_to_get_jars
        raise JarsNotFoundError(f"the folder of jars {folder} {state}; {how}")
    return jars


def jvm_options() -> tuple[str, ...]:
    """Return the JVM's flags: those of the application, then what Python's process needs."""
    return (
        *application.used().options(),
        # The JVM puts guard pages at the stack depth of -Xss in Python's main thread too, and
        # LAPACK needs more than the 1 MB of the default: without this, numpy.linalg crashes.
        "-Xss8m",
        # Leave SIGTERM, SIGHUP and SIGINT to Python: the JVM's own handlers end the process
        # with status 0 and without running Python's `finally` blocks.
        "-Xrs",
        f"-Xmx{HEAP}",
        # Vectors are boxed until they are compiled: without a bound they fill the whole heap once.
        "-XX:MaxNewSize=64m",
        "-XX:+ExplicitGCInvokesConcurrent",  # memory beside the heap makes Java collect
        "-XX:-UsePerfData",
        # Standard output is the program's: what the JVM has to say goes to standard error.
        "-XX:+DisplayVMOutputToStderr",
        "-Xlog:disable",
        "-Xlog:all=error,aot*=off,cds*=off:stderr",  # an archive that does not fit is ignored
        "-Dfile.encoding=UTF-8",
        # javacpp limits off-heap memory to the size of the heap by default, and counts every
        # page of this process, Python's included, against a second limit: 0 lifts that one.
        f"-Dorg.bytedeco.javacpp.maxbytes={_physical_bytes()}",
        "-Dorg.bytedeco.javacpp.maxphysicalbytes=0",
        f"-Dorg.bytedeco.javacpp.cachedir={_cache_folder()}",
    )


def _cache_folder() -> Path:
    return native.cache_folder(os.environ.get(application.used().variable("CACHE")))


def _physical_bytes() -> int:
    """Size of the machine's memory; 0, which javacpp takes for no limit, where unknown."""
    if sys.platform == "win32":
        return 0
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def start(jars: Path | None = None, options: tuple[str, ...] = ()) -> Started:
    """Start the JVM; a second call returns what the first one did.

    If SIGTERM has its default action and this is the main thread, a handler is installed that
    raises SystemExit(143), so that `finally` blocks and atexit functions run.

    Args:
        jars: folder of jars; by default that of `jars_folder`.
        options: more flags for the JVM, after ours.
    Raises:
        JdkNotFoundError: no JDK fits.
        JarsNotFoundError: there are no jars.
        JvmStartError: the JVM does not start, or runs with other jars or options than these.
        ForkedProcessError: this process was forked from one with a JVM.
    """
    if _started:  # before the lock, which another thread may have held during a fork
        return _again(_started[0], jars, options)
    with _lock:
        if _started:
            return _again(_started[0], jars, options)
        found = find_jdk()
        paths = find_jars(jars)
        _check_environment((found.home, *paths))
        flags = (*jvm_options(), *archive.options(paths), *_options_of_limits(), *options)
        new = Started(os.getpid(), found, paths, flags)
        variable = application.used().variable("CACHE")
        native.announce_unpacking(paths, _cache_folder(), variable)
        _start_jvm(new, muted=not options)
        _started.append(new)
        calls.started()
        atexit.register(calls.end)  # functions that are registered later run earlier: JPype's after
        _handle_sigterm()
        if sys.platform != "win32":
            os.register_at_fork(after_in_child=_after_fork)
        return new


def _again(first: Started, jars: Path | None, options: tuple[str, ...]) -> Started:
    calls.check_process()
    if jars is not None and find_jars(jars) != first.jars:
        raise JvmStartError(f"the JVM runs with the jars of {first.jars[0].parent}, not of {jars}")
    missing = [option for option in options if option not in first.options]
    if missing:
        raise JvmStartError(f"the JVM runs without {' '.join(missing)}; start it with that first")
    return first


def _start_jvm(new: Started, muted: bool) -> None:
    try:
        import jpype  # type: ignore[import-untyped]
        import jpype.config  # type: ignore[import-untyped]
    except ImportError as error:
        raise JvmStartError(f"cannot import jpype ({error}); pip install jpype1") from error
    if jpype.isJVMStarted():
        raise JvmStartError(
            "this process has a JVM already, which jbridge did not start and whose flags it needs; "
            "call jbridge.start(), or make the first model, before jpype.startJVM: others use that "
            "JVM through jpype, too, with their jars by jpype.addClassPath"
        )

    def launch() -> None:
        jpype.startJVM(
            *new.options,
            jvmpath=str(new.jdk.libjvm),
            classpath=[str(jar) for jar in new.jars],
            convertStrings=False,
            interrupt=False,
        )
        if threading.current_thread() is not threading.main_thread():
            # The program would wait for ever for this thread, which Java takes for its main one.
            jpype.JClass("java.lang.Thread").detach()

    try:
        if muted and not os.environ.keys() & {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"}:
            with quiet.without_incubator_notice():
                launch()
        else:
            launch()
    except (OSError, RuntimeError, ValueError, TypeError, SystemError) as error:
        raise JvmStartError(f"the JVM of {new.jdk.home} does not start: {error}") from error


def _check_environment(paths: tuple[Path, ...]) -> None:
    """Refuse what would let the JVM end this process, later or as it starts."""
    given = os.environ.get("_JAVA_OPTIONS", "")  # HotSpot reads it after our flags
    if re.search(r"-Xss|ThreadStackSize", given):
        raise JvmStartError(
            f"_JAVA_OPTIONS is {given!r}, which sets the size of stacks: NumPy's linear algebra "
            "crashes with less than 8 MB in a process with a JVM; take it out, or use "
            "JAVA_TOOL_OPTIONS, which does not undo our flags"
        )
    names = ("LC_ALL", "LC_CTYPE", "LANG")
    locale = next((os.environ[name] for name in names if os.environ.get(name)), "C")
    foreign = next((path for path in paths if not str(path).isascii()), None)
    if foreign is not None and sys.platform == "linux" and locale in ("C", "POSIX"):
        raise JvmStartError(
            f"the JVM cannot read the path {str(foreign)!r} in the locale {locale}; set "
            "LC_ALL=C.UTF-8"
        )


def _options_of_limits() -> tuple[str, ...]:
    """Return flags for a process whose address space is limited, as by `ulimit -v`.

    Raises:
        JvmStartError: there is too little; the JVM and its libraries would end the process, or wait
            for ever, where they meet the limit.
    """
    if sys.platform != "linux":
        return ()
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return ()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    left = limit - pages * resource.getpagesize()
    if left < ADDRESS_SPACE:
        raise JvmStartError(
            f"the JVM needs {ADDRESS_SPACE / 2**30:.1f} GiB of address space, most of which it "
            f"only reserves, and the limit of {limit / 2**30:.1f} GiB leaves {left / 2**30:.1f}; "
            "raise it (ulimit -v, or h_vmem of a batch system)"
        )
    return ("-XX:CompressedClassSpaceSize=128m",)  # in place of 1 GiB


def _handle_sigterm() -> None:
    """Make SIGTERM unwind the program as sys.exit does, unless somebody handles it already."""
    if threading.current_thread() is not threading.main_thread():
        return  # the default action then ends the process at once, which -Xrs makes safe
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit_on_sigterm)


def _exit_on_sigterm(number: int, frame: FrameType | None) -> None:
    # Python has waited for threads and calls what atexit has: it ends anyway, and an exception
    # would be printed, or lost.
    if calls.is_ending() or not threading.main_thread().is_alive():
        return
    raise SystemExit(128 + number)


def _after_fork() -> None:
    """In a forked child: do not shut down, at exit, a JVM whose threads are not there."""
    sys.modules["jpype.config"].onexit = False  # type: ignore[attr-defined]


def started() -> Started | None:
    """Return what the JVM was started with, or None before `start`."""
    return _started[0] if _started else None


def java_class(name: str) -> Any:
    """Return the JPype class for a full Java class name; starts the JVM if needed.

    Raises:
        JarsNotFoundError: no jar has the class.
        JavaError: its static initializer failed.
    """
    start()
    import jpype

    try:
        with calls.translate():
            found = jpype.JClass(name)
    except TypeError as error:
        folder = _started[0].jars[0].parent
        raise JarsNotFoundError(
            f"no jar in {folder} has the class {name}; {application.used().how_to_get_jars}"
        ) from error
    return found
