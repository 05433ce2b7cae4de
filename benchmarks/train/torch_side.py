"""GPT-2 in PyTorch as nanoGPT writes it, with the fastest pieces that PyTorch has on a CPU.

https://github.com/karpathy/nanoGPT/blob/master/model.py. B batch, T time, C channels, H heads,
D head size, V vocabulary.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.train.side import UnavailableError
from benchmarks.train.workload import (
    ADAM_EPS,
    BETA1,
    BETA2,
    GRAD_CLIP,
    NORM_EPS,
    WEIGHT_DECAY,
    Workload,
)


class Attention(nn.Module):
    """Causal multi-head attention."""

    def __init__(self, C: int, H: int) -> None:
        super().__init__()
        self.n_head = H
        self.c_attn = nn.Linear(C, 3 * C)
        self.c_proj = nn.Linear(C, C)

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

    def __init__(self, C: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(C, 4 * C)
        self.c_proj = nn.Linear(4 * C, C)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))
        return y


class Block(nn.Module):
    """Attention and MLP, each on the norm of the residual stream and added to it."""

    def __init__(self, C: int, H: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(C, eps=NORM_EPS)
        self.attn = Attention(C, H)
        self.ln_2 = nn.LayerNorm(C, eps=NORM_EPS)
        self.mlp = MLP(C)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        x = x + self.mlp(self.ln_2(x))
        return x


class GPT(nn.Module):
    """Ids and targets to the loss; the output matrix is the token embedding."""

    def __init__(self, work: Workload) -> None:
        super().__init__()
        C = work.n_embd
        self.wte = nn.Embedding(work.vocab_size, C)
        self.wpe = nn.Embedding(work.block_size, C)
        self.h = nn.ModuleList(Block(C, work.n_head) for _ in range(work.n_layer))
        self.ln_f = nn.LayerNorm(C, eps=NORM_EPS)

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        x = self.wte(ids) + self.wpe.weight  # (B, T, C): a batch is always block_size long
        for block in self.h:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)  # (B, T, V)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


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
        self._weights = dict(model.named_parameters())
        self._list = list(self._weights.values())
        with torch.no_grad():
            for name, value in work.first_weights():
                new = torch.from_numpy(value)
                is_linear = name.startswith("h.") and value.ndim == 2
                self._weights[name].copy_(new.T if is_linear else new)  # nn.Linear is (out, in)
        self._forward = torch.compile(model) if compiled else model
        self._precision = torch.autocast("cpu", torch.bfloat16) if bfloat16 else nullcontext()
        matrices = [w for w in self._list if w.ndim == 2]
        vectors = [w for w in self._list if w.ndim == 1]
        self._adam = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": WEIGHT_DECAY},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=work.learning_rate,
            betas=(BETA1, BETA2),
            eps=ADAM_EPS,
            fused=True,
        )

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
