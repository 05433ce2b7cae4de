"""`finetune`, `eval`, `info` and `completion`: what they print, and one line for each error."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import pygpt
from pygpt import GPT, CharTokenizer, Dataset, GPTConfig, TrainConfig
from pygpt.cli import main as cli
from pygpt.model.presets import PRESETS

Capture = pytest.CaptureFixture[str]
TRAIN = [
    "train", "shakespeare-char", "--data", "words.txt", "--block-size", "13", "--n-layer", "2",
    "--n-head", "1", "--n-embd", "6", "--batch-size", "3", "--max-iters", "7", "--out", "run",
    "--eval-interval", "3", "--eval-iters", "2", "--quiet",
]  # fmt: skip
TUNE = ["finetune", "run", "pairs.jsonl", "--max-iters", "5", "--eval-interval", "2"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, and files beside it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        pairs = ({"prompt": f"{word}?", "answer": "slow"} for word in ("row", "low", "two", "to"))
        Path("pairs.jsonl").write_text("".join(f"{json.dumps(pair)}\n" for pair in pairs))
        Path("words.txt").write_text("low? lower? two slow rows\n" * 29)
        Path("none.jsonl").write_text('{"prompt": "low?"}\n')
        Path("one.jsonl").write_text('{"prompt": "low", "answer": "row"}\n')
        Path("ab.txt").write_text("ab" * 29)
        pygpt.prepare("ab.txt", "char", "ab")
        Path("folder").mkdir()
        with GPT(GPTConfig.microgpt(5, 11, 1, 1, 2)) as model:
            model.save_pretrained("ids")
        assert cli.run(TRAIN) == 0
    return folder


@pytest.fixture(autouse=True)
def _folder(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(finished, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def _weights(folder: str) -> dict[str, np.ndarray]:
    return load_file(Path(folder, "model.safetensors"))


# ---- finetune --------------------------------------------------------------------------------


def test_finetune_on_pairs(capsys: Capture) -> None:
    assert cli.run([*TUNE, "--out", "tuned", "--frozen", "wpe,h.0"]) == 0
    captured = capsys.readouterr()
    plan, result = captured.out.split("# a training step", 1)
    before, after = _weights("run/best"), _weights("tuned/last")
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {name for name in before if not name.startswith(("wpe", "h.0"))}
    trained = sum(before[name].size for name in changed)
    total = sum(weight.size for weight in before.values())
    assert f"\n# {total:,} parameters, {trained:,} of them trained\n" in plan
    assert "\n# fine-tuned from run\n" in plan and "\nlearning_rate = 0.0001\n" in plan
    assert result.splitlines()[-2].startswith("5 steps in ")
    assert captured.err.splitlines()[-2].startswith("step 5/5  loss ")


def test_finetune_on_a_dataset_and_resume(capsys: Capture) -> None:
    for steps in ("2", "4"):
        arguments = ["finetune", "run/best", "run/data", "--out", "tuned", "--quiet", "--resume"]
        assert cli.run([*arguments, "--max-iters", steps, "--eval-interval", "0"]) == 0
    took = [line.split(" in ")[0] for line in capsys.readouterr().out.splitlines()[::2]]
    assert took == ["2 steps", "2 steps"]
    lines = Path("tuned/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]


# ---- eval ------------------------------------------------------------------------------------


def test_eval_measures_all_of_the_validation_split(capsys: Capture) -> None:
    assert cli.run(["eval", "run"]) == 0  # of the data that it was trained on
    shown = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert cli.run(["eval", "run/best", "run/data", "--json", "--batch-size", "5"]) == 0
    values = json.loads(capsys.readouterr().out)
    data = Dataset.load("run/data")
    with GPT.from_pretrained("run/best") as model:
        batches = data.streams(13, TrainConfig(batch_size=3)).validation.eval_batches()
        expected = pygpt.evaluate(model, batches, 1.0)
    assert values["tokens"] == expected.tokens == len(data.val) - 1
    assert values["loss"] == pytest.approx(expected.loss, rel=1e-6)  # batches sum in another order
    assert values["perplexity"] == pytest.approx(math.exp(values["loss"]))
    assert values["bits_per_byte"] == pytest.approx(values["loss"] / math.log(2))
    assert shown == {
        "loss": f"{expected.loss:.4f}",
        "perplexity": f"{expected.perplexity:.4f}",
        "tokens": f"{expected.tokens:,}",
        "bits per byte": f"{expected.bits_per_byte:.4f}",
    }


def test_eval_of_some_batches_and_of_pairs(capsys: Capture) -> None:
    assert cli.run(["eval", "run", "run/data", "--json", "--eval-iters", "1"]) == 0
    data = Dataset.load("run/data").streams(13, TrainConfig(batch_size=3)).validation
    (batch,) = data.eval_batches(1)
    scored = int((batch.targets >= 0).sum())
    assert json.loads(capsys.readouterr().out)["tokens"] == scored > 2 * 13
    assert cli.run(["eval", "run", "pairs.jsonl", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert set(values) == {"loss", "perplexity", "tokens"} and values["tokens"] == 4  # "slow"


# ---- info ------------------------------------------------------------------------------------


def _info(what: str, capsys: Capture) -> dict[str, object]:
    assert cli.run(["info", what]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert cli.run(["info", what, "--json"]) == 0
    values: dict[str, object] = json.loads(capsys.readouterr().out)
    names = [name.replace("_", " ") for name in values]
    assert all(line.startswith(f"{name}  ") for line, name in zip(lines, names, strict=True))
    return values


def _files(folder: str) -> int:
    return sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file() and not _link(p))


def _link(path: Path) -> bool:
    return any(part.is_symlink() for part in (path, *path.parents))


def test_info_of_a_run_and_its_checkpoint(capsys: Capture) -> None:
    run, best = _info("run", capsys), _info("run/best", capsys)
    config = json.loads(Path("run/best/config.json").read_bytes())
    sizes = {name: config[name] for name in GPTConfig().to_dict()}
    for values in (run, best):
        assert values["parameters"] == GPTConfig(**sizes).num_parameters
        assert values["config"] == sizes and values["dtype"] == "F32"
        assert str(values["tokenizer"]).startswith("char of 10 ids, ")
    step = int(os.readlink("run/best").removeprefix("step-"))
    assert (run["kind"], best["kind"]) == ("run", "checkpoint")
    assert run["best_step"] == best["best_step"] == best["step"] == step
    assert run["last_step"] == run["step"] == 7 and 7 in run["checkpoints"]  # type: ignore[operator]
    assert run["files_bytes"] == _files("run")


def test_info_of_data(capsys: Capture) -> None:
    data = Dataset.load("run/data")
    values = _info("run/data", capsys)
    assert values["kind"] == "dataset"
    assert values["train_tokens"] == len(data.train) and values["val_tokens"] == len(data.val)
    assert values["train_text_bytes"] == data.train.text_bytes
    assert values["files_bytes"] == _files("run/data")


def test_info_of_a_model(capsys: Capture) -> None:
    for what in ("ids", "ids/model.safetensors"):
        values = _info(what, capsys)
        assert values["kind"] == "model" and "tokenizer" not in values and "step" not in values


@pytest.mark.parametrize("name", PRESETS)
def test_info_of_a_preset(name: str, capsys: Capture) -> None:
    values = _info(name, capsys)
    count = GPTConfig.preset(name).num_parameters
    assert (values["kind"], values["parameters"]) == ("preset", count)
    assert values["training_without_activations_bytes"] == 16 * count


# ---- errors ----------------------------------------------------------------------------------

ERRORS = {
    "tune_no_out": (TUNE, 2, "--out: expected a folder for the new run, got none"),
    "tune_there": ([*TUNE, "--out", "run"], 1, "run: has a run of 7 steps; resume it, or choose"),
    "tune_frozen": ([*TUNE, "--out", "new", "--frozen", "x"], 2, "--frozen: expected beginnings"),
    "tune_all": (
        [*TUNE, "--out", "new", "--validation", "1"],
        2,
        "--validation: expected more than 0 and less than 1, got 1.0",
    ),
    "tune_one": (
        ["finetune", "run", "one.jsonl", "--out", "new"],
        1,
        "expected pairs enough to split, got 1; a validation split of 0.1 leaves nothing",
    ),
    "tune_field": (
        ["finetune", "run", "none.jsonl", "--out", "new"],
        1,
        "none.jsonl: line 1: expected a field 'answer', got 'prompt'",
    ),
    "tune_other": (
        ["finetune", "run", "ab", "--out", "new"],
        2,
        "error: tokenizer: expected data of the model's tokenizer, got another's",
    ),
    "tune_none": (["finetune", "none/none/none", "ab", "--out", "new"], 1, "does not exist"),
    "eval_other": (["eval", "run", "ab"], 2, "error: tokenizer: expected data of the model's"),
    "eval_ids": (["eval", "ids", "pairs.jsonl"], 2, "error: tokenizer: expected a model with"),
    "eval_missing": (["eval", "run", "none.txt"], 1, "data file none.txt: cannot be read"),
    "eval_folder": (["eval", "run", "folder"], 1, "tokenizer folder/tokenizer.json: expected a"),
    "eval_iters": (["eval", "run", "ab", "--eval-iters", "-1"], 2, "--eval-iters: expected at"),
    "info_none": (["info", "none"], 1, "none: expected the folder of a run, a model or a dataset"),
    "info_folder": (["info", "folder"], 1, "xl; exists, but is none"),
    "completion": (["completion", "ksh"], 2, "argument bash|zsh|fish: invalid choice: 'ksh'"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str, capsys: Capture) -> None:
    arguments, status, message = ERRORS[case]
    before = {path: path.is_file() and path.read_bytes() for path in Path().rglob("*")}
    assert cli.run(arguments) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pygpt: error: ") and captured.err.count("\n") == 1
    assert message in captured.err
    assert {path: path.is_file() and path.read_bytes() for path in Path().rglob("*")} == before


def test_a_damaged_checkpoint(capsys: Capture) -> None:
    with open("run/best/model.safetensors", "r+b") as file:
        file.truncate(1000)
    for arguments in (["eval", "run", "run/data"], ["info", "run/best"], [*TUNE, "--out", "new"]):
        assert cli.run(arguments) == 1
        assert "model.safetensors is damaged: its SHA-256 is not that" in capsys.readouterr().err


def test_a_run_without_checkpoints(capsys: Capture) -> None:
    Path("begun").mkdir()
    Path("begun/lock").touch()
    assert cli.run(["eval", "begun", "run/data"]) == 1
    said = "run folder begun: expected checkpoints, got none yet\n"
    assert capsys.readouterr().err == f"pygpt: error: {said}"
    assert _info("begun", capsys) == {"kind": "run", "checkpoints": [], "files_bytes": 0}


def test_the_tokenizer_goes_along() -> None:
    with GPT.from_pretrained("run/best") as model:
        assert model.tokenizer == CharTokenizer("\n ?elorstw", bos=False)


# ---- completion ------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, capsys: Capture) -> None:
    assert cli.run(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("finetune", "shakespeare-char", "learning-rate", "no-bias", "dry-run"):
        assert word in script
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=script, text=True, capture_output=True)
        assert (checked.returncode, checked.stderr) == (0, "")
