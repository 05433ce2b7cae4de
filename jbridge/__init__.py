"""The bridge from Python to Java: finds a JDK and the jars, starts the JVM, shares memory.

It knows nothing of the Java library behind it. Importing it loads neither JPype nor NumPy and
starts nothing; the first call that needs Java does.

    application.py  who uses the bridge: name, jars, flags
    jvm.py     environment, flags, start, classes, guard against fork
    jdk.py     the search for a JDK (standard library only)
    archive.py classes archived beside the jars, for a faster start
    native.py  javacpp's cache of unpacked native libraries
    quiet.py   keeps the JVM's start off the user's terminal
    views.py   NumPy arrays over Java's off-heap memory, without a copy
    jobs.py    waiting for Java threads so that Ctrl-C works
    errors.py  the exceptions
    info.py    what `python -m jbridge info` prints
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jbridge.application import Application, use
    from jbridge.errors import (
        ForkedProcessError,
        JarsNotFoundError,
        JavaError,
        JavaMemoryError,
        JavaNumberError,
        JavaValueError,
        JBridgeError,
        JdkNotFoundError,
        JvmStartError,
        translate,
    )
    from jbridge.jdk import Jdk
    from jbridge.jobs import wait
    from jbridge.jvm import find_jdk, java_class, start
    from jbridge.views import view

_HOMES = {
    "Application": "application",
    "ForkedProcessError": "errors",
    "JBridgeError": "errors",
    "JarsNotFoundError": "errors",
    "JavaError": "errors",
    "JavaMemoryError": "errors",
    "JavaNumberError": "errors",
    "JavaValueError": "errors",
    "Jdk": "jdk",
    "JdkNotFoundError": "errors",
    "JvmStartError": "errors",
    "find_jdk": "jvm",
    "java_class": "jvm",
    "start": "jvm",
    "translate": "errors",
    "use": "application",
    "view": "views",
    "wait": "jobs",
}

__all__ = [
    "Application",
    "ForkedProcessError",
    "JBridgeError",
    "JarsNotFoundError",
    "JavaError",
    "JavaMemoryError",
    "JavaNumberError",
    "JavaValueError",
    "Jdk",
    "JdkNotFoundError",
    "JvmStartError",
    "find_jdk",
    "java_class",
    "start",
    "translate",
    "use",
    "view",
    "wait",
]


def __getattr__(name: str) -> Any:
    """Import the module of a public name when the name is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'jbridge' has no attribute {name!r}")
    value = getattr(import_module(f"jbridge.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
