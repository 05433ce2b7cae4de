"""`python -m jbridge`: what the bridge finds, a JDK for it, and a faster start."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from jbridge import application, archive, jdk, jvm
from jbridge.errors import JarsNotFoundError, JBridgeError, JdkNotFoundError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m jbridge", description=__doc__)
    parser.add_argument(
        "--application",
        metavar="MODULE",
        help="Python module of the application; by default that of an installed package",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("info", help="print the JDK, flags, jars, vector width and libraries")
    commands.add_parser("install-jdk", help=f"get Temurin {jdk.MIN_FEATURE} for this user")
    commands.add_parser("jdk-home", help="print the home folder of the JDK that is used")
    recorder = commands.add_parser("archive", help="run Java and archive its classes for the start")
    recorder.add_argument("java", nargs=argparse.REMAINDER, metavar="MAIN [ARGUMENT ...]")
    parsed = parser.parse_args(arguments)
    command = parsed.command
    if command == "archive" and not parsed.java:
        recorder.error("a main class is required")
    try:
        application.load(parsed.application)
        if command == "info":
            _info()
        elif command == "archive":
            jars = jvm.find_jars()
            print(archive.record(jvm.find_jdk(), jars, jvm.jvm_options(), parsed.java))
        elif command == "install-jdk":
            _install_jdk()
        else:
            print(jvm.find_jdk().home)
    except JBridgeError as error:
        print(f"jbridge: {error}", file=sys.stderr)
        return 1
    return 0


def _info() -> None:
    """Print name and value, a line each; starts the JVM."""

    def show(name: str, value: str) -> None:
        print(f"{name:13} {value}", flush=True)

    found = jvm.find_jdk()
    how = "found in a usual folder" if found.source == "folder" else f"from {found.source}"
    show("JDK", f"{found.home}")
    show("version", f"{found.version} for {found.arch}, {how}")
    jars = jvm.find_jars()
    size_mb = sum(jar.stat().st_size for jar in jars) / 1e6
    show("jars", f"{jars[0].parent}: {len(jars)} jars, {size_mb:.0f} MB")
    show("flags", " ".join(jvm.start().options))
    bits = jvm.java_class("jdk.incubator.vector.FloatVector").SPECIES_PREFERRED.vectorBitSize()
    show("vector width", f"{bits} bits, {bits // 32} floats")
    _show_nd4j(show, jars)
    for name, value in application.used().more_info():
        show(name, value)


def _show_nd4j(show: Callable[[str, str], None], jars: tuple[Path, ...]) -> None:
    try:
        nd4j = jvm.java_class("org.nd4j.linalg.factory.Nd4j")
    except JarsNotFoundError:
        show("ND4J", "not among the jars")
        return
    # ND4J's own class for its version needs optional jars; the names of these have it too.
    versions = [jar.stem[9:] for jar in jars if jar.stem.startswith("nd4j-api-")]
    backend = nd4j.getBackend().getClass().getSimpleName()
    environment = nd4j.getExecutioner().getEnvironmentInformation()
    show("ND4J", f"{next(iter(versions), 'of unknown version')}, backend {backend}")
    show("BLAS", f"{environment.get('blas.vendor')}, {environment.get('blas.threads')} threads")
    show("OpenMP", f"{environment.get('omp.threads')} threads")


def _install_jdk() -> None:
    """Get Temurin through the cjdk package and check what came."""
    try:
        import cjdk
    except ImportError as error:
        raise JdkNotFoundError("installing a JDK needs the package: pip install cjdk") from error
    try:
        home = Path(cjdk.java_home(vendor="temurin", version=str(jdk.MIN_FEATURE)))
    except Exception as error:  # cjdk lets errors of the network and of archives through
        raise JdkNotFoundError(f"cjdk could not install a JDK: {error}") from error
    found = jdk.inspect(home, "cjdk")
    if isinstance(found, jdk.Refusal):
        raise JdkNotFoundError(f"cjdk installed a JDK that does not fit: {found}")
    print(f"JDK {found.version} is in {found.home}")


if __name__ == "__main__":
    sys.exit(main())
