"""The bridge from Python to Java: finds a JDK and the jars, starts the JVM, shares memory.

It knows nothing of the Java library behind it. Importing it loads neither JPype nor NumPy and
starts nothing; the first call that needs Java does.

    application.py  who uses the bridge: name, jars, flags
    jvm.py     environment, flags, start, classes
    jdk.py     the search for a JDK (standard library only)
    archive.py classes archived beside the jars, for a faster start
    calls.py   what every call passes: guard against fork, end of the program, errors
    native.py  javacpp's cache of unpacked native libraries
    quiet.py   keeps the JVM's start off the user's terminal
    views.py   NumPy arrays over Java's off-heap memory, without a copy
    jobs.py    waiting for Java threads so that Ctrl-C works
    errors.py  the exceptions
"""

from __future__ import annotations

from jbridge.application import Application as Application
from jbridge.application import use as use
from jbridge.calls import is_forked as is_forked
from jbridge.calls import translate as translate
from jbridge.errors import ForkedProcessError as ForkedProcessError
from jbridge.errors import JarsNotFoundError as JarsNotFoundError
from jbridge.errors import JavaError as JavaError
from jbridge.errors import JavaMemoryError as JavaMemoryError
from jbridge.errors import JavaNumberError as JavaNumberError
from jbridge.errors import JavaValueError as JavaValueError
from jbridge.errors import JBridgeError as JBridgeError
from jbridge.errors import JdkNotFoundError as JdkNotFoundError
from jbridge.errors import JvmStartError as JvmStartError
from jbridge.jdk import Jdk as Jdk
from jbridge.jobs import wait as wait
from jbridge.jvm import find_jdk as find_jdk
from jbridge.jvm import java_class as java_class
from jbridge.jvm import start as start
from jbridge.views import view as view
