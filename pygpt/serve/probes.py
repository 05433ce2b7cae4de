"""Small looks at a model at each evaluation of its training, kept in the run's folder.

    run/probe/step-00000250.safetensors     after step 250

Each is of how the text to validate with begins, `ids`: what the model would say at each place of
its stream (`top`, `probabilities`, `entropy`, `next`: see `looks.lens`), and where its heads look,
`maps`, (L, H, T, T). Its notes have the `text` that the model made. So the page shows how a run has
learnt after its older checkpoints have gone.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from pygpt.checkpoints.safetensors import encode, opened
from pygpt.errors import CheckpointError, OutputError
from pygpt.files.atomic import write_new
from pygpt.model.gpt import GPT
from pygpt.serve.looks import Arrays, Ids, all_heads, lens

FOLDER = "probe"
TOKENS = 24  # of the text
_FILE = re.compile(r"step-(\d{8,})\.safetensors")


class Probes:
    """Immutable: records looks into a run's folder.

    Args:
        step: that the run goes on after; looks of later ones are removed, as their records are.
        ids: how the text begins.
    Raises:
        OutputError: the folder cannot be written.
    """

    def __init__(self, run: Path, step: int, ids: Ids) -> None:
        self._run = run
        self._ids = np.ascontiguousarray(ids[:TOKENS], np.int32)
        try:
            for later in steps_of(run):
                if later > step:
                    _path(run, later).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"run folder {run}: cannot be written: {error.strerror}") from error

    def record(self, step: int, model: GPT, text: str) -> None:
        """Record what the model is after a step.

        Args:
            text: that it made.
        Raises:
            OutputError: it cannot be written.
        """
        arrays = lens(model, self._ids) | all_heads(model, self._ids) | {"ids": self._ids}
        write_new(_path(self._run, step), encode(arrays, {"text": text}), overwrite=True)


def steps_of(run: Path | None) -> list[int]:
    """Return the steps after which a run has a look, in order; none without a run."""
    try:
        names = [] if run is None else os.listdir(run / FOLDER)
    except OSError:
        return []
    return sorted(int(match[1]) for match in map(_FILE.fullmatch, names) if match)


def read(run: Path, step: int) -> tuple[str, Arrays]:
    """Return the text and the arrays of a look.

    Raises:
        CheckpointError: it cannot be read, or is damaged.
    """
    path = _path(run, step)
    arrays: Arrays = {}
    try:
        with opened(path) as (tensors, notes):
            for name, tensor in tensors.items():
                values = np.empty(tensor.shape, np.float32)
                tensor.copy_to(values)
                arrays[name] = values.astype(np.int32) if name in ("ids", "top") else values
            return notes.get("text", ""), arrays
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _path(run: Path, step: int) -> Path:
    return run / FOLDER / f"step-{step:08}.safetensors"
