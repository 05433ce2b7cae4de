"""What a network of one's own is: its layers, its loss, how it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pygpt.errors import ConfigError
from pygpt.fields import Checked, option, size
from pygpt.model.config import FUNCTIONS

LOSSES = ("mse", "binary_cross_entropy", "cross_entropy")
OPTIMIZERS = ("sgd", "momentum", "adam")
_LAST = {"binary_cross_entropy": "sigmoid", "cross_entropy": "softmax"}  # activation it needs


@dataclass(frozen=True)
class Dense(Checked):
    """Immutable: a dense layer: activation(x @ weight + bias), (rows, inputs) -> (rows, units).

    Raises:
        ConfigError: a value that cannot be.
    """

    units: int = size(1, "numbers that it returns for each row")
    activation: str = option(
        "linear",
        "what is done to each sum; softmax, which makes probabilities, in the last layer alone",
        choices=(*FUNCTIONS, "softmax"),
    )
    bias: bool = option(True, "whether a trained number is added to each sum")


@dataclass(frozen=True)
class NetworkConfig(Checked):
    """Immutable: what a network has beside its layers."""

    inputs: int = size(1, "numbers of a row of examples")
    loss: str = option("mse", "how far answers are from what they should be", choices=LOSSES)
    optimizer: str = option("adam", "how weights follow their gradients", choices=OPTIMIZERS)
    learning_rate: float = option(0.01, "how far a step goes")
    seed: int = option(1, "decides first weights and the order of batches")


def check_layers(config: NetworkConfig, layers: tuple[Any, ...]) -> None:
    """Raise ConfigError unless these layers go with the loss."""
    if not layers or not all(isinstance(layer, Dense) for layer in layers):
        got = ", ".join(type(layer).__name__ for layer in layers) or "none"
        raise ConfigError("layers", f"expected at least one Dense, got {got}")
    for layer in layers[:-1]:
        if layer.activation == "softmax":
            raise ConfigError("activation", "expected softmax in the last layer alone")
    last = layers[-1].activation
    needed = _LAST.get(config.loss, last)
    if last != needed or (config.loss == "mse" and last == "softmax"):
        expected = needed if last != needed else "another than softmax"
        where = f"in the last layer with loss {config.loss}"
        raise ConfigError("activation", f"expected {expected} {where}, got {last}")
