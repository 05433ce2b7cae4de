"""GPT-2 in PyTorch as nanoGPT writes it, with the fastest pieces that PyTorch has on a CPU.

https://github.com/karpathy/nanoGPT/blob/master/model.py. B batch, T time, C channels, H heads,
D head size, V vocabulary.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.harness.worker import UnavailableError
from benchmarks.train.workload import (
    ADAM_EPS,
    BETA1,
    BETA2,
    GRAD_CLIP,
    NORM_EPS,
    WEIGHT_DECAY,
    Workload,
)
from pygpt import GPTConfig


class Attention(nn.Module):
    """Causal multi-head attention."""

    def __init__(self, C: int, H: int, bias: bool) -> None:
        super().__init__()
        self.n_head = H
        self.c_attn = nn.Linear(C, 3 * C, bias)
        self.c_proj = nn.Linear(C, C, bias)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        q, k, v = (
            part.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)  # (B, H, T, D)
            for part in self.c_attn(x).split(C, dim=2)
        )
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y: Tensor = self.c_proj(o.transpose(1, 2).reshape(B, T, C))
        return y


class MLP(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, C: int, bias: bool) -> None:
        super().__init__()
        self.c_fc = nn.Linear(C, 4 * C, bias)
        self.c_proj = nn.Linear(4 * C, C, bias)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))
        return y


class Block(nn.Module):
    """Attention and MLP, each on the norm of the residual stream and added to it."""

    def __init__(self, C: int, H: int, bias: bool) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(C, eps=NORM_EPS, bias=bias)
        self.attn = Attention(C, H, bias)
        self.ln_2 = nn.LayerNorm(C, eps=NORM_EPS, bias=bias)
        self.mlp = MLP(C, bias)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        x = x + self.mlp(self.ln_2(x))
        return x


class GPT(nn.Module):
    """Ids and targets to the loss; the output matrix is the token embedding.

    Args:
        sizes: vocab_size, block_size, n_layer, n_head and n_embd.
        bias: of linear layers and norms.
    """

    def __init__(self, sizes: Workload | GPTConfig, bias: bool = True) -> None:
        super().__init__()
        C = sizes.n_embd
        self.wte = nn.Embedding(sizes.vocab_size, C)
        self.wpe = nn.Embedding(sizes.block_size, C)
        self.h = nn.ModuleList(Block(C, sizes.n_head, bias) for _ in range(sizes.n_layer))
        self.ln_f = nn.LayerNorm(C, eps=NORM_EPS, bias=bias)

    def load(self, weights: Iterable[tuple[str, NDArray[np.float32]]]) -> None:
        """Copy weights of these names; matrices inside a block are (in, out)."""
        own = dict(self.named_parameters())
        with torch.no_grad():
            for name, value in weights:
                new = torch.from_numpy(value)
                is_linear = name.startswith("h.") and value.ndim == 2
                own[name].copy_(new.T if is_linear else new)  # nn.Linear is (out, in)

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        x = self.wte(ids) + self.wpe.weight  # (B, T, C): a batch is always block_size long
        for block in self.h:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)  # (B, T, V)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)


class TorchSide:
    """Mutable: a model and its AdamW, the fused one, which is the fastest. See `side.Side`.

    Args:
        compiled: forward, loss and their backward go through torch.compile.
        bfloat16: forward and loss under autocast to bfloat16; weights and AdamW stay float32.
    """

    def __init__(self, work: Workload, threads: int, compiled: bool, bfloat16: bool) -> None:
        if compiled:
            require_compiler()
        torch.set_num_threads(threads)
        self.description = f"PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"
        model = GPT(work)
        model.load(work.first_weights())
        self._weights = dict(model.named_parameters())
        self._list = list(self._weights.values())
        self._forward = torch.compile(model) if compiled else model
        self._precision = torch.autocast("cpu", torch.bfloat16) if bfloat16 else nullcontext()
        betas = BETA1, BETA2
        self._adam = adamw(self._list, work.learning_rate, betas, WEIGHT_DECAY)

    def step(self, ids: NDArray[np.int64], targets: NDArray[np.int64]) -> tuple[float, float]:
        with self._precision:
            loss = self._forward(torch.from_numpy(ids), torch.from_numpy(targets))
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self._list, GRAD_CLIP)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        return loss.item(), norm.item()

    def weight_norms(self) -> dict[str, float]:
        rows = {n: torch.linalg.vector_norm(w.detach(), dim=-1) for n, w in self._weights.items()}
        return {name: norms.double().norm().item() for name, norms in rows.items()}


def adamw(
    weights: Sequence[Tensor], learning_rate: float, betas: tuple[float, float], decay: float
) -> torch.optim.AdamW:
    """Return the fused AdamW, the fastest one; matrices decay, vectors do not."""
    matrices = [weight for weight in weights if weight.ndim == 2]
    vectors = [weight for weight in weights if weight.ndim == 1]
    groups = [
        {"params": matrices, "weight_decay": decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, eps=ADAM_EPS, fused=True)


def require_compiler() -> None:
    """Check that torch.compile can build its kernels.

    Raises:
        UnavailableError: there is no C++ compiler, or Python's headers are missing.
    """
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        raise UnavailableError(
            f"{compiler}, its C++ compiler, is not on PATH (apt-get install g++)"
        )
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise UnavailableError("no Python.h, which its kernels need (apt-get install python3-dev)")
