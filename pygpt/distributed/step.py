"""An update that workers divide: the same bits for every number of them.

The rows of a step are cut into microbatches, whose number belongs to the run. The gradients of the
microbatches are summed along a binary tree: a worker sums those of its own, which are neighbours,
then each worker gets its part of the others' sums and goes on along the same tree. It updates its
part of the weights, and all workers gather them. https://arxiv.org/abs/1910.02054 (ZeRO, stage 1)
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pygpt.distributed.cost import Cost, Spent, measure
from pygpt.distributed.exchange import CHUNK, Exchange, work_s
from pygpt.distributed.group import Group, gather, is_power_of_two
from pygpt.engine.door import EngineError, processors, use_processors
from pygpt.engine.training import Training
from pygpt.errors import ConfigError
from pygpt.fields import from_dict
from pygpt.training.config import TrainConfig

DEFAULT_MICROBATCHES = 8
_LEAST_TRIALS, _LEAST_S = 3, 0.3  # that computing is timed for; the second half counts
_CALLS = 2  # of a step, beside those that move gradients and weights

Rows = tuple[NDArray[np.int32], NDArray[np.int32]]


@dataclass(frozen=True)
class Plan:
    """Immutable: which rows of a step are a microbatch, and which of those are a batch.

    Attributes:
        microbatches: their number, a power of two.
        batches: for each batch its microbatch and the rows [first, end).
        rows: of the largest batch.
    """

    microbatches: int
    batches: tuple[tuple[int, int, int], ...]
    rows: int

    @classmethod
    def of(cls, config: TrainConfig) -> Plan:
        """Return the plan of a run.

        Raises:
            ConfigError: the microbatches are no power of two, or more than rows.
        """
        M, B = config.microbatches, config.batch_size
        N = B * config.gradient_accumulation_steps
        if not is_power_of_two(M) or M > N:
            expected = f"expected a power of two, at most the {N} sequences of an update"
            raise ConfigError("microbatches", f"{expected}, got {M}")
        bounds = [N * j // M for j in range(M + 1)]
        batches = [
            (j, first, min(first + B, bounds[j + 1]))
            for j in range(M)
            for first in range(bounds[j], bounds[j + 1], B)
        ]
        return cls(M, tuple(batches), max(end - first for _, first, end in batches))

    def own(self, group: Group) -> range:
        """Return the numbers of a worker's batches.

        Raises:
            ConfigError: the microbatches cannot be divided among so many workers.
        """
        if not is_power_of_two(group.size) or group.size > self.microbatches:
            expected = f"expected a power of two of workers, at most {self.microbatches}"
            raise ConfigError("microbatches", f"{expected}, got {group.size}")
        many = self.microbatches // group.size
        mine = range(group.rank * many, (group.rank + 1) * many)
        found = [number for number, (j, _, _) in enumerate(self.batches) if j in mine]
        return range(found[0], found[-1] + 1)


class ShardedStep:
    """Mutable: one update after another.

    Attributes:
        asked_to_stop: set by this worker; the others learn of it in the next update.
        stopping: whether any worker was asked to stop before the last update.
        spent: what updates have taken so far.
    """

    def __init__(self, training: Training, group: Group, config: TrainConfig) -> None:
        self.plan = Plan.of(config)
        self._own = self.plan.own(group)
        many = self.plan.microbatches // group.size
        self._ranks = [j // many for j, _, _ in self.plan.batches]  # whose each batch is
        self._most = max(self._ranks.count(rank) for rank in range(group.size))
        self._training, self._group = training, group
        self._rounded = config.wire == "bfloat16"
        if self._rounded and training.dtype != "float32":
            raise ConfigError("wire", f"expected float32 with a {training.dtype} model")
        self._clips = config.grad_clip > 0
        self._bounds = training.bounds(group.size)
        self.exchange = Exchange(group, self._bounds, self._rounded)
        self.asked_to_stop = self.stopping = False
        self.spent = Spent()

    def run(
        self, batches: Sequence[Rows], rate: float, step: int, key: int
    ) -> tuple[float, float]:
        """Train on the rows of batches; return the loss and the gradient's norm before clipping.

        Args:
            batches: ids and targets of each, int32, (B, T).
            step: updates before this one.
            key: what decides the dropout of the first batch; each has the next number.
        Raises:
            EngineError: the loss or the gradient of a worker is no number; on every worker.
        """
        training, group, count = self._training, self._group, len(self.plan.batches)
        ids, targets = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
        shares = shares_of([targets[first:end] for _, first, end in self.plan.batches])
        training.resume(step, key + self._own.start)
        began = time.perf_counter()
        losses, failure = self._backward(ids, targets, shares)
        computed = time.perf_counter()
        loss = self._agree(losses, shares, step, failure)
        agreed = time.perf_counter()
        flat = training.flat_gradient
        if group.size > 1:
            self.exchange.sum(flat)
        squares = self._squares() if self._clips else 0.0
        summed = time.perf_counter()
        norm = training.update_shard(rate, count, squares, self._rounded)
        updated = time.perf_counter()
        if group.size > 1:
            self.exchange.gather(flat)
            training.receive(self._rounded)
        training.resume(step + 1, key + count)
        self.spent += Spent(
            computed - began + updated - summed,
            agreed - computed,
            summed - agreed + time.perf_counter() - updated,
        )
        return loss, norm

    def measure(self, batches: Sequence[Rows], step: int, key: int) -> Cost:
        """Return what an update costs; nothing is changed but what the next one overwrites."""
        ids, targets = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
        _, first, end = self.plan.batches[self._own.start]
        times: list[float] = []
        while len(times) < _LEAST_TRIALS or sum(times) < _LEAST_S:  # much is compiled meanwhile
            self._training.resume(step, key)
            began = time.perf_counter()
            self._training.accumulate(ids[first:end], targets[first:end])
            times.append(time.perf_counter() - began)
        self._training.resume(step, key)
        usual = float(np.median(times[len(times) // 2 :]))
        slowest = gather(self._group, np.array([usual * len(self._own)])).max()
        item_bytes = 2 if self._rounded else np.dtype(self._training.dtype).itemsize
        mine = work_s(self._group, self._bounds, self._rounded, self._training.dtype)
        work = float(gather(self._group, np.array([mine])).max())
        calls = self.exchange.calls + _CALLS
        numbers = self._bounds[-1]
        return measure(self._group, numbers, item_bytes, CHUNK, calls, float(slowest), work)

    def _backward(
        self, ids: NDArray[np.int32], targets: NDArray[np.int32], shares: Sequence[float]
    ) -> tuple[list[float], EngineError | None]:
        """Add the gradients of this worker's batches; return their losses, and what went wrong."""
        losses: list[float] = []
        many = self.plan.microbatches // self._group.size
        for number in self._own:
            j, first, end = self.plan.batches[number]
            try:
                loss = self._training.accumulate(ids[first:end], targets[first:end], shares[number])
            except EngineError as error:  # the others must learn of it
                return losses, error
            losses.append(loss)
            if number + 1 == self._own.stop or self.plan.batches[number + 1][0] != j:
                self._training.end_microbatch(many, self._rounded)
        return losses, None

    def _agree(
        self,
        losses: Sequence[float],
        shares: Sequence[float],
        step: int,
        failure: EngineError | None,
    ) -> float:
        """Return the loss of all batches; learn whether a worker failed, or stops."""
        mine = np.zeros(2 + self._most)
        mine[0], mine[1] = failure is not None, self.asked_to_stop
        mine[2 : 2 + len(losses)] = losses
        everyone = gather(self._group, mine)
        if failure is not None:
            raise failure
        if everyone[:, 0].any():
            rank = int(np.flatnonzero(everyone[:, 0])[0])
            problem = f"step {step + 1} failed on rank {rank}"
            raise EngineError(f"{problem}; the weights are as they were")
        total = 0.0
        for number, (rank, part) in enumerate(zip(self._ranks, shares, strict=True)):
            total += part * float(everyone[rank, 2 + number - self._ranks.index(rank)])
        self.stopping = bool(everyone[:, 1].any())
        return total / len(shares)

    def _squares(self) -> float:
        """Return the sum of the squares of the gradient of all workers."""
        group, training, bounds = self._group, self._training, self._bounds
        parts = zip(bounds, bounds[1:], strict=False)
        counts = [training.block_count(first, end) for first, end in parts]
        starts = [int(end - n) for end, n in zip(np.cumsum(counts), counts, strict=True)]
        sums = np.zeros(sum(counts))
        mine = starts[group.rank]
        sums[mine : mine + counts[group.rank]] = training.squares()
        group.allgather(sums, starts, counts)
        return tree_sum(sums)


def with_microbatches(config: TrainConfig, workers: int) -> TrainConfig:
    """Return the options of a run by so many workers: with a number of microbatches, if several.

    It is 8, or fewer where an update has fewer sequences, or as many as there are workers.
    """
    if config.microbatches or workers == 1:
        return config
    rows = config.batch_size * config.gradient_accumulation_steps
    many = max(DEFAULT_MICROBATCHES, workers)
    while many > max(rows, workers):
        many //= 2
    return from_dict(TrainConfig, config.given() | {"microbatches": many})


def with_threads(config: TrainConfig, group: Group) -> TrainConfig:
    """Return options with a number of threads, where workers divide a run and none was given.

    It is the processors of this machine divided by its workers, of the machine that has fewest for
    each; the JVM of this process takes the machine for one of so many.
    """
    if not config.microbatches:
        return config
    mine = max(1, processors() // group.local_size)
    if group.local_size > 1:
        use_processors(mine)
    if config.threads:
        return config
    fewest = int(gather(group, np.array([float(mine)])).min())
    return from_dict(TrainConfig, config.given() | {"threads": fewest})


def tree_sum(values: NDArray[np.float64]) -> float:
    """Return the sum of numbers along a binary tree."""
    while len(values) > 1:
        pairs = values[: len(values) // 2 * 2].reshape(-1, 2).sum(axis=1)
        values = np.concatenate([pairs, values[len(values) // 2 * 2 :]])
    return float(values[0])


def shares_of(targets: Sequence[NDArray[np.int32]]) -> list[float]:
    """Return what each batch counts for: the targets that it scores, 1 on average.

    So the mean over batches is the mean over all targets, however they are divided.
    """
    counts = [int(np.count_nonzero(batch >= 0)) for batch in targets]
    if len({*counts}) == 1:
        return [1.0] * len(counts)
    return [count * len(counts) / sum(counts) for count in counts]
