"""Gradients as the page shows them: of a text's loss by activations, of a training's by weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import ConfigError
from pygpt.model.gpt import GPT
from pygpt.serve.looks import LAYER_PARTS, TOP, WINDOW, Arrays, Ids, likeliest, places
from pygpt.training.trainer import Trainer

ROWS, COLUMNS = 64, 96  # numbers of a weight's gradient that are shown; of larger ones tiles
MOVES_BYTES = 256 * 2**20  # of weights that are copied, to see how they move


def of_text(model: GPT, ids: Ids, layer: int, target: int | None) -> tuple[float, Arrays]:
    """Return the loss of one token of a text, or the mean of all, and its gradients.

    Args:
        layer: of which everything is shown, 0 to L - 1.
        target: index of the token that is predicted, 1 to T - 1; None for all.
    Returns:
        The loss in nats. Of the last positions the gradient by what `looks.flow` has, under its
        names; `norms`, (places, positions), of that by the stream; `top` and `top_gradients`,
        (positions, k), the logits whose gradients are largest.
    Raises:
        ConfigError: there is no such token, or the weights are rounded.
    """
    T = len(ids)
    if model.quantized is not None:
        problem = "expected float32, since a gradient goes through them"
        raise ConfigError("weights", f"{problem}, got {model.quantized}; show it without --weights")
    if T < 2 or not (target is None or 1 <= target < T):
        asked = "a text of 2 tokens at least" if T < 2 else f"1 to {T - 1}"
        raise ConfigError("target", f"expected {asked}, got {T if T < 2 else target}")
    targets = np.append(ids[1:], -1)
    if target is not None:
        targets[np.arange(T) != target - 1] = -1
    first = max(0, T - WINDOW)
    arrays: Arrays = {"ids": ids}
    with model.gradient_probe(T, (layer, layer + 1)) as probe:
        loss = probe.backward(ids, targets)
        stream = {name: probe[name][first:] for name in places(model.config.n_layer)}
        arrays["embedding"] = stream["embedding"]
        arrays["before"] = stream["embedding" if layer == 0 else f"h.{layer - 1}.stream_2"]
        for part in LAYER_PARTS:
            arrays[part] = probe[f"h.{layer}.{part}"][first:]
        arrays["final"] = probe["final"][first:]
        logits = probe["logits"][first:]
    arrays["norms"] = np.stack([np.linalg.norm(rows, axis=1) for rows in stream.values()])
    arrays["top"] = likeliest(np.abs(logits).astype(np.float64), TOP)
    arrays["top_gradients"] = np.take_along_axis(logits, arrays["top"], -1)
    return loss, arrays


class WeightLooks:
    """Mutable: looks at the weights of a training, one after another; for its thread.

    It has a copy of what was looked at last, so that the next look can tell what has moved.
    """

    def __init__(self) -> None:
        self._answer: dict[str, Any] = {}
        self._weights: dict[str, NDArray[Any]] = {}

    def look(self, trainer: Trainer) -> dict[str, Any]:
        """Return of each trained weight the size of its gradient in the last step, before clipping.

        Returns:
            `step`; `weights`: for each its `name`, `shape`, the `norm` of its gradient, the
            `largest` number of that, farthest from 0, and the largest change, `moved`, since step
            `since`, the last look. These are null where that was none before, and of large models.
            There are no weights with microbatches.
        """
        since, before = self._answer.get("step"), self._weights
        if since == trainer.step:
            return self._answer
        sums = trainer.gradient_sums()
        model = trainer.model
        now = model.parameters() if model.adapter is None else model.adapter_parameters()
        size = sum(now[name].nbytes for name in sums if name in now)
        kept = {name: now[name] for name in sums if name in now} if size <= MOVES_BYTES else {}
        count = trainer.config.gradient_accumulation_steps
        weights = [
            {
                "name": name,
                "shape": total.shape,
                "norm": float(np.linalg.norm(total.ravel())) / count,
                "largest": float(_farthest(total)) / count,
                "moved": float(_farthest(now[name] - before[name])) if name in before else None,
            }
            for name, total in sums.items()
        ]
        self._weights = {name: weight.copy() for name, weight in kept.items()}
        since = since if before else None
        self._answer = {"step": trainer.step, "since": since, "weights": weights}
        return self._answer

    def forget(self) -> None:
        """Free the copy."""
        self._answer, self._weights = {}, {}


def _farthest(array: NDArray[Any]) -> float:
    return float(tiles(array.reshape(1, -1), 1, 1)[0, 0])


def of_weight(trainer: Trainer, name: str) -> tuple[dict[str, Any], Arrays]:
    """Return the gradient of a weight in the last step, before clipping; if it is large, in tiles.

    Returns:
        `step` and `shape`; `values`: the numbers, or of each tile that which is farthest from 0.
    Raises:
        ConfigError: no such weight is trained.
    """
    sums = trainer.gradient_sums()
    if name not in sums:
        raise ConfigError("name", f"expected one of {', '.join(sums) or 'none'}, got {name!r}")
    total = sums[name]
    values = tiles(np.atleast_2d(total), ROWS, COLUMNS)
    steps = trainer.config.gradient_accumulation_steps
    return {"step": trainer.step, "shape": total.shape}, {"values": values / steps}


def tiles(matrix: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Return a matrix of at most so many tiles: of each the number that is farthest from 0.

    Args:
        matrix: (R, C), read.
    """
    parts = [
        np.arange(count) * size // count
        for count, size in zip(np.minimum((rows, columns), matrix.shape), matrix.shape, strict=True)
    ]
    high, low = (
        largest.reduceat(largest.reduceat(matrix, parts[1], axis=1), parts[0], axis=0)
        for largest in (np.maximum, np.minimum)
    )
    found: NDArray[Any] = np.where(high >= -low, high, low)
    return found
