"""The models of a run's other checkpoints, loaded when they are looked at."""

from __future__ import annotations

import contextlib
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from pygpt.errors import CheckpointError
from pygpt.model.gpt import GPT
from pygpt.serve.errors import NOT_FOUND, ApiError
from pygpt.serve.live import checkpoints_of
from pygpt.training.state import read_state

KEPT = 2  # models beside the one that is served


class Others:
    """Mutable: loads models by the names that a request may say; for the model's thread.

    Args:
        run: the folder of its run; None if there is none.
        untrained: makes the model that it was before its training; None to take the run's seed.
    """

    def __init__(
        self, model: GPT, run: Path | None, untrained: Callable[[], GPT] | None = None
    ) -> None:
        self._model = model
        self._run = run
        self._untrained = untrained
        self._loaded: OrderedDict[str, GPT] = OrderedDict()

    @property
    def names(self) -> list[str]:
        """What may be asked for, oldest first; `now` is the model that is served."""
        steps = [str(step) for step in checkpoints_of(self._run)]
        return [*(["untrained"] if steps or self._untrained else []), *steps, "now"]

    def get(self, name: str) -> GPT:
        """Return the model of a checkpoint.

        Raises:
            ApiError: there is none of this name.
            TooLargeError, CheckpointError: it cannot be loaded.
        """
        if name == "now":
            return self._model
        if name not in self.names:
            raise ApiError(NOT_FOUND, f"checkpoint: expected one of {', '.join(self.names)}")
        if name not in self._loaded:
            while len(self._loaded) >= KEPT:
                self._loaded.popitem(last=False)[1].close()
            self._loaded[name] = self._load(name)
        self._loaded.move_to_end(name)
        return self._loaded[name]

    def _load(self, name: str) -> GPT:
        if name == "untrained" and self._untrained is not None:
            return self._untrained()
        assert self._run is not None
        steps = checkpoints_of(self._run)
        folder = self._run / f"step-{steps[0] if name == 'untrained' else int(name):08}"
        if name != "untrained":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                model = GPT.from_pretrained(folder, backend=self._model.backend)
        else:
            seed = None
            with contextlib.suppress(CheckpointError):
                seed = read_state(folder).config.seed
            model = GPT(self._model.config, seed=seed or 1, backend=self._model.backend)
        model.tokenizer = self._model.tokenizer
        return model

    def close(self) -> None:
        """Free them."""
        while self._loaded:
            self._loaded.popitem()[1].close()
