"""What the sides of the names benchmark share: the protocol's data and random stream, a report.

A side is a module with `run(documents, config, steps, seed, samples) -> Run`; as a script it prints
one JSON object (see `main`).
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

INIT_STD = 0.08
NORM_EPS = 1e-5
BETA1, BETA2, ADAM_EPS = 0.85, 0.99, 1e-8
TEMPERATURE = 0.5
LOSS_RTOL = 5e-6  # what float32 must reach

ROOT = Path(__file__).resolve().parents[2]
NAMES = ROOT / "pygpt" / "data" / "names.txt"
GOLDEN = ROOT / "tests" / "golden" / "microgpt"


@dataclass(frozen=True)
class Config:
    """Sizes and learning rate of the talk's model."""

    n_layer: int = 1
    n_embd: int = 16
    n_head: int = 4
    block_size: int = 16
    learning_rate: float = 0.01


@dataclass(frozen=True)
class Run:
    """Losses, each step's seconds (token ids to updated weights), and the sampled names."""

    losses: list[float]
    step_s: list[float]
    names: list[str]


class Start:
    """Shuffled documents, weight shapes and weights of one run, and the stream that goes on."""

    def __init__(self, documents: Sequence[str], config: Config, seed: int) -> None:
        self.rng = random.Random(seed)
        self.documents = list(documents)
        self.rng.shuffle(self.documents)
        self.characters = sorted(set("".join(documents)))
        self.ids = {c: i for i, c in enumerate(self.characters)}
        self.bos = len(self.characters)
        V, C = self.bos + 1, config.n_embd
        self.shapes = {"wte": (V, C), "wpe": (config.block_size, C), "lm_head": (V, C)}
        for i in range(config.n_layer):
            self.shapes |= {f"{i}.{w}": (C, C) for w in ("wq", "wk", "wv", "wo")}
            self.shapes |= {f"{i}.fc1": (4 * C, C), f"{i}.fc2": (C, 4 * C)}
        count = sum(rows * columns for rows, columns in self.shapes.values())
        gauss = self.rng.gauss
        self.weights = [gauss(0, INIT_STD) for _ in range(count)]  # of all shapes, in their order

    def tokens(self, step: int, block_size: int) -> list[int]:
        """Return the ids of a step's document: inputs are all but the last, targets all but one."""
        ids = self.ids
        document = self.documents[step % len(self.documents)]
        tokens = [self.bos, *[ids[c] for c in document], self.bos]
        return tokens[: block_size + 1]

    def sample(self, probabilities: Callable[[list[int]], list[float]], block_size: int) -> str:
        """Return one name; `probabilities` gives those of the token after a list of ids."""
        tokens = [self.bos]
        while len(tokens) <= block_size:
            weights = probabilities(tokens)
            (token,) = self.rng.choices(range(self.bos + 1), weights=weights)
            if token == self.bos:
                break
            tokens.append(token)
        return "".join(self.characters[i] for i in tokens[1:])


def read_documents(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").split("\n")
    return [line.strip() for line in lines if line.strip()]


def agrees(run: Run) -> bool:
    """Whether the default run has the original's losses, within LOSS_RTOL, and its names."""
    lines = (GOLDEN / "seed42_losses.tsv").read_text(encoding="utf-8").splitlines()
    expected = [float(line.split("\t")[1]) for line in lines]
    names = (GOLDEN / "seed42_names.txt").read_text(encoding="utf-8").splitlines()
    close = all(abs(a - b) <= LOSS_RTOL * b for a, b in zip(run.losses, expected, strict=True))
    return close and run.names == names


def main(engine: str, run: Callable[..., Run], script_start: float) -> None:
    """Train the default model and print one JSON object.

    Keys: engine; losses_ok (losses and names are the original's); train_s (the 1,000 steps in this
    fresh process); total_s (the script's first line to the last name, imports included);
    step_us_steady (mean step of a later run in the same process, median over --repeats of them).
    """
    parser = argparse.ArgumentParser(description=f"The names protocol on {engine}.")
    parser.add_argument("--repeats", type=int, default=3, help="runs after the cold one")
    parser.add_argument("--later-steps", type=int, default=1000, help="steps of each of these")
    options = parser.parse_args()
    documents, config, steps, seed, samples = read_documents(NAMES), Config(), 1000, 42, 20
    cold = run(documents, config, steps, seed, samples)
    total_s = time.perf_counter() - script_start
    later = [run(documents, config, options.later_steps, seed, 0) for _ in range(options.repeats)]
    report = {
        "engine": engine,
        "losses_ok": agrees(cold),
        "train_s": round(sum(cold.step_s), 4),
        "total_s": round(total_s, 4),
    }
    if later:
        means = [statistics.fmean(again.step_s) for again in later]
        report["step_us_steady"] = round(statistics.median(means) * 1e6, 1)
    print(json.dumps(report))
