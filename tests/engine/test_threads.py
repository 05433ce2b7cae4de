"""One model and many threads: every answer is the one that a single thread gets."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from pygpt import GPT, CharTokenizer, GPTConfig
from pygpt.engine.door import translated
from pygpt.engine.turns import Turns
from pygpt.errors import ClosedError

TOKENIZER = CharTokenizer("".join(map(chr, range(97, 127))))
CONFIG = GPTConfig(
    block_size=48, vocab_size=TOKENIZER.vocab_size, n_layer=2, n_head=3, n_embd=24
)
THREADS = 8


def call(model: GPT, training: Any, seed: int) -> object:
    """Return one of many answers, which depends on the seed alone."""
    rng = random.Random(seed)
    ids = [rng.randrange(CONFIG.vocab_size) for _ in range(rng.randrange(1, 20))]
    text = TOKENIZER.decode([token for token in ids if token != TOKENIZER.bos])
    options: dict[str, Any] = {"temperature": rng.choice([0.0, 0.9]), "seed": seed}
    kinds: list[Callable[[], object]] = [
        lambda: model.generate(ids, rng.randrange(1, 20), **options).tolist(),
        lambda: model.generate(np.array([ids] * rng.choice([3, 12])), 5, **options).tolist(),
        lambda: "".join(model.stream(text or "a", 9, **options)),
        lambda: model.continuations(ids, 6, **options)[0].log_probabilities.tolist(),
        lambda: model.logits(np.array([ids] * rng.randrange(1, 4))).tobytes(),
        lambda: model.loss(ids, ids),
        lambda: model.attention(ids).tobytes(),
        lambda: training.step([[1, 2, 3]], [[2, 3, 4]], 1e-3) and None,
    ]
    return kinds[seed % len(kinds)]()


@pytest.mark.parametrize(("backend", "calls"), [("cpu", 400), ("nd4j", 80), ("plain", 80)])
def test_threads_get_what_one_thread_gets(backend: str, calls: int) -> None:
    with (
        GPT(CONFIG, backend=backend, tokenizer=TOKENIZER) as model,
        GPT(CONFIG, backend=backend) as other,
        other.training(1) as training,
    ):
        expected = [call(model, training, seed) for seed in range(calls)]
        with ThreadPoolExecutor(THREADS) as pool:
            got = [*pool.map(lambda seed: call(model, training, seed), range(calls))]
        assert got == expected


def test_coroutines_share_a_model() -> None:
    async def answers(model: GPT) -> list[Any]:
        calls = (asyncio.to_thread(model.generate, [b], 9, temperature=0.0) for b in range(16))
        return await asyncio.gather(*calls)

    with GPT(CONFIG) as model:
        expected = [model.generate([b], 9, temperature=0.0).tolist() for b in range(16)]
        assert [ids.tolist() for ids in asyncio.run(answers(model))] == expected


@pytest.mark.parametrize("seed", range(6))
def test_close_while_others_compute(seed: int) -> None:
    model = GPT(CONFIG, tokenizer=TOKENIZER)
    other = GPT(CONFIG)
    training = other.training(1)
    expected = [call(model, training, number) for number in range(64)]
    closed = threading.Event()

    def answer(number: int) -> object:
        if number == 10 + 5 * seed:
            model.close()
            closed.set()
        try:
            return call(model, training, number)
        except ClosedError as error:
            assert str(error) == "the model is closed; make another one"
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        got = [*pool.map(answer, range(64))]
    assert closed.is_set()
    for one, right in zip(got, expected, strict=True):
        assert isinstance(one, ClosedError) or one == right
    assert any(isinstance(one, ClosedError) for one in got)
    other.close()


def test_what_java_finds_closed_is_a_closed_error() -> None:
    """Another thread may close a model between Python's check and Java's."""
    model = GPT(CONFIG)
    java = model.java
    model.close()
    with pytest.raises(ClosedError) as raised, translated():
        java.attention(3)
    assert str(raised.value) == "the model is closed; make another one"


def test_threads_generate_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests of different threads run in one step."""
    monkeypatch.setattr("pygpt.generate.generation.PIECE_MS", 0)
    with GPT(CONFIG) as model:
        together = threading.Barrier(2)
        model.generate([1], 2)
        assert model._shared is not None
        most = 0

        def generate(token: int) -> None:
            nonlocal most
            together.wait()
            for _ in model.streams(["a" * 3], 40):
                most = max(most, int(model._shared.running()))  # type: ignore[union-attr]

        model.tokenizer = TOKENIZER
        with ThreadPoolExecutor(2) as pool:
            for _ in range(50):
                [*pool.map(generate, range(2))]
                if most == 2:
                    break
        assert most == 2


def test_a_stream_that_nobody_reads_leaves_the_queue() -> None:
    with GPT(CONFIG, tokenizer=TOKENIZER) as model:
        model.generate([1], 2)
        assert model._shared is not None
        stream = model.stream("abc", 40)
        assert model._shared.queued() == 1
        del stream
        for _ in range(200):
            if not model._shared.queued():
                break
            threading.Event().wait(0.01)
        assert model._shared.queued() == 0


# ---- turns ---------------------------------------------------------------------------------------


def test_turns_exclude_others_and_nest() -> None:
    turns, seen = Turns(), []

    def work(number: int) -> None:
        for _ in range(200):
            with turns, turns:
                seen.append(number)
                seen.append(number)

    with ThreadPoolExecutor(4) as pool:
        [*pool.map(work, range(4))]
    assert all(seen[i] == seen[i + 1] for i in range(0, len(seen), 2)) and len(seen) == 1600


def test_who_waits_is_next() -> None:
    turns, order = Turns(), []
    waiting = threading.Event()

    def wait() -> None:
        waiting.set()
        with turns:
            order.append("other")

    turns.acquire()
    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait()
    while turns._next.acquire(blocking=False):  # until the other thread is in line
        turns._next.release()
    turns.release()
    with turns:
        order.append("this")
    thread.join()
    assert order == ["other", "this"]


def test_a_turn_may_be_refused() -> None:
    turns = Turns()
    with turns, ThreadPoolExecutor(1) as pool:
        assert not pool.submit(turns.acquire, False).result()
    assert turns.acquire(blocking=False)
    turns.release()
