"""A model opened for looking: everything that one forward pass makes, and parts switched off;
and the gradient of the loss by all of that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pygpt.engine import java, java_gradients
from pygpt.engine.arrays import download
from pygpt.engine.door import java_class, translated
from pygpt.engine.handle import Handle
from pygpt.errors import ConfigError, ShapeError
from pygpt.model.batch import checked_batch
from pygpt.model.config import GPTConfig


class Probe(Handle[java.Probe]):
    """Mutable: looks into a model at one sequence of T tokens; made by `GPT.probe`.

        with model.probe(len(ids)) as probe:
            probe.forward(ids)
            probe.names                         # what there is
            probe["h.0.probabilities"]          # (H, T, T)
            probe.lens("h.0.stream_2")          # (T, V): what the model would say after layer 0

    Its numbers are those of `GPT.logits` and `GPT.loss`, to the bit. It is for one thread at a
    time, but others may use, and train, the model meanwhile: a forward is between two of their
    steps. Use it in a `with` block, or call `close`; it closes with its model.

    Args:
        config: of the model.
        T: the number of tokens.
        layers: first and end of those of which everything is kept.
    Raises:
        TooLargeError: it does not fit into memory.
    """

    def __init__(
        self, model: Handle[java.GPT], config: GPTConfig, T: int, layers: tuple[int, int]
    ) -> None:
        with translated():
            probe = model.java.probe(T, *layers)
        super().__init__("probe", probe, model.dtype, model)
        self._config, self.T = config, T

    @property
    def names(self) -> list[str]:
        """What can be read; see the class `Probe` of Java for what each is."""
        with translated():
            return [str(name) for name in self.java.names()]

    @property
    def memory_bytes(self) -> int:
        """Size of what is held, but for the weights."""
        with translated():
            return int(self.java.byteSize())

    def forward(
        self,
        ids: ArrayLike,
        targets: ArrayLike | None = None,
        scales: ArrayLike | None = None,
    ) -> float:
        """Run the model on T tokens; return the loss in nats, 0 without targets.

        Args:
            ids: int32 or int64, (T,), each in [0, V); copied to the JVM.
            targets: of the same shape; -1 marks a position that is not scored.
            scales: (L, H + 2): what counts how much in each layer: its heads, what its attention
                adds, what its MLP adds. 1 is as the model has it, 0 as if it were not there. By
                default all are 1.
        Raises:
            ShapeError: another shape.
            TokenError: an id outside the vocabulary.
            ConfigError: a scale that is not finite.
            KeyboardInterrupt: Ctrl-C.
        """
        wanted = np.full(np.shape(ids), -1, np.int32) if targets is None else targets
        tokens, scored = checked_batch(self._config, ids, wanted)
        if tokens.shape != (1, self.T):
            raise ShapeError(f"ids: expected ({self.T},), got {np.shape(ids)}")
        numbers = self._checked_scales(scales)
        with self._turns, translated():
            self.java.setScales(numbers.ravel())
            session = self.java.session()
            job_class = java_class(java.ForwardJobClass)
            self._run(job_class(session, tokens.ravel(), scored.ravel(), 1, self.T))
            return float(session.loss())

    def _checked_scales(self, scales: ArrayLike | None) -> NDArray[np.float64]:
        shape = self._config.n_layer, self._config.n_head + 2
        if scales is None:
            return np.ones(shape)
        numbers = np.array(scales, np.float64)
        if numbers.shape != shape:
            raise ShapeError(f"scales: expected {shape}, got {numbers.shape}")
        if not np.isfinite(numbers).all():
            raise ConfigError("scales", "expected finite numbers, got others")
        return numbers

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return what the last forward made, (T, columns); probabilities (H, T, T); a copy.

        Raises:
            ConfigError: nothing of this name is kept.
        """
        _check_name(name, self.names)
        with self._turns, translated():
            array = _copy(self.java.get(name), self.dtype)
        return array.reshape(-1, self.T, self.T) if name.endswith(".probabilities") else array

    def logits(self) -> NDArray[Any]:
        """Return the logits of the token after each position, (T, V); a copy."""
        with self._turns, translated():
            return _copy(self.java.session().logits(), self.dtype)

    def lens(self, name: str, first: int = 0) -> NDArray[Any]:
        """Return the logits that the stream gives if it ends there, (T - first, V); a copy.

        The final norm and the output matrix on it: the logit lens. Of the last layer's `stream_2`
        they are the model's own.

        Args:
            name: `embedding`, or `h.l.stream_1` or `h.l.stream_2` of a layer.
            first: the position to begin with.
        Raises:
            ConfigError: the stream has no such place.
            ShapeError: there is no such position.
        """
        if name != "embedding" and not name.endswith((".stream_1", ".stream_2")):
            expected = "expected embedding, h.l.stream_1 or h.l.stream_2"
            raise ConfigError("name", f"{expected}, got {name!r}")
        if name not in self.names:
            raise ConfigError("name", f"expected a layer below {self._config.n_layer}, got {name}")
        if not 0 <= first < self.T:
            raise ShapeError(f"first: expected 0 to {self.T - 1}, got {first}")
        with self._computing():
            return _copy(self.java.lens(name, first), self.dtype)


class GradientProbe(Handle[java_gradients.GradientProbe]):
    """Mutable: the gradients of one sequence of T tokens; made by `GPT.gradient_probe`.

        with model.gradient_probe(len(ids)) as probe:
            probe.backward(ids, targets)
            probe["h.0.qkv"]                    # d loss / d qkv, (T, (H + 2 kvHeads) D)

    What is kept has the names of `Probe`, but for the probabilities of attention, which the model
    never has in memory; `logits` is one more. A branch has the gradient of the sum that it is added
    to. Neither the weights nor the gradients of a training change. For threads and closing see
    `Probe`, as for the arguments.
    """

    def __init__(
        self, model: Handle[java.GPT], config: GPTConfig, T: int, layers: tuple[int, int]
    ) -> None:
        with translated():
            make = java_class(java_gradients.GradientProbeClass)
            probe = make(model.java, T, *layers)
        super().__init__("probe of gradients", probe, model.dtype, model)
        self._config, self.T = config, T

    @property
    def names(self) -> list[str]:
        """What can be read."""
        with translated():
            return [str(name) for name in self.java.names()]

    @property
    def memory_bytes(self) -> int:
        """Size of what is held, but for the weights."""
        with translated():
            return int(self.java.byteSize())

    def backward(self, ids: ArrayLike, targets: ArrayLike) -> float:
        """Run forward and backward on T tokens; return the loss, in nats for each scored token.

        Args:
            ids: int32 or int64, (T,), each in [0, V); copied to the JVM.
            targets: of the same shape; -1 marks a position that is not scored. One is, at least.
        Raises:
            ShapeError: another shape, or no position is scored.
            TokenError: an id outside the vocabulary.
            KeyboardInterrupt: Ctrl-C.
        """
        tokens, scored = checked_batch(self._config, ids, targets)
        if tokens.shape != (1, self.T):
            raise ShapeError(f"ids: expected ({self.T},), got {np.shape(ids)}")
        if not (scored >= 0).any():
            raise ShapeError("targets: expected one that is scored at least, got -1 alone")
        with self._turns, translated():
            job_class = java_class(java_gradients.GradientJobClass)
            self._run(job_class(self.java, tokens.ravel(), scored.ravel()))
            return float(self.java.session().loss())

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the gradient of the last backward's loss by something, (T, columns); a copy.

        Raises:
            ConfigError: nothing of this name is kept.
        """
        _check_name(name, self.names)
        with self._turns, translated():
            return _copy(self.java.get(name), self.dtype)


def _check_name(name: str, names: list[str]) -> None:
    if name not in names:
        some = "one of probe.names, such as embedding or h.0.qkv"
        raise ConfigError("name", f"expected {some}, got {name!r}")


def _copy(tensor: java.Tensor, dtype: str) -> NDArray[Any]:
    array = np.empty((int(tensor.rows()), int(tensor.columns())), dtype)
    download(tensor, array)
    return array
