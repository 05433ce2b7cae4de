"""A model's weights in Java, drawn, read, rounded and evaluated."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.engine import java
from pygpt.engine.arrays import download, upload
from pygpt.engine.door import java_class, translated
from pygpt.engine.handle import Handle
from pygpt.model.config import GPTConfig


class Engine(Handle[java.GPT]):
    """Mutable: one model in Java, all weights zero at first. Use it from one thread.

    Args:
        config: the architecture.
        backend: `cpu`, `nd4j` or `plain`.
        dtype: `float32`, or `float64` on `plain`.
        threads: of backend `cpu`; 0 for one a processor.
    Raises:
        EngineError: no JVM, or an unknown backend (also a ValueError).
    """

    def __init__(self, config: GPTConfig, backend: str, dtype: str, threads: int = 0) -> None:
        with translated():
            sizes = java_class(java.GPTConfigClass).ofJson(json.dumps(config.to_dict()))
            java_dtype = java_class(java.DTypeClass).of(dtype)
            model = java_class(java.GPTClass).create(sizes, backend, java_dtype, threads)
        super().__init__("model", model, dtype)
        self.config = config
        self._evaluation: java.Session | None = None
        self._evaluation_tokens = 0

    @property
    def description(self) -> str:
        """What runs the matrix products."""
        with translated():
            return str(self.java.kernels().description())

    def initialize(self, seed: int) -> None:
        """Draw every weight anew, as nanoGPT does; `seed` is taken modulo 2^64."""
        signed = (seed + 2**63) % 2**64 - 2**63  # a Java long
        with self.computing(changes=True):
            self.java.initialize(signed)

    def quantize(self, weights: str) -> None:
        """Round every matrix but the position embedding to `int8` or `bfloat16`, for good.

        Raises:
            EngineError: a weight is not finite, or there is no room for a copy of them.
        """
        with self.computing(changes=True):
            self.java.quantize(weights)

    def parameters(self) -> dict[str, NDArray[Any]]:
        """Return name -> array of every weight; shared: writing to one changes the model."""
        return self.arrays("weights", self.java.weights()).named()

    def activation_bytes(self, B: int, T: int) -> int:
        """Return the size of what a training step keeps between forward and backward."""
        with translated():
            return int(self.java.activationBytes(B, T))

    def evaluation_bytes(self, B: int, T: int) -> int:
        """Return the size of what `evaluate` keeps for batches of at most B * T tokens."""
        with translated():
            return int(self.java.evaluationBytes(B, T))

    def ops(self, B: int, T: int) -> list[str]:
        """Return the ops of a training step, first to last, as text."""
        with translated():
            return [str(op) for op in self.java.describeOps(B, T)]

    def evaluate(
        self,
        ids: NDArray[np.int32],
        targets: NDArray[np.int32],
        logits: NDArray[Any] | None = None,
    ) -> float:
        """Run forward; return the loss, in nats.

        Args:
            ids: int32, (B, T).
            targets: int32, (B, T); a negative one is not scored.
            logits: (B, T, V), without gaps, in the model's dtype, overwritten; None if they are
                not wanted.
        Raises:
            EngineError: Java refused, or failed.
            KeyboardInterrupt: Ctrl-C.
        """
        B, T = ids.shape
        with translated():
            session = self._evaluation_of(B, T)
            upload(ids, session.ids())
            upload(targets, session.targets())
            self.run(java_class(java.ForwardJobClass)(session, B, T))
            if logits is not None:
                download(session.logits(), logits)
            return float(session.loss())

    def _evaluation_of(self, B: int, T: int) -> java.Session:
        """Return what evaluates B * T tokens: the one there is, if it is large enough."""
        model = self.java
        if self._evaluation is None or B * T > self._evaluation_tokens:
            self._close_evaluation()
            self._evaluation = model.evaluation(B, T)
            self._evaluation_tokens = B * T
        return self._evaluation

    def _close_evaluation(self) -> None:
        session, self._evaluation, self._evaluation_tokens = self._evaluation, None, 0
        if session is not None and not self._running():
            session.close()

    def attention(self, ids: NDArray[np.int32], probabilities: NDArray[Any]) -> None:
        """Run forward on one sequence after another; write how each head weighs the keys.

        Args:
            ids: int32, (B, T).
            probabilities: (B, L, H, T, T), without gaps, in the model's dtype, overwritten.
        Raises:
            EngineError: Java refused, or failed.
            KeyboardInterrupt: Ctrl-C.
        """
        T = ids.shape[1]
        with translated():
            session = self.java.attention(T)
        try:
            for row, layers in zip(ids, probabilities, strict=True):
                with translated():
                    upload(row, session.ids())
                    self.run(java_class(java.ForwardJobClass)(session, 1, T))
                    for i, layer in enumerate(layers):
                        download(session.probabilities(i), layer)
        finally:
            if not self._running():
                session.close()

    def close(self) -> None:
        """Free the memory, at once if it can; see `Handle.close`."""
        if self._java is not None:
            with translated():
                self._close_evaluation()
        super().close()
