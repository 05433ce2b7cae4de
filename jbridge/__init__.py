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
"""

from __future__ import annotations

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
