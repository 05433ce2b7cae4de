"""The log of a run: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from pygpt.errors import OutputError


class JsonLog:
    """Mutable: writes `{"step": 1, "loss": 3.3659…}` lines, then `{"sample": "kamon"}` lines.

    Lines reach the file whole. Without a path nothing is written.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = None
        if path is not None:
            try:
                self._file = path.open("w", encoding="utf-8", newline="\n")
            except OSError as error:
                raise self._failure(error) from error

    def losses(self, first: int, losses: Iterable[float]) -> None:
        """Write the losses of the steps from `first` (counted from 0) on."""
        self._write(
            {"step": step, "loss": float(loss)}
            for step, loss in enumerate(losses, start=first + 1)
        )

    def samples(self, samples: Iterable[str]) -> None:
        """Write the samples, in order."""
        self._write({"sample": sample} for sample in samples)

    def _write(self, objects: Iterable[dict[str, object]]) -> None:
        if self._file is None:
            return
        try:
            lines = [json.dumps(item, ensure_ascii=False) + "\n" for item in objects]
            self._file.write("".join(lines))
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(f"log file {self._path}: cannot be written: {error.strerror}")

    def __enter__(self) -> JsonLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
