"""The recipe in pygpt: its own trainer."""

from __future__ import annotations

import time

import pygpt
from benchmarks.recipe.recipe import MODEL, Outcome, first_weights
from pygpt import GPT, Dataset, TrainConfig, Trainer


def train(data: Dataset, options: TrainConfig, threads: int) -> Outcome:
    """Train to the end."""
    with GPT(MODEL, seed=None, threads=threads) as model:
        weights = model.parameters()
        for name, value in first_weights():
            weights[name][...] = value
        outcome = Outcome(f"pygpt {pygpt.__version__}, {model.description}")
        began = time.perf_counter()
        for record in Trainer(model, data, options):
            outcome.losses.append(record.loss)
            outcome.grad_norms.append(record.gradient_norm)
            outcome.step_s.append(record.ms / 1e3)
            if record.validation_loss is not None:
                outcome.evaluations.append((record.step, record.validation_loss))
        outcome.loop_s = time.perf_counter() - began
    return outcome
