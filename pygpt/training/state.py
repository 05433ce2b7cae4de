"""A run's state in a checkpoint: training.safetensors.

It has AdamW's moments as `m.NAME` and `v.NAME` (zeros of a frozen weight; those that are bfloat16
as float32, which is exact), of a float64 model also what is trained as `weight.NAME`, and all else
as JSON in the file's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.distributed import state as shards
from pygpt.distributed.group import Alone, Group
from pygpt.engine.training import Training
from pygpt.errors import CheckpointError
from pygpt.fields import from_dict
from pygpt.files.atomic import sync_file
from pygpt.model.gpt import GPT
from pygpt.training.config import TrainConfig

STATE_FILE = "training.safetensors"
VERSION = 1
_KEY = "pygpt"


@dataclass(frozen=True)
class Best:
    """Immutable: the step after which the validation loss was lowest, and that loss."""

    step: int
    loss: float


@dataclass(frozen=True)
class State:
    """Immutable: where a run is, but for its arrays.

    Attributes:
        step: updates done.
        dropout_key: what decides the dropout of the next batch.
        sampler: the state of the stream of batches.
        best: None before the first evaluation.
        waited: evaluations since the best.
        tokenizer: its fingerprint.
        config: the run's options.
        derived: fields of the options that were not given; a longer run derives them again.
        origin: what the data are; see `Streams`.
        unevaluated: the record of the last step, if its evaluation was broken off.
    """

    step: int
    dropout_key: int
    sampler: Mapping[str, Any]
    best: Best | None
    waited: int
    tokenizer: str
    config: TrainConfig
    derived: tuple[str, ...] = ()
    origin: Mapping[str, Any] | None = None
    unevaluated: Mapping[str, Any] | None = None

    def given(self) -> dict[str, Any]:
        """Return name -> value of the options, but for those that were derived."""
        options = self.config.to_dict().items()
        return {name: value for name, value in options if name not in self.derived}


def write_state(
    folder: Path, state: State, model: GPT, training: Training, group: Group
) -> None:
    """Write the file, and wait until the disk has it.

    Args:
        group: whose first worker this is; the others call `shards.write`.
    Raises:
        OSError: it cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    path, text = folder / STATE_FILE, text_of(state)
    if group.size > 1 or training.has_bfloat16_moments:  # widened a block at a time
        weights = model.parameters() if model.dtype == "float64" else {}
        shards.write(path, text, model.trained_shapes(), weights, training, group)
    else:
        try:
            save_file(_arrays(model, training), path, metadata={_KEY: text})
        except SafetensorError as error:
            raise OSError(str(error)) from error  # a full disk, say
    sync_file(path)


def text_of(state: State) -> str:
    """Return what is no array as the file has it."""
    values = asdict(state) | {"config": state.config.to_dict()}
    return json.dumps({"version": VERSION, **values})


def read_state(folder: Path) -> State:
    """Read what is no array.

    Raises:
        CheckpointError: the file is missing, damaged, or of another version.
    """
    return state_of(read_text(folder), folder)


def read_text(folder: Path) -> str:
    """Read what is no array, as the file has it.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    where = f"checkpoint {folder}: {STATE_FILE}"
    try:
        with safe_open(folder / STATE_FILE, framework="numpy") as file:
            return str((file.metadata() or {})[_KEY])
    except FileNotFoundError as error:
        raise CheckpointError(f"{where} is missing; a run cannot go on from there") from error
    except (SafetensorError, OSError, KeyError) as error:
        raise CheckpointError(f"{where} is damaged: {error}") from error


def state_of(text: str, folder: Path) -> State:
    """Return the state that a file of a checkpoint has as text.

    Raises:
        CheckpointError: it is damaged, or of another version.
    """
    where = f"checkpoint {folder}: {STATE_FILE}"
    try:
        values = json.loads(text)
        version = values.pop("version")
        if version != VERSION:
            raise CheckpointError(f"{where}: expected version {VERSION}, got {version!r}")
        best = values.pop("best")
        config = from_dict(TrainConfig, values.pop("config"))
        values["derived"] = tuple(values.get("derived", ()))
        return State(**values, best=None if best is None else Best(**best), config=config)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{where} is damaged: {error}") from error


def read_arrays(folder: Path, model: GPT, training: Training) -> None:
    """Read the arrays into those of a model and its training.

    Raises:
        CheckpointError: they are not those of such a model; nothing has been changed.
    """
    from safetensors import SafetensorError, safe_open

    if training.has_bfloat16_moments:
        shards.read(folder, model, training, Alone())
        return
    where = f"checkpoint {folder}: {STATE_FILE}"
    arrays = _arrays(model, training)
    try:
        with safe_open(folder / STATE_FILE, framework="numpy") as file:
            saved = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{where} is damaged: {error}") from error
    if _layout(saved) != _layout(arrays):
        expected = f"expected the arrays of a {model.dtype} model of this shape"
        raise CheckpointError(f"{where}: {expected}")
    for name, array in arrays.items():
        array[:] = saved[name]


def _arrays(model: GPT, training: Training) -> dict[str, NDArray[Any]]:
    """Return every array of the file; shared, but for the zeros of frozen weights."""
    arrays: dict[str, NDArray[Any]] = {}
    for moment, trained in zip("mv", training.moments(), strict=True):
        for name, shape in model.trained_shapes().items():
            of_name = trained.get(name)
            zeros = np.zeros(shape, model.dtype) if of_name is None else of_name
            arrays[f"{moment}.{name}"] = zeros
    if model.dtype == "float64":  # model.safetensors has them rounded
        weights = model.parameters() if model.adapter is None else model.adapter_parameters()
        arrays |= {f"weight.{name}": weight for name, weight in weights.items()}
    return arrays


def _layout(arrays: Mapping[str, NDArray[Any]]) -> dict[str, tuple[Any, ...]]:
    return {name: (array.dtype, array.shape) for name, array in arrays.items()}
