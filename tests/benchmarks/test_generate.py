"""The parts of the generation benchmark that need no transformers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.generate import perplexity
from benchmarks.generate.bandwidth import MemoryReader
from benchmarks.generate.check import (
    LOGITS,
    check_greedy,
    compare_logits,
    equal_tokens,
)
from benchmarks.generate.llama_cpp_side import NEEDED
from benchmarks.generate.measure import Result, measure, shares, times, tokens_per_s
from benchmarks.generate.report import as_json, table
from benchmarks.generate.side import cross_entropy
from benchmarks.generate.workload import GPT2_124M, Workload
from benchmarks.harness.check import DisagreementError
from benchmarks.harness.peer import Peer, WorkerError
from pygpt import GPT, CharTokenizer, GPTConfig, prepare

SMALL = Workload(
    61, 67, 2, 3, 15, prompt=5, new=17, prefill=29, batches=(2, 3), batch_new=7, warm_up=1, rounds=2
)
LOGITS_3 = np.array([[1, 2, 3], [5, 4, 5], [0, 10, -10]], np.float32)


def test_reads_all_but_positions() -> None:
    assert GPT2_124M.weights_read == 124_439_808 - 1024 * 768
    config = GPTConfig(67, 61, 2, 3, 15)
    assert SMALL.weights_read == config.num_parameters - 67 * 15


def test_other_logits_fail() -> None:
    near = LOGITS_3 + np.float32(0.9 * LOGITS * 10)
    assert 0 < compare_logits("other", near, LOGITS_3) < LOGITS
    for far in (LOGITS_3 + np.float32(1.1 * LOGITS * 10), np.full_like(LOGITS_3, np.nan)):
        with pytest.raises(DisagreementError, match="other: expected the logits"):
            compare_logits("other", far, LOGITS_3)


def test_greedy_tokens_are_the_likeliest_or_tie() -> None:
    prompt = np.array([7])
    for tokens in ([2, 0, 1], [2, 2, 1]):
        check_greedy("side", prompt, tokens, LOGITS_3)
    with pytest.raises(DisagreementError, match="side: expected new token 1 to be 0, .* got 1"):
        check_greedy("side", prompt, [2, 1, 1], LOGITS_3)


def test_equal_tokens() -> None:
    assert equal_tokens([3, 5, 7], [3, 5, 7]) == 3
    assert equal_tokens([3, 5, 7], [3, 6, 7]) == 1
    assert equal_tokens([3, 5, 7], [4, 5, 7]) == 0


def test_rates() -> None:
    slow = Result("slow", "", generate_s=[2.0, 4.0, 3.0])
    fast = Result("fast", "", generate_s=[1.0, 1.0, 1.5])
    assert tokens_per_s(replace(SMALL, new=6), slow) == 2.0
    assert times(fast, slow) == [2.0, 4.0, 2.0]


def test_share_of_the_rate_of_its_turn() -> None:
    result = Result("", "", generate_s=[1.0, 2.0], read_bytes_per_s=[200.0, 50.0])
    result.bytes_per_token = 10
    assert shares(replace(SMALL, new=10), result) == [0.5, 1.0]


def test_memory_is_read_at_a_rate_that_can_be() -> None:
    with MemoryReader(2, 1 << 28) as reader:
        assert 1e8 < reader.bytes_per_s() < 1e13


@pytest.mark.slow
def test_sides_of_pygpt_agree(tmp_path: Path) -> None:
    notes: list[str] = []
    sides = ["pygpt", "pygpt-bfloat16", "pygpt-int8"]
    results = measure(SMALL, sides, 1, tmp_path, notes.append)
    assert len(notes) == 6
    assert [result.equal_tokens for result in results][0] == SMALL.new
    read = [result.bytes_per_token for result in results]
    assert read == [4 * SMALL.weights_read, 2 * SMALL.weights_read, SMALL.weights_read]
    for result in results:
        assert result.peak_bytes > 1e7
        for turns in (
            result.generate_s, result.read_bytes_per_s, result.prefill_s, result.forward_s,
            *result.batch_s.values(),
        ):  # fmt: skip
            assert len(turns) == SMALL.rounds and min(turns) > 0
    console = Console(width=100, record=True)
    console.print(table(SMALL, results))
    shown = console.export_text()
    expected = ("pygpt-int8", "memory was read at", "of 17 greedy tokens")
    assert all(text in shown for text in expected)
    assert len(json.loads(json.dumps(as_json(SMALL, results)))["sides"]) == 3


def test_a_side_that_is_not_installed_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "llama_cpp.py").write_text("raise ImportError('no library')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    notes: list[str] = []
    with pytest.raises(WorkerError, match="no side is left"):
        measure(SMALL, ["llama.cpp-q8_0"], 1, tmp_path, notes.append)
    assert notes[1:] == [f"llama.cpp-q8_0: left out: no library; {NEEDED}"]


def test_cross_entropy() -> None:
    one_hot = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]], np.float32)) + 3
    loss = cross_entropy(one_hot, np.array([0, 1]))
    assert loss == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 2, rel=1e-6)


def test_a_side_that_fails_says_why(tmp_path: Path) -> None:
    make, arguments = "benchmarks.generate.side:make_side", ("pygpt", tmp_path, 1)
    expected = pytest.raises(WorkerError, match="pygpt: CheckpointError: ")
    with expected, Peer("pygpt", make, arguments):
        pass


def test_perplexity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text"
    text.write_text("abcab\ncba\n" * 40)
    tokenizer = CharTokenizer.train([text.read_text()])
    prepare(text, tokenizer, tmp_path / "data")
    config = GPTConfig(7, tokenizer.vocab_size, 1, 2, 6)
    with GPT(config, tokenizer=tokenizer) as model:
        model.save_pretrained(tmp_path / "model")
    perplexity.run([str(tmp_path / "model"), str(tmp_path / "data")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["weights", "float32", "bfloat16", "int8", "int4"]
    for line in lines[1:]:
        _, loss, e_to_it = line.split()
        assert float(e_to_it) == pytest.approx(np.exp(float(loss)), rel=1e-4)
        assert float(loss) == pytest.approx(np.log(tokenizer.vocab_size), abs=0.1)  # untrained
