"""A run knows what it is made of: it goes on with that alone, and says what is other."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from pathlib import Path

import pytest

import pygpt
from pygpt import GPT, ConfigError, DataError, TrainConfig, Trainer, prepare
from pygpt.cli import main as cli
from pygpt.datasets.token_file import TokenFile
from pygpt.training.config import options_of
from pygpt.training.run import begun_with
from pygpt.training.state import read_state
from tests.support import training_runs as runs

Capture = pytest.CaptureFixture[str]
MODEL = ["--block-size", "7", "--n-layer", "1", "--n-head", "1", "--n-embd", "6"]
STEPS = ["--batch-size", "3", "--eval-interval", "2", "--eval-iters", "2", "--warmup-iters", "1"]
TINY = ["train", "shakespeare-char", *MODEL, *STEPS, "--quiet"]
TEXT = "low lower lowest\n" * 23


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text(TEXT)


def _rates(run: str) -> list[float]:
    lines = Path(run, "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["learning_rate"] for line in lines]


def _fails(arguments: list[str], message: str, capsys: Capture) -> None:
    capsys.readouterr()
    assert cli.run(arguments) in (1, 2)
    error = capsys.readouterr().err
    assert error.startswith("pygpt: error: ") and error.count("\n") == 1
    assert message in error


# ---- the schedule ----------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("lowest", ["0", "0.0002"])
def test_a_longer_run_follows_the_schedule(schedule: str, lowest: str, capsys: Capture) -> None:
    options = [*TINY, "--data", "words.txt", "--schedule", schedule, "--min-lr", lowest]
    assert cli.run([*options, "--out", "whole", "--max-iters", "9"]) == 0
    assert cli.run([*options, "--out", "parts", "--max-iters", "4"]) == 0
    capsys.readouterr()
    more = ["train", "shakespeare-char", "--out", "parts", "--resume", "--quiet"]
    assert cli.run([*more, "--max-iters", "9"]) == 0
    assert _rates("parts")[4:] == _rates("whole")[4:]
    assert min(_rates("parts")) > 0 and capsys.readouterr().err == ""


def test_a_schedule_that_was_given_is_said_to_have_ended(capsys: Capture) -> None:
    options = [*TINY, "--data", "words.txt", "--lr-decay-iters", "3", "--min-lr", "0"]
    assert cli.run([*options, "--out", "run", "--max-iters", "4"]) == 0
    capsys.readouterr()
    more = ["train", "shakespeare-char", "--out", "run", "--resume", "--quiet"]
    assert cli.run([*more, "--max-iters", "6"]) == 0
    said = capsys.readouterr().err
    assert said.startswith("the schedule ended after step 3: all steps to come have the learning")
    assert "--lr-decay-iters 6" in said
    assert cli.run([*more, "--max-iters", "8", "--lr-decay-iters", "8"]) == 0
    assert _rates("run")[4:6] == [0, 0] and min(_rates("run")[6:]) > 0
    capsys.readouterr()
    assert cli.run([*more, "--max-iters", "12", "--lr-decay-iters", "10"]) == 0
    said = capsys.readouterr().err
    assert said.startswith("the schedule ends after step 10: all after that have the learning rate")


def test_what_was_derived_is_not_saved_as_given() -> None:
    options = TrainConfig(max_iters=7)
    assert options.derived == ("lr_decay_iters",) and "lr_decay_iters" not in options.given()
    assert TrainConfig(lr_decay_iters=7, max_iters=7).derived == ()
    with runs.model() as model:
        with Trainer(model, runs.Data(), runs.config(max_iters=2), run="run") as trainer:
            trainer.fit()
    state = read_state(Path("run/last"))
    assert state.derived == ("lr_decay_iters",) and state.config.lr_decay_iters == 2
    assert "lr_decay_iters" not in state.given() and state.given()["max_iters"] == 2


def test_the_lowest_rate_follows_a_lower_rate(capsys: Capture) -> None:
    assert options_of({"min_lr": 1e-4}, {"learning_rate": 5e-5}) == {
        "learning_rate": 5e-5, "min_lr": 5e-6
    }  # fmt: skip
    for given in ({"learning_rate": 1e-3}, {"learning_rate": 5e-5, "min_lr": 1e-4}, {}):
        assert options_of({"min_lr": 1e-4}, given) == {"min_lr": 1e-4} | given
    few = ["--data", "words.txt", "--out", "run", "--max-iters", "3", "--learning-rate", "7e-5"]
    assert cli.run([*TINY, *few]) == 0
    assert max(_rates("run")) == 7e-5
    _fails([*TINY, *few, "--min-lr", "1e-4"], "--min-lr: expected at most learning_rate", capsys)


# ---- the data --------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [TEXT.replace("w", "v"), TEXT.replace("low\n", "wol\n", 1)])
def test_edited_data_are_refused(other: str, capsys: Capture) -> None:
    prepare("words.txt", "char", "data")
    run = [*TINY, "--data", "data", "--out", "run"]
    assert cli.run([*run, "--max-iters", "2"]) == 0
    edited = other if other != TEXT else TEXT[::-1]
    Path("words.txt").write_text(edited)
    prepare("words.txt", "char", "data")
    more = [*run, "--resume", "--max-iters", "4"]
    _fails(more, "data: are not those that the run began with, or have changed since", capsys)
    Path("words.txt").write_text(TEXT)
    prepare("words.txt", "char", "data")
    assert cli.run(more) == 0


def test_data_of_another_alphabet_are_refused_as_data(capsys: Capture) -> None:
    prepare("words.txt", "char", "data")
    run = [*TINY, "--data", "data", "--out", "run"]
    assert cli.run([*run, "--max-iters", "2"]) == 0
    Path("words.txt").write_text(TEXT + "xyz" * 30)
    prepare("words.txt", "char", "data")
    _fails([*run, "--resume", "--max-iters", "4"], "are not those that the run began", capsys)


def test_another_text_is_refused(capsys: Capture) -> None:
    run = [*TINY, "--data", "words.txt", "--out", "run"]
    assert cli.run([*run, "--max-iters", "2"]) == 0
    Path("other.txt").write_text(TEXT)
    more = [*TINY, "--out", "run", "--resume", "--max-iters", "3"]
    _fails([*more, "--data", "other.txt"], "--data: expected 'words.txt', as the run", capsys)
    _fails([*more, "--tokenizer", "gpt2"], "--tokenizer: expected 'char', as the run", capsys)
    assert cli.run([*more, "--data", "./words.txt"]) == 0
    more[-1] = "4"
    Path("words.txt").write_text(TEXT.replace("lower", "lowre", 1))
    _fails([*more, "--data", "words.txt"], "words.txt: has changed since the run began", capsys)
    assert cli.run(more) == 0  # with what was prepared


def test_a_fingerprint_is_of_tokens_and_split(monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare("words.txt", "char", "a")
    assert pygpt.Dataset.load("a").fingerprint == prepare("words.txt", "char", "b").fingerprint
    assert prepare("words.txt", "char", "c", 0.2).fingerprint != first.fingerprint
    Path("words.txt").write_text(TEXT[1:] + TEXT[0])
    assert prepare("words.txt", "char", "d").fingerprint != first.fingerprint
    for name, value in (("_BLOCK", 16), ("_MOST_BLOCKS", 3)):
        monkeypatch.setattr(f"pygpt.files.checksums.{name}", value)
    sampled = pygpt.Dataset.load("a").fingerprint
    assert sampled != first.fingerprint
    assert sampled == pygpt.Dataset.load("b").fingerprint
    assert isinstance(first.train, TokenFile)


# ---- without a checkpoint --------------------------------------------------------------------


def _stops_before_a_checkpoint(out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DataError("the power fails")

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "__next__", fail)
        assert cli.run([*TINY, "--data", "words.txt", "--out", out, "--max-iters", "5"]) == 1


def test_a_run_without_a_checkpoint_begins_again_as_it_was(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    _stops_before_a_checkpoint("run", monkeypatch)
    assert os.path.exists("run/begun.json")
    Path("words.txt").unlink()
    assert cli.run(["train", "makemore", "--out", "run", "--resume", "--quiet"]) == 0
    assert not os.path.exists("run/begun.json")
    assert pygpt.Dataset.load("run/data").tokenizer.vocab_size == 9
    with GPT.from_pretrained("run/last") as model:
        assert (model.config.n_embd, model.config.block_size) == (6, 7)
    begun = begun_with(Path("run"))
    assert begun is not None and begun.train["max_iters"] == 5 and begun.train["batch_size"] == 3


def test_a_run_whose_jvm_did_not_start_can_be_gone_on_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So `launch` starts it again."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    Path("run").mkdir()  # which is not taken away again
    train = [*TINY, "--data", "words.txt", "--out", "run", "--max-iters", "2"]
    with monkeypatch.context() as patch:
        patch.setattr("pygpt.training.run.GPT", fail)
        with pytest.raises(RuntimeError, match="killed"):
            cli.run(train)
    assert cli.run([*train, "--resume"]) == 0


def test_other_sizes_are_refused_then_too(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    _stops_before_a_checkpoint("run", monkeypatch)
    more = ["train", "makemore", "--out", "run", "--resume", "--n-embd", "8"]
    _fails(more, "n_embd: expected 8, as the model has, got 6: the run began with 6", capsys)


def test_a_run_that_does_not_say_how_it_began_is_not_begun_over(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    _stops_before_a_checkpoint("run", monkeypatch)
    before = Path("run/data/train.bin").read_bytes()
    for content in (None, "{"):  # as an older pygpt left it; damaged
        Path("run/begun.json").unlink() if content is None else None
        if content is not None:
            Path("run/begun.json").write_text(content)
        more = ["train", "shakespeare-char", "--out", "run", "--resume", "--quiet"]
        _fails(more, "run folder run: has no checkpoint to go on from, and ", capsys)
    assert Path("run/data/train.bin").read_bytes() == before


def test_a_new_folder_may_be_resumed() -> None:
    """So a job that is put off and begun again has one command."""
    Path("empty").mkdir()
    for out in ("new", "empty"):
        options = [*TINY, "--data", "words.txt", "--out", out, "--resume", "--max-iters", "2"]
        assert cli.run(options) == 0


# ---- an evaluation that was broken off -------------------------------------------------------


class _Broken(BaseException):
    pass


@pytest.mark.parametrize("at", [7, 21, 23])
def test_an_evaluation_that_was_broken_off_comes_first(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that goes on ends with the same bits, records and best as one that never stopped."""
    with runs.model() as model, Trainer(model, runs.Data(), runs.config(), run="whole") as trainer:
        trainer.fit()
    evaluate = Trainer.evaluate

    def breaks(trainer: Trainer) -> object:
        if trainer.step == at:
            raise _Broken
        return evaluate(trainer)

    with runs.model() as model, Trainer(model, runs.Data(), runs.config(), run="run") as trainer:
        with monkeypatch.context() as patch, pytest.raises(_Broken):
            patch.setattr(Trainer, "evaluate", breaks)
            trainer.fit()
        assert trainer.step == at and not trainer.finished
        trainer.save()
    with runs.model(seed=9) as model:
        trainer = Trainer(model, runs.Data(), runs.config(), run="run", resume=True)
        assert trainer.step == at and next(trainer).step == at
        trainer.fit()
    assert runs.saved(Path("run/last")) == runs.saved(Path("whole/last"))
    assert os.readlink("run/best") == os.readlink("whole/best")
    steps, scores = zip(*map(_scored, ("run", "whole")), strict=True)
    assert steps[0] == steps[1] and scores[0] == scores[1]


def _scored(run: str) -> tuple[list[int], list[float | None]]:
    records = [json.loads(line) for line in Path(run, "metrics.jsonl").read_text().splitlines()]
    return [r["step"] for r in records], [r.get("validation_loss") for r in records]


def test_a_step_that_was_broken_off_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from pygpt.engine.training import Training

    accumulate, count = Training.accumulate, [0]

    def breaks(*arguments: object) -> float:
        count[0] += 1
        if count[0] == 7:
            raise _Broken
        return accumulate(*arguments)  # type: ignore[arg-type]

    options = runs.config(max_iters=5, gradient_accumulation_steps=2)
    with runs.model() as model, Trainer(model, runs.Data(), options, run="whole") as trainer:
        trainer.fit()
    with runs.model() as model, Trainer(model, runs.Data(), options, run="run") as trainer:
        with monkeypatch.context() as patch, pytest.raises(_Broken):
            patch.setattr(Training, "accumulate", breaks)
            trainer.fit()
        assert trainer.step == 3 and not trainer.breakable
        trainer.fit()
    assert runs.saved(Path("run/last")) == runs.saved(Path("whole/last"))


# ---- eval ------------------------------------------------------------------------------------


def test_eval_finds_the_data_of_the_run(capsys: Capture) -> None:
    prepare("words.txt", "char", "data")
    assert cli.run([*TINY, "--data", "data", "--out", "run", "--max-iters", "2"]) == 0
    os.mkdir("elsewhere")
    os.chdir("elsewhere")
    capsys.readouterr()
    assert cli.run(["eval", "../run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert cli.run(["eval", "../run", "../data", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found
    os.chdir("..")
    Path("words.txt").write_text(TEXT[::-1])
    prepare("words.txt", "char", "data")
    _fails(["eval", "run"], "are not those that the run began with, or have changed", capsys)
    os.rename("data", "moved")
    _fails(["eval", "run"], "data, of the run: there is no such file; name other data", capsys)


def test_the_split_that_is_too_short_is_named(capsys: Capture) -> None:
    Path("short.txt").write_text("low lower " * 6)
    said = "got 6; take more text or a smaller block_size, or prepare a larger part to validate"
    _fails([*TINY, "--data", "short.txt", "--out", "run"], said, capsys)


def test_a_longer_run_is_checked(capsys: Capture) -> None:
    run = [*TINY, "--data", "words.txt", "--out", "run", "--max-iters", "2"]
    assert cli.run(run) == 0
    _fails([*run, "--resume", "--learning-rate", "0.5"], "--learning-rate: expected 0.001", capsys)
    with pytest.raises(ConfigError, match="batch_size: expected 3, as the run began with, got 4"):
        pygpt.train("shakespeare-char", out="run", resume=True, batch_size=4)


def _pairs(name: str, count: int, letter: str = "o") -> None:
    rows = [{"prompt": f"low{letter * (i % 9)}?", "answer": "wle"[i % 3]} for i in range(count)]
    Path(name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))


@pytest.fixture
def _tuned() -> None:
    """A run that was fine-tuned with another split than a tenth, in `tuned`."""
    Path("words.txt").write_text("low? lower lowest\n" * 23)
    assert cli.run([*TINY, "--data", "words.txt", "--out", "run", "--max-iters", "2"]) == 0
    _pairs("pairs.jsonl", 60)
    tune = ["finetune", "run", "pairs.jsonl", "--validation", "0.05", "--max-iters", "3"]
    assert cli.run([*tune, "--eval-interval", "3", "--out", "tuned", "--quiet"]) == 0


@pytest.mark.usefixtures("_tuned")
def test_eval_takes_the_pairs_that_the_run_validated_with(capsys: Capture) -> None:
    capsys.readouterr()
    expected = json.loads(Path("tuned/metrics.jsonl").read_text().splitlines()[-1])
    Path("copy.jsonl").write_bytes(Path("pairs.jsonl").read_bytes())
    for data in ([], ["pairs.jsonl"], ["copy.jsonl"], ["copy.jsonl", "--seed", "3"]):
        assert cli.run(["eval", "tuned/last", *data, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["loss"] == pytest.approx(expected["validation_loss"], rel=1e-6), data
    _pairs("other.jsonl", 60, "w")
    assert cli.run(["eval", "tuned/last", "other.jsonl", "--json"]) == 0
    capsys.readouterr()
    _pairs("pairs.jsonl", 61)
    for data in ([], ["pairs.jsonl"]):
        _fails(["eval", "tuned/last", *data], "pairs.jsonl: are not those that the run", capsys)


@pytest.mark.usefixtures("_tuned")
def test_pairs_come_by_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    data = gzip.compress(Path("pairs.jsonl").read_bytes())
    found = []
    for name in ("-", "pairs.jsonl"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        out = ["--max-iters", "2", "--out", f"from{name[0]}", "--quiet"]
        assert cli.run(["finetune", "run", name, *out]) == 0
        capsys.readouterr()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert cli.run(["eval", f"from{name[0]}", name, "--json"]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1]
    _fails(["eval", "from-"], "of the run: there is no such file; name other data", capsys)


@pytest.mark.usefixtures("_tuned")
def test_pairs_that_were_edited_or_divided_otherwise_are_refused(capsys: Capture) -> None:
    more = ["--max-iters", "5", "--out", "tuned", "--resume", "--quiet"]
    assert cli.run(["finetune", "run", "pairs.jsonl", "--validation", "0.05", *more]) == 0
    said = "are not those that the run began with, or have changed since"
    _fails(["finetune", "run", "pairs.jsonl", *more], said, capsys)
    _pairs("pairs.jsonl", 60, "w")
    _fails(["finetune", "run", "pairs.jsonl", "--validation", "0.05", *more], said, capsys)
