"""A training step of an encoder-decoder, here and in PyTorch: `python -m benchmarks.pairs`.

Equal sizes, the same batch, float32 and number of threads; a step is forward, loss, backward,
clipping and AdamW. PyTorch is `nn.Transformer`, eager, with fused AdamW. That both compute the same
is tested: tests/model/test_encoder_decoder.py has PyTorch's logits and gradients. Both sides take
turns of some seconds in one process; a row has the medians of their turns, and the ratios of
neighbouring ones. It needs torch: the extra `bench`.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from pygpt import EncoderDecoder, EncoderDecoderConfig
from pygpt.model.pair_batch import PairBatch

SIZES = {  # name -> layers of each stack, heads, width, B, S, T
    "number-words": (2, 4, 64, 64, 11, 56),
    "three layers": (3, 4, 128, 32, 32, 32),
}
V_SOURCE, V_TARGET = 32, 32
ROUNDS, STEPS = 5, 15


def batch_of(B: int, S: int, T: int) -> PairBatch:
    """Return pairs whose sources are from half as long as S to S."""
    rng = np.random.default_rng(1)
    ids = rng.integers(0, V_TARGET, (B, T + 1), dtype=np.int32)
    sources = rng.integers(0, V_SOURCE, (B, S), dtype=np.int32)
    lengths = rng.integers((S + 1) // 2, S + 1, B, dtype=np.int32)
    return PairBatch(sources, lengths, ids[:, :-1].copy(), ids[:, 1:].copy())


class Peer(nn.Module):
    """The same model in PyTorch: pre-norm, ReLU, sines, a tied output matrix."""

    def __init__(self, layers: int, heads: int, C: int, S: int, T: int) -> None:
        super().__init__()
        self.body = nn.Transformer(
            C, heads, layers, layers, 4 * C, 0.0, norm_first=True, batch_first=True
        )
        self.source = nn.Embedding(V_SOURCE, C)
        self.target = nn.Embedding(V_TARGET, C)
        for table in (self.source, self.target):
            nn.init.normal_(table.weight, std=0.02)
        places = torch.arange(max(S, T))[:, None] / 1e4 ** (torch.arange(0, C, 2) / C)
        self.sines = torch.stack([places.sin(), places.cos()], -1).flatten(1)
        self.scale = math.sqrt(C)

    def forward(self, sources: Any, padding: Any, ids: Any, later: Any) -> Any:
        made = self.body(
            self.scale * self.source(sources) + self.sines[: sources.shape[1]],
            self.scale * self.target(ids) + self.sines[: ids.shape[1]],
            tgt_mask=later,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
            tgt_is_causal=True,
        )
        return made @ self.target.weight.T


def torch_step(layers: int, heads: int, C: int, batch: PairBatch) -> Callable[[], Any]:
    """Return what does a step and returns the loss."""
    _, S, T = batch.size
    model = Peer(layers, heads, C, S, T)
    adam = torch.optim.AdamW(model.parameters(), 1e-3, (0.9, 0.99), weight_decay=0.1, fused=True)
    sources, ids, targets = (torch.from_numpy(a).long() for a in (batch[0], batch[2], batch[3]))
    padding = torch.arange(S)[None] >= torch.from_numpy(batch.lengths)[:, None]
    later = nn.Transformer.generate_square_subsequent_mask(T)

    def step() -> float:
        logits = model(sources, padding == 1, ids, later)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        return float(loss)

    return step


def main() -> None:
    """Measure and print a row for each size."""
    parser = argparse.ArgumentParser(prog="benchmarks.pairs")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    for name, (layers, heads, C, B, S, T) in SIZES.items():
        batch = batch_of(B, S, T)
        config = EncoderDecoderConfig(
            source_block_size=S, target_block_size=T, source_vocab_size=V_SOURCE,
            target_vocab_size=V_TARGET, n_encoder_layer=layers, n_decoder_layer=layers,
            n_head=heads, n_embd=C,
        )  # fmt: skip
        theirs = torch_step(layers, heads, C, batch)
        with EncoderDecoder(config, threads=threads) as model:
            with model.training(B, beta2=0.99) as training:
                sides = {"pygpt": partial(training.step, batch, 1e-3), "torch": theirs}
                times: dict[str, list[float]] = {side: [] for side in sides}
                for turn in range(ROUNDS + 1):  # the first is to warm up
                    for side, step in sides.items():
                        began = time.perf_counter()
                        for _ in range(STEPS if turn else 3 * STEPS):
                            step()
                        if turn:
                            times[side].append(1e3 * (time.perf_counter() - began) / STEPS)
        ratios = sorted(t / p for p, t in zip(times["pygpt"], times["torch"], strict=True))
        ours, other = (statistics.median(times[side]) for side in ("pygpt", "torch"))
        print(
            f"{name}: pygpt {ours:.1f} ms, torch {other:.1f} ms, ratio "
            f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
