"""A generator that stays open: requests that join, are cancelled, share beginnings."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pygpt import GPT, CharTokenizer, ConfigError, GPTConfig, ShapeError, Trainer
from pygpt.engine.door import EngineError
from pygpt.engine.generation import EngineGenerator, EngineSequence
from pygpt.errors import ClosedError
from pygpt.generate.config import GenerateConfig
from pygpt.generate.generator import Request
from pygpt.names.protocol import draw_weights
from tests.support import training_runs

TOKENIZER = CharTokenizer("".join(map(chr, range(97, 127))))
CONFIG = GPTConfig(
    block_size=97, vocab_size=TOKENIZER.vocab_size, n_layer=2, n_head=3, n_embd=96
)


@pytest.fixture
def model() -> Iterator[GPT]:
    with GPT(CONFIG, tokenizer=TOKENIZER) as made:
        rng = np.random.default_rng(7)
        for weight in made.parameters().values():
            weight[:] += 0.3 * rng.standard_normal(weight.shape)
        yield made


def _prompts(count: int) -> list[tuple[list[int], dict[str, Any]]]:
    """Return prompts with options of their own."""
    rng = random.Random(3)
    found = []
    for seed in range(count):
        ids = [rng.randrange(30) for _ in range(rng.randrange(1, 70))]
        options = {
            "max_new_tokens": rng.randrange(1, 27),
            "temperature": rng.choice([0, 0.8, 1.3]),
            "top_k": rng.choice([None, 5]),
            "top_p": rng.choice([None, 0.9]),
            "repetition_penalty": rng.choice([1, 1.2]),
            "stop_tokens": [rng.randrange(30)],
            "top_logprobs": rng.choice([0, 3]),
            "seed": seed,
        }
        found.append((ids, options))
    return found


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("weights", [None, "int8", "bfloat16"])
def test_requests_that_join_others_get_what_they_get_alone(
    model: GPT, weights: str | None, exact: bool
) -> None:
    """To the last bit if that is asked for, and no more than 8 run at once."""
    if weights is not None:
        model.quantize(weights)
    expected = [model.continuations(ids, **options)[0] for ids, options in _prompts(32)]
    got: list[Request] = []
    most = 0
    with model.generator(8 if exact else 32, exact=exact) as generator:
        for ids, options in _prompts(32):
            got.append(generator.submit(ids, **options))
            generator.advance()
            most = max(most, generator.running)
        while generator.advance(1):
            pass
        assert (generator.running, generator.queued) == (0, 0)
    assert most == 8 if exact else most > 8
    for alone, request in zip(expected, got, strict=True):
        joined = request.continuation()
        assert request.done and joined.stopped == alone.stopped
        np.testing.assert_array_equal(joined.ids, alone.ids)
        np.testing.assert_array_equal(joined.top_ids, alone.top_ids)
        atol = 0 if exact else 1e-4
        np.testing.assert_allclose(
            joined.log_probabilities, alone.log_probabilities, rtol=0, atol=atol
        )


def test_text_comes_piece_by_piece(model: GPT) -> None:
    """Of text and, where there are stop strings, of ids."""
    options = {"temperature": 1.5, "seed": 5, "stop": ("ab", "z")}
    text = model.generate("hello", 60, **options)
    with model.generator() as generator:
        first = generator.submit("hello", 60, **options)
        second = generator.submit(TOKENIZER.encode("hello"), 60, **options)
        third = generator.submit(TOKENIZER.encode("hello"), 60, stop_tokens=())
        pieces, more = "", True
        while more:
            more = generator.advance()
            pieces += first.take()
        assert "hello" + pieces == "hello" + second.take() == text
        with pytest.raises(ConfigError, match="^prompt: expected text, or stop strings"):
            third.take()
        assert third.tokens(58).shape == (2,) and third.tokens(61).shape == (0,)


def test_a_cancelled_request_leaves_at_once(model: GPT) -> None:
    with model.generator(parallel=2) as generator:
        options = {"temperature": 1.5, "stop_tokens": ()}
        requests = [generator.submit("abc"[b], 50, seed=b, **options) for b in range(3)]
        generator.advance()
        generator.advance()
        assert (generator.running, generator.queued) == (2, 1)
        generator.cancel(requests[0])
        assert requests[0].done
        generator.advance()
        assert (generator.running, generator.queued) == (2, 0)
        waiting = generator.submit("d", 50)
        assert generator.queued == 1
        generator.cancel(waiting)
        assert generator.queued == 0
        while generator.advance(50):
            pass
        assert waiting.continuation().text == ""
        assert len(requests[0].tokens()) < 50
        for b in (1, 2):
            text = model.generate("abc"[b], 50, seed=b, **options)
            assert "abc"[b] + requests[b].take() == text


def test_a_failure_is_its_own_requests(model: GPT) -> None:
    with model.generator() as generator:
        first = generator.submit([3], 5, temperature=0, stop_tokens=())
        second = generator.submit([4], 5, stop_tokens=())
        model.parameters()["wpe.weight"][1, 2] = np.nan  # read with the second token
        while generator.advance():
            pass
        for request in (first, second):
            assert request.done and len(request.tokens()) == 1
            with pytest.raises(ArithmeticError, match="^logits: expected numbers"):
                request.continuation()
        model.parameters()["wpe.weight"][1, 2] = 0
        generator.forget()
        third = generator.submit([3], 5, temperature=0)
        while generator.advance():
            pass
        expected = model.continuations([3], 5, temperature=0)[0]
        np.testing.assert_array_equal(third.continuation().ids, expected.ids)


def test_a_conversation_is_not_read_again(model: GPT) -> None:
    """The answers are those of a whole reading; `forget` and training make that sure."""
    ids = [random.Random(1).randrange(30) for _ in range(40)]
    with model.generator() as generator:
        for turn in range(4):
            request = generator.submit(ids, 10, temperature=0, stop_tokens=())
            while generator.advance():
                pass
            assert generator.cache_bytes > 0
            fresh = model.continuations(ids, 10, temperature=0, stop_tokens=())[0]
            np.testing.assert_array_equal(request.tokens(), fresh.ids)
            ids = [*ids, *request.tokens().tolist(), turn]
            if turn == 1:
                model.parameters()["wte.weight"][ids[0]] += 1
                generator.forget()
                assert generator.cache_bytes == 0
            if turn == 2:
                with model.training(1) as training:
                    training.step(ids[:-1], ids[1:], 0.1)


@pytest.mark.parametrize("change", ["draw", "resume"])
def test_weights_that_are_written_anew_are_read_anew(tmp_path: Path, change: str) -> None:
    ids = [random.Random(1).randrange(30) for _ in range(40)]
    config = GPTConfig.microgpt(64, 31, 1, 2, 8)
    options = {"temperature": 0, "stop_tokens": ()}
    run = training_runs.config(max_iters=1)
    with GPT(config, seed=5) as other:
        Trainer(other, training_runs.Data(), run, run=tmp_path).fit()
    with GPT(config) as model, model.generator() as generator:
        generator.submit(ids, 5, **options)
        while generator.advance():
            pass
        if change == "draw":
            draw_weights(model, random.Random(1))
        else:
            Trainer(model, training_runs.Data(), run, run=tmp_path, resume=True).close()
        second = generator.submit(ids, 5, **options)
        while generator.advance():
            pass
        (fresh,) = model.continuations(ids, 5, **options)
        got = second.continuation().log_probabilities
        np.testing.assert_array_equal(got, fresh.log_probabilities)


def test_text_ends_with_what_went_wrong(model: GPT) -> None:
    with model.generator() as generator:
        request = generator.submit("a", 5, temperature=0, stop_tokens=())
        model.parameters()["wpe.weight"][1, 2] = np.nan
        with pytest.raises(ArithmeticError, match="^logits: expected numbers"):
            while True:
                generator.advance()
                request.take()
        assert len(request.tokens()) == 1


def test_a_step_asks_java_once_for_all(model: GPT, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    progress = EngineGenerator.progress

    def counted(generator: EngineGenerator, sequences: list[EngineSequence]) -> Any:
        calls.append(len(sequences))
        return progress(generator, sequences)

    with model.generator() as generator:
        requests = [generator.submit([b], 5, stop_tokens=()) for b in range(3)]
        monkeypatch.setattr(EngineGenerator, "progress", counted)
        monkeypatch.setattr(EngineSequence, "tokens", None)
        monkeypatch.setattr(EngineSequence, "check", None)
        steps = 1
        while generator.advance():
            steps += 1
            for request in requests:
                request.check()
        assert calls == [3] * steps


def test_all_prompts_are_queued_or_none(model: GPT, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pygpt.generate.generator.read_by_model", lambda rows, *_: rows)
    prompts = [np.array([b], np.int32) for b in (1, 2, 300)]  # Java refuses the last
    with model.generator() as generator:
        with pytest.raises(EngineError, match="^prompt: expected 0 to"):
            generator.submit_rows(prompts, GenerateConfig(max_new_tokens=5), False)
        assert generator.queued == 0 and not generator.advance()


def test_bad_input(model: GPT) -> None:
    with pytest.raises(ConfigError, match="^parallel: expected 1 to 32, got 33"):
        model.generator(33)
    generator = model.generator()
    with pytest.raises(ShapeError, match=r"^prompt: expected text or \(T,\), got \(1, 2\)$"):
        generator.submit([[1, 2]])
    with pytest.raises(ConfigError, match="^temperature: expected at least 0"):
        generator.submit([1], temperature=-1)
    with pytest.raises(ShapeError, match="^prompt: expected with max_new_tokens at most"):
        generator.submit([1], 97)
    assert not generator.advance()
    generator.close()
    generator.close()
    with pytest.raises(ClosedError, match="^the generator is closed"):
        generator.advance()
