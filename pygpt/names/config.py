"""The options of `python -m pygpt names`."""

from __future__ import annotations

from dataclasses import dataclass, field

from pygpt.errors import ConfigError
from pygpt.fields import Checked, option, size
from pygpt.model.config import BACKEND, BACKENDS, GPTConfig, names_backend


@dataclass(frozen=True)
class NamesConfig(Checked):
    """Immutable: the options of `python -m pygpt names`; the defaults are microgpt's."""

    steps: int = size(1000, "training steps, one document each")
    seed: int = option(42, "seed of the one random stream")
    samples: int = size(20, "names to make", minimum=0)
    temperature: float = option(
        0.5, "randomness of the names: below 1 is likelier, above 1 wilder", above=0
    )
    n_layer: int = size(1, "transformer blocks")
    n_embd: int = size(16, "width of the model, a multiple of --n-head")
    n_head: int = size(4, "attention heads of each block")
    block_size: int = size(16, "longest context, in characters")
    learning_rate: float = option(
        0.01, "learning rate of the first step; falls linearly to 0", above=0
    )
    backend: str = field(default="cpu", metadata={"rule": BACKEND})

    def _check_together(self) -> None:
        if not names_backend(self.backend):
            expected = ", ".join(BACKENDS)
            raise ConfigError("backend", f"expected one of {expected}, got {self.backend!r}")
        self.model_config(vocab_size=1)

    def model_config(self, vocab_size: int) -> GPTConfig:
        """Return the architecture of the model for a vocabulary of this size."""
        return GPTConfig.microgpt(
            self.block_size, vocab_size, self.n_layer, self.n_head, self.n_embd
        )
