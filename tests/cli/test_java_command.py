"""Java's command line, which pygpt.jar starts, does what Python's does."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from jbridge import jvm
from pygpt import GPT, BPETokenizer, GPTConfig, read_text
from tests.support.processes import completed

ROOT = Path(__file__).parents[2]
NOTICE = "WARNING: Using incubator modules: jdk.incubator.vector\n"  # the launcher takes it out


def java(*arguments: str, given: str = "") -> tuple[int, str, str]:
    """Run a command; return its status, output and errors."""
    command = [str(jvm.find_jdk().java), f"@{ROOT / 'pygpt/data/java.flags'}"]
    command += ["-cp", f"{jvm.jars_folder()}/*", "org.pygpt.cli.Main", *arguments]
    done = completed(command, timeout=120, input=given)
    return done.returncode, done.stdout, done.stderr.replace(NOTICE, "")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small GPT-2 in Hugging Face's form."""
    folder = tmp_path_factory.mktemp("java") / "model"
    tokenizer = BPETokenizer.train(read_text("shakespeare")[:60_000], 401)
    config = GPTConfig(block_size=67, n_layer=2, n_head=4, n_embd=32, vocab_size=401)
    with GPT(config, tokenizer=tokenizer, seed=5) as made:
        for weight in made.parameters().values():
            weight *= 5
        made.save_pretrained(folder)
    return folder


def test_generate(model: Path, tmp_path: Path) -> None:
    with GPT.from_pretrained(model) as python:
        expected = python.generate("To be", 40, temperature=0.8, top_k=50, seed=3)
        others = [python.generate("To be", 5, seed=seed) for seed in (7, 8)]
    (tmp_path / "prompt").write_text("To be\n")
    options = ("--max-new-tokens", "40", "--temperature=0.8", "--top-k", "50", "--seed", "3")
    found = java("generate", str(model), "--file", str(tmp_path / "prompt"), *options)
    assert found == (0, f"{expected}\n", "")
    options = ("--prompt", "To be", "--max-new-tokens", "5", "--seed", "7", "--samples", "2")
    found = java("generate", str(model), *options)
    assert found == (0, f"{others[0]}\n--------\n{others[1]}\n", "")


def test_names() -> None:
    arguments = ("--steps", "20", "--samples", "2", "--quiet")
    status, out, err = java("names", *arguments)
    assert (status, len(out.splitlines()), err) == (0, 2, "")


def test_info(model: Path) -> None:
    status, out, _ = java("info", str(model), "--json")
    values = json.loads(out)
    assert (status, values["kind"], values["parameters"]) == (0, "model", 40448)
    assert values["config"]["n_embd"] == 32


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        ("", 2, "expected a command; try --help"),
        ("frob", 2, "Unmatched argument at index 0: 'frob'"),
        ("generate x", 2, "prompt: expected one of --prompt, --file and -"),
        ("generate x --seed z", 2, "Invalid value for option '--seed': 'z' is not a long"),
        ("generate x --prompt a --top-p 2", 2, "top_p: expected above 0, at most 1, got 2.0"),
        ("generate nosuch --prompt a", 1, "model folder nosuch: does not exist"),
        ("info nosuch", 1, "model folder nosuch: does not exist"),
        ("chat nosuch --temperature -1", 2, "temperature: expected 0 or more, got -1.0"),
    ],
)
def test_bad_usage(arguments: str, status: int, problem: str) -> None:
    assert java(*arguments.split()) == (status, "", f"pygpt: error: {problem}\n")


def test_generate_json(model: Path) -> None:
    options = ["--prompt", "To be", "--max-new-tokens", "6", "--seed", "3", "--samples", "2"]
    options += ["--json", "--top-logprobs", "3", "--stop-tokens", "400", "--stop-tokens", "7"]
    done = completed([sys.executable, "-m", "pygpt", "generate", str(model), *options])
    status, out, err = java("generate", str(model), *options)
    assert (status, err) == (done.returncode, "")
    lines = [[json.loads(line) for line in text.splitlines()] for text in (out, done.stdout)]
    assert lines[0] == lines[1]


def test_weights_in_several_files_of_16_bits(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    shutil.copytree(model, folder)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    places = {}
    for i, name in enumerate(sorted(tensors)):
        places[name] = f"model-{i % 2}.safetensors"
    for file in set(places.values()):
        own = {name: tensors[name].astype("f2") for name in tensors if places[name] == file}
        save_file(own, folder / file)
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with GPT.from_pretrained(folder) as python:
        expected = python.generate("To be", 9, seed=3)
    options = ("--prompt", "To be", "--max-new-tokens", "9", "--seed", "3")
    assert java("generate", str(folder), *options) == (0, f"{expected}\n", "")


TEMPLATE = (
    "{% for m in messages %}<{{ m.role[0] }}>{{ m.content|trim }}</{{ m.role[0] }}>{% endfor %}"
    "{% if add_generation_prompt %}<a>{% endif %}"
)
LINES = "To be\n\n  or not?  \n//x\n/seed 7\n/reset\nTo be\n/temperature 0\nTo\n/quit\nnever\n"


@pytest.mark.parametrize("template", [None, TEMPLATE])
def test_chat(model: Path, tmp_path: Path, template: str | None) -> None:
    """In pygpt's own form and by a template: the answers of Python's."""
    folder = tmp_path / "chats"
    shutil.copytree(model, folder)
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)
    options = ["chat", str(folder), "--remember", "--seed", "3", "--max-new-tokens", "9"]
    options += ["--system", "Be."] * (template is not None)
    python = [sys.executable, "-m", "pygpt"]
    done = completed([*python, *options], input=LINES)
    assert (done.returncode, len(done.stdout.splitlines()) >= 5) == (0, True), done
    assert java(*options, given=LINES) == (0, done.stdout, "")


def test_chat_refuses(model: Path) -> None:
    for lines, status, problem in [
        ("To\n/seed x\n", 2, "--seed: expected a number, got 'x'"),
        ("/sed 3\n", 1, "/sed: expected one of /help, /reset, /seed N, /temperature X, /quit"),
    ]:
        found, _, err = java("chat", str(model), "--max-new-tokens", "2", given=lines)
        assert (found, err.startswith(f"pygpt: error: {problem}")) == (status, True), err
