"""A simulation of training by up to 1,024 workers: `python -m benchmarks.distributed.simulate`.

Nothing is run. A step of a worker is its share of the batch at the measured rate of this
machine, times a random factor with the measured spread; the slowest one decides. Then each worker
sends a piece to every other one, for the gradient and again for the weights, as `Exchange` does:
messages one after another, each with a start-up time, at the bandwidth of the network, of which no
part is shared; and what rounding and adding take is measured. The second table is of two workers
with the batch of a recipe: below 1 they are slower than one. `--constants` takes what
`benchmarks.distributed.constants` has measured; 10 and 100 Gbit/s are assumed to be like 1.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Constants:
    """Immutable: what the model of cost needs to know of machines.

    Attributes:
        rate: floating-point operations a second of a worker.
        spread: of the logarithm of what a worker's computing takes.
        work_s: by wire, of a number, for rounding and adding.
        left: what TCP leaves of a network's bytes/s.
        start_s: of a message at 1 Gbit/s and below.
    """

    rate: float
    spread: float
    work_s: Mapping[str, float]
    left: float = 0.944
    start_s: float = 100e-6

    @classmethod
    def read(cls, path: Path) -> Constants:
        """Return what `benchmarks.distributed.constants` has written."""
        found = json.loads(path.read_text())
        fields = {name: found["constants"][name] for name in cls.__dataclass_fields__}
        return cls(**fields)

    def networks(self, names: Sequence[str]) -> list[Network]:
        """Return networks by name."""
        return [
            Network(name, self.left * GBITS[name] * 0.125e9, STARTS_S.get(name, self.start_s))
            for name in names
        ]


GBITS = {"100 Mbit/s": 0.1, "1 Gbit/s": 1.0, "10 Gbit/s": 10.0, "100 Gbit/s": 100.0}
STARTS_S = {"10 Gbit/s": 50e-6, "100 Gbit/s": 5e-6}  # assumed
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
    size: Size, workers: int, communication: float, known: Constants, seed: int = 1
) -> float:
    """Return the mean of simulated steps."""
    computing = TOKENS / workers * size.flops / known.rate
    factors = np.random.default_rng(seed).lognormal(0, known.spread, (STEPS, workers)).max(axis=1)
    return float(computing * factors.mean() + communication)


def strong(known: Constants) -> Table:
    """Return how much faster so many workers are than one, with the same batch."""
    counts = (2, 8, 64, 256, 1024)
    shown = Table("model", "wire", "network", *(f"{count:,}" for count in counts))
    for size in LARGE:
        alone = step_s(size, 1, 0.0, known)
        for wire, item_bytes in BYTES.items():
            for network in known.networks(list(GBITS)[1:]):
                cells = []
                for count in counts:
                    work_s = known.work_s[wire]
                    moved = communication_s(size, count, item_bytes, network, work_s)
                    cells.append(f"{alone / step_s(size, count, moved, known):,.1f}")
                shown.add_row(size.name, wire, network.name, *cells)
    return shown


def two(known: Constants) -> Table:
    """Return how much faster two workers are than one, of which each has so many tokens a step."""
    shown = Table("parameters, tokens of a step", "wire", *GBITS)
    for size in RECIPES:
        computing = size.tokens * size.flops / known.rate
        for wire, item_bytes in BYTES.items():
            cells = []
            for network in known.networks(list(GBITS)):
                moved = communication_s(size, 2, item_bytes, network, known.work_s[wire])
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
    add("--constants", type=Path, metavar="FILE", help="in place of the above, as measured")
    options = parser.parse_args(arguments)
    work = dict(zip(BYTES, (1e-9 * each for each in options.work), strict=True))
    known = Constants(1e9 * options.rate, options.spread, work)
    if options.constants is not None:
        known = Constants.read(options.constants)
    console = make_console(110)
    console.print("simulated, not run: speed beside one worker, a million tokens a step")
    console.print(strong(known))
    console.print("from the same model: speed of two workers beside one")
    console.print(two(known))


if __name__ == "__main__":
    sys.exit(exit_status(main))
