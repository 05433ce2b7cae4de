"""A network of one's own: dense layers, a loss and an optimizer on the engine's tape."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pygpt.engine import java_network as java
from pygpt.engine.arrays import FlatArrays
from pygpt.engine.auto import resolved
from pygpt.engine.door import java_class, translated
from pygpt.engine.handle import Handle
from pygpt.engine.model import chosen_dtype
from pygpt.errors import ConfigError, ShapeError
from pygpt.model.network_config import Dense, NetworkConfig, check_layers


class Network(Handle[java.Network]):
    """Mutable: dense layers that are trained on examples; `Network(2, Dense(8, "tanh"), Dense(1))`.

    The shortest way to see what a GPT is made of: forward, loss, backward, update, on the same tape
    and kernels. Its weights are called `0.weight`, (inputs, units), and `0.bias`, (units,). Use it
    in a `with` block, call `close`, or drop it. The same seed gives the same bits.

    Args:
        inputs: numbers of a row of examples.
        layers: the layers, first to last.
        loss: `mse`, for a last layer of any activation but softmax; `binary_cross_entropy`, for
            yes or no after a sigmoid; `cross_entropy`, for one class of several after a softmax.
        optimizer: `sgd` (weight -= rate * gradient), `momentum` (0.9) or `adam`.
        learning_rate: how far a step goes.
        seed: decides the first weights, which are drawn from -1 / sqrt(inputs) to 1 / sqrt(inputs)
            as PyTorch does, and the order of batches.
        backend: and dtype: as in `GPT`.

    Raises:
        ConfigError: a value that cannot be, or a last layer that does not go with the loss.
        EngineError: the JVM does not start.
    """

    def __init__(
        self,
        inputs: int,
        *layers: Dense,
        loss: str = "mse",
        optimizer: str = "adam",
        learning_rate: float = 0.01,
        seed: int = 1,
        backend: str = "cpu",
        dtype: str | None = None,
    ) -> None:
        config = NetworkConfig(inputs, loss, optimizer, learning_rate, seed)
        check_layers(config, layers)
        dtype = chosen_dtype(backend, dtype, 0)
        widths = [config.inputs, *(layer.units for layer in layers)]
        sizes = zip(widths, layers, strict=False)
        backend = resolved(backend, sum((w + layer.bias) * layer.units for w, layer in sizes))
        self.config, self.layers, self.backend = config, layers, backend
        with translated():
            builder = java_class(java.NetworkClass).builder().inputs(config.inputs)
            for layer in layers:
                made = java_class(java.DenseClass)(layer.units, layer.activation, layer.bias)
                builder = builder.layer(made)
            builder = builder.loss(config.loss).optimizer(config.optimizer)
            builder = builder.learningRate(config.learning_rate)
            signed = (config.seed + 2**63) % 2**64 - 2**63  # a Java long
            network = builder.seed(signed).backend(backend).dtype(dtype).build()
        super().__init__("network", network, dtype)

    def fit(
        self, x: ArrayLike, y: ArrayLike, epochs: int = 100, batch_size: int | None = None
    ) -> NDArray[np.float64]:
        """Train; return the loss before each step, float64, (steps,).

        Args:
            x: (rows, inputs), or (rows,) where there is one input; copied.
            y: what should come out: (rows, units of the last layer), or (rows,) where that is one;
                with `cross_entropy` (rows,), the numbers of the classes.
            epochs: how often each example is looked at.
            batch_size: rows of a step, in a new order in each epoch; all of them by default.
        Raises:
            ShapeError: arrays that do not fit the network or one another.
            ConfigError: epochs or batch_size below what can be.
            EngineError: a loss that is no number; the weights are those before that step.
            KeyboardInterrupt: Ctrl-C.
        """
        inputs, targets = self._examples(x, y)
        rows = len(inputs)
        batch = rows if batch_size is None else batch_size
        if epochs < 0:
            raise ConfigError("epochs", f"expected at least 0, got {epochs}")
        if batch < 1:
            raise ConfigError("batch_size", f"expected at least 1, got {batch}")
        steps = epochs * -(-rows // batch)
        with translated():
            make = java_class(java.FitJobClass)
            job = make(self.java, inputs.ravel(), targets.ravel(), epochs, batch, steps)
        self._run(job, changes=True)
        return np.array(job.losses(), dtype=np.float64)

    def predict(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return what the last layer says of each row: float64, (rows, units).

        Raises:
            ShapeError: rows of another length.
        """
        rows = self._inputs(x)
        with self._computing():
            said = np.array(self.java.predict(rows.ravel()), dtype=np.float64)
        return said.reshape(len(rows), self.layers[-1].units)

    def loss(self, x: ArrayLike, y: ArrayLike) -> float:
        """Return the mean loss of examples; args and errors are those of `fit`."""
        inputs, targets = self._examples(x, y)
        with self._computing():
            return float(self.java.loss(inputs.ravel(), targets.ravel()))

    def score(self, x: ArrayLike, y: ArrayLike) -> float:
        """Return how good the answers are; args and errors are those of `fit`.

        That is the accuracy, the share that is right: of numbers on the right side of 0.5 after a
        sigmoid, of rows whose likeliest class is the right one after a softmax. With `mse` it is
        R², the share of the targets' variance that is explained.
        """
        inputs, targets = self._examples(x, y)
        with self._computing():
            return float(self.java.score(inputs.ravel(), targets.ravel()))

    def parameters(self) -> dict[str, NDArray[Any]]:
        """Return name -> array of every weight; shared: writing to one changes the network."""
        return self._numbers("weights", self.java.weights).named()

    def gradients(self, x: ArrayLike, y: ArrayLike) -> dict[str, NDArray[Any]]:
        """Return name -> how the loss changes with each weight; copies.

        Args and errors are those of `fit`.
        """
        inputs, targets = self._examples(x, y)
        with self._computing():
            computed = self.java.gradients(inputs.ravel(), targets.ravel())
            arrays = FlatArrays(self.java, computed, np.dtype(self.dtype)).named()
            return {name: array.copy() for name, array in arrays.items()}

    def graph(self, rows: int = 1) -> list[str]:
        """Return the ops of a step, first to last; backward runs them from the last on."""
        with self._turns, translated():
            return [str(op) for op in self.java.describeOps(rows)]

    def __repr__(self) -> str:
        layers = ", ".join(
            f"Dense({layer.units}, {layer.activation!r}{'' if layer.bias else ', bias=False'})"
            for layer in self.layers
        )
        config = self.config
        return f"Network({config.inputs}, {layers}, loss={config.loss!r})"

    def _inputs(self, x: ArrayLike) -> NDArray[np.float64]:
        return _rows("x", x, self.config.inputs)

    def _examples(
        self, x: ArrayLike, y: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        inputs = self._inputs(x)
        is_class = self.config.loss == "cross_entropy"
        targets = _rows("y", y, 1 if is_class else self.layers[-1].units)
        if len(inputs) != len(targets):
            raise ShapeError(f"y: expected {len(inputs)} rows, as x has, got {len(targets)}")
        if is_class:
            wrong = (targets < 0) | (targets >= self.layers[-1].units) | (targets % 1 != 0)
            if wrong.any():
                expected = f"classes from 0 to {self.layers[-1].units - 1}"
                raise ShapeError(f"y: expected {expected}, got {targets[wrong][0]:g}")
        return inputs, targets


def _rows(name: str, array: ArrayLike, columns: int) -> NDArray[np.float64]:
    """Return numbers as float64, (rows, columns); a row of numbers is a column where one is due."""
    rows = np.asarray(array, dtype=np.float64)
    if rows.ndim == 1 and columns == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or rows.shape[1] != columns or not len(rows):
        raise ShapeError(f"{name}: expected (rows, {columns}), got {rows.shape}")
    return np.ascontiguousarray(rows)
