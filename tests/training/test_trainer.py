"""The loop: learning rates, records, evaluation, accumulation, seeds, early stopping, freezing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pygpt import GPT, CharTokenizer, ConfigError, TrainConfig, Trainer, evaluate
from pygpt.datasets.sampler import Streams
from pygpt.engine import EngineError
from pygpt.errors import ClosedError, DataError, OutputError
from pygpt.fields import from_dict
from pygpt.training.metrics import JsonLines, Record, TensorBoard
from pygpt.training.schedule import learning_rate
from pygpt.training.trainer import first_dropout_key, frozen_weights
from tests.support import training_runs as runs
from tests.support.training_runs import MODEL, Data, config, digest

# ---- learning rates --------------------------------------------------------------------------


def _nanogpt(it: int, config: TrainConfig) -> float:
    """nanoGPT's get_lr, as it is there but for the names."""
    if it < config.warmup_iters:
        return config.learning_rate * (it + 1) / (config.warmup_iters + 1)
    if it > config.lr_decay_iters:
        return config.min_lr
    ratio = (it - config.warmup_iters) / (config.lr_decay_iters - config.warmup_iters)
    coeff = 0.5 * (1.0 + math.cos(math.pi * ratio))
    return config.min_lr + coeff * (config.learning_rate - config.min_lr)


def test_cosine_is_nanogpts() -> None:
    options = TrainConfig(learning_rate=0.3, min_lr=0.07, warmup_iters=5, lr_decay_iters=31)
    rates = [learning_rate(options, step) for step in range(1, 42)]
    assert rates == [_nanogpt(it, options) for it in range(41)]
    assert (rates[5], rates[31:]) == (0.3, [0.07] * 10)


def test_other_schedules() -> None:
    options = config(learning_rate=0.5, min_lr=0.1, warmup_iters=1, lr_decay_iters=5)
    linear = from_dict(TrainConfig, options.to_dict() | {"schedule": "linear"})
    rates = [learning_rate(linear, step) for step in range(1, 9)]
    assert rates == pytest.approx([0.25, 0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1], rel=1e-15)
    constant = from_dict(TrainConfig, options.to_dict() | {"schedule": "constant"})
    assert [learning_rate(constant, step) for step in range(1, 9)] == [0.25] + [0.5] * 7


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_a_warm_up_longer_than_the_decay(schedule: str) -> None:
    options = config(warmup_iters=9, lr_decay_iters=9, schedule=schedule, min_lr=0.001)
    assert [learning_rate(options, step) for step in (1, 9, 10, 11)] == [0.001, 0.009, 0.001, 0.001]


# ---- options ---------------------------------------------------------------------------------


def test_options() -> None:
    options = TrainConfig(max_iters=7)
    assert options.lr_decay_iters == 7  # what 0 stands for
    assert from_dict(TrainConfig, options.to_dict()) == options
    assert TrainConfig().adamw() == {
        "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1, "grad_clip": 1.0, "optimizer": "adamw"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0}, "learning_rate: expected more than 0, got 0.0"),
        ({"learning_rate": "fast"}, "learning_rate: expected a number, got 'fast'"),
        ({"max_iters": 0}, "max_iters: expected at least 1, got 0"),
        ({"max_iters": 2.5}, "max_iters: expected a whole number, got 2.5"),
        ({"beta1": 1}, "beta1: expected less than 1, got 1.0"),
        ({"min_lr": 0.02}, "min_lr: expected at most learning_rate = 0.01, got 0.02"),
        ({"keep": 0}, "keep: expected at least 1, got 0"),
        ({"schedule": "step"}, "schedule: expected one of cosine, linear, constant, got 'step'"),
        (
            {"patience": 2, "eval_interval": 0},
            "eval_interval: expected evaluations, since patience = 2, got 0",
        ),
        ({"epochs": 3}, "epochs: expected one of learning_rate, max_iters, "),
    ],
)
def test_bad_options(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_dict(TrainConfig, config().to_dict() | change)
    assert str(caught.value).startswith(message)


# ---- records ---------------------------------------------------------------------------------


def test_steps_are_those_of_a_loop_by_hand() -> None:
    options = config(max_iters=8, gradient_accumulation_steps=3, eval_interval=4, eval_iters=0)
    streams = Data().streams(17, options)
    with runs.model() as model:
        with model.training(5, **options.adamw()) as training:  # type: ignore[arg-type]
            training.resume(0, first_dropout_key(options.seed))
            expected = []
            for step in range(1, 9):
                losses = [training.accumulate(*next(streams.train)) for _ in range(3)]
                rate = learning_rate(options, step)
                expected.append((step, np.mean(losses), rate, training.update(rate)))
                if step % 4 == 0:
                    batches = list(streams.validation.eval_batches())
                    assert len(batches) == 3
                    expected[-1] += (np.mean([model.loss(*batch) for batch in batches]),)
        weights = digest(model.parameters())
    with runs.model() as model:
        records = list(Trainer(model, Data(), options))
        assert digest(model.parameters()) == weights
    for record, (step, loss, rate, norm, *validation) in zip(records, expected, strict=True):
        assert (record.step, record.learning_rate, record.gradient_norm) == (step, rate, norm)
        assert record.loss == pytest.approx(loss, rel=1e-15)  # the order of a sum
        assert record.tokens_per_s == pytest.approx(3 * 5 * 17 / record.ms * 1e3)
        assert (record.validation_loss is None) == (not validation)
        if validation:
            assert record.validation_loss == pytest.approx(validation[0], rel=1e-15)
            assert record.perplexity == math.exp(record.validation_loss or 0)
            bits = (record.validation_loss or 0) / math.log(2) / 2  # a token has 2 bytes
            assert record.bits_per_byte == pytest.approx(bits)
    assert records[-1].loss < 0.9 * records[0].loss


def test_evaluation_weighs_batches_by_what_is_scored() -> None:
    rng = np.random.default_rng(3)
    ids, targets = rng.integers(0, 31, (2, 2, 5, 17))
    targets[0, :, 3:] = -1
    targets[1, 2:] = -1
    with runs.model() as model:
        evaluation = evaluate(model, zip(ids, targets, strict=True))
        together = model.loss(np.concatenate(ids), np.concatenate(targets))
        assert evaluation.loss == pytest.approx(together, rel=1e-6)  # float32 within a batch
        assert evaluation.bits_per_byte is None
        for none in ([], [(ids[0], np.full_like(targets[0], -1))]):
            with pytest.raises(DataError, match="^validation data: expected tokens to predict"):
                evaluate(model, none)


def test_a_seed_fixes_everything_and_another_changes_it() -> None:
    def losses(**changes: Any) -> list[float]:
        with runs.model() as model:
            return [record.loss for record in Trainer(model, Data(), config(**changes))]

    first = losses()
    assert losses() == first
    assert losses(eval_interval=0) == first  # looking changes nothing
    assert losses(seed=4)[0] != first[0]


def test_the_seed_of_dropout() -> None:
    class OtherDropout(Data):
        def streams(self, block_size: int, config: TrainConfig) -> Streams:
            return super().streams(block_size, runs.config())  # the same batches for all seeds

    with runs.model() as one, runs.model() as two:
        first = next(Trainer(one, OtherDropout(), config(seed=3)))
        assert next(Trainer(two, OtherDropout(), config(seed=-4))).loss != first.loss
    keys = {first_dropout_key(seed) for seed in (0, 1, -1, 2**64 - 2, 2**80)}
    assert len(keys) == 4 and all(0 <= key < 2**62 for key in keys)  # 0 is 2^80 modulo 2^64


def test_the_caller_owns_the_loop() -> None:
    with runs.model() as model, Trainer(model, Data(), config()) as trainer:
        for record in trainer:
            if record.step == 5:
                break
        assert (next(trainer).step, trainer.step, trainer.finished) == (6, 6, False)
        last = trainer.fit()
        assert last is not None and (last.step, trainer.finished) == (23, True)
        assert trainer.fit() is None and list(trainer) == []
        assert trainer.best is not None and trainer.best.loss <= (last.validation_loss or 0)


def test_early_stopping_counts_evaluations_since_the_best(tmp_path: Path) -> None:
    """With a rate of nearly 0 nothing becomes better, and so the first evaluation is the best."""

    def scores(trainer: Trainer, losses: list[float]) -> None:
        found = iter(losses)
        evaluated = trainer.evaluate

        def evaluate() -> Any:
            return type(evaluated())(next(found), None, 1)

        trainer.evaluate = evaluate  # type: ignore[method-assign]

    options = config(eval_interval=2, patience=2, checkpoint_interval=0, keep=9)
    with runs.model() as model:
        trainer = Trainer(model, Data(), options, run=tmp_path / "run")
        scores(trainer, [3, 2, 2.5, 1.5, 1.5, 1.6])
        last = trainer.fit()
        assert last is not None and last.step == 12
        assert trainer.best is not None and (trainer.best.step, trainer.best.loss) == (8, 1.5)
        names = sorted(path.name for path in (tmp_path / "run").glob("step-*"))
        assert names == [f"step-{step:08}" for step in (2, 4, 8, 12)]
        assert (tmp_path / "run" / "best").resolve().name == "step-00000008"
        again = Trainer(model, Data(), options, run=tmp_path / "run", resume=True)
        assert again.finished and again.fit() is None
        with_more = from_dict(TrainConfig, options.to_dict() | {"patience": 3})
        again = Trainer(model, Data(), with_more, run=tmp_path / "run", resume=True)
        scores(again, [1.7])
        last = again.fit()
        assert last is not None and last.step == 14


# ---- interruptions ---------------------------------------------------------------------------


class _Interrupted(Data):
    """The third batch that is asked for is interrupted, once."""

    def streams(self, block_size: int, config: TrainConfig) -> Streams:
        streams = super().streams(block_size, config)
        stream, interrupts = streams.train, iter([False] * 3 + [True])

        class Once(runs.Windows):
            def __next__(self) -> Any:
                batch = super().__next__()
                if next(interrupts, False):
                    raise KeyboardInterrupt
                return batch

        stream.__class__ = Once
        return streams


def test_an_interrupted_step_begins_again() -> None:
    options = config(gradient_accumulation_steps=3, max_iters=5)
    with runs.model() as model:
        undisturbed = [record.loss for record in Trainer(model, Data(), options)]
        weights = digest(model.parameters())
    with runs.model() as model, Trainer(model, _Interrupted(), options) as trainer:
        losses = [next(trainer).loss]
        with pytest.raises(KeyboardInterrupt):
            next(trainer)
        assert trainer.step == 1
        losses += [record.loss for record in trainer]
        assert losses == undisturbed and digest(model.parameters()) == weights


def test_a_loss_that_is_no_number_changes_nothing() -> None:
    with runs.model() as model, Trainer(model, Data(), config()) as trainer:
        next(trainer)
        weight = model.parameters()["ln_f.weight"]
        weight[3], kept = np.nan, weight[3]
        with pytest.raises(EngineError, match="^loss: expected a finite number in step 2, "):
            next(trainer)
        weight[3] = kept
        assert next(trainer).step == 2


def test_a_closed_trainer() -> None:
    with runs.model() as model:
        trainer = Trainer(model, Data(), config())
        trainer.close()
        trainer.close()
        with pytest.raises(ClosedError, match="^the training is closed; "):
            next(trainer)


# ---- freezing --------------------------------------------------------------------------------


def test_names_of_frozen_weights() -> None:
    names = frozen_weights(MODEL, " wpe, h.1.mlp,ln_f.bias,")
    mlp = [f"h.1.mlp.{part}.{kind}" for part in ("c_fc", "c_proj") for kind in ("weight", "bias")]
    assert names == ["wpe.weight", *mlp, "ln_f.bias"]
    assert frozen_weights(MODEL, "") == []
    for part in ("h.2", "w", "h.1.", "wte.weights"):
        with pytest.raises(ConfigError, match=f"^frozen: expected beginnings .* got '{part}'$"):
            frozen_weights(MODEL, f"wte,{part}")
    with pytest.raises(ConfigError, match="^frozen: expected weights that are left to train"):
        frozen_weights(MODEL, "wte,wpe,h,ln_f")


@pytest.mark.parametrize("backend", ["cpu", "nd4j", "plain"])
def test_frozen_weights_keep_their_bits(backend: str) -> None:
    frozen = frozen_weights(MODEL, "wte,h.0,ln_f.bias")
    with runs.model(backend=backend) as model:
        before = {name: weight.copy() for name, weight in model.parameters().items()}
        Trainer(model, Data(), config(frozen="wte,h.0,ln_f.bias", max_iters=3)).fit()
        for name, weight in model.parameters().items():
            assert np.array_equal(weight, before[name]) == (name in frozen), name


def test_names_that_are_no_weights_are_refused() -> None:
    with runs.model() as model:
        with pytest.raises(ConfigError, match="^frozen: expected names of weights, got 'h.0'$"):
            model.training(1, frozen=["wte.weight", "h.0"])


# ---- refusals --------------------------------------------------------------------------------


def test_data_of_another_vocabulary() -> None:
    large = CharTokenizer("".join(chr(ord("A") + i) for i in range(32)), bos=False)
    other = CharTokenizer("".join(chr(ord("B") + i) for i in range(31)), bos=False)
    with runs.model() as model:
        with pytest.raises(ConfigError, match="^vocab_size: expected at least 32, as .* got 31$"):
            Trainer(model, Data(large))
    with runs.model(tokenizer=runs.TOKENIZER) as model:
        next(Trainer(model, Data()))
        with pytest.raises(ConfigError, match="^tokenizer: expected data of the model's"):
            Trainer(model, Data(other))


def test_a_checkpoint_needs_a_folder() -> None:
    with runs.model() as model, Trainer(model, Data()) as trainer:
        with pytest.raises(ConfigError, match="^run: expected a run folder for checkpoints"):
            trainer.save()
        with pytest.raises(ConfigError, match="^resume: expected a run folder to go on in"):
            Trainer(model, Data(), resume=True)


# ---- metrics ---------------------------------------------------------------------------------

RECORDS = [
    Record(1, 3.5, 0.1, 0.5, 17.0, 1.25),
    Record(2, 2.5, 0.1, 0.25, 19.0, 1.5, 2.75, math.exp(2.75), 1.5),
    Record(3, 1.5, 0.1, math.inf, 23.0, 1.75, 1e3, math.inf),
]


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("something older\n")
    log = JsonLines(path)
    log.begin(0)
    for record in RECORDS:
        log.write(record)
    lines = [json.loads(line) for line in path.read_text().splitlines()]  # without a close
    log.close()
    assert lines[0] == {
        "step": 1, "loss": 3.5, "learning_rate": 0.1, "gradient_norm": 0.5,
        "tokens_per_s": 17.0, "ms": 1.25,
    }  # fmt: skip
    assert lines[1] == lines[1] | {
        "step": 2, "validation_loss": 2.75, "perplexity": math.exp(2.75), "bits_per_byte": 1.5
    }  # fmt: skip
    assert (lines[2]["gradient_norm"], lines[2]["perplexity"]) == (None, None)


@pytest.mark.parametrize("torn", [b"", b'{"step": 4, "lo', b'{"step": 1, "loss": 3}', b"\xff\n"])
def test_json_lines_of_a_run_that_goes_on(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "log"
    log = JsonLines(path)
    log.begin(0)
    for record in RECORDS:
        log.write(record)
    log.close()
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    log.begin(3)
    log.close()
    assert path.read_bytes() == whole
    log.begin(1)
    for record in RECORDS[1:]:
        log.write(record)
    log.close()
    assert path.read_bytes() == whole


def test_json_lines_that_cannot_be_written(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "none" / "log")
    with pytest.raises(OutputError, match="^metrics file .*none/log: cannot be written: No such"):
        log.begin(0)
    log.close()


def test_tensorboard(tmp_path: Path) -> None:
    from tensorboardX.proto.event_pb2 import Event

    board = TensorBoard(tmp_path / "board")
    with GPT(MODEL, seed=2) as model:
        records = list(Trainer(model, Data(), config(max_iters=7), writers=[board]))
    (path,) = (tmp_path / "board").iterdir()
    data, scalars = path.read_bytes(), {}
    while data:  # length, its checksum, event, its checksum
        length = int.from_bytes(data[:8], "little")
        event = Event.FromString(data[12 : 12 + length])
        for value in event.summary.value:
            scalars[event.step, value.tag] = value.simple_value
        data = data[16 + length :]
    expected = {(r.step, name): np.float32(v) for r in records for name, v in r.values().items()}
    assert scalars == expected and (7, "perplexity") in scalars


def test_tensorboard_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(ConfigError, match=r"^tensorboard: .* pip install 'pygpt\[tensorboard\]'$"):
        TensorBoard("board")
