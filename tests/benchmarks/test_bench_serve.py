"""The parts of the server benchmark that need no other server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.harness.check import DisagreementError
from benchmarks.harness.worker import UnavailableError
from benchmarks.serve.__main__ import Prompts, table, turn
from benchmarks.serve.sides import SIDES, Side
from pygpt import GPT, GPTConfig, load_tokenizer
from tests.serve.conftest import running


def test_prompts_are_the_same_tokens_as_text() -> None:
    prompts = Prompts()
    for tokens in (1, 16, 1000):
        ids, text = prompts.make(tokens, seed=3)
        assert len(ids) == tokens and text.count(" ") == tokens
    assert prompts.make(16, seed=3) == prompts.make(16, seed=3) != prompts.make(16, seed=4)


def test_a_turn_asks_for_so_many_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.serve.__main__.NEW", 5)
    config = GPTConfig(32, 50257, 1, 1, 8)
    prompts = Prompts()
    with GPT(config, tokenizer=load_tokenizer("gpt2")) as model, running(model) as server:
        for takes_ids in (True, False):
            side = Side("pygpt", server.address, "", takes_ids)
            rate, firsts = asyncio.run(turn(side, prompts, 3, seed=1))
            assert rate > 0 and len(firsts) == 3 and min(firsts) > 0
        other = Side("pygpt", server.address, "", options={})  # no usage is asked for
        with pytest.raises(DisagreementError, match="pygpt: expected 5 tokens, got 0"):
            asyncio.run(turn(other, prompts, 1, seed=1))


def test_the_table_compares_numbers_of_clients() -> None:
    turns = {"1": {"tokens_per_s": [10.0], "first_s": [0.5]},
             "8": {"tokens_per_s": [45.0], "first_s": [0.5, 0.7]}}  # fmt: skip
    shown = table({"turns": {"side": turns}, "long_and_short_first_s": {}})
    assert list(shown.columns[3].cells) == ["1.00 (1.00-1.00)", "4.50 (4.50-4.50)"]


def test_a_server_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("benchmarks.serve.sides.find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match="neither llama-server on PATH"):
        SIDES["llama.cpp-q8_0"](tmp_path)
