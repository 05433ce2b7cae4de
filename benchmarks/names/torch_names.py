"""The names protocol in PyTorch: eager, float32, one thread, with its own fused pieces.

`rms_norm`, `scaled_dot_product_attention`, `cross_entropy` and Adam are PyTorch's fused ones;
query, key and value are one product. PyTorch is imported when `run` is called, and is no
dependency. T time, C channels, H heads, V vocabulary.
"""

from __future__ import annotations

import time

SCRIPT_START = time.perf_counter()

import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

from protocol import (  # noqa: E402
    ADAM_EPS,
    BETA1,
    BETA2,
    NORM_EPS,
    TEMPERATURE,
    Config,
    Run,
    Start,
    main,
)

if TYPE_CHECKING:
    from torch import Tensor

torch: Any = None  # both are set by load_torch
F: Any = None


def load_torch() -> None:
    """Import PyTorch, on one thread; exit with one line where it is missing."""
    global torch, F
    try:
        import torch
        from torch.nn import functional as F
    except ImportError as error:
        sys.exit(f"torch_names: needs PyTorch, which is not installed ({error}): pip install torch")
    torch.set_num_threads(1)


class Model:
    """Parameters, and the fused Adam over them; both change in place."""

    def __init__(self, start: Start, config: Config) -> None:
        self.config = config
        self.w = self._parameters(start)
        self.adam = torch.optim.Adam(
            self.w.values(),
            lr=config.learning_rate,
            betas=(BETA1, BETA2),
            eps=ADAM_EPS,
            fused=True,
        )

    @staticmethod
    def _parameters(start: Start) -> dict[str, Tensor]:
        """Return name -> leaf tensor; `i.qkv` holds query, key and value, drawn in that order."""
        weights, at = {}, 0
        for name, (rows, columns) in start.shapes.items():
            if name.endswith(("wk", "wv")):
                continue
            if name.endswith("wq"):
                name, rows = name.replace("wq", "qkv"), 3 * rows
            chunk = torch.tensor(start.weights[at : at + rows * columns], dtype=torch.float32)
            weights[name] = chunk.view(rows, columns).requires_grad_()
            at += rows * columns
        return weights

    def logits(self, ids: Tensor) -> Tensor:
        """Return (T, V) for one document's ids, (T,)."""
        w, T, C, H = self.w, len(ids), self.config.n_embd, self.config.n_head
        x = norm(F.embedding(ids, w["wte"]) + w["wpe"][:T])
        for i in range(self.config.n_layer):
            qkv = F.linear(norm(x), w[f"{i}.qkv"])  # (T, 3 C)
            q, k, v = qkv.view(1, T, 3, H, C // H).permute(2, 0, 3, 1, 4)  # (1, H, T, D) each
            o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + F.linear(o.transpose(1, 2).reshape(T, C), w[f"{i}.wo"])
            x = x + F.linear(F.relu(F.linear(norm(x), w[f"{i}.fc1"])), w[f"{i}.fc2"])
        return F.linear(x, w["lm_head"])

    def step(self, tokens: list[int], step: int, steps: int) -> float:
        """Train on one document; return its loss."""
        ids = torch.tensor(tokens)
        loss = F.cross_entropy(self.logits(ids[:-1]), ids[1:])
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        self.adam.param_groups[0]["lr"] = self.config.learning_rate * (1 - step / steps)
        self.adam.step()
        return loss.item()

    def probabilities(self, tokens: list[int]) -> list[float]:
        """Return those of the next token, at the protocol's temperature."""
        with torch.inference_mode():
            logits = self.logits(torch.tensor(tokens))[-1]
            return torch.softmax(logits / TEMPERATURE, dim=-1).tolist()


def norm(x: Tensor) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], eps=NORM_EPS)


def run(documents: Sequence[str], config: Config, steps: int, seed: int, samples: int = 20) -> Run:
    """Train, then sample. The seconds of a step go from token ids to updated weights."""
    load_torch()
    start = Start(documents, config, seed)
    model = Model(start, config)
    losses, step_s = [], []
    for step in range(steps):
        began = time.perf_counter()
        losses.append(model.step(start.tokens(step, config.block_size), step, steps))
        step_s.append(time.perf_counter() - began)
    block_size = config.block_size
    return Run(
        losses, step_s, [start.sample(model.probabilities, block_size) for _ in range(samples)]
    )


if __name__ == "__main__":
    main("torch", run, SCRIPT_START)
