"""A simulation of training by up to 1,024 workers: `python -m benchmarks.distributed.simulate`.

Nothing is run. A step of a worker is its share of the batch at the measured rate of this
machine, times a random factor with the measured spread; the slowest one decides. Then each worker
sends a piece to every other one, for the gradient and again for the weights, as `Exchange` does:
messages one after another, each with a start-up time, at the bandwidth of the network, of which no
part is shared; and what rounding and adding take is measured. The second table is of two workers
with the batch of a recipe: below 1 they are slower than one.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from benchmarks.harness.command import exit_status, make_console
from pygpt.distributed.exchange import CHUNK

STEPS = 200
TOKENS = 1024 * 1024  # of a step: 1,024 sequences, as many microbatches
BYTES = {"float32": 4, "bfloat16": 2}


@dataclass(frozen=True)
class Network:
    """Immutable: what a worker can send, in bytes/s, and how long a message takes to start."""

    name: str
    bytes_per_s: float
    start_s: float


@dataclass(frozen=True)
class Size:
    """Immutable: a model, and the tokens that a worker has of each step in the second table."""

    name: str
    parameters: float
    n_layer: int
    n_embd: int
    T: int
    tokens: int = 0

    @property
    def flops(self) -> float:
        """Of a token, forward and backward, as nanoGPT counts them."""
        return 6 * self.parameters + 12 * self.n_layer * self.n_embd * self.T


NETWORKS = (
    Network("1 Gbit/s", 0.118e9, 100e-6),  # what TCP leaves of it, as measured
    Network("10 Gbit/s", 1.18e9, 50e-6),
    Network("100 Gbit/s", 11.8e9, 5e-6),
)
LARGE = (
    Size("124M", 124.4e6, 12, 768, 1024),
    Size("1.5B", 1557.6e6, 48, 1600, 1024),
)
RECIPES = (
    Size("0.8M, 384 tokens each", 0.8e6, 4, 128, 64, 384),
    Size("10.7M, 8,192 tokens each", 10.7e6, 6, 384, 256, 8192),
    Size("124M, 6 × 1,024 tokens each", 124.4e6, 12, 768, 1024, 6 * 1024),
    Size("124M, 240 × 1,024 tokens each", 124.4e6, 12, 768, 1024, 240 * 1024),
    Size("1.5B, 16 × 1,024 tokens each", 1557.6e6, 48, 1600, 1024, 16 * 1024),
)


def communication_s(
    size: Size, workers: int, item_bytes: int, network: Network, work_s: float
) -> float:
    """Return what a step's communication takes.

    Args:
        work_s: of a number, for rounding and adding.
    """
    if workers == 1:
        return 0.0
    chunks = math.ceil(size.parameters / workers / CHUNK)
    messages = 2 * (chunks + 1) * (workers - 1)  # also the losses, and the squares
    sent = 2 * (workers - 1) / workers * size.parameters * item_bytes
    return sent / network.bytes_per_s + messages * network.start_s + size.parameters * work_s


def step_s(
    size: Size, workers: int, communication: float, rate: float, spread: float, seed: int = 1
) -> float:
    """Return the mean of simulated steps.

    Args:
        rate: floating-point operations a second of a worker.
        spread: of the logarithm of what a worker's computing takes.
    """
    computing = TOKENS / workers * size.flops / rate
    factors = np.random.default_rng(seed).lognormal(0, spread, (STEPS, workers)).max(axis=1)
    return float(computing * factors.mean() + communication)


def strong(rate: float, spread: float, work_ns: dict[str, float]) -> Table:
    """Return how much faster so many workers are than one, with the same batch."""
    counts = (2, 8, 64, 256, 1024)
    shown = Table("model", "wire", "network", *(f"{count:,}" for count in counts))
    for size in LARGE:
        alone = step_s(size, 1, 0.0, rate, spread)
        for wire, item_bytes in BYTES.items():
            for network in NETWORKS:
                cells = []
                for count in counts:
                    moved = communication_s(size, count, item_bytes, network, 1e-9 * work_ns[wire])
                    cells.append(f"{alone / step_s(size, count, moved, rate, spread):,.1f}")
                shown.add_row(size.name, wire, network.name, *cells)
    return shown


def two(rate: float, work_ns: dict[str, float]) -> Table:
    """Return how much faster two workers are than one, of which each has so many tokens a step."""
    speeds = {"100 Mbit/s": 0.0118e9} | {each.name: each.bytes_per_s for each in NETWORKS}
    shown = Table("parameters, tokens of a step", "wire", *speeds)
    for size in RECIPES:
        computing = size.tokens * size.flops / rate
        for wire, item_bytes in BYTES.items():
            cells = []
            for name, speed in speeds.items():
                network = Network(name, speed, 100e-6)
                moved = communication_s(size, 2, item_bytes, network, 1e-9 * work_ns[wire])
                cells.append(f"{2 * computing / (computing + moved):.2f}")
            shown.add_row(size.name, wire, *cells)
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="benchmarks.distributed.simulate")
    add = parser.add_argument
    add("--rate", type=float, default=450, metavar="GF/S", help="of a worker, default: 450")
    add("--spread", type=float, default=0.03, metavar="PART", help="of a step, default: 0.03")
    add("--work", type=float, nargs=2, default=(3.0, 12.0), metavar="NS",
        help="of a number for adding, with float32 and bfloat16 on the wire")  # fmt: skip
    options = parser.parse_args(arguments)
    work = dict(zip(BYTES, options.work, strict=True))
    console = make_console(110)
    console.print("simulated, not run: speed beside one worker, a million tokens a step")
    console.print(strong(1e9 * options.rate, options.spread, work))
    console.print("from the same model: speed of two workers beside one")
    console.print(two(1e9 * options.rate, work))


if __name__ == "__main__":
    sys.exit(exit_status(main))
