"""One side in a process of its own, which computes only while it is asked."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.generate.side import make_side
from benchmarks.train.peer import KEEP_MEMORY, OPENBLAS


class PeerError(Exception):
    """A side that ended, or raised."""


def serve(name: str, folder: Path, threads: int, pipe: Connection) -> None:
    """Answer calls of the side's methods until the pipe closes; runs in the process."""
    try:
        side = make_side(name, folder, threads)
        pipe.send(side.description)
        while True:
            method, arguments = pipe.recv()
            pipe.send(getattr(side, method)(*arguments))
    except EOFError:
        pass
    except Exception as error:
        pipe.send(error)
        raise


class Peer:
    """Mutable: a side. Use it in a `with` block: it owns the process.

    Raises:
        PeerError: it failed, here and in every method.
    """

    def __init__(self, name: str, folder: Path, threads: int) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(name, folder, threads, theirs))
        before = dict(os.environ)
        if name == "transformers":  # what a PyTorch of its own would be given
            for variable in OPENBLAS:
                os.environ.pop(variable, None)
            os.environ.update(KEEP_MEMORY, OMP_NUM_THREADS=str(threads))
        try:
            self._process.start()
        finally:
            os.environ.clear()
            os.environ.update(before)
        theirs.close()
        self.description = str(self._answer())

    def generate(self, prompt: NDArray[np.int64], new: int) -> tuple[float, list[int]]:
        """See `Side.generate`."""
        seconds, tokens = self._ask("generate", prompt, new)
        return seconds, tokens

    def forward(self, ids: NDArray[np.int64]) -> tuple[float, float]:
        """See `Side.forward`."""
        seconds, loss = self._ask("forward", ids)
        return seconds, loss

    def logits(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Side.logits`."""
        logits: NDArray[np.float32] = self._ask("logits", ids)
        return logits

    @property
    def peak_bytes(self) -> int:
        """The most memory that was resident until now."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def _ask(self, method: str, *arguments: Any) -> Any:
        self._pipe.send((method, arguments))
        return self._answer()

    def _answer(self) -> Any:
        try:
            answer = self._pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            status = self._process.exitcode
            raise PeerError(f"{self.name}: its process ended with status {status}") from None
        if isinstance(answer, Exception):
            raise PeerError(f"{self.name}: {type(answer).__name__}: {answer}") from answer
        return answer

    def close(self) -> None:
        """End the process: it ends by itself when the pipe closes."""
        self._pipe.close()
        self._process.join()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
