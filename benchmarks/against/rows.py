"""What is compared: the rows of the table, how often, and when two sides did the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.generate.check import compare_logits
from benchmarks.generate.workload import GPT2_124M
from benchmarks.harness.check import FLOAT32, DisagreementError, compare, relative
from benchmarks.names.protocol import LOSS_RTOL
from benchmarks.train.workload import WORKLOADS, Workload

LARGE = ("gpt2_124M", "gpt2_124M_1024")  # `--quick` leaves them out
FORMATS = ("float32", "bfloat16", "int8")
MODELS = (*(work.name for work in WORKLOADS), *FORMATS, "names")
# The first steps that must agree: fewer of the large models, each of which takes seconds.
SMALL_STEPS, LARGE_STEPS = FLOAT32.steps, 3
PAIRS = 3


@dataclass(frozen=True)
class Row:
    """Immutable: one kind of process, and what its turns give.

    Attributes:
        labels: what the table calls each figure of a turn.
        unit, scale: of the figures, and that unit in seconds.
        make: the class of the side, after the tree.
        evidence: argument of the side's method `evidence`; None if there is none.
        same: raises DisagreementError if a side's evidence is not that of the other.
        pairs: fresh processes of each side, one after another: equal ones may differ by a few
            percent for their whole life, by how their code was compiled and their memory lies.
        warm_up: turns of each process at least that do not count; more until it is steady.
        rounds: turns of each process that count.
        fresh: each turn is a process of its own, and the first pair of them does not count.
    """

    labels: tuple[str, ...]
    unit: str
    scale: float
    make: str
    arguments: tuple[Any, ...]
    evidence: int | None
    same: Callable[[str, Any, Any], None]
    pairs: int
    warm_up: int
    rounds: int
    fresh: bool = False


def same_training(name: str, this: Any, other: Any) -> None:
    """Check losses, gradient norms and weights of the first steps."""
    (steps, norms), (other_steps, other_norms) = this, other
    compare(name, steps, norms, other_steps, other_norms, FLOAT32)


def same_logits(name: str, this: Any, other: Any) -> None:
    """Check the logits of a prompt."""
    compare_logits(name, this, other)


def same_names(name: str, this: Any, other: Any) -> None:
    """Check the losses of a run, and its names."""
    (losses, names), (other_losses, other_names) = this, other
    apart = max(map(relative, losses, other_losses))
    if not apart <= LOSS_RTOL or names != other_names:
        raise DisagreementError(f"{name}: expected the other's losses and names, {apart:.1e} apart")


def nothing_to_compare(name: str, this: Any, other: Any) -> None:
    """An import gives nothing else."""


IMPORT = Row(
    ("import pygpt", "from pygpt import GPT"), "ms", 1e-3, "Importing", (), None,
    nothing_to_compare, pairs=1, warm_up=1, rounds=9, fresh=True,
)  # fmt: skip


def training(work: Workload, threads: int) -> Row:
    """Return the row of a model that is trained."""
    large = work.name in LARGE
    steps, rounds = (LARGE_STEPS, 4) if large else (SMALL_STEPS, 10)
    return Row(
        (f"{work.name}: a step",), "ms", 1e-3, "Training", (work, threads), steps, same_training,
        PAIRS, max(2, work.warm_up), rounds,
    )  # fmt: skip


def generation(weights: str, folder: Path, threads: int) -> Row:
    """Return the rows of GPT-2 124M with weights in one format, as saved in a folder."""
    side = "pygpt" if weights == "float32" else f"pygpt-{weights}"
    work = GPT2_124M
    labels = f"{weights}: a new token", f"{weights}: prompt of {work.prefill:,}"
    return Row(
        labels, "ms", 1e-3, "Generating", (work, folder, side, threads), work.prompt, same_logits,
        PAIRS, warm_up=2, rounds=5,
    )  # fmt: skip


def names() -> list[Row]:
    """Return the rows of the names protocol: in a fresh process, and once all is compiled."""
    cold = Row(
        ("names: 1,000 steps, cold",), "ms", 1e-3, "Names", (1000, 1), None, nothing_to_compare,
        pairs=1, warm_up=1, rounds=12, fresh=True,
    )  # fmt: skip
    steady = replace(
        cold, labels=("names: a step, steady",), unit="\u00b5s", scale=1e-6,
        arguments=(10_000, 10_000), evidence=1000, same=same_names,
        pairs=PAIRS, warm_up=3, rounds=10, fresh=False,
    )  # fmt: skip
    return [cold, steady]


def rows(models: set[str], folder: Path, threads: int) -> list[Row]:
    """Return the rows of these models; `folder` has the model that generates."""
    chosen = [training(work, threads) for work in WORKLOADS if work.name in models]
    chosen += [generation(name, folder, threads) for name in FORMATS if name in models]
    return [IMPORT, *chosen, *(names() if "names" in models else [])]
