"""Prompts and answers: what is scored, what does not fit, the split, and what is wrong."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pygpt import (
    CharTokenizer,
    ConfigError,
    DataError,
    Pairs,
    PairSampler,
    TokenError,
    load_tokenizer,
)

ABC = CharTokenizer("abcdefg")  # BOS is 7
PAIRS = [("ab", "c"), ("d", "efg"), ("abcdefg", "ab"), ("g", "g")]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _write(pairs: list[tuple[str, str]], name: str = "pairs.jsonl") -> str:
    lines = [json.dumps({"id": 1, "prompt": prompt, "answer": answer}) for prompt, answer in pairs]
    Path(name).write_text("\n".join(lines) + "\n")
    return name


def _rows(pairs: Pairs) -> list[tuple[list[int], list[int]]]:
    ends = [slice(a, b) for a, b in zip(pairs.starts, pairs.starts[1:], strict=False)]
    return [(pairs.ids[end].tolist(), pairs.targets[end].tolist()) for end in ends]


def test_the_answer_alone_is_scored() -> None:
    pairs = Pairs.read(_write(PAIRS), ABC, 20)
    assert (len(pairs), pairs.name, pairs.ids.dtype, pairs.targets.dtype) == (
        4, "pairs.jsonl", np.int32, np.int32,
    )  # fmt: skip
    assert _rows(pairs) == [
        ([0, 1, 2], [-1, 2, 7]),
        ([3, 4, 5, 6], [4, 5, 6, 7]),
        ([0, 1, 2, 3, 4, 5, 6, 0, 1], [-1, -1, -1, -1, -1, -1, 0, 1, 7]),
        ([6, 6], [6, 7]),
    ]


def test_without_bos_nothing_ends_an_answer() -> None:
    pairs = Pairs.read(_write(PAIRS[:2]), CharTokenizer("abcdefg", bos=False), 20)
    assert _rows(pairs) == [([0, 1], [-1, 2]), ([3, 4, 5], [4, 5, 6])]


def test_a_long_prompt_loses_its_beginning() -> None:
    pairs = Pairs.read(_write(PAIRS), ABC, 4)
    assert _rows(pairs)[2] == ([5, 6, 0, 1], [-1, 0, 1, 7])
    assert _rows(Pairs.read(_write([PAIRS[2]]), ABC, 3)) == [([6, 0, 1], [0, 1, 7])]
    with pytest.raises(DataError) as caught:
        Pairs.read(_write(PAIRS), ABC, 3)
    problem = "answer: expected at most 3 tokens, the block_size, got 4"
    assert str(caught.value) == f"data file pairs.jsonl: line 2: {problem}"


def test_prompt_and_answer_are_encoded_each_by_itself() -> None:
    """As the prompt will be when the model is asked."""
    gpt2 = load_tokenizer("gpt2")
    pairs = Pairs.read(_write([("How do you", " do?")]), gpt2, 20)
    prompt, answer = gpt2.encode("How do you"), gpt2.encode(" do?")
    assert pairs.ids.tolist() == [*prompt, *answer]
    assert pairs.targets.tolist() == [-1] * (len(prompt) - 1) + [*answer, gpt2.bos]


def test_a_row_has_one_pair() -> None:
    pairs = Pairs.read(_write(PAIRS), ABC, 11)
    expected = {tuple(ids): targets for ids, targets in _rows(pairs)}
    sampler = PairSampler(pairs, 11, 2, seed=3)
    for _ in range(3):  # epochs
        found = set()
        for batch in islice(sampler, 2):
            for ids, targets in zip(*batch, strict=True):
                length = max(n for n in map(len, expected) if tuple(ids[:n]) in expected)
                one = tuple(ids[:length].tolist())
                assert targets.tolist() == expected[one] + [-1] * (11 - length)
                assert not ids[length:].any()
                found.add(one)
        assert found == {*expected}
    last = list(PairSampler(pairs, 11, 3).eval_batches())[-1]
    assert [row.any() for row in last.ids] == [True, False, False]
    with pytest.raises(ConfigError) as caught:
        PairSampler(pairs, 8, 2)
    problem = "expected at least 9, as the longest pair has, got 8"
    assert str(caught.value) == f"block_size: {problem}"


def test_split() -> None:
    many = [("a" * (1 + i % 3), "b" * (1 + i % 5) + "cdefg"[i % 4]) for i in range(60)]
    pairs = Pairs.read(_write(many), ABC, 20)
    train, val = pairs.split(0.15, seed=5)
    assert (len(train), len(val), train.name) == (51, 9, "pairs.jsonl")
    assert sorted(_rows(train) + _rows(val)) == sorted(_rows(pairs))
    again = pairs.split(0.15, seed=5)[1]
    np.testing.assert_array_equal(again.ids, val.ids)
    choices = [_rows(pairs.split(0.15, seed)[1]) for seed in range(5)]
    assert any(choice != choices[0] for choice in choices)
    few = Pairs.read(_write(PAIRS[:1]), ABC, 20)
    with pytest.raises(DataError, match="^data pairs.jsonl: expected pairs enough to split, got 1"):
        few.split(0.1)
    with pytest.raises(ConfigError, match="^validation: expected more than 0 and less than 1, got"):
        pairs.split(1.0)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"prompt": "a"}', "line 2: expected a field 'answer', got 'prompt'"),
        ('{"answer": "a"}', "line 2: expected a field 'prompt', got 'answer'"),
        ('{"prompt": "a", "answer": ""}', "line 2: answer: expected text, got an empty one"),
        ('{"prompt": "", "answer": "a"}', "line 2: prompt: expected text, got an empty one"),
        ('{"prompt": "a", "answer": 3}', "line 2: answer: expected text, got a number"),
        ('["a", "b"]', "line 2: expected a JSON object, got a list"),
        ("a,b", "line 2: expected a JSON object, got Expecting value at column 1"),
    ],
)
def test_bad_lines(line: str, problem: str) -> None:
    with Path(_write(PAIRS[:1])).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError) as caught:
        Pairs.read("pairs.jsonl", ABC, 20)
    assert str(caught.value) == f"data file pairs.jsonl: {problem}"


def test_bad_files() -> None:
    Path("empty.jsonl").write_text("\n")
    with pytest.raises(DataError, match="^data file empty.jsonl: expected pairs, got none$"):
        Pairs.read("empty.jsonl", ABC, 20)
    with pytest.raises(DataError, match="^data file none: cannot be read: No such file or direct"):
        Pairs.read("none", ABC, 20)
    where = "data file pairs.jsonl: line 1: text"
    with pytest.raises(TokenError, match=f"^{where}: expected known characters, got 'x'$"):
        Pairs.read(_write([("a", "x")]), ABC, 20)
