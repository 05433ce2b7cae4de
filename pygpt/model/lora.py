"""LoRA's options, by PEFT's names."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pygpt.errors import ConfigError
from pygpt.fields import Checked, option, size


@dataclass(frozen=True)
class LoraConfig(Checked):
    """Immutable: what an adapter is: two thin matrices beside some of a model's weights.

    A layer gives x @ W + scale * (x @ Aᵀ) @ Bᵀ, with A (r, in) and B (out, r); A begins at random,
    B with zeros, so that a new adapter changes nothing. https://arxiv.org/abs/2106.09685
    """

    r: int = size(8, "the rank: columns between the two matrices")
    lora_alpha: float = option(16.0, "the scale is this / rank", above=0)
    lora_dropout: float = option(
        0.0, "the part of a layer's input that is dropped before A reads it", minimum=0, below=1
    )
    target_modules: tuple[str, ...] = option(
        (),
        "which layers have one: ends of their names in transformers, such as q_proj; all-linear is "
        "all of them; none: queries and values",
    )
    use_rslora: bool = option(False, "the scale is lora_alpha / sqrt(r) instead")

    def _check_together(self) -> None:
        if "all-linear" in self.target_modules and len(self.target_modules) > 1:
            problem = f"expected all-linear alone, got {', '.join(self.target_modules)}"
            raise ConfigError("target_modules", problem)

    @property
    def scale(self) -> float:
        """What the adapter's product is multiplied by."""
        return self.lora_alpha / (math.sqrt(self.r) if self.use_rslora else self.r)
