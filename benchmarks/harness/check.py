"""Whether two sides do the same work: losses, gradient norms and weights after the first steps.

A side that leaves something out must fail. On makemore and shakespeare_cpu, in PyTorch, such sides
changed after 10 steps (largest relative difference of the losses, and of any weight's norm):

    nothing, another float32 program  2e-7, 1e-6
    no clipping                       5e-4, 2e-2
    no weight decay                   4e-6, 1e-3
    weight decay of vectors too       5e-6, 1e-3
    no weight decay of embeddings     5e-6, 1e-3
    beta2 0.99 for 0.95               2e-5, 2e-2
    epsilon of norms 1e-6 for 1e-5    6e-5, 7e-3
    no gradient of the MLP's biases   5e-5, 1
    GELU of erf for that of tanh      6e-7, 1e-4
    no causal mask                    6e-3, 2e-1

The losses alone would not show most of it; the weights do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Steps:
    """What some steps in a row took and gave, one number each.

    Attributes:
        step_s: seconds, from token ids to updated weights and a loss that was read.
        losses: mean nats per token.
        grad_norms: of the whole gradient, before clipping.
    """

    step_s: list[float]
    losses: list[float]
    grad_norms: list[float]


class DisagreementError(Exception):
    """Two sides did different work: their times cannot be compared."""


@dataclass(frozen=True)
class Tolerance:
    """Largest relative differences that rounding explains.

    Attributes:
        steps: of how many first steps.
        loss: of each.
        grad_norm: of each.
        weight_norm: of each weight after all first steps; None if they are not compared.
    """

    steps: int
    loss: float
    grad_norm: float
    weight_norm: float | None


# Another order of sums: 1e-5 of the loss and 4e-6 of weights. The gradient's norm has more room:
# PyTorch sums the squares of 124M numbers in float32, and was 1.0e-3 from its own norm in float64,
# which pygpt's equals to 1e-6. On that model 1.3e-4 was measured for a bias, which begins at 0 and
# is nothing but ten of Adam's steps: their signs turn where a gradient is next to 0.
FLOAT32 = Tolerance(steps=10, loss=1e-3, grad_norm=5e-3, weight_norm=1e-4)
BIAS_FACTOR = 5  # times as far as other weights a bias may be
# 8 bits for 24: 1e-4 and 5e-3 were measured in 5 steps. After that gpt2_124M, which has no warm-up
# of its learning rate, makes a difference ten times as large with each step or two, so that neither
# later steps nor the weights after them can be compared.
BFLOAT16 = Tolerance(steps=5, loss=1e-3, grad_norm=2e-2, weight_norm=None)


@dataclass(frozen=True)
class Agreement:
    """Largest relative differences between two sides' first steps."""

    loss: float
    grad_norm: float
    weight_norm: float | None


def compare(
    label: str,
    steps: Steps,
    weight_norms: Mapping[str, float],
    first_steps: Steps,
    first_weight_norms: Mapping[str, float],
    tolerance: Tolerance,
) -> Agreement:
    """Return how far a side is from the first one.

    The biases of query, key and value are left out: that of the key has no effect, so that its
    gradient is rounding alone, which AdamW makes as large as any.

    Raises:
        DisagreementError: it has other weights, or is farther than the tolerance.
    """
    if weight_norms.keys() != first_weight_norms.keys():
        raise DisagreementError(f"{label} has weights of other names than the first side")
    count = tolerance.steps
    loss = max(map(relative, steps.losses[:count], first_steps.losses[:count]))
    grad_norm = max(map(relative, steps.grad_norms[:count], first_steps.grad_norms[:count]))
    _require(label, "loss", loss, tolerance.loss)
    _require(label, "gradient norm", grad_norm, tolerance.grad_norm)
    if tolerance.weight_norm is None:
        return Agreement(loss, grad_norm, None)
    norms = {
        name: relative(norm, first_weight_norms[name])
        / (BIAS_FACTOR if name.endswith(".bias") else 1)
        for name, norm in weight_norms.items()
        if not name.endswith("c_attn.bias")
    }
    weight = max(norms, key=norms.__getitem__)
    _require(label, f"norm of {weight}", norms[weight], tolerance.weight_norm)
    return Agreement(loss, grad_norm, norms[weight])


def _require(label: str, what: str, difference: float, limit: float) -> None:
    if difference > limit:
        raise DisagreementError(
            f"{label} does other work than the first side: after the same steps its {what} is "
            f"{difference:.1e} of it away, expected at most {limit:.0e}"
        )


def relative(a: float, b: float) -> float:
    """Return the difference as a part of the larger; infinite if either is not a finite number."""
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0
