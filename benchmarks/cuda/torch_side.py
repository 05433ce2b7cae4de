"""PyTorch on a card, compiled, at the work of org.pygpt.bench.CudaSpeed: lines of JSON.

It needs torch alone, so that it also runs from the folder that `make cuda-kit` packs. GPT-2 as
nanoGPT writes it; every number is of calls one after another, up to the end of the last one's work.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

V, T, L, H, C = 50257, 1024, 12, 12, 768
BATCHES = (64, 32, 16, 8, 4, 2, 1)


class Block(nn.Module):
    """Attention and MLP, each on the norm of the residual stream and added to it."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.c_attn, self.attn_proj = nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.c_fc, self.mlp_proj = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)

    def forward(self, x: Tensor) -> Tensor:
        B, length, _ = x.shape
        parts = self.c_attn(self.ln_1(x)).split(C, dim=2)
        q, k, v = (part.view(B, length, H, C // H).transpose(1, 2) for part in parts)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_proj(mixed.transpose(1, 2).reshape(B, length, C))
        hidden = F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh")
        out: Tensor = x + self.mlp_proj(hidden)
        return out


class GPT2(nn.Module):
    """GPT-2 124M: mean loss of the next tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(V, C), nn.Embedding(T, C)
        self.blocks = nn.Sequential(*(Block() for _ in range(L)))
        self.ln_f = nn.LayerNorm(C)
        nn.init.normal_(self.wte.weight, std=0.02)

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        logits = self.ln_f(self.blocks(x)) @ self.wte.weight.T
        return F.cross_entropy(logits.view(-1, V), targets.view(-1))


def say(kind: str, what: str, **values: Any) -> None:
    """Print a line of JSON."""
    print(json.dumps({kind: what, "by": "PyTorch", **values}), flush=True)


def seconds(call: Callable[[], Any], least_s: float = 0.3) -> float:
    """Return how long a call takes."""
    for _ in range(3):
        call()
    torch.cuda.synchronize()
    calls, took = 2, 0.0
    while True:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        torch.cuda.synchronize()
        took = time.perf_counter() - start
        if took >= least_s:
            return took / calls
        calls = math.ceil(calls * least_s / took * 1.2)


def training(dtype: torch.dtype) -> None:
    """Measure training steps on the largest batch of powers of two that fits."""
    for B in BATCHES:
        try:
            measure_training(dtype, B)
            return
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()


def measure_training(dtype: torch.dtype, B: int) -> None:
    """Measure a step: forward, loss, backward, clipping and fused AdamW."""
    model = GPT2().cuda()
    weights = sum(parameter.numel() for parameter in model.parameters())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    compiled = torch.compile(model)
    ids = torch.randint(0, V, (B, T + 1), device="cuda")

    def step() -> None:
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            loss = compiled(ids[:, :-1], ids[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    took = seconds(step, 3)
    say(
        "training", "GPT-2", weights=weights, batch=[B, T], dtype=str(dtype)[6:],
        ms_per_step=1e3 * took, tokens_per_s=B * T / took,
    )  # fmt: skip


def attention(dtype: torch.dtype) -> None:
    """Measure causal attention, forward and backward, of 16 sequences."""
    q, k, v = (torch.randn(16, H, T, C // H, device="cuda", dtype=dtype) for _ in range(3))
    operations = 2 * 16 * H * T * T * (C // H)
    took = seconds(lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True))
    shape = [16, T, H, C // H]
    rate = operations / took / 1e12
    say("attention", "forward", shape=shape, dtype=str(dtype)[6:], us=1e6 * took, tflops=rate)
    for tensor in (q, k, v):
        tensor.requires_grad_()
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    gradient = torch.randn_like(out)
    took = seconds(lambda: torch.autograd.grad(out, (q, k, v), gradient, retain_graph=True))
    rate = 2.5 * operations / took / 1e12
    say("attention", "backward", shape=shape, dtype=str(dtype)[6:], us=1e6 * took, tflops=rate)


def product(dtype: torch.dtype) -> None:
    """Measure a square product."""
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=dtype) for _ in range(2))
    took = seconds(lambda: a @ b)
    rate = 2 * 8192**3 / took / 1e12
    say("product", "8192 x 8192 x 8192", dtype=str(dtype)[6:], us=1e6 * took, tflops=rate)


def main() -> int:
    """Measure all, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only tell whether there is a card")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("PyTorch sees no card", file=sys.stderr)
        return 1
    if arguments.check:
        return 0
    say("info", "PyTorch", value=f"{torch.__version__} on {torch.cuda.get_device_name()}")
    for dtype in (torch.float32, torch.bfloat16):
        product(dtype)
        attention(dtype)
        training(dtype)
    return 0


if __name__ == "__main__":
    sys.exit(main())
