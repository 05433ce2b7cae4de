"""`python -m pygpt generate` and `chat`: prompts, samples, JSON, terminals, errors."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest

from pygpt import GPT, BPETokenizer, CharTokenizer, Conversation, GenerateConfig, GPTConfig
from pygpt.cli import main as cli
from pygpt.cli.generate import SEPARATOR
from pygpt.cli.main import chat
from tests.support.processes import started

Capture = pytest.CaptureFixture[str]
ALPHABET = CharTokenizer("\n abcdefghijklmnopqrstuvwxyzé")
SONG = "abcdefghijklmnopqrstuvwxyzé"


def recite(tokenizer: CharTokenizer, order: str, block_size: int = 97, ends: bool = True) -> GPT:
    """Return a model without layers: after each character of `order` comes the next, then BOS."""
    config = GPTConfig(
        block_size=block_size, vocab_size=tokenizer.vocab_size, n_layer=1, n_head=1, n_embd=64,
        tie_weights=False,
    )  # fmt: skip
    model = GPT(config, tokenizer=tokenizer)
    weights = model.parameters()
    for name in ("wpe.weight", "h.0.attn.c_proj.weight", "h.0.mlp.c_proj.weight"):
        weights[name][:] = 0
    embedded = np.random.default_rng(1).standard_normal(weights["wte.weight"].shape)
    weights["wte.weight"][:] = embedded
    ids = tokenizer.encode(order)
    after = [*ids[1:], tokenizer.bos if ends else ids[0]]
    weights["lm_head.weight"][after] = embedded[ids]
    return model


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> Iterator[GPT]:
    """A model that goes on with the alphabet, saved as `model`."""
    with recite(ALPHABET, SONG) as made:
        made.save_pretrained("model")
        yield made


def _run(*arguments: str) -> None:
    assert cli.run(list(arguments)) == 0


def _stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


# ---- generate --------------------------------------------------------------------------------


@pytest.mark.usefixtures("model")
def test_prompts(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the command line, a file and standard input; a line end at the end is the editor's."""
    _run("generate", "model", "--prompt", "cd", "--temperature", "0")
    assert capsys.readouterr().out == SONG[2:] + "\n"
    Path("prompt.txt").write_bytes(b"wx\n\nwx\r\n")
    _run("generate", "model", "--file", "prompt.txt", "--temperature", "0")
    assert capsys.readouterr().out == "wx\n\nwxyz\u00e9\n"
    _stdin(monkeypatch, b"uv\n")
    _run("generate", "model", "-", "--temperature", "0", "--max-new-tokens", "2")
    assert capsys.readouterr().out == "uvwx\n"


def test_is_what_the_model_generates(model: GPT, capsys: Capture) -> None:
    options = {"temperature": 30.0, "top_k": 23, "seed": 5, "max_new_tokens": 31}
    flags = [word for name, value in options.items() for word in (cli.flag(name), str(value))]
    _run("generate", "model", "--prompt", "a", *flags)
    assert capsys.readouterr().out == model.generate("a", **options) + "\n"
    _run("generate", "model", "--prompt", "a", *flags, "--samples", "3")
    seeded = [model.generate("a", **options | {"seed": 5 + i}) for i in range(3)]
    assert len(set(seeded)) == 3
    assert capsys.readouterr().out == f"\n{SEPARATOR}\n".join(seeded) + "\n"


def test_rounded_weights(model: GPT, capsys: Capture) -> None:
    """The log-probabilities are those of the rounded model, and others than before."""
    arguments = ["generate", "model", "--prompt", "a", "--json", "--temperature", "0"]
    lines = []
    for weights in ("float32", "int8", "bfloat16"):
        _run(*arguments, "--weights", weights)
        lines.append(json.loads(capsys.readouterr().out)["log_probabilities"])
    assert lines[0] != lines[1] != lines[2] != lines[0]
    model.quantize("int8")
    (expected,) = model.continuations("a", temperature=0)
    assert lines[1] == expected.log_probabilities.tolist()


@pytest.mark.usefixtures("model")
def test_a_long_prompt(capsys: Capture) -> None:
    """By default there are as many new tokens as there is room for; --truncate makes room."""
    prompt = "y" * 95 + "a"
    _run("generate", "model", "--prompt", prompt, "--temperature", "0")
    assert capsys.readouterr().out == f"{prompt}b\n"
    _run("generate", "model", "--prompt", prompt * 2, "--temperature", "0", "--truncate")
    assert capsys.readouterr().out == prompt * 2 + SONG[1:] + "\n"


def test_longer_than_the_context(model: GPT, capsys: Capture) -> None:
    """It slides, as nanoGPT's does, and that is said once."""
    for prompt, new in (("a", 300), ("b" * 97, 50), ("a" * 500, 3)):
        arguments = ["--temperature", "5", "--seed", "3", "--max-new-tokens", str(new)]
        _run("generate", "model", "--prompt", prompt, *arguments, "--stop-tokens", "0")
        captured = capsys.readouterr()
        options = {"temperature": 5, "seed": 3, "stop_tokens": 0, "slide": True}
        assert captured.out == model.generate(prompt, new, **options) + "\n"
        assert captured.err == "(longer than the context: the model sees the last 97 tokens)\n"


@pytest.mark.usefixtures("model")
def test_from_nothing(capsys: Capture) -> None:
    """BOS begins a text; here the model has learnt nothing of it."""
    _run("generate", "model", "--prompt", "", "--temperature", "0", "--max-new-tokens", "2")
    assert len(capsys.readouterr().out) <= 3
    _run("generate", "model", "--prompt", "<|bos|>ab", "--specials", "--temperature", "0")
    assert capsys.readouterr().out == "<|bos|>ab" + SONG[2:] + "\n"


@pytest.mark.usefixtures("model")
def test_stop_strings(capsys: Capture) -> None:
    stops = ["--stop", "xyz", "--stop", "hi"]
    _run("generate", "model", "--prompt", "e", "--temperature", "0", *stops)
    assert capsys.readouterr().out == "efg\n"
    _run("generate", "model", "--prompt", "m", "--temperature", "0", "--json", *stops)
    line = json.loads(capsys.readouterr().out)
    assert (line["text"], line["stopped"]) == ("nopqrstuvw", True)
    assert line["ids"] == ALPHABET.encode("nopqrstuvwxyz")


def test_json(model: GPT, capsys: Capture) -> None:
    arguments = ["--temperature", "30", "--seed", "5", "--max-new-tokens", "31", "--samples", "3"]
    _run("generate", "model", "--prompt", "\u00e9a", "--json", *arguments)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 3
    ids = [ALPHABET.encode("\u00e9a")] * 3
    expected = model.continuations(ids, 31, temperature=30.0, seed=5)
    for i, (line, continuation) in enumerate(zip(lines, expected, strict=True)):
        assert line["prompt"] == "\u00e9a"
        text = model.generate("\u00e9a", 31, temperature=30.0, seed=5 + i)
        assert line["prompt"] + line["text"] == text
        assert line["ids"] == continuation.ids.tolist()
        assert line["log_probabilities"] == continuation.log_probabilities.tolist()
        assert line["stopped"] == continuation.stopped


@pytest.mark.usefixtures("model")
def test_checkpoints(capsys: Capture) -> None:
    """A folder, a file of weights, and a run, whose best model goes before its last."""
    Path("run").mkdir()
    with recite(ALPHABET, "az") as other:
        other.save_pretrained("run/step-00000007")
    Path("run/lock").touch()
    Path("run/last").symlink_to("step-00000007")
    ends = {"model": "abc", "model/model.safetensors": "abc", "run": "az"}
    for checkpoint, text in ends.items():
        _run("generate", checkpoint, "--prompt", "a", "--temperature", "0", "--max-new-tokens", "2")
        assert capsys.readouterr().out == f"{text}\n"
    Path("run/step-00000003").symlink_to("../model")
    Path("run/best").symlink_to("step-00000003")
    _run("generate", "run", "--prompt", "a", "--temperature", "0", "--backend", "plain")
    assert capsys.readouterr().out == SONG + "\n"


def test_flags_are_the_fields(capsys: Capture) -> None:
    for command in ("generate", "chat"):
        assert cli.run([command, "--help"]) == 0
        text = capsys.readouterr().out
        left_out = {"pad_token_id"} | ({"truncate", "top_logprobs"} if command == "chat" else set())
        for spec in fields(GenerateConfig):
            assert (f"  {cli.flag(spec.name)}" in text) != (spec.name in left_out), spec.name


COLD = ["model", "--prompt", "a", "--temperature", "0"]
BAD_USAGE = {
    "no_prompt": (["model"], "one of the arguments --prompt --file - is required"),
    "two": ([*COLD, "--file", "b"], "argument --file: not allowed with argument --prompt"),
    "input": (["model", "x"], "invalid choice: 'x'"),
    "cold": ([*COLD, "--temperature", "-1"], "--temperature: expected at least 0, got -1.0"),
    "top_p": ([*COLD, "--top-p", "1.5"], "--top-p: expected at most 1, got 1.5"),
    "stop": ([*COLD, "--stop", ""], "--stop: expected texts that are not empty, got ['']"),
    "samples": ([*COLD, "--samples", "0"], "--samples: expected at least 1, got 0"),
    "weights": ([*COLD, "--weights", "int2"], "--weights: invalid choice: 'int2'"),
    "backend": ([*COLD, "--backend", "gpu"], "--backend: expected one of cpu, nd4j, plain, cuda"),
}
BAD_INPUT = {
    "unknown": (["model", "--prompt", "a!"], "text: expected known characters, got '!'"),
    "stop": ([*COLD, "--stop-tokens", "30"], "stop_tokens: expected 0 to 29, got 30"),
    "no_file": (["model", "--file", "none.txt"], "data file none.txt: there is no such file"),
    "no_model": (["no/such/model", "--prompt", "a"], "model folder no/such/model: does not exist"),
    "file": (["words.txt", "--prompt", "a"], "model folder words.txt: is no folder"),
    "folder": (["folder", "--prompt", "a"], "model folder folder: config.json is missing"),
    "run": (["run", "--prompt", "a"], "run folder run: expected checkpoints, got none yet"),
    "no_tokenizer": (["ids", "--prompt", "a"], "model ids: expected a tokenizer, since there is"),
    "tokenizer": (["large", "--prompt", "a"], "large/tokenizer.json: has 257 ids, more than the"),
}


def _fails(arguments: list[str], status: int, message: str, capsys: Capture) -> None:
    """The command must end with this status and one line."""
    assert cli.run(arguments) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pygpt: error: ") and captured.err.count("\n") == 1
    assert message in captured.err


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("case", BAD_USAGE)
def test_bad_usage(case: str, capsys: Capture) -> None:
    arguments, message = BAD_USAGE[case]
    _fails(["generate", *arguments], 2, message, capsys)


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input(case: str, capsys: Capture) -> None:
    Path("words.txt").write_text("words")
    for folder in ("folder", "run"):
        Path(folder).mkdir()
    Path("run/lock").touch()
    for name in ("ids", "large"):
        with GPT(GPTConfig(7, 31, 1, 1, 5)) as other:
            other.save_pretrained(name)
    BPETokenizer.train("", 257).save("large/tokenizer.json")
    arguments, message = BAD_INPUT[case]
    _fails(["generate", *arguments], 1, message, capsys)


@pytest.mark.usefixtures("model")
def test_standard_input_that_is_no_text(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    for data, message in ((b"ab\xff", "got '\\udcff'"), (b"\n", "prompt: expected text, got none")):
        _stdin(monkeypatch, data)
        _fails(["generate", "model", "-"], 1, message, capsys)


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("number", "status", "line"),
    [(signal.SIGINT, 130, "pygpt: interrupted"), (signal.SIGTERM, 143, "pygpt: terminated")],
    ids=["ctrl_c", "sigterm"],
)
def test_a_signal_leaves_what_was_printed(
    number: signal.Signals, status: int, line: str, python_environment: dict[str, str]
) -> None:
    with recite(ALPHABET, SONG, block_size=1 << 15, ends=False) as endless:
        endless.save_pretrained("model")
    arguments = ["generate", "model", "--prompt", "ab", *COLD[3:], "--max-new-tokens", "30000"]
    command = [sys.executable, "-m", "pygpt", *arguments]
    with started(command, env=python_environment, stderr=PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(len(SONG)) == SONG
        process.send_signal(number)
        rest, error = process.communicate(timeout=30)
    said = [text for text in error.splitlines() if " … " not in text]  # it may load slowly
    assert (process.returncode, said) == (status, [line])
    assert rest.endswith("\n")


# ---- chat ------------------------------------------------------------------------------------


def _chat(monkeypatch: pytest.MonkeyPatch, lines: str, *flags: str) -> None:
    _stdin(monkeypatch, lines.encode())
    _run("chat", "model", "--temperature", "0", *flags)


@pytest.mark.usefixtures("model")
def test_chat_through_a_pipe(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    _chat(monkeypatch, "wx\n\n  u \nabc\n", "--max-new-tokens", "3")
    assert capsys.readouterr().out == "yz\u00e9\nvwx\ndef\n"
    _chat(monkeypatch, "wx\n/quit\nabc\n")
    assert capsys.readouterr().out == "yz\u00e9\n"


def test_a_conversation_is_the_pairs_of_the_fine_tuning(model: GPT) -> None:
    """Prompt, answer, BOS; however long it is."""
    seen: list[list[int]] = []
    stream = model.stream

    def watch(prompt: list[int], **options: object) -> Iterator[str]:
        seen.append(list(prompt))
        return stream(prompt, **options)

    model.stream = watch  # type: ignore[method-assign]
    conversation = Conversation(model, remembers=True, temperature=0)
    encode, bos = ALPHABET.encode, [ALPHABET.bos]
    assert "".join(conversation.answer("xy")) == "z\u00e9"
    assert "".join(conversation.answer("u")) == "vwxyz\u00e9"
    first = [*encode("xyz\u00e9"), *bos]
    assert seen == [encode("xy"), [*first, *encode("u")]]
    second = [*first, *encode("uvwxyz\u00e9"), *bos]
    pieces = conversation.answer("y" * 97)
    assert next(pieces) == "z\u00e9"
    pieces.close()
    assert seen[2] == [*second, *encode("y" * 97)]
    conversation.set(seed=3)
    assert "".join(conversation.answer("z")) == "\u00e9"
    assert seen[3] == [*seen[2], *encode("z\u00e9"), *bos, *encode("z")]
    assert len(seen[3]) > 97
    conversation.reset()
    assert "".join(conversation.answer("z")) == "\u00e9"
    assert seen[4] == encode("z")
    forgetful = Conversation(model, remembers=False, temperature=0)
    assert ["".join(forgetful.answer("z")) for _ in range(2)] == ["\u00e9", "\u00e9"]
    assert seen[5:] == [encode("z"), encode("z")]


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("lines", "status", "message"),
    [
        ("/seed x", 2, "--seed: expected a number, got 'x'"),
        ("/temperature -1", 2, "--temperature: expected at least 0, got -1.0"),
        ("/sed 3", 1, "/sed: expected one of /help, /reset, /seed N, /temperature X, /quit"),
    ],
)
def test_bad_commands(
    lines: str, status: int, message: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stdin(monkeypatch, lines.encode())
    _fails(["chat", "model"], status, message, capsys)


def test_chat_commands(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    with recite(ALPHABET, "ab", ends=False) as endless:
        endless.save_pretrained("model")
    lines = "/help\n/temperature 30\n/seed 5\nab\n/reset\n/seed 5\nab\n/temperature 0\na\n"
    _chat(monkeypatch, lines, "--max-new-tokens", "7")
    *help, rest = capsys.readouterr().out.split("\n", len(chat.COMMANDS))
    assert [line.split("  ")[0].strip() for line in help] == list(chat.COMMANDS)
    first = rest[: len("bababab\n")]  # seeds and conversation are the same
    assert rest == first * 2 + "bababab\n" and first != "bababab\n"


# ---- terminals -------------------------------------------------------------------------------


class Terminal:
    """Mutable: `python -m pygpt` on a pseudo-terminal of 100 columns, and what it has shown."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self._own, other = pty.openpty()
        sizes = {"COLUMNS": "100", "LINES": "40", "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self._running = started(
            [sys.executable, "-m", "pygpt", *arguments],
            env=environment | sizes,
            stdin=other, stdout=other, stderr=other,
        )  # fmt: skip
        self.process = self._running.__enter__()
        os.close(other)
        self.shown = ""

    def answer_prompt(self, text: str) -> None:
        """Type once the next prompt is there: before it the terminal takes keys otherwise."""
        self.wait_for(">")
        os.write(self._own, text.encode())

    def wait_for(self, text: str) -> None:
        """Read until it is shown, after what was waited for before."""
        deadline = time.monotonic() + 30
        while text not in self.shown:
            ready, _, _ = select.select([self._own], [], [], deadline - time.monotonic())
            assert ready, self.shown
            try:
                data = os.read(self._own, 4096)
            except OSError:  # Linux: the other end is closed
                data = b""
            assert data, self.shown
            plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data.decode(errors="replace"))
            self.shown += plain.replace("\r", "")
        self.shown = self.shown.partition(text)[2]

    def close(self) -> None:
        self._running.__exit__(None, None, None)
        os.close(self._own)


@pytest.fixture
def terminal(python_environment: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        opened.append(Terminal(python_environment, *arguments))
        return opened[-1]

    yield start
    for shown in opened:
        shown.close()


@pytest.mark.usefixtures("unpacked", "model")
def test_a_terminal_shows_samples_side_by_side(terminal: Callable[..., Terminal]) -> None:
    shown = terminal("generate", "model", "--prompt", "wx", "--temperature", "0", "--samples", "3")
    shown.wait_for("wx\n")
    border = "\u2500" * 14
    shown.wait_for(f"{border} 1 {border}")
    shown.wait_for("\u2502 yz\u00e9" + " " * 27 + "\u2502\u2502 yz\u00e9")
    assert shown.process.wait(timeout=30) == 0


@pytest.mark.usefixtures("unpacked", "model")
def test_chat_on_a_terminal(terminal: Callable[..., Terminal]) -> None:
    """Editing, history, a mistake, Ctrl-C at the prompt, Ctrl-D."""
    shown = terminal("chat", "model", "--temperature", "0")
    shown.wait_for("/quit or Ctrl-D ends")
    shown.answer_prompt("wy\x7fx\r")
    shown.wait_for("yz\u00e9\n")
    shown.answer_prompt("\x1b[A\r")  # up: the line before
    shown.wait_for("yz\u00e9\n")
    shown.answer_prompt("w!\r")
    shown.wait_for("pygpt: error: text: expected known characters, got '!'")
    shown.answer_prompt("abc\x03")
    shown.answer_prompt("uv\r")
    shown.wait_for("wxyz\u00e9\n")
    shown.answer_prompt("\x04")
    assert shown.process.wait(timeout=30) == 0


@pytest.mark.usefixtures("unpacked")
def test_ctrl_c_stops_an_answer_alone(terminal: Callable[..., Terminal]) -> None:
    with recite(ALPHABET, SONG, block_size=1 << 15, ends=False) as endless:
        endless.save_pretrained("model")
    shown = terminal("chat", "model", "--temperature", "0", "--max-new-tokens", "30000")
    shown.answer_prompt("ab\r")
    shown.wait_for(SONG[2:])
    os.killpg(shown.process.pid, signal.SIGINT)
    shown.answer_prompt("/quit\r")
    assert shown.process.wait(timeout=30) == 0
