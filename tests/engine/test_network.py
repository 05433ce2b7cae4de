"""A network of one's own: gradients, bits, what it learns and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pygpt import ClosedError, ConfigError, Dense, Network, ShapeError
from pygpt.engine import EngineError

XOR = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
RNG = np.random.default_rng(1)
X, CLASSES = RNG.normal(size=(5, 3)), [0, 1, 3, 2, 2]
STEP = 1e-5  # of a central difference: its error is about the square of that
FLOAT64_DIFFERENCE = 1e-8  # that, and what rounding 1e-16 leaves after a division by 1e-5
FLOAT32_BACKENDS = 1e-4  # 30 steps of Adam on two backends, whose sums are ordered otherwise


def _network(loss: str, activation: str = "tanh", **options: Any) -> tuple[Network, Any]:
    """A network of three inputs, and targets of its loss for `X`."""
    last, y = {
        "mse": (Dense(2), RNG.normal(size=(5, 2))),
        "binary_cross_entropy": (Dense(2, "sigmoid"), RNG.uniform(size=(5, 2))),
        "cross_entropy": (Dense(4, "softmax"), CLASSES),
    }[loss]
    layers = (Dense(7, activation), Dense(3, "sigmoid", bias=False), last)
    return Network(3, *layers, loss=loss, **options), y


@pytest.mark.parametrize(
    ("loss", "activation"),
    [("mse", "tanh"), ("mse", "gelu"), ("binary_cross_entropy", "relu"), ("cross_entropy", "silu")],
)
def test_gradients_are_finite_differences(loss: str, activation: str) -> None:
    network, y = _network(loss, activation, backend="plain")
    with network:
        gradients = network.gradients(X, y)
        for name, weights in network.parameters().items():
            for place in np.ndindex(weights.shape):
                before, sides = weights[place], []
                for side in (STEP, -STEP):
                    weights[place] = before + side
                    sides.append(network.loss(X, y))
                weights[place] = before
                difference = (sides[0] - sides[1]) / (2 * STEP)
                assert gradients[name][place] == pytest.approx(difference, abs=FLOAT64_DIFFERENCE)


@pytest.mark.parametrize("loss", ["mse", "binary_cross_entropy", "cross_entropy"])
def test_backends_agree(loss: str) -> None:
    said = []
    for backend in ("plain", "cpu", "nd4j"):
        network, _ = _network(loss, backend=backend, dtype="float32", learning_rate=0.05)
        y = CLASSES if loss == "cross_entropy" else np.linspace(0, 1, 10).reshape(5, 2)
        with network:
            losses = network.fit(X, y, epochs=30)
            assert losses[-1] < losses[0]
            said.append(np.concatenate([losses, network.predict(X).ravel()]))
    assert np.abs(said[1] - said[0]).max() < FLOAT32_BACKENDS
    assert np.abs(said[2] - said[0]).max() < FLOAT32_BACKENDS


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_optimizers_do_what_they_say(optimizer: str) -> None:
    with Network(
        1, Dense(1, bias=False), optimizer=optimizer, learning_rate=0.1, backend="plain"
    ) as network:
        weight = network.parameters()["0.weight"]
        weight[...] = w = 3.0
        velocity = m = v = 0.0
        for step in range(1, 4):
            network.fit([2.0], [0.0], epochs=1)
            g = 2 * 2 * 2 * w
            velocity, m, v = 0.9 * velocity + g, 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            adam = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
            w -= 0.1 * {"sgd": g, "momentum": velocity, "adam": adam}[optimizer]
            assert weight[0, 0] == pytest.approx(w, rel=1e-12)


def test_the_same_seed_gives_the_same_bits() -> None:
    def losses(seed: int) -> bytes:
        layers = Dense(8, "gelu"), Dense(1, "sigmoid")
        with Network(2, *layers, loss="binary_cross_entropy", seed=seed) as network:
            return network.fit(*XOR, epochs=20, batch_size=3).tobytes()

    assert losses(1) == losses(1) != losses(2)


def test_learns_what_one_layer_cannot() -> None:
    options: dict[str, Any] = {"loss": "binary_cross_entropy", "learning_rate": 0.05}
    with Network(2, Dense(8, "tanh"), Dense(1, "sigmoid"), **options) as network:
        losses = network.fit(*XOR, epochs=200)
        assert losses.shape == (200,) and network.score(*XOR) == 1
        assert network.loss(*XOR) < 0.05
        assert network.predict([[0, 1]]).shape == (1, 1)
        assert len(network.graph()) == 4  # two sums, tanh, and sigmoid with the loss
    with Network(2, Dense(1, "sigmoid"), **options) as single:
        single.fit(*XOR, epochs=200)
        assert single.score(*XOR) < 1


def test_scores() -> None:
    with Network(1, Dense(1), learning_rate=0.1) as line:
        x = np.arange(4)
        line.parameters()["0.weight"][:] = 2
        line.parameters()["0.bias"][:] = 1
        assert line.score(x, 2 * x + 1) == 1
        assert line.score(x, 2 * x + 2) == pytest.approx(1 - 4 / 20)
    with Network(2, Dense(3, "softmax"), loss="cross_entropy") as classes:
        classes.parameters()["0.weight"][:] = [[1, 0, 0], [0, 1, 0]]
        classes.parameters()["0.bias"][:] = [0, 0, 0.5]
        rows = [[1, 0], [0, 1], [0, 0], [2, 1]]
        assert classes.score(rows, [0, 1, 2, 1]) == 0.75
        assert classes.predict(rows).sum(axis=1) == pytest.approx(1)


def test_refuses_what_cannot_be() -> None:
    with pytest.raises(ConfigError, match="^activation: expected sigmoid in the last layer with"):
        Network(2, Dense(1), loss="binary_cross_entropy")
    with pytest.raises(ConfigError, match="^activation: expected another than softmax in the last"):
        Network(2, Dense(1, "softmax"))
    with pytest.raises(ConfigError, match="^activation: expected softmax in the last layer alone"):
        Network(2, Dense(2, "softmax"), Dense(1))
    with pytest.raises(ConfigError, match="^layers: expected at least one Dense, got none"):
        Network(2)
    with pytest.raises(ConfigError, match="^optimizer: expected one of sgd, momentum, adam"):
        Network(2, Dense(1), optimizer="adamw")
    with pytest.raises(ConfigError, match="^units: expected"):
        Dense(0)
    with Network(2, Dense(1), optimizer="sgd", learning_rate=1e30) as network:
        with pytest.raises(ShapeError, match=r"^x: expected \(rows, 2\), got \(3,\)"):
            network.predict([1, 2, 3])
        with pytest.raises(ShapeError, match="^y: expected 2 rows, as x has, got 3"):
            network.fit([[1, 2], [3, 4]], [1, 2, 3])
        with pytest.raises(ConfigError, match="^epochs: expected at least 0, got -1"):
            network.fit([[1, 2]], [1], epochs=-1)
        with pytest.raises(EngineError, match="loss: expected a finite number in step"):
            network.fit([[1, 2]], [1], epochs=10)
    with pytest.raises(ClosedError, match="^the network is closed"):
        network.predict([[1, 2]])
    with Network(2, Dense(3, "softmax"), loss="cross_entropy") as network:
        with pytest.raises(ShapeError, match="^y: expected classes from 0 to 2, got 3"):
            network.score([[1, 2]], [3])
