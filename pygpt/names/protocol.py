"""The protocol of microgpt: what `python -m pygpt names` does, on the public API.

One random stream shuffles the documents, draws the weights and then samples; see
https://gist.github.com/karpathy/8627fe009c40f57531cb18360106ce95.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.engine import Losses
from pygpt.engine.door import require
from pygpt.engine.model import dtype_of
from pygpt.model.gpt import GPT
from pygpt.names.config import NamesConfig
from pygpt.tokenizers.char import CharTokenizer

INIT_STD = 0.08  # microgpt's, for every weight


def draw_weights(model: GPT, rng: random.Random) -> None:
    """Set every weight to a number of `rng.gauss(0, 0.08)`, in microgpt's order.

    That is: token embedding, position embedding, output matrix, then for each layer query, key,
    value, attention output, MLP in, MLP out; row by row, where a row is one output.
    """
    weights = model.parameters()
    gauss = rng.gauss

    def draw(rows: int, columns: int) -> NDArray[Any]:
        numbers = (gauss(0.0, INIT_STD) for _ in range(rows * columns))
        return np.fromiter(numbers, np.float64, rows * columns).reshape(rows, columns)

    for name in ("wte.weight", "wpe.weight", "lm_head.weight"):
        weights[name][:] = draw(*weights[name].shape)
    C = model.config.n_embd
    for layer in range(model.config.n_layer):
        attention, mlp = f"h.{layer}.attn.", f"h.{layer}.mlp."
        query_key_value = [draw(C, C).T for _ in range(3)]  # (out, in) -> (in, out), as all below
        weights[attention + "c_attn.weight"][:] = np.hstack(query_key_value)
        weights[attention + "c_proj.weight"][:] = draw(C, C).T
        weights[mlp + "c_fc.weight"][:] = draw(4 * C, C).T
        weights[mlp + "c_proj.weight"][:] = draw(C, 4 * C).T
    model.weights_changed()


def learning_rates(options: NamesConfig) -> NDArray[np.float64]:
    """Return the learning rate of each step: a straight line down to 0, float64, (steps,)."""
    return options.learning_rate * (1 - np.arange(options.steps) / options.steps)


class NamesRun:
    """Mutable: one run of the protocol. Use it in a `with` block: it owns the model.

    Args:
        options: of the run.
        documents: text, not empty; shuffled in a copy.
    Raises:
        TooLargeError: the model, or what its training needs, does not fit into memory.
        EngineError: the JVM does not start.
    """

    def __init__(self, options: NamesConfig, documents: Sequence[str]) -> None:
        self.options = options
        self._rng = random.Random(options.seed)
        self.documents = list(documents)
        self._rng.shuffle(self.documents)
        tokenizer = CharTokenizer.train(self.documents)
        config = options.model_config(tokenizer.vocab_size)
        itemsize = np.dtype(dtype_of(options.backend)).itemsize
        needed_bytes = 4 * itemsize * config.num_parameters  # with gradients and Adam's moments
        require(needed_bytes, "training a model of these sizes")
        self.model = GPT(config, backend=options.backend, tokenizer=tokenizer)
        draw_weights(self.model, self._rng)

    def train(self, on_losses: Losses | None = None) -> NDArray[np.float64]:
        """Train; return the loss of each step, float64, (steps,). See `GPT.train_documents`."""
        return self.model.train_documents(self.documents, learning_rates(self.options), on_losses)

    def sample(self) -> list[str]:
        """Return `options.samples` new documents; call it once, after `train`."""
        return self.model.sample_documents(
            self.options.samples, self._rng, self.options.temperature
        )

    def __enter__(self) -> NamesRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.model.close()
