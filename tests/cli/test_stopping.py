"""Signals: a training run leaves a checkpoint within seconds, whatever it is about."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

import pytest

from pygpt.cli import main as cli
from pygpt.cli import stopping
from pygpt.engine.training import Training
from pygpt.model.gpt import GPT
from pygpt.training.state import read_state
from tests.support.processes import started

MODEL = ["--block-size", "7", "--n-layer", "1", "--n-head", "1", "--n-embd", "6"]
STEPS = ["--batch-size", "3", "--eval-iters", "2", "--checkpoint-interval", "0"]
TINY = ["train", "shakespeare-char", "--data", "words.txt", *MODEL, *STEPS, "--out", "run"]
LONGEST_S = 5.0  # a promise to users; SLURM gives 30 s, docker 10 s


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("low lower lowest\n" * 23)


def _until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.usefixtures("unpacked")
@pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        (signal.SIGHUP, 129, "terminated by SIGHUP"),
        (signal.SIGUSR1, 138, "terminated by SIGUSR1"),
    ],
)
def test_these_leave_a_checkpoint_too(
    number: signal.Signals, status: int, word: str, python_environment: dict[str, str]
) -> None:
    endless = [*TINY, "--max-iters", "3000000", "--eval-interval", "0", "--quiet"]
    command = [sys.executable, "-m", "pygpt", *endless]
    metrics = Path("run/metrics.jsonl")
    with started(command, env=python_environment, stderr=PIPE) as process:
        _until(lambda: metrics.exists() and metrics.stat().st_size, process)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (status, "")
    assert err.endswith(f"; --resume goes on from there\npygpt: {word}\n")
    assert os.path.exists("run/last/training.safetensors")


@pytest.mark.usefixtures("unpacked")
def test_a_long_evaluation_is_broken_off(python_environment: dict[str, str]) -> None:
    """It would take long: 320,000 tokens, three windows after three others."""
    Path("words.txt").write_text("low lower lowest\n" * 190_000)
    sizes = ["--block-size", "64", "--n-embd", "128", "--n-layer", "4", "--n-head", "4"]
    options = ["--eval-iters", "0", "--eval-interval", "2", "--max-iters", "1000"]
    command = [sys.executable, "-m", "pygpt", *TINY, *sizes, *options]
    with started(command, env=python_environment, stderr=PIPE) as process:
        assert process.stderr is not None
        said = ""
        while "evaluation after step 2" not in said:
            said = process.stderr.readline()
            assert said
        sent = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        took = time.monotonic() - sent
    assert process.returncode == 143 and took < LONGEST_S
    assert "SIGTERM: a checkpoint is written, then the run ends; once more: at once\n" in err
    assert "checkpoint after step 2: run; --resume goes on from there\n" in err
    state = read_state(Path("run/last"))
    assert state.step == 2 and state.unevaluated is not None and state.best is None
    more = ["train", "shakespeare-char", "--out", "run", "--resume", "--max-iters", "2"]
    assert cli.run([*more, "--eval-iters", "3", "--quiet"]) == 0
    records = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [1, 2]
    assert "validation_loss" in records[1] and os.readlink("run/best") == "step-00000002"


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("kind", ["step", "evaluation"])
def test_what_takes_long_is_broken_off(
    kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stopping, "GRACE_S", 0.1)
    owner, name = (Training, "accumulate") if kind == "step" else (GPT, "loss")
    works, calls = getattr(owner, name), []

    def slow(*arguments: object) -> float:
        calls.append(1)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):  # ten seconds
                time.sleep(0.01)
        return float(works(*arguments))

    monkeypatch.setattr(owner, name, slow)
    began = time.monotonic()
    interval = ["--eval-interval", "0" if kind == "step" else "2"]
    assert cli.run([*TINY, "--max-iters", "8", *interval, "--quiet"]) == 143
    assert time.monotonic() - began < LONGEST_S
    state = read_state(Path("run/last"))
    assert (state.step, state.unevaluated is None) == ((3, True) if kind == "step" else (4, False))
    monkeypatch.setattr(owner, name, works)
    assert cli.run(["train", "gpt2", "--out", "run", "--resume", "--quiet"]) == 0
    records = Path("run/metrics.jsonl").read_text().splitlines()
    assert [json.loads(record)["step"] for record in records] == list(range(1, 9))


@pytest.mark.usefixtures("signals")
def test_what_must_not_be_broken_off_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from pygpt.training.trainer import Trainer

    monkeypatch.setattr(stopping, "GRACE_S", 0.05)
    monkeypatch.setattr(stopping, "_AGAIN_S", 0.02)
    save, saves = Trainer.save, []

    def slow(trainer: Trainer) -> Path:
        if not saves:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.3)
        saves.append(trainer.step)
        return save(trainer)

    monkeypatch.setattr(Trainer, "save", slow)
    flags = ["--checkpoint-interval", "2", "--eval-interval", "0", "--max-iters", "8", "--quiet"]
    assert cli.run([*TINY, *flags]) == 143
    assert saves == [2] and os.readlink("run/last") == "step-00000002"


@pytest.mark.usefixtures("signals")
def test_what_was_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under nohup."""
    accumulate = Training.accumulate

    def hung_up(*arguments: object) -> float:
        os.kill(os.getpid(), signal.SIGHUP)
        return accumulate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Training, "accumulate", hung_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert cli.run([*TINY, "--max-iters", "3", "--eval-interval", "0", "--quiet"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert os.readlink("run/last") == "step-00000003"
