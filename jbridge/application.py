"""Who uses the bridge: its name, jars and JVM flags, handed over before Java is needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from jbridge.errors import JvmStartError

ENTRY_POINTS = "jbridge.application"
"""The group in which an installed package names its module of an `APPLICATION`."""


@dataclass(frozen=True)
class Application:
    """A program on the JVM.

    Attributes:
        name: in capitals it begins the environment variables, such as NAME_JARS.
        jars: the folder whose jars make the class path, unless NAME_JARS names another.
        flags: a file of JVM flags, one a line, as `java @FILE` reads it; None for none.
        how_to_get_jars: ends the message that there are none.
        more_flags: gives flags that are known when the JVM starts, such as where libraries are.
        more_info: gives further names and values for `python -m jbridge info`; Java runs then.
    """

    name: str = "jbridge"
    jars: Path = Path(__file__).absolute().parent / "jars"
    flags: Path | None = None
    how_to_get_jars: str = "name their folder with JBRIDGE_JARS"
    more_flags: Callable[[], tuple[str, ...]] = tuple
    more_info: Callable[[], Iterable[tuple[str, str]]] = tuple

    def variable(self, name: str) -> str:
        """Return the full name of an environment variable."""
        return f"{self.name.upper()}_{name}"

    def options(self) -> tuple[str, ...]:
        """Return the JVM's flags."""
        if self.flags is None:
            return self.more_flags()
        lines = self.flags.read_text(encoding="utf-8").splitlines()
        flags = (line.strip() for line in lines if line.strip() and line[0] != "#")
        return (*flags, *self.more_flags())


_used: list[Application] = []


def use(application: Application) -> None:
    """Let `application` be the one that this process runs; once, and then again only the same."""
    if _used and _used[0] != application:
        raise JvmStartError(f"this process runs {_used[0].name}, not {application.name}")
    if not _used:
        _used.append(application)


def used() -> Application:
    """Return the application of this process: without `use`, one with defaults."""
    return _used[0] if _used else Application()


def load(module: str | None) -> None:
    """Use the `APPLICATION` of a module, by default the one that an installed package names."""
    if module is None:
        from importlib.metadata import entry_points

        module = next((entry.value for entry in entry_points(group=ENTRY_POINTS)), None)
    if module is not None:
        use(importlib.import_module(module).APPLICATION)
