"""`python -m pygpt train`: runs, what is shown of them, one line for each error. Tiny sizes."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest

from pygpt import GPT, Dataset, GPTConfig, TrainConfig, prepare
from pygpt.cli import main as cli
from pygpt.model.presets import PRESETS
from pygpt.serve import looks, probes
from pygpt.training.run_folder import RunFolder, newest_in
from pygpt.training.trainer import FILES
from tests.support import training_runs as runs
from tests.support.processes import started

Capture = pytest.CaptureFixture[str]
MODEL = ["--block-size", "7", "--n-layer", "1", "--n-head", "1", "--n-embd", "6"]
STEPS = ["--batch-size", "3", "--max-iters", "11", "--eval-interval", "5", "--eval-iters", "2"]
TINY = ["train", "shakespeare-char", "--data", "words.txt", *MODEL, *STEPS]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("low lower lowest\n" * 23)
    Path("empty.txt").write_bytes(b"")
    Path("short.txt").write_text("lowest")
    Path("one.txt").write_text("l")
    Path("folder").mkdir()
    Path("folder/notes").write_text("keep me")


def _metrics(run: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in Path(run, "metrics.jsonl").read_text().splitlines()]


def test_a_run(capsys: Capture) -> None:
    assert cli.run(TINY) == 0
    captured = capsys.readouterr()
    files = {name for name in os.listdir("runs/shakespeare-char") if not name.startswith("step-")}
    assert files == {"best", "data", "last", "lock", "metrics.jsonl"}
    assert os.readlink("runs/shakespeare-char/last") == "step-00000011"
    assert Dataset.load("runs/shakespeare-char/data").tokenizer.vocab_size == 9
    plan, result = captured.out.split("# a training step", 1)
    for line in ("vocab_size = 9", "n_embd = 6", "bias = false", "max_iters = 11"):
        assert f"\n{line}\n" in plan
    assert "\n# 546 parameters\n" in plan and "\n# memory: 0.0 MB = " in plan
    *ops, took, best = result.splitlines()
    assert any("attention" in op.lower() for op in ops)
    assert took.startswith("11 steps in 0:0")
    metrics = _metrics("runs/shakespeare-char")
    losses = {m["validation_loss"]: m["step"] for m in metrics if "validation_loss" in m}
    lowest = min(losses)
    expected = f"best validation loss {lowest:.4f} after step {losses[lowest]}: "
    assert best == f"{expected}runs/shakespeare-char/best"
    *lines, following = captured.err.splitlines()
    steps = [line.split("/")[0] for line in lines]
    assert steps == [f"step {step:2}" for step in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11)]
    assert following.startswith("next: python -m pygpt generate runs/shakespeare-char --prompt ")


def test_looks_are_kept() -> None:
    """At each evaluation, as the model was then; a run that goes on before them removes them."""
    assert cli.run([*TINY, "--quiet", "--probe"]) == 0
    run = Path("runs/shakespeare-char")
    assert probes.steps_of(run) == [5, 10, 11]
    text, arrays = probes.read(run, 11)
    assert text
    with GPT.from_pretrained(run / "last") as model:
        expected = {**looks.lens(model, arrays["ids"]), "maps": model.attention(arrays["ids"])}
    for name, values in expected.items():
        np.testing.assert_array_equal(arrays[name], values.astype(arrays[name].dtype), name)
    probes.Probes(run, 5, arrays["ids"])
    assert probes.steps_of(run) == [5]


def test_tensorboard_gets_the_metrics_too() -> None:
    assert cli.run([*TINY, "--quiet", "--tensorboard", "board"]) == 0
    (events,) = Path("board").iterdir()
    written = events.read_bytes()
    for name in ("loss", "learning_rate", "validation_loss"):
        assert written.count(name.encode()) >= 3, name  # 11 steps, 3 evaluations


def test_a_tensorboard_folder_that_cannot_be_leaves_nothing(capsys: Capture) -> None:
    assert cli.run([*TINY, "--tensorboard", "words.txt", "--out", "new"]) == 1
    expected = "pygpt: error: TensorBoard folder words.txt: expected a folder, got a file\n"
    assert capsys.readouterr() == ("", expected)
    assert not os.path.lexists("new")


def test_quiet_prints_the_result_alone(capsys: Capture) -> None:
    assert cli.run([*TINY, "--quiet", "--eval-interval", "0", "--out", "new"]) == 0
    captured = capsys.readouterr()
    took, last = captured.out.splitlines()
    assert took.startswith("11 steps in ") and last == "last checkpoint: new/last"
    assert captured.err == ""


def test_resumed_is_uninterrupted(capsys: Capture) -> None:
    constant = [*TINY, "--schedule", "constant", "--dropout", "0.1", "--quiet"]
    assert cli.run([*constant, "--out", "whole"]) == 0
    assert cli.run([*constant, "--out", "parts", "--max-iters", "6"]) == 0
    Path("words.txt").unlink()  # the run has its own data
    more = ["train", "gpt2", "--out", "parts", "--resume", "--quiet"]  # and all but what may change
    assert cli.run([*more, "--max-iters", "11"]) == 0
    assert runs.saved(Path("parts/last")) == runs.saved(Path("whole/last"))
    capsys.readouterr()
    assert cli.run(more) == 0
    out = capsys.readouterr().out
    assert out.startswith("nothing to do: parts ended after 11 steps; --max-iters ")


def test_a_run_goes_on_with_the_data_that_it_began_with(capsys: Capture) -> None:
    prepare("words.txt", "char", "data")
    begun = [*TINY, "--data", "data", "--out", "run", "--quiet"]
    assert cli.run(begun) == 0
    assert not os.path.exists("run/data")
    more = ["train", "shakespeare-char", "--out", "run", "--resume", "--max-iters", "13"]
    capsys.readouterr()
    _fails(more, 2, "--data: expected the folder that the run began with, got shakespeare", capsys)
    assert cli.run([*more, "--data", "data", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("2 steps in ")


def test_the_seed_decides_the_weights() -> None:
    for seed, out in (("5", "a"), ("5", "b"), ("6", "c")):
        assert cli.run([*TINY, "--seed", seed, "--out", out, "--quiet"]) == 0
    a, b, c = (runs.saved(Path(out, "last")) for out in "abc")
    assert a == b != c


def test_a_file_and_flags_that_override_it(capsys: Capture) -> None:
    prepare("words.txt", "char", "data")
    Path("mine.toml").write_text(
        'preset = "shakespeare-char"\n[model]\nn_layer = 2\nblock_size = 17\nn_embd = 20\n'
        'bias = true\n[train]\nlearning_rate = 1\n[data]\nsource = "data"\n'
    )
    flags = ["--n-layer", "3", "--no-bias", "--min-lr", "0.5", "--vocab-size", "13"]
    assert cli.run(["train", "mine.toml", *flags, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    for line in (
        "n_layer = 3", "n_head = 4", "n_embd = 20", "block_size = 17", "bias = false",
        "learning_rate = 1.0", "min_lr = 0.5", "max_iters = 2000", "vocab_size = 13",
        'source = "data"', 'tokenizer = ""', "n_inner = 80", "lr_decay_iters = 2000",
    ):  # fmt: skip
        assert f"\n{line}\n" in shown
    Path("shown.toml").write_text(shown)
    assert cli.run(["train", "shown.toml", "--dry-run"]) == 0
    assert capsys.readouterr().out == shown


def _tree() -> dict[Path, bytes]:
    return {path: path.read_bytes() if path.is_file() else b"" for path in Path().rglob("*")}


def test_a_dry_run_leaves_nothing(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pygpt.training.trainer.Trainer.__init__", None)  # starts no training
    before = _tree()
    assert cli.run([*TINY, "--dry-run"]) == 0
    captured = capsys.readouterr()
    assert _tree() == before
    assert captured.out.startswith("[model]\n") and captured.err == ""
    assert "\n# 351 tokens to train on, 40 to validate with, 9 ids\n" in captured.out


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name: str) -> None:
    """Each is a whole: an architecture, options that may be, and data or a tokenizer for them."""
    from pygpt.training.recipes import find_recipe

    recipe = find_recipe(name)
    sizes = GPTConfig(vocab_size=GPTConfig.preset(name).vocab_size, **recipe.base["model"])
    assert sizes == GPTConfig.preset(name)
    options = TrainConfig(**recipe.base["train"])
    assert options.lr_decay_iters == options.max_iters
    assert recipe.base["data"]["tokenizer"] == ("gpt2" if name.startswith("gpt2") else "char")


# ---- errors ----------------------------------------------------------------------------------

BAD_USAGE = {
    "no_recipe": (["train"], "the following arguments are required: PRESET|FILE.toml"),
    "other_flag": ([*TINY, "--layers", "3"], "unrecognized arguments: --layers 3"),
    "no_number": ([*TINY, "--n-layer", "x"], "argument --n-layer: invalid int value: 'x'"),
    "heads": ([*TINY, "--n-head", "4"], "--n-embd: expected a multiple of n_head = 4, got 6"),
    "rate": ([*TINY, "--min-lr", "1"], "--min-lr: expected at most learning_rate = 0.001, got 1.0"),
    "patience": ([*TINY, "--patience", "2", "--eval-interval", "0"], "--eval-interval: expected"),
    "quiet_dry": ([*TINY, "--quiet", "--dry-run"], "--quiet does not go with --dry-run"),
    "vocab": ([*TINY, "--vocab-size", "8"], "--vocab-size: expected at least 9, as the data's"),
    "frozen": ([*TINY, "--frozen", "h.1"], "--frozen: expected beginnings of names such as wte."),
    "no_data": (["train", "gpt2"], "--data: expected text or a folder of `pygpt prepare`, since"),
    "two": ([*TINY, "--data", "data", "--tokenizer", "char"], "--tokenizer does not go with data"),
    "file_two": (["train", "two.toml"], "--tokenizer does not go with data, which has its own"),
    "no_tokenizer": (["train", "text.toml"], "--tokenizer: expected char, gpt2, cl100k_base or a"),
    "backend": ([*TINY, "--backend", "gpu"], "argument --backend: invalid choice: 'gpu'"),
}
BAD_INPUT = {
    "run": (["train", "folder"], "or a TOML file; got a folder; a run is gone on with by PRESET "),
    "recipe": (["train", "gpt3"], "recipe gpt3: expected one of microgpt, makemore, shakespeare"),
    "missing": ([*TINY, "--data", "none.txt"], "data file none.txt: there is no such file"),
    "empty": ([*TINY, "--data", "empty.txt"], "data empty.txt: expected text, got none"),
    "one": ([*TINY, "--data", "one.txt"], "a validation split of 0.1 leaves nothing to train on"),
    "short": ([*TINY, "--data", "short.txt"], "tokens: expected more than block_size = 7, got 5"),
    "mixed": ([*TINY, "--data", "mixed"], "token file mixed/train.bin: expected tokens of the"),
    "character": ([*TINY, "--tokenizer", "data"], "text: expected known characters, got 'l'"),
    "foreign": ([*TINY, "--out", "folder"], "run folder folder: exists and is no run of pygpt"),
    "file": ([*TINY, "--out", "one.txt"], "run folder one.txt: cannot be written: File exists"),
    "large": ([*TINY, "--n-embd", "2000000"], "a model of these sizes needs at least "),
}
BAD_FILES = {
    "syntax": ("[model\n", "recipe bad.toml: expected TOML, got an error: "),
    "table": ("[modell]\n", "recipe bad.toml: modell: expected one of preset, [model], [train], ["),
    "no_table": ("model = 3\n", "recipe bad.toml: model: expected a table, [model], got 3"),
    "preset": ('preset = "gpt3"\n', "recipe bad.toml: preset: expected one of microgpt, makemore"),
    "key": ("[model]\nlayers = 3\n", "recipe bad.toml: [model] layers: expected one of block_size"),
    "type": ('[model]\nn_layer = "3"\n', "[model] n_layer: expected a whole number, got '3'"),
    "whole": ("[train]\nmax_iters = 1.0\n", "[train] max_iters: expected a whole number, got 1.0"),
    "bool": ("[model]\nbias = 1\n", "[model] bias: expected true or false, got 1"),
    "number": ("[train]\nmin_lr = true\n", "[train] min_lr: expected a number, got True"),
    "choice": ('[train]\nschedule = "x"\n', "[train] schedule: expected one of cosine, linear"),
    "range": ("[train]\nmax_iters = 0\n", "[train] max_iters: expected at least 1, got 0"),
    "source": ("[data]\nsource = 3\n", "[data] source: expected text, got 3"),
}


def _fails(arguments: list[str], status: int, message: str, capsys: Capture) -> None:
    """The command must end with this status and one line, and leave everything as it was."""
    before = _tree()
    assert cli.run(arguments) == status
    captured = capsys.readouterr()
    assert captured.err.startswith("pygpt: error: ") and captured.err.count("\n") == 1
    assert message in captured.err
    assert _tree() == before


@pytest.fixture
def _datasets() -> None:
    Path("ab.txt").write_text("ab" * 17)
    prepare("ab.txt", "char", "data")
    prepare("words.txt", "char", "mixed")
    Path("mixed/train.bin").write_bytes(Path("data/train.bin").read_bytes())
    Path("two.toml").write_text('[data]\nsource = "data"\ntokenizer = "char"\n')
    Path("text.toml").write_text('[data]\nsource = "words.txt"\n')


@pytest.mark.usefixtures("_datasets")
@pytest.mark.parametrize("case", BAD_USAGE)
def test_bad_usage(case: str, capsys: Capture) -> None:
    arguments, message = BAD_USAGE[case]
    _fails(arguments, 2, message, capsys)


@pytest.mark.usefixtures("_datasets")
@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input(case: str, capsys: Capture) -> None:
    arguments, message = BAD_INPUT[case]
    _fails(arguments, 1, message, capsys)


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files(case: str, capsys: Capture) -> None:
    text, message = BAD_FILES[case]
    Path("bad.toml").write_text(text)
    _fails(["train", "bad.toml", "--data", "words.txt"], 1, message, capsys)


def test_a_run_that_is_there(capsys: Capture) -> None:
    short = [*TINY, "--out", "run", "--quiet"]
    assert cli.run(short) == 0
    capsys.readouterr()
    _fails(short, 1, "run folder run: has a run of 11 steps; resume it, or choose another", capsys)
    _fails([*short[:-1], "--dry-run"], 1, "has a run of 11 steps", capsys)
    other = [*short, "--resume", "--max-iters", "20"]
    _fails([*other, "--n-layer", "2"], 1, "n_layer: expected 2, as the model has, got 1", capsys)
    _fails([*other, "--batch-size", "4"], 2, "--batch-size: expected 3, as the run began", capsys)
    with closing(RunFolder("run")):
        _fails(other, 1, "run folder run: is in use by another process, ", capsys)
    weights = Path("run/last/model.safetensors")
    damaged = bytearray(weights.read_bytes())
    damaged[-5] ^= 1
    weights.write_bytes(damaged)
    _fails(other, 1, "model.safetensors is damaged: its SHA-256 is not that of", capsys)


# ---- signals ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("unpacked")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_checkpoint(
    number: signal.Signals, status: int, python_environment: dict[str, str], capsys: Capture
) -> None:
    endless = [*TINY, "--max-iters", "3000000", "--checkpoint-interval", "0", "--out", "run"]
    command = [sys.executable, "-m", "pygpt", *endless, "--eval-interval", "0", "--quiet"]
    with started(command, env=python_environment, stderr=PIPE) as process:
        deadline = time.monotonic() + 30
        while not os.path.exists("run/metrics.jsonl") or not os.stat("run/metrics.jsonl").st_size:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (status, "")
    saved = newest_in(Path("run"), FILES)
    assert saved is not None
    step = int(saved.name.removeprefix("step-"))
    ended = "interrupted" if status == 130 else "terminated"
    said = f"checkpoint after step {step:,}: run; --resume goes on from there"
    assert err == f"{said}\npygpt: {ended}\n"
    resumed = ["train", "shakespeare-char", "--out", "run", "--resume", "--quiet"]
    assert cli.run([*resumed, "--max-iters", str(step + 3)]) == 0
    assert capsys.readouterr().out.startswith("3 steps in ")
    assert [record["step"] for record in _metrics("run")] == list(range(1, step + 4))


@pytest.mark.usefixtures("signals")
def test_a_second_signal_ends_at_once(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Here the two come before the third step has ended."""
    from pygpt.engine.training import Training

    steps = []
    accumulate = Training.accumulate

    def interrupted(*arguments: object) -> float:
        steps.append(1)
        if len(steps) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        return accumulate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Training, "accumulate", interrupted)
    assert cli.run([*TINY, "--checkpoint-interval", "2", "--out", "run", "--quiet"]) == 130
    said = "checkpoint after step 2: run; --resume goes on from there"
    assert capsys.readouterr().err == f"{said}\npygpt: interrupted\n"
    assert len(steps) == 3
    assert os.readlink("run/last") == "step-00000002"


# ---- help ------------------------------------------------------------------------------------


def test_help_has_every_option(capsys: Capture) -> None:
    assert cli.run(["train", "--help"]) == 0
    text = capsys.readouterr().out
    specs = [spec for kind in (GPTConfig, TrainConfig) for spec in fields(kind)]
    flags = [cli.flag(spec.name) for spec in specs if not spec.metadata["rule"].added]
    own = ("--data", "--tokenizer", "--out", "--resume", "--dry-run", "--backend", "--quiet")
    for flag in (*flags, *own):
        assert f"\n  {flag}" in text
    assert "\nmodel:\n" in text and "\ntraining:\n" in text
    assert "--bias, --no-bias" in text and "python -m pygpt train shakespeare-char\n" in text


def test_a_checkpoint_makes_text() -> None:
    assert cli.run([*TINY, "--out", "run", "--quiet"]) == 0
    with GPT.from_pretrained("run/best") as model:
        assert model.generate("low", 4, seed=1).startswith("low")
