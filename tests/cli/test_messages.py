"""Messages where the user is: flags as typed, what was meant, what goes on, what comes next."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pygpt import GPT, CharTokenizer, GPTConfig
from pygpt.__main__ import main
from pygpt.cli import main as cli
from pygpt.cli import progress
from pygpt.cli.flags import near_flags
from pygpt.cli.training import folded

Capture = pytest.CaptureFixture[str]
MODEL = ["--block-size", "7", "--n-layer", "1", "--n-head", "1", "--n-embd", "6"]
STEPS = ["--batch-size", "3", "--max-iters", "3", "--eval-iters", "2"]
TINY = ["train", "shakespeare-char", "--data", "words.txt", *MODEL, *STEPS]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("low lower lowest\n" * 23)


def _fails(arguments: list[str], status: int, message: str, capsys: Capture) -> None:
    assert cli.run(arguments) == status
    captured = capsys.readouterr()
    assert captured.err.startswith("pygpt: error: ") and captured.err.count("\n") == 1
    assert message in captured.err


# ---- what was meant --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ([*TINY, "--learning_rate=1e-3"], "--learning_rate=1e-3; did you mean --learning-rate?"),
        ([*TINY, "--n_embd", "8"], "did you mean --n-embd?"),
        ([*TINY, "--lr", "1"], "did you mean --learning-rate?"),
        ([*TINY, "--out_dir=x"], "did you mean --out?"),
        ([*TINY, "--max-itters", "3"], "did you mean --max-iters?"),
        (["prepare", "words.txt", "--tokeniser", "char"], "--tokenizer, --out"),
        (["generate", "x", "--prompt", "a", "--top_k=3"], "did you mean --top-k?"),
        (["tokenizer", "train", "x", "--vocab_size", "300", "--out", "y"], "arguments are requ"),
        (["trian", "gpt2"], "did you mean train?"),
        (["evaluate", "run"], "did you mean eval?"),
    ],
)
def test_did_you_mean(arguments: list[str], meant: str, capsys: Capture) -> None:
    _fails(arguments, 2, meant, capsys)


@pytest.mark.parametrize(
    ("flag", "typed", "meant"),
    [
        ("--max-iters", "1e3", "1000"),
        ("--max-iters", "10,000", "10000"),
        ("--batch-size", "12.0", "12"),
        ("--learning-rate", "0,001", "0.001"),
        ("--learning-rate", "10%", "0.1"),
        ("--max-iters", "50k", "50000"),
        ("--n-layer", "1.5", ""),
        ("--n-layer", "many", ""),
    ],
)
def test_numbers_as_others_write_them(flag: str, typed: str, meant: str, capsys: Capture) -> None:
    kind = "float" if flag == "--learning-rate" else "int"
    advice = f"; did you mean {meant}?" if meant else ""
    message = f"argument {flag}: invalid {kind} value: '{typed}'{advice}\n"
    _fails([*TINY, flag, typed], 2, message, capsys)


def test_addresses_are_no_files(capsys: Capture) -> None:
    where = "https://example.org/book.txt"
    advice = f"data file {where}: there is no such file; no addresses are read: fetch the file"
    _fails(["train", "shakespeare-char", "--data", where], 1, advice, capsys)
    _fails(["prepare", where, "--tokenizer", "char", "--out", "x"], 1, advice, capsys)
    _fails(["names", "--data", where], 1, "no addresses are read: fetch the file first", capsys)
    on_hub = "the files of a data set on the Hugging Face hub are fetched first"
    _fails(["prepare", "some/stories", "--tokenizer", "char", "--out", "x"], 1, on_hub, capsys)
    page = "https://huggingface.co/org/tiny/tree/main"
    _fails(["generate", page, "--prompt", "a"], 1, "give the name alone, org/tiny", capsys)


def test_ctrl_c_before_there_is_a_command(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130 and capsys.readouterr().err == "pygpt: interrupted\n"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[model]\nn_layers = 2\n", "; did you mean n_layer?\n"),
        ("[data]\nseperator = '#'\n", "; did you mean separator?\n"),
        ("n_layer = 2\n", "; n_layer goes into [model]\n"),
        ("max_iters = 2\n", "; max_iters goes into [train]\n"),
    ],
)
def test_keys_that_are_almost_right(text: str, meant: str, capsys: Capture) -> None:
    Path("mine.toml").write_text(text)
    assert cli.run(["train", "mine.toml"]) == 1
    assert capsys.readouterr().err.endswith(meant)


def test_presets_that_are_almost_right(capsys: Capture) -> None:
    for name in ("shakespeare_char", "Shakespear-char"):
        _fails(["train", name], 1, "; did you mean shakespeare-char?", capsys)


def test_nothing_is_meant() -> None:
    assert near_flags(["--zebra", "word", "-x"], ["--out", "--data"]) == ""


def test_a_configuration_of_nanogpt(capsys: Capture) -> None:
    for text in ("out_dir = 'out'\n", "# Python\nif True:\n    batch_size = 3\n"):
        Path("train_mine.py").write_text(text)
        said = "a configuration of nanoGPT is Python: give its names as flags, such as --batch-size"
        _fails(["train", "train_mine.py"], 1, said, capsys)


def test_data_of_nanogpt(capsys: Capture) -> None:
    Path("theirs").mkdir()
    for name in ("train", "val"):
        np.arange(9, dtype=np.uint16).tofile(f"theirs/{name}.bin")
    Path("theirs/meta.pkl").write_bytes(pickle.dumps({"vocab_size": 9}))
    said = "token files of nanoGPT, whose tokenizer is not among them: prepare the text again"
    for arguments in (["train", "shakespeare-char", "--data", "theirs"], ["info", "theirs"]):
        _fails(arguments, 1, said, capsys)


def test_a_name_that_is_almost_that_of_a_run(capsys: Capture) -> None:
    with GPT(GPTConfig.microgpt(5, 4, 1, 1, 2), tokenizer=CharTokenizer("abc")) as model:
        Path("runs").mkdir()
        model.save_pretrained("runs/first")
    for name, meant in (("runs/frist", "runs/first"), ("first", "runs/first")):
        said = f"model {name}: there is no such folder; did you mean {meant}?"
        _fails(["generate", name, "--prompt", "a"], 1, said, capsys)
    said = "model runs/zzz: there is no such folder; runs has first"
    _fails(["eval", "runs/zzz"], 1, said, capsys)


def test_flags_that_a_command_lacks_are_not_named(capsys: Capture) -> None:
    assert cli.run([*TINY, "--out", "run", "--quiet"]) == 0
    Path("ab.txt").write_text("ab" * 99)
    prepare = ["prepare", "ab.txt", "--tokenizer", "char", "--out", "ab", "--quiet"]
    assert cli.run(prepare) == 0
    capsys.readouterr()
    said = "pygpt: error: tokenizer: expected data of the model's tokenizer, got another's"
    for arguments in (["eval", "run", "ab"], ["finetune", "run", "ab", "--out", "new"]):
        assert cli.run(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith(said) and "--tokenizer run" in error
    arguments = ["prepare", "words.txt", "--tokenizer", "run", "--out", "more", "--quiet"]
    assert cli.run(arguments) == 0
    assert cli.run(["eval", "run", "more"]) == 0


def test_text_where_there_should_be_pairs(capsys: Capture) -> None:
    assert cli.run([*TINY, "--out", "run", "--quiet"]) == 0
    capsys.readouterr()
    said = "text is prepared first: pygpt prepare words.txt --tokenizer MODEL --out DATA"
    for arguments in (["eval", "run", "words.txt"], ["finetune", "run", "words.txt", "--out", "x"]):
        _fails(arguments, 1, said, capsys)


# ---- warnings --------------------------------------------------------------------------------


def test_a_warning_is_one_line(capsys: Capture) -> None:
    with warnings.catch_warnings(), progress.shown_warnings():
        warnings.simplefilter("always")
        warnings.warn("there is\nsomething", stacklevel=1)
    assert capsys.readouterr().err == "pygpt: warning: there is something\n"


# ---- signs of life ---------------------------------------------------------------------------


def test_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST_SIGN_S", 0.3)
    monkeypatch.setattr(progress, "_LOOK_S", 0.01)
    doing, stream = ["loading x"], io.StringIO()
    with progress.alive(stream, False, lambda: doing[0]):
        time.sleep(0.2)
        assert stream.getvalue() == ""
        time.sleep(0.3)
        assert stream.getvalue() == "loading x … 0 s\n"
        doing[0] = "checking y, 3"
        time.sleep(0.2)
        assert stream.getvalue().count("\n") == 1
        time.sleep(0.3)
        doing[0] = "checking y, 4"
        assert stream.getvalue().endswith("checking y, 3 … 0 s\n")
        time.sleep(0.3)
        assert stream.getvalue().count("\n") == 2  # ever more rarely
    quiet = io.StringIO()
    with progress.alive(quiet, True, lambda: doing[0]):
        time.sleep(0.4)
    assert quiet.getvalue() == ""


def test_who_shows_lines_needs_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST_SIGN_S", 0.3)
    monkeypatch.setattr(progress, "_LOOK_S", 0.01)
    stream = io.StringIO()
    lines = progress.Lines(stream, steps=True)
    with progress.alive(stream, False, lambda: "step 1", lines):
        for _ in range(6):
            time.sleep(0.1)
            lines.note("line")
    assert stream.getvalue() == "line\n" * 6


# ---- what is shown first, and what comes next ------------------------------------------------


def test_repeats_stand_once() -> None:
    assert folded(list("abcbcbcd")) == "a, 3 × (b, c), d"
    assert folded(list("abcabcc")) == "2 × (a, b, c), c"
    assert folded(["a"]) == "a" and folded([]) == ""
    assert folded(list("aab")) == "2 × (a), b"


@pytest.mark.parametrize("preset", ["shakespeare-char", "gpt2"])
def test_what_is_shown_first_fits_a_screen(preset: str, capsys: Capture) -> None:
    few = ["--max-iters", "1", "--eval-iters", "1", "--n-embd", "24", "--block-size", "5"]
    small = [*few, "--batch-size", "1", "--gradient-accumulation-steps", "1"]
    flags = ["--data", "words.txt", "--tokenizer", "char", "--n-layer", "24", "--out", "run"]
    assert cli.run(["train", preset, *flags, *small]) == 0
    captured = capsys.readouterr()
    plan = captured.out.partition("1 steps in")[0]
    assert len(plan.splitlines()) <= 24
    assert max(map(len, captured.out.splitlines())) < 120
    assert "23 × (" in captured.out or "24 × (" in captured.out
    assert captured.err.splitlines()[-1].startswith("next: python -m pygpt generate run --prompt ")
    Path("shown.toml").write_text(plan)
    assert cli.run(["train", "shown.toml", "--dry-run"]) == 0
    again = capsys.readouterr().out
    assert "\nn_layer = 24\n" in again and again.count("attention") >= 24


def _next(capsys: Capture) -> list[str]:
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("next: python -m pygpt ")
    return said.split()[4:]


def test_the_next_command_works(capsys: Capture) -> None:
    prepare = ["prepare", "words.txt", "--tokenizer", "char", "--out", "my data"]
    assert cli.run(prepare) == 0
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "next: python -m pygpt train shakespeare-char --data 'my data'"
    assert cli.run([*TINY, "--out", "run"]) == 0
    assert cli.run(_next(capsys)) == 0
    rows = [json.dumps({"prompt": "low", "answer": "lower"})] * 4
    Path("pairs.jsonl").write_text("\n".join(rows))
    tune = ["finetune", "run", "pairs.jsonl", "--out", "tuned", "--max-iters", "2"]
    assert cli.run(tune) == 0
    assert _next(capsys) == ["chat", "tuned"]
    arguments = ["names", "--data", "words.txt", "--steps", "2", "--samples", "1"]
    assert cli.run([*arguments, "--out", "names"]) == 0
    assert cli.run(_next(capsys)) == 0
    train = ["tokenizer", "train", "words.txt", "--vocab-size", "262", "--out", "t.json"]
    assert cli.run(train) == 0
    assert cli.run(_next(capsys)) == 0
    assert os.path.exists("data/train.bin")


def test_folders_above_are_made(capsys: Capture) -> None:
    prepare = ["prepare", "words.txt", "--tokenizer", "char", "--quiet"]
    assert cli.run([*prepare, "--out", "a/b/data"]) == 0
    names = ["names", "--data", "words.txt", "--steps", "1", "--samples", "0", "--quiet"]
    assert cli.run([*names, "--out", "c/d/model"]) == 0
    assert os.path.exists("a/b/data/train.bin") and os.path.exists("c/d/model/config.json")
    Path("wrong.jsonl").write_text("3\n")
    assert cli.run(["prepare", "wrong.jsonl", *prepare[2:], "--out", "e/f/data"]) == 1
    assert not os.path.exists("e")


# ---- systems that lack something -------------------------------------------------------------


def test_a_file_system_without_locks(
    python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    code = (
        "import fcntl, sys\n"
        "def flock(*_): raise OSError(37, 'No locks available')\n"
        "fcntl.flock = flock\n"
        "from pygpt.cli.main import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    for command in (
        ["prepare", "words.txt", "--tokenizer", "char", "--out", "data", "--quiet"],
        ["train", "shakespeare-char", "--data", "data", *MODEL, *STEPS, "--out", "run", "--quiet"],
        ["train", "gpt2", "--data", "data", "--out", "run", "--resume", "--quiet"],
    ):
        result = python("-c", code, *command)
        assert result.returncode == 0, result.stderr
        warned = [line for line in result.stderr.splitlines() if "warning" in line]
        assert warned and all("this file system has no locks" in line for line in warned)
        assert result.stderr.count("\n") == len(warned)


@pytest.mark.skipif(
    shutil.which("setpriv") is None or os.getuid() != 0, reason="needs the superuser of a Linux"
)
def test_a_user_without_home_and_name(tmp_path: Path, python_environment: dict[str, str]) -> None:
    """As in a container that was given a user id that the system does not know."""
    from jbridge.jvm import find_jdk

    variables: dict[str, Any] = dict(python_environment)
    variables.pop("HOME", None)
    variables["JAVA_HOME"] = str(find_jdk().home)
    tmp_path.chmod(0o777)
    # The tests' folders and this tree may be closed to others, who may read them here all the same.
    others = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
    reads = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    arguments = ["names", "--steps", "2", "--samples", "1", "--quiet"]
    result = subprocess.run(
        [*others, *reads, sys.executable, "-m", "pygpt", *arguments],
        env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr


def test_documents_that_are_cut_are_counted(capsys: Capture) -> None:
    Path("names.txt").write_text("bo\nanna\nmaximiliana\n" * 12 + "ed\n")
    flags = ["--data", "names.txt", "--n-layer", "1", "--block-size", "6", "--out", "run"]
    assert cli.run(["train", "makemore", *flags, *STEPS]) == 0
    said = r"\n# (\d+) documents are longer than block_size, and read in parts\n"
    found = re.search(said, capsys.readouterr().out)
    assert found and 9 <= int(found[1]) <= 12


def test_a_picture_that_is_there(capsys: Capture) -> None:
    assert cli.run([*TINY, "--out", "run", "--quiet"]) == 0
    Path("plot.png").touch()
    _fails(["plot", "run"], 1, "choose another name, or remove it; --force replaces it", capsys)
