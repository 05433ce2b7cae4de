"""The one door to Java: a model's weights, training and sampling as a few coarse calls.

Nothing here knows of text, files or schedules.
"""

from __future__ import annotations

import weakref
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import jbridge
from jbridge import JarsNotFoundError
from jbridge import JBridgeError as EngineError
from jbridge.jvm import find_jars
from pygpt.config import GPTConfig
from pygpt.errors import ClosedError

__all__ = ["Engine", "EngineError", "Losses", "jar_resource"]

Losses = Callable[[int, NDArray[np.float64]], None]
"""Called with the number of the first step (from 0) and the losses of the steps since."""


def jar_resource(artifact: str, name: str) -> bytes:
    """Return a file that lies in a jar; this starts no JVM.

    Args:
        artifact: the jar's name up to its version.
        name: the file's path in the jar.
    Raises:
        EngineError: there is no such jar, it is damaged, or it lacks the file.
    """
    jars = find_jars()
    for path in jars:
        if path.name.startswith(f"{artifact}-"):
            try:
                with zipfile.ZipFile(path) as jar:
                    return jar.read(name)
            except (OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
                raise JarsNotFoundError(f"cannot read {name} in {path}: {error}") from error
    raise JarsNotFoundError(
        f"the folder of jars {jars[0].parent} lacks {artifact}; build or install pygpt again"
    )


class Engine:
    """Mutable: one model in Java, all weights zero at first. Use it from one thread.

    Args:
        config: the sizes.
        backend: `cpu`, `nd4j` or `plain`.
        dtype: `float32`, or `float64` on `plain`.
    Raises:
        EngineError: no JVM, or an unknown backend (also a ValueError).
    """

    def __init__(self, config: GPTConfig, backend: str, dtype: str) -> None:
        java_config = jbridge.java_class("org.pygpt.GPTConfig")
        java_dtype = jbridge.java_class("org.pygpt.tensor.DType")
        gpt = jbridge.java_class("org.pygpt.GPT")
        self._dtype = np.dtype(dtype)
        self._views: list[weakref.ref[NDArray[Any]]] = []
        self._job: Any = None
        with jbridge.translate():
            sizes = java_config(*config.to_dict().values())
            self._model: Any = gpt.create(sizes, backend, java_dtype.of(dtype))

    @property
    def description(self) -> str:
        """What runs the matrix products."""
        with jbridge.translate():
            return str(self._open().kernels().description())

    def parameters(self) -> dict[str, NDArray[Any]]:
        """Return name -> array of every weight; shared: writing to one changes the model."""
        arrays: dict[str, NDArray[Any]] = {}
        model = self._open()
        with jbridge.translate():
            weights = model.weights()
            for name in weights.names():
                tensor = weights.get(name)
                shape = (int(tensor.rows()), int(tensor.columns()))
                arrays[str(name)] = jbridge.view(model, tensor.address(), shape, self._dtype)
        self._views = [view for view in self._views if view() is not None]
        self._views += [weakref.ref(array) for array in arrays.values()]
        return arrays

    def train_documents(
        self,
        tokens: NDArray[np.int32],
        starts: NDArray[np.int32],
        learning_rates: NDArray[np.float64],
        on_losses: Losses | None = None,
    ) -> NDArray[np.float64]:
        """Train with one document a step, one after another and round again; return the losses.

        Args:
            tokens: int32, all documents one after another, BOS at both ends of each; copied.
            starts: int32, (n + 1,): document d is tokens[starts[d]:starts[d + 1]]; copied.
            learning_rates: float64, one a step; copied.
            on_losses: called about 20 times a second while it trains.
        Raises:
            EngineError: Java refused, or failed.
            KeyboardInterrupt: Ctrl-C; the model is between two steps or within one.
        """
        job_class = jbridge.java_class("org.pygpt.train.DocumentJob")
        with jbridge.translate():
            job = job_class(self._open(), tokens, starts, learning_rates)
        seen = 0

        def poll() -> None:
            nonlocal seen
            done = int(job.completed())
            if on_losses is not None and done > seen:
                first, seen = seen, done
                on_losses(first, np.array(job.losses(first, done), dtype=np.float64))

        self._run(job, poll)
        return np.array(job.losses(0, job.completed()), dtype=np.float64)

    def sample_documents(
        self,
        bos: int,
        count: int,
        max_tokens: int,
        temperature: float,
        uniforms: NDArray[np.float64],
    ) -> list[list[int]]:
        """Return `count` documents, each from BOS to the next BOS or `max_tokens`, without them.

        Args:
            uniforms: float64 in [0, 1), one a token, used in order; copied.
        Raises:
            EngineError: Java refused, or failed.
            KeyboardInterrupt: Ctrl-C.
        """
        if count == 0:
            return []
        job_class = jbridge.java_class("org.pygpt.infer.SampleJob")
        with jbridge.translate():
            job = job_class(self._open(), bos, bos, count, max_tokens, temperature, uniforms)
        self._run(job, None)
        with jbridge.translate():
            return [[int(token) for token in job.tokens(i)] for i in range(count)]

    def _run(self, job: Any, poll: Callable[[], None] | None) -> None:
        """Start a job and wait for its end; it is forgotten only when it has ended by itself."""
        self._job = job
        with jbridge.translate():
            job.start()
        jbridge.wait(job, poll)
        self._job = None

    def _open(self) -> Any:
        if self._model is None:
            raise ClosedError("the model is closed; make or load another one")
        return self._model

    def close(self) -> None:
        """Free the memory, at once if it can: arrays from `parameters` that are alive keep it.

        So does a job that was interrupted and may still be running. Java's collector frees the
        memory after them.
        """
        model, self._model = self._model, None
        in_use = self._job is not None or any(view() is not None for view in self._views)
        if model is not None and not in_use:
            with jbridge.translate():
                model.close()
