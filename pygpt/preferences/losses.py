"""What DPO and GRPO minimise, and its derivative by each log-probability.

Both are functions of log-probabilities of tokens alone, so an engine that takes a weight for each
token's cross-entropy (minus its log-probability) needs no more than that derivative.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def log_sigmoid(x: Numbers) -> Numbers:
    """Return log(1 / (1 + e^-x)) without overflow."""
    found: Numbers = np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))
    return found


class DPO(NamedTuple):
    """The loss of a batch of pairs.

    Attributes:
        losses: of each pair, (pairs,).
        slopes: the derivative of their mean by the log-probability of each chosen answer; that by
            the rejected one is minus it.
        chosen_rewards, rejected_rewards: beta times how many nats likelier than it was each answer
            is.
    """

    losses: Numbers
    slopes: Numbers
    chosen_rewards: Numbers
    rejected_rewards: Numbers

    @property
    def margins(self) -> Numbers:
        """How much more the chosen answers are rewarded."""
        return self.chosen_rewards - self.rejected_rewards


def dpo(
    chosen: Numbers,
    rejected: Numbers,
    reference_chosen: Numbers,
    reference_rejected: Numbers,
    beta: float,
    label_smoothing: float = 0.0,
) -> DPO:
    """Return -log σ(margin), by pair, and its derivative.

    The margin is beta * ((chosen - its reference) - (rejected - its reference)).

    Args:
        chosen, rejected: log-probabilities of the answers by the model, (pairs,), in nats.
        reference_chosen, reference_rejected: by the model as it was.
        label_smoothing: what part of the pairs is the wrong way round; the loss is then, on average
            over these, what it would be without them. https://arxiv.org/abs/2403.00409
    """
    rewards = beta * (chosen - reference_chosen), beta * (rejected - reference_rejected)
    margins = rewards[0] - rewards[1]
    right, wrong = 1 - label_smoothing, label_smoothing
    losses = (wrong * log_sigmoid(-margins) - right * log_sigmoid(margins)) / (right - wrong)
    odds = np.exp(log_sigmoid(margins)), np.exp(log_sigmoid(-margins))
    slopes = -(right * odds[1] + wrong * odds[0]) / (right - wrong)
    return DPO(losses, beta * slopes / len(margins), *rewards)


def advantages(rewards: Numbers, scale: bool) -> Numbers:
    """Return how much better than its group each answer is.

    Args:
        rewards: (groups, answers).
        scale: whether to divide by the group's standard deviation (of a sample, plus 1e-4).
    """
    better: Numbers = rewards - rewards.mean(axis=1, keepdims=True)
    if scale:
        better = better / (rewards.std(axis=1, keepdims=True, ddof=1) + 1e-4)
    return better


class GRPO(NamedTuple):
    """The loss of a batch of answers that the model has just given.

    Attributes:
        loss: the mean over tokens.
        slopes: its derivative by each log-probability, (answers, T).
        kl: nats of divergence from the reference for each token, (answers, T), as estimated by
            e^d - d - 1, with d how much likelier a token was.
    """

    loss: float
    slopes: Numbers
    kl: Numbers


def grpo(
    log_probabilities: Numbers,
    reference: Numbers,
    scored: NDArray[np.bool_],
    advantage: Numbers,
    kl_weight: float,
) -> GRPO:
    """Return the loss where the model is still the one that gave the answers.

    So each token's ratio of new to old probability is 1, nothing is clipped, and the loss is
    -mean(ratio * advantage - kl_weight * kl).

    Args:
        log_probabilities: of the answers' tokens by the model, (answers, T), in nats.
        reference: by the model as it was.
        scored: which of these are tokens of an answer.
        advantage: of each answer, (answers,).
    """
    count = max(1, int(np.count_nonzero(scored)))
    d = np.where(scored, reference - log_probabilities, 0.0)
    kl = np.expm1(d) - d
    better = np.where(scored, advantage[:, None], 0.0)
    loss = float((kl_weight * kl - better).sum() / count)
    slopes = np.where(scored, -better - kl_weight * np.expm1(d), 0.0) / count
    return GRPO(loss, slopes, kl)


def least_divergence(after: float, before: float) -> float:
    """Return the fewest nats of KL for which a thing becomes this likely that was that likely.

    It is the divergence of both as throws of a coin, which a model takes that changes nothing but
    how often it happens; that of all texts cannot be less.
    """
    both = ((after, before), (1 - after, 1 - before))
    if any(now > 0 and was <= 0 for now, was in both):
        return math.inf
    return sum(now * math.log(now / was) for now, was in both if now > 0)
