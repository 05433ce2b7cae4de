"""Runs of Java's trainer have Python's files and bits, begun and ended in either language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import jbridge
import pygpt
from pygpt.cli.main import run as python_command
from pygpt.fields import specs_of
from pygpt.files.checksums import verify_checksums
from pygpt.model.config import GPTConfig
from pygpt.training.config import TrainConfig
from pygpt.training.schedule import learning_rate
from pygpt.training.state import read_state
from tests.cli.test_java_command import java, java_here

SIZES: dict[str, Any] = {"n_layer": 1, "n_head": 2, "n_embd": 16, "block_size": 13}
OPTIONS: dict[str, Any] = {
    "max_iters": 12, "batch_size": 3, "warmup_iters": 3, "eval_interval": 4, "eval_iters": 3,
    "checkpoint_interval": 6, "dropout": 0.1, "gradient_accumulation_steps": 2, "seed": 11,
}  # fmt: skip


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text with characters of several scripts."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    book = pygpt.read_text("shakespeare")[:4000]
    path.write_text("Grüße, 世界! 🙂\n" + book, newline="\n")
    return path


def java_run(recipe: str, out: Path, resume: bool = False, **options: Any) -> None:
    """Train in Java, in this process."""
    builder = jbridge.java_class("org.pygpt.Trainer").of(recipe)
    builder.out(jbridge.java_class("java.nio.file.Path").of(str(out)))
    for name in ("source", "tokenizer", "lines"):
        if name in options:
            builder.data(name, options.pop(name))
    for name, value in options.items():
        builder.option(name, value)
    trainer = (builder.resume() if resume else builder).open()
    try:
        trainer.fit()
    finally:
        trainer.close()


def python_run(recipe: str, out: Path, resume: bool = False, **options: Any) -> None:
    """Train in Python."""
    data = options.pop("source", None)
    pygpt.train(recipe, out=out, data=data, resume=resume, **options)


def same(one: Path, other: Path, step: int = 12) -> None:
    """Compare the checkpoints of two runs after a step: files, arrays and state."""
    for name in ("data/train.bin", "data/val.bin", "data/tokenizer.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    folders = [run / f"step-{step:08}" for run in (one, other)]
    for folder in folders:
        names = [path.name for path in folder.iterdir() if path.name != "SHA256SUMS"]
        assert sorted(names) == [
            "config.json", "model.safetensors", "tokenizer.json", "training.safetensors"
        ]  # fmt: skip
        verify_checksums(folder, names)
    for name in ("model.safetensors", "tokenizer.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name
    configs = [json.loads((folder / "config.json").read_text()) for folder in folders]
    assert configs[0] == configs[1]
    arrays = [load_file(folder / "training.safetensors") for folder in folders]
    assert arrays[0].keys() == arrays[1].keys()
    for name, array in arrays[0].items():
        assert np.array_equal(array, arrays[1][name]), name
    states = [read_state(folder) for folder in folders]
    for state in states:
        object.__setattr__(state, "origin", {**state.origin, "folder": ""})
    assert states[0] == states[1]
    assert all((run / link).is_symlink() for run in (one, other) for link in ("last", "best"))
    losses = [
        [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in (one, other)
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("changes", [{}, {"moments": "bfloat16"}], ids=["float32", "bfloat16"])
def test_runs_go_on_in_the_other_language(
    text: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    options = {"source": str(text), "tokenizer": "char", **SIZES, **OPTIONS, **changes}
    half = {"max_iters": 6, "lr_decay_iters": 12}
    python_run("shakespeare-char", tmp_path / "python", **options)
    java_run("shakespeare-char", tmp_path / "java", **options)
    same(tmp_path / "python", tmp_path / "java")
    python_run("shakespeare-char", tmp_path / "to-java", **{**options, **half})
    java_run("shakespeare-char", tmp_path / "to-java", resume=True, max_iters=12)
    java_run("shakespeare-char", tmp_path / "to-python", **{**options, **half})
    python_run("shakespeare-char", tmp_path / "to-python", resume=True, max_iters=12)
    same(tmp_path / "to-java", tmp_path / "to-python")
    weights = [
        load_file(tmp_path / run / "last" / "model.safetensors") for run in ("python", "to-java")
    ]
    for name, array in weights[0].items():
        assert np.array_equal(array, weights[1][name]), name


@pytest.mark.parametrize("tokenizer", ["char", "gpt2"])
def test_packed_documents(text: Path, tmp_path: Path, tokenizer: str) -> None:
    options = {"source": str(text), "tokenizer": tokenizer, **SIZES, **OPTIONS}
    options |= {"batches": "packed", "schedule": "linear", "frozen": "wpe", "eval_iters": 0}
    if tokenizer == "gpt2":
        options |= {"max_iters": 2, "eval_interval": 2, "eval_iters": 1}
        options |= {"n_embd": 2, "block_size": 5}
    python_run("gpt2", tmp_path / "python", **options)
    java_run("gpt2", tmp_path / "java", **options)
    same(tmp_path / "python", tmp_path / "java", options["max_iters"])


def test_numpys_streams() -> None:
    of = jbridge.java_class("org.pygpt.python.NumpyRandom")
    integer = jbridge.java_class("java.math.BigInteger")
    for seed, number in ((0, 0), (1337, 5), (-3, 2**33 + 1), (2**64 + 9, 1)):
        entropy = np.random.SeedSequence(seed % 2**64, spawn_key=(number,))
        words = np.asarray(of.seedSequence(integer(str(seed)), number, 3), np.int64)
        assert words.view(np.uint64).tolist() == entropy.generate_state(3, np.uint64).tolist()
        theirs = np.random.Generator(np.random.PCG64(entropy))
        ours = of(integer(str(seed)), number)
        for bound in (1, 7, 1021, 2**31 + 11, 2**32, 2**40 + 3, 2**62 + 1):
            assert [ours.below(bound) for _ in range(5)] == theirs.integers(0, bound, 5).tolist()
        ours = of(integer(str(seed)), number)
        theirs = np.random.Generator(np.random.PCG64(entropy))
        found = np.asarray(ours.permutation(1021), np.int32)
        assert found.tolist() == theirs.permutation(1021).tolist()


def test_options_are_pythons() -> None:
    values = jbridge.java_class("org.pygpt.runs.TrainConfig").DEFAULT.values()
    found = {str(name): values.get(name) for name in values.keySet()}
    expected = TrainConfig().to_dict()
    assert list(found) == list(expected)
    assert {name: type(expected[name])(str(value)) for name, value in found.items()} == expected
    _, out, _ = java("train", "--help")
    shown = " ".join(out.split())
    for kind in (GPTConfig, TrainConfig):
        for name, spec in specs_of(kind).items():
            assert spec.rule.added or f"--{name.replace('_', '-')}" in shown


def test_rates_are_pythons() -> None:
    of = jbridge.java_class("org.pygpt.runs.TrainConfig").DEFAULT
    for schedule in ("cosine", "linear", "constant"):
        ours = of.of({"schedule": schedule, "lr_decay_iters": 1500})
        theirs = TrainConfig(schedule=schedule, lr_decay_iters=1500)
        for step in range(1, 2001, 13):
            expected = learning_rate(theirs, step)
            assert ours.rate(step) == expected, step


def test_command(text: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(
        f'preset = "shakespeare-char"\n[model]\nn_layer = 1\nn_embd = 8\n[train]\nmax_iters = 3\n'
        f'[data]\nsource = "{text}"\n'
    )
    run = tmp_path / "run"
    status, out, err = java("train", str(recipe), "--n-head", "2", "--out", str(run), "--quiet")
    assert (status, err) == (0, "")
    assert out.splitlines()[1].startswith("best validation loss ")
    with pygpt.GPT.from_pretrained(run / "last") as model:
        assert (model.config.n_layer, model.config.n_head, model.config.n_embd) == (1, 2, 8)
        expected = model.generate("To be", 5, seed=3)
    found = java("generate", str(run), "--prompt", "To be", "--max-new-tokens", "5", "--seed", "3")
    assert found == (0, f"{expected}\n", "")


BAD = (
    "", "nosuch", "microgpt --max-iters 0", "microgpt --max-iters x", "microgpt --n-embd 17",
    "microgpt --norm z", "microgpt --data nosuch", "gpt2", "microgpt --learning-rate nan",
    "microgpt --moments int8", "microgpt --moments bfloat16 --optimizer muon", "microgpt --frob 1",
    "microgpt --dry-run --quiet",
    "gpt2 --data {text} --n-layer 1 --n-head 1 --n-embd 2",
    "gpt2 --data {text} --tokenizer nosuch", "microgpt --out {text}",
    "shakespeare-char --data {text} --tokenizer char --vocab-size 3",
)  # fmt: skip


def test_what_python_refuses_java_refuses(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = f" --out {tmp_path}/runs/run"  # Java's process has another folder
    lines = [line.format(text=text) for line in BAD]
    lines = [line + (folder if line and "--out" not in line else "") for line in lines]
    expected = [python_command(["train", *line.split()]) for line in lines]
    capsys.readouterr()
    found = []
    for line in lines:
        status, out, err = java_here("train", *line.split())
        found.append(status)
        assert err.startswith("pygpt: error: ") and (err.count("\n"), out) == (1, ""), err
    assert found == expected
    assert list(tmp_path.iterdir()) == []
