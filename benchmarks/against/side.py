"""The sides: pygpt of one tree, through public API that both trees have.

The code that measures is this tree's on both sides. No module that imports pygpt, or NumPy, is
imported before `load`, so that the time of that import is whole.
"""

from __future__ import annotations

import statistics
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.generate.workload import Workload as Generation
    from benchmarks.harness.check import Steps
    from benchmarks.train.workload import Workload

NEW = 64  # tokens after a short prompt


def load(tree: Path) -> float:
    """Import pygpt and jbridge of a tree; return the seconds of `import pygpt`.

    Raises:
        ImportError: another tree's was imported.
    """
    sys.path.insert(0, str(tree))
    began = time.perf_counter()
    pygpt = import_module("pygpt")
    seconds = time.perf_counter() - began
    jbridge = import_module("jbridge")
    sys.path.remove(str(tree))
    for module in (pygpt, jbridge):
        if not Path(str(module.__file__)).is_relative_to(tree):
            raise ImportError(f"expected {module.__name__} of {tree}, got {module.__file__}")
    return seconds


class Importing:
    """Immutable: `import pygpt` in this fresh process."""

    description = "import pygpt"

    def __init__(self, tree: Path) -> None:
        seconds, began = load(tree), time.perf_counter()
        from pygpt import GPT  # noqa: F401

        self._seconds = [seconds, seconds + time.perf_counter() - began]

    def turn(self) -> list[float]:
        """Return its seconds, and those until its class GPT is there."""
        return self._seconds


class Training:
    """Mutable: steps of one of the models of benchmarks/train."""

    def __init__(self, tree: Path, work: Workload, threads: int) -> None:
        load(tree)
        from benchmarks.train.side import make_runner

        self._runner, self._chunk = make_runner("pygpt", work, threads), work.chunk
        self.description = self._runner.description

    def evidence(self, steps: int) -> tuple[Steps, dict[str, float]]:
        """Return the first steps, and the norms of all weights after them."""
        return self._runner.run(steps), self._runner.weight_norms()

    def turn(self) -> list[float]:
        """Return the median seconds of a few steps."""
        return [statistics.median(self._runner.run(self._chunk).step_s)]


class Generating:
    """Mutable: a model of a folder, its weights as they are or rounded."""

    def __init__(self, tree: Path, work: Generation, folder: Path, side: str, threads: int) -> None:
        load(tree)
        from benchmarks.generate.side import make_side

        self._work, self._side = work, make_side(side, folder, threads)
        self.description = self._side.description

    def evidence(self, tokens: int) -> NDArray[np.float32]:
        """Return the logits of so many tokens, (T, V)."""
        return self._side.logits(self._work.tokens(tokens))

    def turn(self) -> list[float]:
        """Return the seconds of a new token, and of the long prompt with its first new token."""
        seconds, _ = self._side.generate(self._work.tokens(self._work.prompt), NEW)
        prompt_s, _ = self._side.generate(self._work.tokens(self._work.prefill), 1)
        return [seconds / NEW, prompt_s]


class SavedModel:
    """Immutable: the folder that the sides load, written by one tree for both."""

    description = "saved"

    def __init__(self, tree: Path, work: Generation, folder: Path) -> None:
        load(tree)
        work.make_folder(folder)


class Names:
    """Mutable: runs of the names protocol, one a turn."""

    description = "names"

    def __init__(self, tree: Path, steps: int, parts: int) -> None:
        load(tree)
        from benchmarks.names.protocol import NAMES, read_documents

        self._documents, self._steps, self._parts = read_documents(NAMES), steps, parts

    def evidence(self, steps: int) -> tuple[list[float], list[str]]:
        """Return the losses of a run of so many steps, and its names."""
        with self._run(steps) as run:
            return run.train().tolist(), run.sample()

    def turn(self) -> list[float]:
        """Return the seconds of all steps, divided by `parts`."""
        with self._run(self._steps) as run:
            began = time.perf_counter()
            run.train()
            return [(time.perf_counter() - began) / self._parts]

    def _run(self, steps: int) -> Any:
        import pygpt

        return pygpt.NamesRun(pygpt.NamesConfig(steps=steps, seed=42), self._documents)
