"""What every side does: the five models, their first weights, their batches and one step's options.

A side that trains on these must reach the same losses, whatever it is written in (see
`harness/check.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BETA1, BETA2, ADAM_EPS = 0.9, 0.95, 1e-8
WEIGHT_DECAY = 0.1  # of matrices only, the embeddings too: nanoGPT's rule
GRAD_CLIP = 1.0
NORM_EPS = 1e-5
INIT_STD = 0.02  # of matrices; GPT-2 divides it by sqrt(2 L) for those that end in the residual
SEED = 1
BATCHES = 8  # different ones, that take turns


@dataclass(frozen=True)
class Workload:
    """Immutable: the sizes of a GPT-2, of a batch, and how many steps are taken.

    Attributes:
        name: as on the command line.
        chunk: steps that a side takes before it is the next one's turn.
        warm_up: turns of each side that do not count.
        rounds: turns of each side that count.
        quick_rounds: the same with `--quick`; 0 leaves the model out.
    """

    name: str
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    batch_size: int
    chunk: int
    warm_up: int
    rounds: int
    quick_rounds: int

    @property
    def learning_rate(self) -> float:
        """At 1e-3 without a warm-up the loss of gpt2_124M is chaotic after six steps."""
        return 1e-4 if self.n_layer == 12 else 1e-3

    @property
    def parameters(self) -> int:
        """Number of weights, position embeddings included."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def tokens(self) -> int:
        """Tokens of a step."""
        return self.batch_size * self.block_size

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of every weight: GPT-2's names, matrices inside a block are (in, out)."""
        C = self.n_embd
        shapes: dict[str, tuple[int, ...]] = {
            "wte.weight": (self.vocab_size, C),
            "wpe.weight": (self.block_size, C),
        }
        for layer in range(self.n_layer):
            block = f"h.{layer}."
            for name, inputs, outputs in (
                ("attn.c_attn", C, 3 * C),  # query, key, value
                ("attn.c_proj", C, C),
                ("mlp.c_fc", C, 4 * C),
                ("mlp.c_proj", 4 * C, C),
            ):
                shapes[f"{block}{name}.weight"] = (inputs, outputs)
                shapes[f"{block}{name}.bias"] = (outputs,)
            for name in ("ln_1", "ln_2"):
                shapes[f"{block}{name}.weight"] = shapes[f"{block}{name}.bias"] = (C,)
        shapes["ln_f.weight"] = shapes["ln_f.bias"] = (C,)
        return shapes

    @property
    def flops(self) -> int:
        """Floating-point operations of a step, as nanoGPT's `estimate_mfu` counts them.

        6 N for each token, N without the position embeddings, and 12 L C T for attention, whose
        masked half counts too; https://arxiv.org/abs/2204.02311, appendix B.
        """
        C, T = self.n_embd, self.block_size
        return (6 * (self.parameters - T * C) + 12 * self.n_layer * C * T) * self.tokens

    def first_weights(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield name and first value of every weight, one at a time."""
        return draw_weights(self.shapes, self.n_layer)

    def batches(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Return ids and targets, int64, (B, T) each, of random tokens; the same always."""
        rng = np.random.default_rng(SEED)
        shape = (BATCHES, self.batch_size, self.block_size + 1)
        tokens = rng.integers(self.vocab_size, size=shape)
        return [(t[:, :-1].copy(), t[:, 1:].copy()) for t in tokens]


def draw_weights(
    shapes: Mapping[str, tuple[int, ...]], n_layer: int
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield name and first value of every weight, one at a time: GPT-2's, the same always."""
    rng = np.random.default_rng(SEED)
    for name, shape in shapes.items():
        if len(shape) == 1:
            value = 1.0 if name.endswith("weight") else 0.0
            yield name, np.full(shape, value, dtype=np.float32)
            continue
        std = INIT_STD / (2 * n_layer) ** 0.5 if "c_proj" in name else INIT_STD
        yield name, rng.standard_normal(shape, dtype=np.float32) * np.float32(std)


# The numbers of steps keep a full run below 20 minutes and a quick one below 3, on two cores.
WORKLOADS = (
    Workload("makemore", 27, 16, 4, 4, 64, 32, 100, 5, 20, 6),
    Workload("shakespeare_cpu", 65, 64, 4, 4, 128, 12, 30, 3, 12, 5),
    Workload("char", 65, 256, 6, 6, 384, 8, 3, 2, 8, 3),
    Workload("gpt2_124M", 50257, 64, 12, 12, 768, 4, 2, 1, 8, 0),
    Workload("gpt2_124M_1024", 50257, 1024, 12, 12, 768, 1, 1, 1, 7, 0),
)
