"""An archive of loaded classes, beside the jars, that shortens the JVM's start.

The JVM maps it instead of reading and checking some 3,000 classes, ND4J's for the most part: about
0.2 s less to the first array. `python -m jbridge archive MAIN ...` makes it. The JVM itself checks
that it belongs to this JDK and to these jars (names, times and sizes) and ignores it otherwise.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from jbridge.errors import JvmStartError
from jbridge.jdk import Jdk


def archive_file(jars: Sequence[Path]) -> Path:
    """Return where the archive for these jars is, if there is one."""
    return jars[0].parent / "classes.jsa"


def options(jars: Sequence[Path]) -> tuple[str, ...]:
    """Return the JVM's flag to use the archive, or none if there is no archive."""
    file = archive_file(jars)
    return (f"-XX:SharedArchiveFile={file}",) if file.is_file() else ()


def record(jdk: Jdk, jars: Sequence[Path], flags: Sequence[str], command: Sequence[str]) -> Path:
    """Run a Java program and archive the classes that it loaded; return the archive.

    Args:
        flags: those of `jvm.start`; flags about modules have to be the same.
        command: main class and its arguments; a short run of the usual work. Its output is
            dropped.
    Raises:
        JvmStartError: the program failed, or the archive cannot be written; an older archive
            stays as it was.
    """
    file = archive_file(jars)
    new = file.with_suffix(f".{os.getpid()}")
    path = os.pathsep.join(str(jar) for jar in jars)
    arguments = [str(jdk.java), *flags, f"-XX:ArchiveClassesAtExit={new}", "-cp", path, *command]
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, errors="replace")
        if done.returncode != 0 or not new.is_file():
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise JvmStartError(
                f"cannot archive the classes of {command[0]} in {file}: "
                f"{''.join(reason) or f'java ended with status {done.returncode}'}"
            )
        new.replace(file)
    except OSError as error:
        raise JvmStartError(f"cannot archive classes in {file}: {error}") from error
    finally:
        new.unlink(missing_ok=True)
    return file
