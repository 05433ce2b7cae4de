"""`python -m pygpt serve`, as a process."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from pygpt import GPT, CharTokenizer, GPTConfig
from pygpt.cli import main as cli
from pygpt.cli.serve import model_name
from pygpt.serve.show import Shown
from tests.support.processes import started


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    tokenizer = CharTokenizer("abcdehlo")
    config = GPTConfig.microgpt(16, tokenizer.vocab_size, n_layer=1, n_head=2, n_embd=8)
    with GPT(config, tokenizer=tokenizer) as model:
        model.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_says_its_address_and_answers(
    saved: Path, python_environment: dict[str, str], number: int, status: int
) -> None:
    command = [sys.executable, "-m", "pygpt", "serve", saved, "--port", "0"]
    with started(command, env=python_environment) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("tiny answers at http://127.0.0.1:")
        base = line.removeprefix("tiny answers at ").partition(";")[0]
        with openai.OpenAI(base_url=base, api_key="none") as client:
            assert [card.id for card in client.models.list()] == ["tiny"]
            got = client.completions.create(model="tiny", prompt="hello", max_tokens=3)
            assert got.choices[0].finish_reason in ("length", "stop")
        process.send_signal(number)
        assert process.wait(20) == status


def test_show_names_has_its_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The losses that its training had, and the model that it was before."""
    found: list[float] = []

    def serve(model: GPT, *given: object) -> None:
        shown = given[-1]
        assert isinstance(shown, Shown) and shown.untrained is not None
        found.extend(event["loss"] for event in shown.feed.events(0)[0])
        with shown.untrained() as before:
            was, now = before.parameters()["wte.weight"], model.parameters()["wte.weight"]
            assert was.std() == pytest.approx(0.08, rel=0.1) and not (was == now).any()

    monkeypatch.setattr("pygpt.cli.show.serve_model", serve)
    monkeypatch.chdir(tmp_path)
    assert cli.run(["show", "names"]) == 0
    assert len(found) == 1000 and found[0] == pytest.approx(3.3660, abs=1e-4)


def test_a_port_that_is_taken(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert cli.run(["serve", str(saved), "--port", port]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"pygpt: error: cannot listen on 127.0.0.1, port {port}: ")
    assert "0 takes one" in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "--api-key: expected a key, since others can reach 0.0.0.0"),
        (["--port", "70000"], "--port: expected at most 65535"),
        (["--parallel", "33"], "--parallel: expected at most 32"),
    ],
)
def test_options_that_cannot_be(
    saved: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert cli.run(["serve", str(saved), *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "msgspec"])
def test_without_its_packages(python: Callable[..., Any], saved: Path, package: str) -> None:
    code = f"""
import sys
sys.modules[{package!r}] = None
from pygpt.cli import main
sys.exit(main.run(["serve", {str(saved)!r}]))
"""
    result = python("-c", code)
    assert result.returncode == 1
    assert result.stderr == f"pygpt: error: serve: needs {package}: pip install 'pygpt[serve]'\n"


@pytest.mark.parametrize(
    ("checkpoint", "name"),
    [("runs/first", "first"), ("runs/first/best", "first"), ("runs/first/step-00000250", "first"),
     ("gpt2", "gpt2"), ("model/model.safetensors", "model"), ("a/b/", "b")],
)  # fmt: skip
def test_names(checkpoint: Any, name: str) -> None:
    assert model_name(checkpoint) == name
