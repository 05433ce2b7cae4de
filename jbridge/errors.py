"""The exceptions of jbridge, and the translation of Java's.

    JBridgeError
    ├── JdkNotFoundError      no JDK that can run the jars; says which were seen
    ├── JarsNotFoundError     no jars, or a class that none of them holds
    ├── JvmStartError         the JVM did not start, or has started with other options
    ├── ForkedProcessError    used in a forked child of the process that started the JVM
    └── JavaError             thrown in Java; keeps the Java class name and stack
        ├── JavaValueError    also a ValueError: java.lang.IllegalArgumentException
        ├── JavaMemoryError   also a MemoryError: java.lang.OutOfMemoryError
        └── JavaNumberError   also an ArithmeticError: java.lang.ArithmeticException
"""

from __future__ import annotations

import sys
from typing import Any


class JBridgeError(Exception):
    """Anything that goes wrong between Python and Java."""


class JdkNotFoundError(JBridgeError):
    """No suitable JDK; the message lists those that were seen and how to get one."""


class JarsNotFoundError(JBridgeError):
    """The folder of jars is missing or empty, or lacks a class."""


class JvmStartError(JBridgeError):
    """The JVM cannot start, or a second start asks for what the first did not set."""


class ForkedProcessError(JBridgeError):
    """A JVM does not survive fork(); start worker processes with spawn."""


class JavaError(JBridgeError):
    """An exception thrown in Java.

    Attributes:
        message: what Java said; also `str(error)`.
        java_class: full name of the Java class, such as `java.lang.IllegalStateException`.
        java_stack: what `printStackTrace` prints, causes included.
    """

    def __init__(self, message: str, java_class: str, java_stack: str) -> None:
        super().__init__(message, java_class, java_stack)
        self.message = message
        self.java_class = java_class
        self.java_stack = java_stack

    def __str__(self) -> str:
        return self.message


class JavaValueError(JavaError, ValueError):
    """An argument that Java refused."""


class JavaMemoryError(JavaError, MemoryError):
    """Java ran out of heap or of off-heap memory."""


class JavaNumberError(JavaError, ArithmeticError):
    """A number that came out as none."""


_TRANSLATIONS: tuple[tuple[str, type[JavaError]], ...] = (
    ("java.lang.IllegalArgumentException", JavaValueError),
    ("java.lang.OutOfMemoryError", JavaMemoryError),
    ("java.lang.ArithmeticException", JavaNumberError),
)


def is_java(error: BaseException) -> bool:
    """Return whether JPype raised `error` for a Java exception."""
    jpype = sys.modules.get("jpype")  # without jpype there is no Java exception either
    return jpype is not None and isinstance(error, jpype.JException)


def _words(error: Any) -> list[str]:
    """Return what a Java exception says, and what its deepest cause says beyond that."""
    deepest = error
    while deepest.getCause() is not None:
        deepest = deepest.getCause()
    words: list[str] = []
    for some in (error, deepest):
        text, name = some.getMessage(), str(some.getClass().getName()).rpartition(".")[2]
        if not words or (text is not None and str(text) not in words[-1]):
            words.append(name if text is None else f"{name}: {text}")
    return words


def from_java(error: Any) -> JavaError:
    """Return the Python exception for a Java one; the Java stack shows in its traceback."""
    jpype = sys.modules["jpype"]
    java_class = str(error.getClass().getName())
    text = error.getMessage()
    message = java_class.rpartition(".")[2] if text is None else str(text)
    kinds = (kind for name, kind in _TRANSLATIONS if isinstance(error, jpype.JClass(name)))
    kind = next(kinds, JavaError)
    if kind is JavaError:
        message = ": ".join(_words(error))
    translated = kind(message, java_class, str(error.stacktrace()).strip())
    translated.add_note(translated.java_stack)
    return translated
