"""The recipe in PyTorch, eager, float32: nanoGPT's model and loop, with PyTorch's fastest pieces.

Data, batches, learning rates and what is evaluated come from pygpt, so that they are the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from benchmarks.recipe.recipe import MODEL, Outcome, first_weights
from benchmarks.train.torch_side import GPT, adamw
from pygpt import Dataset, TrainConfig
from pygpt.datasets.sampler import Batch
from pygpt.training.schedule import learning_rate


def train(data: Dataset, options: TrainConfig, threads: int) -> Outcome:
    """Train to the end."""
    torch.set_num_threads(threads)
    streams = data.streams(MODEL.block_size, options)
    model = GPT(MODEL, MODEL.bias)
    model.load(first_weights())
    weights = list(model.parameters())
    betas = options.beta1, options.beta2
    adam = adamw(weights, options.learning_rate, betas, options.weight_decay)
    capability = torch.backends.cpu.get_cpu_capability()
    outcome = Outcome(f"PyTorch {torch.__version__}, {capability}, {threads} threads")
    loop_began = time.perf_counter()
    for step in range(1, options.max_iters + 1):
        rate = learning_rate(options, step)
        began = time.perf_counter()
        for group in adam.param_groups:
            group["lr"] = rate
        loss = model(*_tensors(next(streams.train)))
        loss.backward()
        norm = nn.utils.clip_grad_norm_(weights, options.grad_clip)
        adam.step()
        adam.zero_grad(set_to_none=True)
        outcome.losses.append(loss.item())
        outcome.step_s.append(time.perf_counter() - began)
        outcome.grad_norms.append(norm.item())
        if step % options.eval_interval == 0 or step == options.max_iters:
            batches = streams.validation.eval_batches(options.eval_iters or None)
            outcome.evaluations.append((step, evaluate(model, batches)))
    outcome.loop_s = time.perf_counter() - loop_began
    return outcome


@torch.no_grad()
def evaluate(model: GPT, batches: Iterable[Batch]) -> float:
    """Return the mean loss over all targets that are scored, in nats a token."""
    total, scored = 0.0, 0
    for batch in batches:
        count = int((batch.targets >= 0).sum())
        total, scored = total + model(*_tensors(batch)).item() * count, scored + count
    return total / scored


def _tensors(batch: Batch) -> tuple[Tensor, Tensor]:
    """Ids and targets, int64, (B, T) each."""
    return torch.from_numpy(batch.ids).long(), torch.from_numpy(batch.targets).long()
