"""The bits of a run do not depend on how many workers divide it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pygpt import GPT, CheckpointError, ConfigError, TrainConfig, Trainer
from pygpt.distributed.cost import Cost, Spent, measure
from pygpt.distributed.exchange import Exchange, narrowed, widened, work_s
from pygpt.distributed.group import Alone, from_first, gather, gather_objects
from pygpt.distributed.step import Plan, tree_sum
from pygpt.engine import EngineError
from tests.support import training_runs as runs
from tests.support.thread_group import ThreadGroup, in_threads
from tests.support.training_runs import Data, config, digest

STEPS = {"max_iters": 5, "eval_interval": 2, "checkpoint_interval": 2, "eval_iters": 3}

SHORT = {"max_iters": 2, "batch_size": 3, "microbatches": 2, "eval_interval": 0}


def _config(**changes: Any) -> TrainConfig:
    return config(**STEPS | {"microbatches": 8, "batch_size": 11, "threads": 1} | changes)


def _trained(
    group: ThreadGroup | Alone, options: TrainConfig, model: dict[str, Any], **more: Any
) -> tuple[str, list[tuple[float, float, float | None]], int]:
    """Train to the end; return the weights' digest, what the records say, and the steps done."""
    with runs.model(threads=options.threads, **model) as gpt:
        with Trainer(gpt, Data(), options, group=group, **more) as trainer:
            begun = trainer.step
            records = [(r.loss, r.gradient_norm, r.validation_loss) for r in trainer]
            if options.microbatches:
                assert trainer.spent is not None and trainer.spent.compute_s > 0
                assert trainer.gradient_norms() == {}  # the gradient made room for the weights
        return digest(gpt.parameters()), records, begun


@pytest.mark.parametrize(
    ("changes", "model"),
    [
        ({"grad_clip": 0.05}, {}),
        ({"wire": "bfloat16", "grad_clip": 0.05}, {}),
        ({"frozen": "wte,h.0.attn", "gradient_accumulation_steps": 3, "grad_clip": 0}, {}),
        (SHORT, {"backend": "plain"}),
        (SHORT | {"wire": "bfloat16"}, {"backend": "nd4j"}),
    ],
    ids=["float32", "bfloat16", "frozen", "float64", "nd4j"],
)
def test_the_bits_are_those_of_one_worker(
    changes: dict[str, Any], model: dict[str, Any]
) -> None:
    options = _config(**changes)
    alone = _trained(Alone(), options, model)
    sizes = (2, 4, 8) if not model else (2,)
    for size in sizes:
        assert in_threads(size, lambda g: _trained(g, options, model)) == [alone] * size


def test_they_are_nearly_those_without_microbatches() -> None:
    plain = _trained(Alone(), _config(microbatches=0), {})
    parts = _trained(Alone(), _config(), {})
    assert parts[0] != plain[0]
    losses = [[record[0] for record in records] for _, records, _ in (plain, parts)]
    assert losses[0][0] == pytest.approx(losses[1][0], rel=0.2)  # other dropout, the same data


@pytest.mark.parametrize("model", [{}, {"backend": "plain"}], ids=["float32", "float64"])
def test_a_checkpoint_goes_on_with_any_number_of_workers(
    tmp_path: Path, model: dict[str, Any]
) -> None:
    short = {"batch_size": 4, "microbatches": 4, "eval_iters": 1} if model else {}
    whole = _trained(Alone(), _config(**short), model, run=tmp_path / "whole")
    run = tmp_path / "parts"
    begun = []
    for size, last in ((4, 2), (1, 4), (2, 5)):
        options = _config(**short, max_iters=last, lr_decay_iters=5)

        def work(group: ThreadGroup, options: TrainConfig = options) -> Any:
            return _trained(group, options, model, run=run, resume=True)

        results = in_threads(size, work)
        begun.append({result[2] for result in results})
    assert begun == [{0}, {2}, {4}]
    assert {result[0] for result in results} == {whole[0]}
    states = [(tmp_path / name / "last" / "training.safetensors") for name in ("whole", "parts")]
    first, second = (_arrays(path) for path in states)
    assert first.keys() == second.keys() and len(first) > 20
    assert all(np.array_equal(first[name], second[name]) for name in first)
    lines = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "parts")]
    assert lines[0].count("\n") == lines[1].count("\n") == 5


def _arrays(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(path)


def test_a_state_of_another_model_is_refused(tmp_path: Path) -> None:
    _trained(Alone(), _config(max_iters=2), {}, run=tmp_path)
    with pytest.raises(CheckpointError, match="float64 model of this shape"):
        in_threads(
            2,
            lambda g: _trained(g, _config(), {"backend": "plain"}, run=tmp_path, resume=True),
        )


# ---- plans -----------------------------------------------------------------------------------


def test_plans() -> None:
    plan = Plan.of(_config(batch_size=3, gradient_accumulation_steps=4, microbatches=2))
    assert plan.batches == ((0, 0, 3), (0, 3, 6), (1, 6, 9), (1, 9, 12)) and plan.rows == 3
    uneven = Plan.of(_config(batch_size=5, microbatches=4))
    assert [end - first for _, first, end in uneven.batches] == [1, 1, 1, 2]


@pytest.mark.parametrize("many", [3, 16])
def test_microbatches_that_cannot_be(many: int) -> None:
    with pytest.raises(ConfigError, match=f"at most the 11 sequences of an update, got {many}"):
        Plan.of(_config(microbatches=many))


def test_workers_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="expected a power of two of workers, at most 2, got 4"):
        in_threads(4, lambda g: _trained(g, _config(microbatches=2), {}))


def test_several_workers_have_microbatches_by_default() -> None:
    found = in_threads(2, lambda g: Trainer(runs.model(), Data(), config(), group=g).config)
    assert [options.microbatches for options in found] == [4, 4]  # of 5 sequences


# ---- exchanges -------------------------------------------------------------------------------


def test_sums_and_gathers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pygpt.distributed.exchange.CHUNK", 7)
    flats = np.random.default_rng(1).standard_normal((4, 50)).astype(np.float32)
    bounds = [0, 16, 32, 32, 50]

    def work(group: ThreadGroup) -> np.ndarray:
        flat = flats[group.rank].copy()
        exchange = Exchange(group, bounds, False)
        exchange.sum(flat)
        exchange.gather(flat)
        return flat

    expected = (flats[0] + flats[1]) + (flats[2] + flats[3])
    assert all(np.array_equal(flat, expected) for flat in in_threads(4, work))


def test_bfloat16() -> None:
    values = np.array([1, 1 + 2**-8, 1 + 3 * 2**-8, -3.14159, np.inf, 0], np.float32)
    assert widened(narrowed(values)).tolist() == [1, 1, 1 + 2**-6, -3.140625, np.inf, 0]


def test_what_is_done_beside_moving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pygpt.distributed.exchange.CHUNK", 7)
    bounds = [0, 16, 32, 32, 50]

    def work(group: ThreadGroup) -> float:
        return min(work_s(group, bounds, rounded, "float32") for rounded in (False, True))

    assert min(in_threads(4, work)) > 0
    assert work_s(Alone(), [0, 50], True, "float32") == 0
    assert Exchange(Alone(), bounds, False).calls == 2 * 3


def test_what_a_step_takes_and_took() -> None:
    cost = Cost(4, 1000, 2, 1e6, 1e-3, calls=6, compute_s=0.5, work_s=0.25)
    assert cost.communication_s == pytest.approx(2 * 0.75 * 2000 / 1e6 + 6e-3 + 0.25)
    assert str(cost).startswith("a step: 500.0 ms compute and 259.0 ms communication at 0.00 GB/s")
    spent = Spent(1, 2, 3) + Spent(1, 0, 0.5)
    assert str(spent) == "computing 2.00 s, waiting 2.00 s, communication 3.50 s"


def test_a_bandwidth_is_that_of_sums_and_gathers_together(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    class Slow(Alone):
        size = 2

        def alltoall(
            self, send: Any, places: Any, counts: Sequence[int], receive: Any, received: Any
        ) -> None:
            clock[0] += 1e-4 + counts[1] / 1e6

        def allgather(self, array: Any, places: Any, counts: Sequence[int]) -> None:
            clock[0] += 1e-4 + counts[0] / 4e6

    time = SimpleNamespace(perf_counter=lambda: clock[0])
    monkeypatch.setattr("pygpt.distributed.cost.time", time)
    found = measure(Slow(), 1 << 20, 4, 1 << 18)
    assert found.bytes_per_s == pytest.approx(2 / (1 / 1e6 + 1 / 4e6), rel=1e-4)
    assert found.latency_s == pytest.approx(1e-4, rel=0.01)


def test_tree_sums_do_not_lose_numbers() -> None:
    assert tree_sum(np.arange(13.0)) == 78
    assert tree_sum(np.array([0.1])) == 0.1


def test_values_of_all_and_of_the_first() -> None:
    def work(group: ThreadGroup) -> Any:
        cost = measure(group, 1000, 4, 300)
        return (
            gather_objects(group, {"rank": group.rank}),
            from_first(group, "Ü" * (1 + group.rank)),
            gather(group, np.array([1.0 + group.rank])).tolist(),
            cost.workers,
            cost.communication_s > 0,
        )

    ranks = [{"rank": rank} for rank in range(3)]
    assert in_threads(3, work) == [(ranks, "Ü", [[1.0], [2.0], [3.0]], 3, True)] * 3


# ---- what goes wrong -------------------------------------------------------------------------


def test_a_loss_that_is_no_number_ends_the_step_of_all() -> None:
    def work(group: ThreadGroup) -> Any:
        with runs.model(threads=1) as gpt, Trainer(gpt, Data(), _config(), group=group) as trainer:
            next(trainer)
            before = digest(gpt.parameters())
            if group.rank == 1:
                gpt.parameters()["ln_f.weight"][:] = np.nan
            try:
                next(trainer)
            except EngineError as error:
                return str(error), trainer.step, group.rank == 1 or before == digest(
                    gpt.parameters()
                )

    mine, other = in_threads(2, work)
    assert mine == ("step 2 failed on rank 1; the weights are as they were", 1, True)
    assert "expected a finite number in step 2" in other[0] and other[1:] == (1, True)


@pytest.mark.parametrize("what", ["options", "data", "weights", "model"])
def test_workers_that_differ_are_refused(what: str) -> None:
    def work(group: ThreadGroup) -> None:
        odd = group.rank == 1
        options = _config(keep=3 if what == "options" and odd else 2)
        data = Data(size=1013 if what == "data" and odd else 1009)
        seed, threads = (5 if what == "weights" and odd else 2), 1 + (what == "model" and odd)
        with GPT(runs.MODEL, seed=seed, threads=threads) as gpt:
            Trainer(gpt, data, options, group=group)

    with pytest.raises(ConfigError, match=f"^{what}: expected .* got others on rank 1$"):
        in_threads(2, work)


def test_all_stop_after_the_same_step() -> None:
    def work(group: ThreadGroup) -> int:
        with runs.model(threads=1) as gpt, Trainer(gpt, Data(), _config(), group=group) as trainer:
            for record in trainer:
                if record.step == 2 and group.rank == 1:
                    trainer.ask_to_stop()
                if trainer.stopping:
                    return record.step
        return 0

    assert in_threads(2, work) == [3, 3]


def test_a_wire_without_microbatches_is_refused() -> None:
    with pytest.raises(ConfigError, match="microbatches: expected microbatches, since wire"):
        config(wire="bfloat16")
