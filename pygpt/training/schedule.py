"""The learning rate of each step."""

from __future__ import annotations

import math

from pygpt.training.config import TrainConfig


def learning_rate(config: TrainConfig, step: int) -> float:
    """Return the learning rate of a step, counted from 1.

    It rises in a straight line for `warmup_iters` steps, then falls from `learning_rate` to
    `min_lr`, where it is after `lr_decay_iters` steps and stays; `constant` does not fall.
    https://github.com/karpathy/nanoGPT/blob/master/train.py
    """
    done = step - 1
    if done < config.warmup_iters:
        return config.learning_rate * step / (config.warmup_iters + 1)
    if config.schedule == "constant":
        return config.learning_rate
    if done >= config.lr_decay_iters:
        return config.min_lr
    part = (done - config.warmup_iters) / (config.lr_decay_iters - config.warmup_iters)
    left = 1 - part if config.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * part))
    return config.min_lr + left * (config.learning_rate - config.min_lr)
