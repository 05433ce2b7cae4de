"""Java's own names program, beside Python's: names, logs, folders, exit status, signals."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from functools import partial
from pathlib import Path
from subprocess import PIPE
from typing import Any

import numpy as np
import pytest

import pygpt
from jbridge import jvm
from pygpt import GPT, CharTokenizer, GPTConfig, NamesConfig
from pygpt.cli import main as cli
from pygpt.fields import specs_of
from tests.support.processes import completed, started

ROOT = Path(__file__).parents[2]
INCUBATOR = "WARNING: Using incubator modules: jdk.incubator.vector\n"  # the JVM's, not ours
DEADLINE_S = 0.5 + 1.0  # as in test_interrupt.py
Capture = pytest.CaptureFixture[str]


def _command(*arguments: str) -> list[str]:
    """The command of `make java-names`."""
    java = [str(jvm.find_jdk().java), f"@{ROOT / 'pygpt/data/java.flags'}"]
    return [*java, "-cp", f"{jvm.jars_folder()}/*", "org.pygpt.Names", *arguments]


def _java(*arguments: str) -> tuple[int, str, str]:
    """Run the program; return its status, output and errors."""
    done = completed(_command(*arguments), timeout=120)
    return done.returncode, done.stdout, done.stderr.replace(INCUBATOR, "")


def _python(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    """Run Python's program in this process."""
    status = cli.run(["names", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _lines(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(log).read_text(encoding="utf-8").splitlines()]


def _model(folder: str) -> tuple[dict[str, Any], bytes]:
    """The configuration and the file of weights; there is nothing else."""
    config, weights = sorted(Path(folder).iterdir())
    return json.loads(config.read_bytes()), weights.read_bytes()


def _without_speed(shown: str) -> str:
    return re.sub(r"  [\d,]+ names/s$", "", shown, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--backend", "plain", "--steps", "207", "--n-layer", "2", "--seed", str(-(2**100))],
        ["--backend", "nd4j", "--steps", "23", "--n-embd", "15", "--n-head", "5"],
        ["--data", str(ROOT / "tests/data/unicode.txt"), "--steps", "53", "--temperature", "2"],
        ["--data", "marked", "--steps", "7"],
    ],
    ids=["default", "plain", "nd4j", "unicode", "marked"],
)
def test_same_bits(arguments: list[str], capsys: Capture) -> None:
    """Names, log and model are the same, to the last bit; so is what is shown."""
    Path("marked").write_bytes("anna\r\nbo\r\n\u00e9lo\n".encode("utf-8-sig"))
    expected = _python(capsys, *arguments, "--log", "python.jsonl", "--out", "python")
    status, out, err = _java(*arguments, "--log", "java.jsonl", "--out", "java")
    assert (status, out) == expected[:2] and out
    shown, following, _ = expected[2].rpartition("next: ")  # Python's own command
    assert following and _without_speed(err) == _without_speed(shown)
    assert _lines("java.jsonl") == _lines("python.jsonl")
    assert _model("java") == _model("python")
    assert sorted(os.listdir()) == [
        "java", "java.jsonl", "marked", "python", "python.jsonl"
    ]  # fmt: skip


@pytest.mark.parametrize("backend", ["cpu", "plain"])
def test_each_loads_what_the_other_saved(backend: str, capsys: Capture) -> None:
    short = ["--steps", "20", "--quiet", "--samples", "0", "--backend", backend]
    assert _python(capsys, *short, "--out", "python")[0] == 0
    assert _java(*short, "--seed", "7", "--out", "java")[0] == 0
    for folder in ("python", "java"):
        more = ["--from", folder, "--samples", "13", "--temperature", "1", "--backend", backend]
        expected = _python(capsys, *more, "--log", "python.jsonl")
        assert _java(*more, "--log", "java.jsonl") == expected
        assert expected[1].count("\n") == 13
        assert _lines("java.jsonl") == _lines("python.jsonl")


def test_both_load_another_architecture(capsys: Capture) -> None:
    sizes = {"block_size": 11, "vocab_size": 4, "n_layer": 2, "n_head": 6, "n_embd": 24}
    llama = {"bias": False, "norm": "rmsnorm", "activation": "swiglu", "positions": "rotary"}
    config = GPTConfig(**sizes, **llama, n_kv_head=2, n_inner=17)
    with GPT(config, seed=3, tokenizer=CharTokenizer("a\u00e9\U0001f404")) as model:
        for gain in ("ln_f.weight", "h.1.ln_2.weight"):
            model.parameters()[gain][:] = np.linspace(-9, 9, 24)
        model.save_pretrained("model", format="pygpt")  # the one that Java reads
    arguments = ["--from", "model", "--temperature", "0.7", "--samples", "23"]
    expected = _python(capsys, *arguments)
    assert expected[0] == 0 and len(set(expected[1].splitlines())) > 3
    assert _java(*arguments) == expected


def test_a_loss_that_is_no_number_ends_both(capsys: Capture) -> None:
    arguments = ["--learning-rate", "1e300", "--steps", "5", "--quiet", "--out", "out"]
    for status, out, err in (
        _python(capsys, *arguments, "--log", "python.jsonl"),
        _java(*arguments, "--log", "java.jsonl"),
    ):
        assert (status, out) == (1, "")
        assert err.startswith("pygpt: error: loss: expected a finite number in step 2, got ")
    assert _lines("java.jsonl") == _lines("python.jsonl")
    assert len(_lines("java.jsonl")) == 1  # of step 1
    assert sorted(os.listdir()) == ["java.jsonl", "python.jsonl"]


BAD = {
    "option": (2, ["--step", "3"]),
    "no_number": (2, ["--steps", "ten"]),
    "no_value": (2, ["--out"]),
    "heads": (2, ["--n-embd", "18"]),
    "backend": (2, ["--backend", "it's"]),
    "no_path": (2, ["--data", ""]),
    "log_on_data": (2, ["--data", "words.txt", "--log", "./words.txt"]),
    "log_in_out": (2, ["--out", "new", "--log", "new/log"]),
    "from_steps": (2, ["--from", "m", "--out", "o", "--steps", "5"]),
    "missing": (1, ["--data", "./none.txt"]),
    "latin_1": (1, ["--data", "latin1.txt"]),
    "binary": (1, ["--data", "binary.txt"]),
    "blank": (1, ["--data", "blank.txt"]),
    "out_folder": (1, ["--out", "folder"]),
    "out_parent": (1, ["--out", "words.txt/out"]),
    "log_folder": (1, ["--log", "folder"]),
    "from_none": (1, ["--from", "none"]),
    "from_foreign": (1, ["--from", "folder"]),
    "from_damaged": (1, ["--from", "damaged"]),
    "from_text": (1, ["--from", "text"]),
    "deep": (1, ["--n-layer", "2000000000", "--backend", "plain"]),
    "long": (1, ["--block-size", "2000000000", "--n-embd", "1024", "--out", "out"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_one_line_and_the_same_status(case: str, capsys: Capture) -> None:
    Path("words.txt").write_text("one\n")
    Path("latin1.txt").write_bytes(b"ab\n\xe9b")
    Path("binary.txt").write_bytes(b"a\0b\n")
    Path("blank.txt").write_bytes(b"\n \n")
    Path("folder").mkdir()
    Path("damaged").mkdir()
    Path("damaged/config.json").write_text('{"model_type": "pygpt", "n_head": 1}')
    text = GPTConfig.microgpt(block_size=3, vocab_size=2, n_layer=1, n_head=1, n_embd=2)
    with GPT(text, tokenizer=CharTokenizer("ab", bos=False)) as model:
        model.save_pretrained("text")
    before = sorted(os.listdir())
    expected, arguments = BAD[case]
    for run in (_java, partial(_python, capsys)):
        status, out, err = run("--quiet", *arguments)
        assert (status, out) == (expected, "")
        assert err.startswith("pygpt: error: ") and err.count("\n") == 1
        assert sorted(os.listdir()) == before
        assert Path("words.txt").read_text() == "one\n"


def test_help_and_version() -> None:
    status, out, err = _java("--help")
    assert (status, err) == (0, "")
    for spec in specs_of(NamesConfig).values():
        shown = f"{spec.rule.help} (default: {spec.default})"
        assert re.search(rf"^  {cli.flag(spec.name)} .*{re.escape(shown)}$", out, re.MULTILINE)
    for flag in (*cli.names.PATHS.values(), "--quiet"):
        assert f"\n  {flag} " in out
    status, out, err = _java("--steps", "2", "--samples", "1", "--backend", "auto")
    assert (status, out.count("\n")) == (0, 1) and " parameters; backend cpu: " in err
    assert _java("--version") == (0, f"pygpt {pygpt.__version__}\n", "")


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl_c", "sigterm"]
)
def test_signal(number: signal.Signals, status: int, tmp_path: Path) -> None:
    arguments = ["--steps", "3000000", "--out", "out", "--quiet", "--log", "log"]
    with started(_command(*arguments), stderr=PIPE) as process:
        log, deadline = tmp_path / "log", time.monotonic() + 30
        while not log.exists() or not log.stat().st_size:  # until the training has begun
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        sent = time.monotonic()
        process.send_signal(number)
        output = process.communicate(timeout=30)
        took = time.monotonic() - sent
    assert (process.returncode, *output) == (status, "", INCUBATOR)
    assert took < DEADLINE_S
    assert os.listdir() == ["log"]
    lines = log.read_text().splitlines(keepends=True)
    assert [json.loads(line)["step"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1].endswith("}\n")


def test_reader_that_goes_away() -> None:
    command = _command("--steps", "2", "--samples", "20000", "--quiet")
    with started(command, stderr=PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == INCUBATOR
        assert process.wait(timeout=30) == 141
