"""What the trainers of preferences share: how a step is taken, and what it tells."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from pygpt.distributed.group import Alone
from pygpt.errors import ConfigError, DataError
from pygpt.fields import Checked
from pygpt.generate.prompts import needed
from pygpt.model.gpt import GPT
from pygpt.preferences.config import USED
from pygpt.preferences.pairs import Text, batch_of
from pygpt.training.config import LORA, TrainConfig
from pygpt.training.run_folder import RunFolder, check_run, check_unused, newest_in
from pygpt.training.saved import ADAPTER_FILES, FILES, check_options, read_model, write_model
from pygpt.training.schedule import learning_rate
from pygpt.training.state import State, read_state, write_state
from pygpt.training.trainer import first_dropout_key, frozen_weights

R = TypeVar("R")
Run = str | os.PathLike[str] | None


@dataclass(frozen=True)
class Told:
    """Immutable: what every step tells.

    Attributes:
        step: updates done.
        loss: what is minimised.
        learning_rate, gradient_norm: of the step; the norm is that before clipping.
    """

    step: int
    loss: float
    learning_rate: float
    gradient_norm: float

    def to_dict(self) -> dict[str, Any]:
        """Return name -> value."""
        return asdict(self)


class Tuning(ABC, Generic[R]):
    """Mutable: trains a model, a step for each record that is taken from it.

    With a run's folder it writes checkpoints as `Trainer` does: every `checkpoint_interval` steps,
    after the last one, and by `save`. With `resume` it goes on from the last of them, with the bits
    of a run that was not interrupted. It begins with the model as it was either way, since that is
    what the trained one is compared with.

    Attributes:
        model: the one that is trained; stays the caller's.
        step: updates of the weights that have been done.
        notes: what the caller wants to have again when the run goes on: what JSON has, by name.
        breakable: whether an exception, raised by a signal's handler, would undo no more than the
            step that goes on.

    Args:
        config: options of the run; see `USED` in config.py for those that count. The model's
            dropout does not, so that log-probabilities can be compared.
        options: of what is minimised; None for none.
        rows, longest: it trains on at most so many texts of so many tokens at once.
    Raises:
        ConfigError: an option that does not count, or that does not fit the model.
        TooLargeError: it does not fit into memory.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        model: GPT,
        config: TrainConfig,
        options: Checked | None,
        rows: int,
        longest: int,
    ) -> None:
        for name, value in config.to_dict().items():
            if name not in (*USED, *LORA) and value != getattr(TrainConfig, name):
                raise ConfigError(name, "has no part in learning preferences")
        self.model, self.config, self.step = model, config, 0
        self.notes: dict[str, Any] = {}
        self.breakable = False
        self._told = {} if options is None else options.to_dict()
        self._run: RunFolder | None = None
        self._fingerprint = self._spelled = b""
        frozen = frozen_weights(model.config, config.frozen)
        how: dict[str, Any] = {"frozen": frozen, "dropout": False, **config.adamw()}
        self._training = model.training(rows, longest, **how)
        self._training.resume(0, first_dropout_key(config.seed))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> R:
        """Train one step; write a checkpoint where it is due.

        Raises:
            EngineError: the loss or the gradient is NaN or infinite; the weights are as they were.
            OutputError: a checkpoint cannot be written; older ones are as they were.
            KeyboardInterrupt: Ctrl-C.
        """
        if self.step >= self.config.max_iters:
            raise StopIteration
        key = self._training.dropout_key
        self.breakable = True
        try:
            record = self._train(learning_rate(self.config, self.step + 1))
        except BaseException:
            if self._training.updates == self.step:
                self._training.resume(self.step, key)  # for a checkpoint
            raise
        finally:
            self.breakable = False
        interval = self.config.checkpoint_interval
        due = interval and self.step % interval == 0
        if self._run is not None and (due or self.step == self.config.max_iters):
            self.save()
        return record

    @abstractmethod
    def _train(self, rate: float) -> R: ...

    def _forward(self, texts: Sequence[Text]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the log-probability of each target, and which are scored, (texts, T)."""
        ids, targets = batch_of(texts)
        return -self._training.losses(ids, targets), targets >= 0

    def _update(self, slopes: NDArray[np.float64], rate: float) -> float:
        """Go on with derivatives by those log-probabilities; return the gradient's norm."""
        self._training.backward(-slopes)
        self.breakable = False
        norm = self._training.update(rate)
        self.step += 1
        return norm

    def fit(self) -> R | None:
        """Train to the end; return the last record, or None if there was no step left."""
        last = None
        for record in self:
            last = record
        return last

    # ---- checkpoints -------------------------------------------------------------------------

    def _begin(self, run: Run, resume: bool, learned: Iterable[NDArray[Any]]) -> None:
        """Hold a run's folder, if there is one, and go on from its last checkpoint.

        Args:
            learned: what is learned from, beside the model as it is now.
        """
        try:
            if run is None:
                if resume:
                    raise ConfigError("resume", "expected a run folder to go on in, got none")
                return
            digest = blake2b(digest_size=16)
            for array in (*learned, *self.model.parameters().values()):
                digest.update(np.ascontiguousarray(array).reshape(-1).data)
            self._fingerprint = digest.digest()
            self._run = RunFolder(run)
            if not resume:
                check_unused(self._run.path)
            folder = newest_in(self._run.path, FILES, ADAPTER_FILES)
            if folder is not None:
                self._continue(folder)
        except BaseException:
            self.close()
            raise

    def _continue(self, folder: Path) -> None:
        state = read_state(folder)
        kind, options = state.sampler.get("kind"), state.sampler.get("options")
        if kind != self.kind:
            problem = f"expected {kind}, which {folder.parent} began with, got {self.kind}"
            raise ConfigError("run", problem)
        check_options(state, self.config)
        for name, value in (options or {}).items():
            if (now := self._told.get(name)) != value:
                raise ConfigError(name, f"expected {value!r}, as the run began with, got {now!r}")
        if state.sampler.get("fingerprint") != self._fingerprint.hex():
            raise DataError(
                f"run folder {folder.parent}: began with other data, or with another model; give "
                "it the same ones, or begin another run in another folder"
            )
        read_model(folder, self.model, self._training)
        self.model.weights_changed()
        self._training.resume(state.step, state.dropout_key)
        for _ in range(state.step):
            self._skip()
        self.step, self.notes = state.step, dict(state.sampler.get("notes", {}))

    @abstractmethod
    def _skip(self) -> None:
        """Draw what a step draws, and do no more."""

    def save(self) -> Path:
        """Write a checkpoint of the run as it is; return its folder.

        Raises:
            ConfigError: there is no run folder.
            OutputError: it cannot be written; all others are as they were.
        """
        if self._run is None:
            raise ConfigError("run", "expected a run folder for checkpoints, got none")
        return self._run.write(self.step, None, self.config.keep, self._write_files)

    def _write_files(self, folder: Path) -> None:
        tokenizer = needed(self.model.tokenizer)
        self._spelled = write_model(folder, self.model, tokenizer, self._spelled)
        began = {
            "kind": self.kind,
            "options": self._told,
            "fingerprint": self._fingerprint.hex(),
            "notes": self.notes,
        }
        state = State(
            step=self.step,
            dropout_key=self._training.dropout_key,
            sampler=began,
            best=None,
            waited=0,
            tokenizer=tokenizer.fingerprint,
            config=self.config,
            derived=self.config.derived,
        )
        write_state(folder, state, self.model, self._training, Alone())

    def close(self) -> None:
        """Free AdamW's state, and let others have the folder; a second call does nothing."""
        self._training.close()
        if self._run is not None:
            self._run.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def log_probabilities(model: GPT, texts: Sequence[Text], at_once: int) -> NDArray[np.float64]:
    """Return the log-probability of each answer, in nats, (texts,)."""
    found = []
    for first in range(0, len(texts), at_once):
        found.append(-model.losses(*batch_of(texts[first : first + at_once])).sum(axis=1))
    return np.concatenate(found)


def begun(run: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the options of a run that goes on: those of `TrainConfig` that were given, and others.

    None if it has no checkpoint yet.

    Raises:
        OutputError: the folder is no run's.
        CheckpointError: the checkpoint is damaged.
    """
    check_run(run)
    folder = newest_in(run, FILES, ADAPTER_FILES) if run.is_dir() else None
    if folder is None:
        return None
    state = read_state(folder)
    return state.given(), dict(state.sampler.get("options", {}))
