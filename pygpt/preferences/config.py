"""Options of learning preferences, by TRL's names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pygpt.fields import Checked, option, size

PREFERENCE_TUNING: dict[str, Any] = {
    "learning_rate": 2e-5, "min_lr": 2e-6, "max_iters": 200, "warmup_iters": 10, "batch_size": 8,
    "weight_decay": 0.0, "beta2": 0.999,
}  # fmt: skip
"""What `pygpt prefer` has instead of TrainConfig's defaults."""
USED = (
    "learning_rate", "max_iters", "batch_size", "weight_decay", "beta1", "beta2", "grad_clip",
    "warmup_iters", "lr_decay_iters", "min_lr", "schedule", "checkpoint_interval", "keep", "seed",
    "frozen", "moments",
)  # fmt: skip
"""The fields of TrainConfig that count, beside those of an adapter."""


@dataclass(frozen=True)
class DPOConfig(Checked):
    """Immutable: options of direct preference optimization.

    https://arxiv.org/abs/2305.18290
    """

    beta: float = option(
        0.1, "how strongly the model is held to what it was: the more, the less it moves", above=0
    )
    label_smoothing: float = option(
        0.0, "what part of the pairs may be the wrong way round", minimum=0, below=0.5
    )
    nll_weight: float = option(
        0.0, "the weight of also learning the chosen answers as such", minimum=0
    )


@dataclass(frozen=True)
class GRPOConfig(Checked):
    """Immutable: options of group relative policy optimization.

    https://arxiv.org/abs/2402.03300
    """

    num_generations: int = size(8, "the answers to a prompt that are compared", minimum=2)
    max_completion_length: int = size(64, "the most tokens of an answer, if there is room")
    kl_weight: float = option(
        0.04,
        "what a nat of divergence from the model as it was costs, for each token; 0: nothing",
        minimum=0,
    )
    scale_rewards: bool = option(
        True, "divide what an answer is better than its group by the group's standard deviation"
    )
