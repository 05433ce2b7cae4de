"""One record for each step, and where records go."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import FileIO
from itertools import takewhile
from pathlib import Path
from typing import Any, Protocol

from pygpt.errors import ConfigError, OutputError


@dataclass(frozen=True)
class Record:
    """Immutable: what one step did.

    Attributes:
        step: its number, from 1.
        loss: mean nats per token of its batches, before the update.
        learning_rate: of the update.
        gradient_norm: before clipping; 0 where `grad_clip` is 0.
        tokens_per_s: of the training alone, as is `ms`.
        ms: how long the step took.
        validation_loss: mean nats per token after the update; None without an evaluation, as are
            those after it.
        perplexity: e^validation_loss.
        bits_per_byte: of the text to validate with; None also where its bytes are not known.
    """

    step: int
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens_per_s: float
    ms: float
    validation_loss: float | None = None
    perplexity: float | None = None
    bits_per_byte: float | None = None

    def values(self) -> dict[str, float]:
        """Return name -> value of what is known, in order, without the step."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        del known["step"]
        return known


class MetricsWriter(Protocol):
    """Mutable: a place where records go."""

    def begin(self, step: int) -> None:
        """Open it for a run that has done that many steps; records of later steps are removed.

        Raises:
            OutputError: it cannot be written.
        """
        ...

    def write(self, record: Record) -> None:
        """Add a record.

        Raises:
            OutputError: it cannot be written.
        """
        ...

    def close(self) -> None:
        """End; a second call does nothing."""
        ...


@contextmanager
def _written(where: str) -> Iterator[None]:
    """Within the block the system's errors are an OutputError about this place."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{where}: cannot be written: {error.strerror}") from error


class JsonLines:
    """Mutable: one JSON object a line; numbers of a record that are not finite are null.

    Args:
        path: the file. A run that goes on appends to it; one that begins writes it over.
        what: what messages call it.
    """

    def __init__(self, path: str | os.PathLike[str], what: str = "metrics file") -> None:
        self._path = Path(path)
        self._where = f"{what} {path}"
        self._file: FileIO | None = None

    def begin(self, step: int) -> None:
        with _written(self._where):
            if step == 0:
                self._file = self._path.open("wb", buffering=0)
                return
            self._path.touch()
            lines = self._path.read_bytes().splitlines(keepends=True)
            kept = takewhile(lambda line: line.endswith(b"\n") and _step_of(line) <= step, lines)
            self._file = self._path.open("r+b", buffering=0)
            self._file.truncate(self._file.seek(sum(map(len, kept))))

    def write(self, record: Record) -> None:
        values = {
            name: value if math.isfinite(value) else None
            for name, value in record.values().items()
        }
        self.write_objects([{"step": record.step, **values}])

    def write_objects(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Add objects, a line each; they reach the file together.

        Raises:
            OutputError: it cannot be written.
        """
        assert self._file is not None, "begin comes first"
        lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in objects).encode()
        with _written(self._where):
            while lines:
                lines = lines[self._file.write(lines) :]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _step_of(line: bytes) -> float:
    """Return the step of a line; infinity if it has none, so that the line is not kept."""
    try:
        values = json.loads(line)
    except ValueError:
        return math.inf
    step = values.get("step") if isinstance(values, dict) else None
    return step if isinstance(step, int) else math.inf


class TensorBoard:
    """Mutable: event files for TensorBoard, with the package `tensorboardX`.

    Args:
        folder: where they go.
    Raises:
        ConfigError: tensorboardX is not installed.
        OutputError: there is a file of this name.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            problem = "expected the package tensorboardX: pip install 'pygpt[tensorboard]'"
            raise ConfigError("tensorboard", problem) from error
        self._folder = os.fspath(folder)
        self._where = f"TensorBoard folder {folder}"
        if os.path.isfile(folder):
            raise OutputError(f"{self._where}: expected a folder, got a file")
        self._make: Any = SummaryWriter
        self._writer: Any = None

    def begin(self, step: int) -> None:
        with _written(self._where):
            self._writer = self._make(self._folder, purge_step=step + 1)

    def write(self, record: Record) -> None:
        with _written(self._where):
            for name, value in record.values().items():
                self._writer.add_scalar(name, value, record.step)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
