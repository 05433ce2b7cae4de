"""The servers that are measured: each is a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx2

from benchmarks.harness.peer import WorkerError

READY_S = 300.0


@dataclass(frozen=True)
class Side:
    """Immutable: a server that answers.

    Attributes:
        name: as on the command line.
        address: without `/v1`.
    """

    name: str
    address: str


@contextmanager
def _running(name: str, command: Sequence[str | Path], port: int) -> Iterator[Side]:
    """Start a server and wait until it answers.

    Raises:
        WorkerError: it ends, or does not answer.
    """
    address, ends = f"http://127.0.0.1:{port}", time.monotonic() + READY_S
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            while True:
                try:
                    if httpx2.get(f"{address}/health", timeout=5).status_code == 200:
                        break
                except httpx2.HTTPError:
                    pass
                if process.poll() is not None or time.monotonic() > ends:
                    process.kill()
                    assert process.stderr is not None
                    raise WorkerError(f"{name}: {process.stderr.read()[-2000:].decode()}")
                time.sleep(0.2)
            yield Side(name, address)
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _pygpt(weights: str, folder: Path) -> AbstractContextManager[Side]:
    port = _free_port()
    command = [sys.executable, "-m", "pygpt", "serve", folder, "--port", str(port)]
    return _running(f"pygpt-{weights}", [*command, "--weights", weights], port)


SIDES: dict[str, Callable[[Path], AbstractContextManager[Side]]] = {
    "pygpt-int8": partial(_pygpt, "int8"),
    "pygpt-float32": partial(_pygpt, "float32"),
}
