"""What `python -m jbridge info` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jbridge import jvm
from jbridge.errors import JarsNotFoundError


def report() -> Iterator[tuple[str, str]]:
    """Yield name and value of each line; starts the JVM.

    Raises:
        JBridgeError: there is no JDK, no jars, or the JVM does not start.
    """
    found = jvm.find_jdk()
    how = "found in a usual folder" if found.source == "folder" else f"from {found.source}"
    yield "JDK", f"{found.home}"
    yield "version", f"{found.version} for {found.arch}, {how}"
    jars = jvm.find_jars()
    size_mb = sum(jar.stat().st_size for jar in jars) / 1e6
    yield "jars", f"{jars[0].parent}: {len(jars)} jars, {size_mb:.0f} MB"
    yield "flags", " ".join(jvm.start().options)
    bits = jvm.java_class("jdk.incubator.vector.FloatVector").SPECIES_PREFERRED.vectorBitSize()
    yield "vector width", f"{bits} bits, {bits // 32} floats"
    yield from _nd4j()


def _nd4j() -> Iterator[tuple[str, str]]:
    try:
        nd4j = jvm.java_class("org.nd4j.linalg.factory.Nd4j")
    except JarsNotFoundError:
        yield "ND4J", "not among the jars"
        return
    backend: Any = nd4j.getBackend()
    environment = nd4j.getExecutioner().getEnvironmentInformation()
    yield "ND4J", f"{_version(nd4j)}, backend {backend.getClass().getSimpleName()}"
    yield "BLAS", f"{environment.get('blas.vendor')}, {environment.get('blas.threads')} threads"
    yield "OpenMP", f"{environment.get('omp.threads')} threads"


def _version(nd4j: Any) -> str:
    """The version in the name of the jar; ND4J's own class for this needs optional jars."""
    names = [jar.stem for jar in jvm.find_jars() if jar.stem.startswith("nd4j-api-")]
    return names[0].removeprefix("nd4j-api-") if names else "of unknown version"
