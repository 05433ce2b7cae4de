"""What every side does: one GPT-2 with random weights, one prompt to continue, one to read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SEED = 1


@dataclass(frozen=True)
class Workload:
    """Immutable: the sizes of a GPT-2 and of what it generates.

    Attributes:
        prompt: tokens of the prompt that is continued.
        new: tokens to add to it.
        prefill: tokens of a prompt that is only read, and of the forward that it is compared with.
        batches: numbers of sequences that are continued together.
        batch_new: tokens to add to each of those.
        warm_up: turns of each side that do not count.
        rounds: turns of each side that count.
    """

    vocab_size: int = 50257
    block_size: int = 1024
    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    prompt: int = 16
    new: int = 256
    prefill: int = 1000
    batches: tuple[int, ...] = (8, 32)
    batch_new: int = 64
    warm_up: int = 1
    rounds: int = 7

    @property
    def weights_read(self) -> int:
        """Weights that a step reads: all but the position embeddings."""
        return self.head_read + self.blocks_read

    @property
    def head_read(self) -> int:
        """Those of the output matrix."""
        return self.vocab_size * self.n_embd

    @property
    def blocks_read(self) -> int:
        """All others."""
        C = self.n_embd
        block = (3 + 1 + 4 + 4) * C * C + (3 + 1 + 4 + 1) * C + 4 * C
        return self.n_layer * block + 2 * C

    def make_folder(self, folder: Path) -> None:
        """Write the model that all sides load, as `transformers` has it."""
        from pygpt import GPT, GPTConfig

        config = GPTConfig(
            self.block_size, self.vocab_size, self.n_layer, self.n_head, self.n_embd
        )
        with GPT(config, seed=SEED) as model:
            model.save_pretrained(folder)

    def tokens(self, count: int) -> NDArray[np.int64]:
        """Return so many random tokens, int64; the same always."""
        return np.random.default_rng(SEED).integers(self.vocab_size, size=count)

    def prompts(self, count: int) -> NDArray[np.int64]:
        """Return so many short prompts of random tokens, (count, prompt), int64."""
        shape = (count, self.prompt)
        return np.random.default_rng(SEED + 1).integers(self.vocab_size, size=shape)


GPT2_124M = Workload()
