"""Java's command line, which pygpt.jar starts, does what Python's does."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

import jbridge
from jbridge import jvm
from pygpt import GPT, BPETokenizer, Conversation, GPTConfig, read_text
from pygpt.cli.main import run as python_command
from tests.support.processes import completed
from tests.support.terminal import Terminal

ROOT = Path(__file__).parents[2]
NOTICE = "WARNING: Using incubator modules: jdk.incubator.vector\n"  # the launcher takes it out


def command(*arguments: str) -> list[str]:
    """What runs a command in a JVM of its own."""
    java = [str(jvm.find_jdk().java), f"@{ROOT / 'pygpt/data/java.flags'}"]
    return [*java, "-cp", f"{jvm.jars_folder()}/*", "org.pygpt.cli.Main", *arguments]


def java(*arguments: str, given: str = "") -> tuple[int, str, str]:
    """Run a command; return its status, output and errors."""
    done = completed(command(*arguments), timeout=120, input=given)
    return done.returncode, done.stdout, done.stderr.replace(NOTICE, "")


def java_here(*arguments: str) -> tuple[int, str, str]:
    """The same in this process's JVM, for commands that read no standard input."""
    strings = jbridge.java_class("java.io.ByteArrayOutputStream")
    stream = jbridge.java_class("java.io.PrintStream")
    out, err = strings(), strings()
    main = jbridge.java_class("org.pygpt.cli.Main")
    status = main.run(stream(out, True, "UTF-8"), stream(err, True, "UTF-8"), [*arguments])
    return int(status), str(out.toString("UTF-8")), str(err.toString("UTF-8"))


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
    assert java_here(*arguments.split()) == (status, "", f"pygpt: error: {problem}\n")


def test_bad_usage_ends_the_process_with_its_status() -> None:
    assert java("frob") == (2, "", "pygpt: error: Unmatched argument at index 0: 'frob'\n")
    problem = "model folder nosuch: does not exist"
    assert java("info", "nosuch") == (1, "", f"pygpt: error: {problem}\n")


BAD = (
    "frob", "generate", "generate {model}", "generate {model} --prompt", "generate --prompt a",
    "generate nosuch --prompt a", "generate {text} --prompt a", "generate {empty} --prompt a",
    "generate {model} --prompt a --file {text}", "generate {model} - --prompt a",
    "generate {model} other --prompt a", "generate {model} --file nosuch",
    "generate {model} --file {empty}", "generate {model} --file {nothing}",
    "generate {model} --file {latin}", "generate {model} --file {latin} --encoding frob",
    *(
        f"generate {{model}} --prompt a {flag}"
        for flag in (
            "--frob", "--frob 1", "--temperature -1", "--temperature nan", "--temperature inf",
            "--temperature x", "--top-k 0", "--top-k -1", "--top-k 1.5", "--top-p 0", "--top-p -1",
            "--top-p 1.5", "--top-p nan", "--min-p -0.1", "--min-p 2", "--repetition-penalty 0",
            "--repetition-penalty -1", "--max-new-tokens -1", "--max-new-tokens x", "--seed x",
            "--seed", "--samples 0", "--samples x", "--stop-tokens x", "--stop-tokens 99999",
            "--stop-tokens -1", "--weights frob", "--kv-cache frob", "--backend frob",
            "--threads -1", "--threads x", "--json --top-logprobs -1", "--top-logprobs x",
        )
    ),
    "chat", "chat nosuch", "chat {model} --frob", "chat {model} --temperature x",
    "chat {model} --top-p 7", "chat {model} --max-new-tokens x", "chat {model} --seed 1.5",
    "chat {model} --weights frob", "chat {model} --encoding frob", "chat {empty}",
    "info", "info nosuch", "info {text}", "info {empty}", "info {model} --frob",
    "info {model} {model}", "info {broken}", "info {foreign}", "info {cut}",
    "generate {broken} --prompt a", "generate {foreign} --prompt a", "generate {cut} --prompt a",
)  # fmt: skip


@pytest.fixture(scope="module")
def bad_places(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files and folders that no command takes, and one that is whole."""
    top = tmp_path_factory.mktemp("bad")
    places = {name: top / name for name in ("text", "nothing", "latin", "empty")}
    places["text"].write_text("To be\n")
    places["nothing"].write_bytes(b"")
    places["latin"].write_bytes(b"gr\xfc\xdfe\n")
    places["empty"].mkdir()
    for name in ("broken", "foreign", "cut"):
        places[name] = shutil.copytree(model, top / name)
    (places["broken"] / "config.json").write_text("{")
    (places["foreign"] / "config.json").write_text('{"model_type": "t5"}')
    weights = (places["cut"] / "model.safetensors").read_bytes()
    (places["cut"] / "model.safetensors").write_bytes(weights[:-5])
    return places | {"model": model}


@pytest.mark.parametrize("line", BAD)
def test_what_python_refuses_java_refuses(
    line: str, bad_places: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """With one line each, and the same exit status."""
    arguments = [word.format(**bad_places) for word in line.split()]
    status = python_command(arguments)
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1) and err.startswith("pygpt: error: "), err
    found, out, err = java_here(*arguments)
    assert (found, out, err.count("\n")) == (status, "", 1), err
    assert err.startswith("pygpt: error: ")


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


def test_chat_on_a_terminal(model: Path) -> None:
    """A prompt, answers, an error, Ctrl-C, a window of another size, Ctrl-D."""
    with GPT.from_pretrained(model) as python:
        conversation: Any = Conversation(python, seed=3, max_new_tokens=9)
        expected = [" ".join("".join(conversation.answer(line)).split()) for line in ("To be", "a")]
    options = ("--seed", "3", "--max-new-tokens", "9")
    with Terminal(command("chat", str(model), *options)) as terminal:
        assert "/help lists the commands, /quit or Ctrl-D ends" in terminal.until("> ")
        terminal.type("To be\n")
        assert expected[0] in terminal.until("> ")
        terminal.type("/seed x\n")
        assert "pygpt: error: --seed: expected a number, got 'x'" in terminal.until("> ")
        terminal.resize(rows=10, columns=200)
        terminal.type("never sent\x03")
        terminal.until("> ")
        terminal.type("a\n")
        assert expected[1] in terminal.until("> ")
        terminal.type("\x04")
        assert terminal.ended() == 0
