"""The command line: bad usage, bad input, logs, folders, help. Protocol runs: test_names.py."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from pygpt import GPT, CharTokenizer, GPTConfig, NamesConfig
from pygpt.cli import main as cli

SHORT = ["--steps", "20", "--samples", "3", "--quiet"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("latin1.txt").write_bytes(b"ab\xe9\n")
    Path("binary.txt").write_bytes(b"a\0b\n")
    Path("empty.txt").write_bytes(b"\n \n")
    Path("words.txt").write_bytes(b"one\ntwo\n")
    Path("folder").mkdir()


BAD_USAGE = {
    "no_command": ([], "the following arguments are required: COMMAND"),
    "other_command": (["nams"], "argument COMMAND: invalid choice: 'nams'"),
    "other_option": (["names", "--step", "3"], "unrecognized arguments: --step 3"),
    "no_number": (["names", "--steps", "ten"], "argument --steps: invalid int value: 'ten'"),
    "heads": (["names", "--n-embd", "18"], "--n-embd: expected a multiple of n_head = 4, got 18"),
    "zero": (["names", "--steps", "0"], "--steps: expected at least 1, got 0"),
    "negative": (["names", "--n-layer", "-1"], "--n-layer: expected at least 1, got -1"),
    "samples": (["names", "--samples", "-1"], "--samples: expected at least 0, got -1"),
    "nan": (["names", "--temperature", "nan"], "--temperature: expected a finite number, got nan"),
    "cold": (["names", "--temperature", "0"], "--temperature: expected more than 0, got 0.0"),
    "rate": (["names", "--learning-rate", "-1"], "--learning-rate: expected more than 0, got -1.0"),
    "backend": (["names", "--backend", "gpu"], "--backend: expected one of cpu, nd4j, plain, cuda"),
    "no_path": (["names", "--out", ""], "--out: expected a path, got ''"),
    "log_on_data": (
        ["names", "--data", "words.txt", "--log", "./words.txt"],
        "--log: expected another file than --data, got words.txt",
    ),
    "log_in_out": (
        ["names", "--out", "new", "--log", "new/log"],
        "--log: expected a file outside the model, got new/log",
    ),
    "from_steps": (["names", "--from", "m", "--steps", "5"], "--steps does not go with --from"),
    "from_width": (["names", "--from", "m", "--n-embd", "16"], "--n-embd does not go with --from"),
    "from_out": (["names", "--from", "m", "--out", "o"], "--out does not go with --from"),
    "from_data": (["names", "--from", "m", "--data", "d"], "--data does not go with --from"),
}

BAD_INPUT = {
    "missing": (["--data", "none.txt"], "data file none.txt: there is no such file"),
    "data_folder": (["--data", "folder"], "data file folder: expected a text file, got a folder"),
    "empty": (["--data", "empty.txt"], "data file empty.txt: expected at least one line of text"),
    "binary": (["--data", "binary.txt"], "data file binary.txt: expected text, got a binary file"),
    "latin1": (["--data", "latin1.txt"], "expected UTF-8, got byte 0xe9 at offset 2"),
    "out_file": (["--out", "words.txt"], "output folder words.txt: exists and is no model that"),
    "out_folder": (["--out", "folder"], "output folder folder: exists and is no model that pygpt"),
    "out_parent": (["--out", "words.txt/out"], "cannot be written: Not a directory"),
    "log_folder": (["--log", "folder"], "log file folder: cannot be written: Is a directory"),
    "log_parent": (["--log", "none/log"], "log file none/log: cannot be written: No such file"),
    "from_none": (["--from", "none"], "model folder none: does not exist"),
    "from_file": (["--from", "words.txt"], "model folder words.txt: is no folder"),
    "from_foreign": (["--from", "folder"], "model folder folder: config.json is missing; was it"),
}


def _fails(arguments: list[str], status: int, message: str, capsys: Capture) -> None:
    """The command must end with this status and one line, and leave the folder as it was."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    names = sorted(os.listdir())
    assert cli.run(arguments) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pygpt: error: ") and captured.err.count("\n") == 1
    assert message in captured.err
    assert sorted(os.listdir()) == names
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.mark.parametrize("case", BAD_USAGE)
def test_bad_usage(case: str, capsys: Capture) -> None:
    arguments, message = BAD_USAGE[case]
    _fails(arguments, 2, message, capsys)


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input(case: str, capsys: Capture) -> None:
    arguments, message = BAD_INPUT[case]
    _fails(["names", "--quiet", *arguments], 1, message, capsys)


TOO_LARGE = {
    "wide": ["--n-embd", "2000000000"],
    "deep": ["--n-layer", "2000000000"],
    "long": ["--block-size", "2000000000", "--n-embd", "1024"],
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_too_large_a_model(case: str, capsys: Capture) -> None:
    message = "training a model of these sizes needs at least "
    _fails(["names", "--quiet", *TOO_LARGE[case]], 1, message, capsys)


def test_save_and_make_more(capsys: Capture) -> None:
    assert cli.run(["names", *SHORT, "--out", "model", "--log", "first.jsonl"]) == 0
    assert cli.run(["names", *SHORT, "--out", "model"]) == 0  # ours: replaced
    first = capsys.readouterr().out.splitlines()
    assert first[:3] == first[3:]
    assert not list(Path().glob(".*"))
    more = ["names", "--from", "model", "--samples", "4", "--seed", "-5", "--log", "more.jsonl"]
    assert cli.run(more) == cli.run(more) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert (len(lines), lines[:4], captured.err) == (8, lines[4:], "")
    logged = [json.loads(line) for line in Path("more.jsonl").read_text().splitlines()]
    assert logged == [{"sample": line} for line in lines[:4]]
    assert len(Path("first.jsonl").read_text().splitlines()) == 23


def test_names_of_a_model_that_has_no_documents(capsys: Capture) -> None:
    for name, tokenizer in {"ids": None, "text": CharTokenizer("ab", bos=False)}.items():
        with GPT(GPTConfig.microgpt(3, 2, 1, 1, 2), tokenizer=tokenizer) as model:
            model.save_pretrained(name)
        _fails(["names", "--from", name], 1, f"model folder {name}: expected a model of", capsys)


def test_a_pipe_gets_plain_lines(capsys: Capture) -> None:
    assert cli.run(["names", "--steps", "23", "--samples", "0"]) == 0
    captured = capsys.readouterr()
    head, *lines = captured.err.splitlines()
    assert head.startswith("32,033 documents, 26 characters, 4,192 parameters; backend cpu: ")
    starts = [line.split("/")[0] for line in lines]
    assert starts == [f"step {step:2}" for step in (3, 5, 7, 10, 12, 14, 17, 19, 21, 23)]
    assert captured.out == ""


def test_a_loss_that_is_no_number_ends_the_training(capsys: Capture) -> None:
    arguments = ["--learning-rate", "1e300", "--steps", "5", "--quiet"]
    assert cli.run(["names", *arguments, "--log", "log", "--out", "out"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pygpt: error: loss: expected a finite number in step 2, got ")
    assert captured.err.count("\n") == 1
    assert not Path("out").exists()
    logged = [json.loads(line)["step"] for line in Path("log").read_text().splitlines()]
    assert logged == [1]


def test_debug_shows_stacks(capsys: Capture) -> None:
    assert cli.run(["--debug", "names", "--data", "none.txt"]) == 1
    error = capsys.readouterr().err
    assert "Traceback" in error and error.splitlines()[-1].startswith("pygpt: error: data file")


def test_help_has_every_option(capsys: Capture) -> None:
    assert cli.run(["--help"]) == cli.run(["--version"]) == 0
    text = capsys.readouterr().out
    assert "python -m pygpt names --from model" in text and "pygpt " in text.splitlines()[-1]
    assert cli.run(["names", "--help"]) == 0
    text = capsys.readouterr().out
    flags = [cli.flag(spec.name) for spec in fields(NamesConfig)]
    for flag in (*flags, "--data", "--log", "--out", "--from", "--quiet"):
        assert f"\n  {flag}" in text
    for spec in fields(NamesConfig):
        assert f"(default: {spec.default})" in " ".join(text.split())


def test_backend_auto(capsys: Capture) -> None:
    """Every command that has --backend takes it; small models are for the processor."""
    commands = ("names", "train", "finetune", "prefer", "eval", "generate", "chat", "serve", "show")
    for command in commands:
        assert cli.run([command, "--help"]) == 0
        assert "--backend cpu|nd4j|plain|cuda|auto" in capsys.readouterr().out, command
    short = ["names", "--steps", "2", "--samples", "1", "--backend"]
    assert cli.run([*short, "auto"]) == 0
    assert " parameters; backend cpu: " in capsys.readouterr().err
    assert cli.run([*short, "cpu", "--device", "1"]) == 2
    assert "--device 1: expected --backend cuda beside it" in capsys.readouterr().err


def test_missing_jars_are_one_line(python: Callable[..., Any], tmp_path: Path) -> None:
    result = python("-m", "pygpt", "names", PYGPT_JARS=str(tmp_path / "folder"))
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith("pygpt: error: the folder of jars ")


@pytest.mark.usefixtures("unpacked")
def test_any_character_prints_anywhere(python: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("\u00e9\u00e9\n\u00e8\n", encoding="utf-8")
    arguments = ["names", "--data", "words.txt", "--steps", "3", "--quiet"]
    result = python("-m", "pygpt", *arguments, PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "") and "?" in result.stdout


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)


def test_every_option_has_help_that_stands_alone() -> None:
    for action in _actions(cli.make_parser()):
        if isinstance(action, argparse._SubParsersAction):
            continue
        assert action.help, action
        assert action.help.split()[0] not in ("of", "in", "by", "for"), action.help
        assert not action.help.endswith("."), action.help
