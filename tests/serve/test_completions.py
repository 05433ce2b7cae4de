"""`/v1/completions` by OpenAI's client: what pygpt itself gives, in the form of the API."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import numpy as np
import openai
import pytest

from pygpt import GPT
from pygpt.serve.server import Server
from tests.serve.conftest import NAME, TOKENIZER


def test_texts_are_those_of_generate(client: openai.OpenAI, model: GPT) -> None:
    """n choices have the seeds that follow each other."""
    got = client.completions.create(model=NAME, prompt="hello", max_tokens=40, temperature=0)
    expected = model.generate("hello", 40, temperature=0).removeprefix("hello")
    assert (got.choices[0].text, got.model, got.object) == (expected, NAME, "text_completion")
    assert got.usage is not None and got.usage.prompt_tokens == 5
    several = client.completions.create(
        model=NAME,
        prompt=["hello", "you"],
        n=3,
        max_tokens=20,
        seed=5,
        temperature=1.3,
        extra_body={"top_k": 9, "min_p": 0.01, "repetition_penalty": 1.1},
    )
    options: dict[str, Any] = {
        "temperature": 1.3, "top_k": 9, "min_p": 0.01, "repetition_penalty": 1.1,
    }  # fmt: skip
    texts = [
        model.generate(prompt, 20, seed=5 + i, **options).removeprefix(prompt)
        for prompt in ("hello", "you")
        for i in range(3)
    ]
    assert [choice.text for choice in several.choices] == texts
    assert [choice.index for choice in several.choices] == list(range(6))


def test_why_it_ends(client: openai.OpenAI, model: GPT) -> None:
    ids = TOKENIZER.encode("hello")
    (found,) = model.continuations(ids, 90, temperature=1.5, seed=1, stop="a")
    assert found.stopped
    options: dict[str, Any] = {"model": NAME, "temperature": 1.5, "seed": 1}
    for stop in ("a", ["a"], ["not there", "a"]):
        (choice,) = client.completions.create(
            prompt=ids, max_tokens=90, stop=stop, **options
        ).choices
        assert (choice.text, choice.finish_reason) == (found.text, "stop")
    for count in (2, 90):
        (choice,) = client.completions.create(
            prompt=ids, max_tokens=count, extra_body={"ignore_eos": True}, **options
        ).choices
        assert choice.finish_reason == "length"


@pytest.mark.parametrize(
    "prompt", ["hello", [7, 4, 11], [[7, 4, 11], [3]], ["hello", "you"], "", None], ids=repr
)
def test_prompts(http: httpx2.Client, prompt: Any) -> None:
    """Text, ids, lists of either; nothing is BOS."""
    got = http.post("/v1/completions", json={"prompt": prompt, "echo": True, "temperature": 0})
    assert got.status_code == 200
    many = isinstance(prompt, list) and not isinstance(prompt[0], int)
    rows = prompt if many else [prompt]
    for choice, row in zip(got.json()["choices"], rows, strict=True):
        text = row if isinstance(row, str) or row is None else TOKENIZER.decode(row)
        assert choice["text"].startswith(text or "")


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    wide = logits.astype(np.float64)
    wide -= wide.max(-1, keepdims=True)
    return wide - np.log(np.exp(wide).sum(-1, keepdims=True))


@pytest.mark.parametrize("max_tokens", [0, 1, 6])
def test_log_probabilities_of_prompt_and_answer(
    client: openai.OpenAI, model: GPT, max_tokens: int
) -> None:
    """As lm-eval asks: echo with log-probabilities; each is that of `logits`."""
    prompt = "helloyou"
    (choice,) = client.completions.create(
        model=NAME, prompt=prompt, echo=True, logprobs=2, max_tokens=max_tokens, temperature=0,
        extra_body={"ignore_eos": True},
    ).choices  # fmt: skip
    found = choice.logprobs
    assert found is not None and found.tokens is not None and found.token_logprobs is not None
    assert found.top_logprobs is not None and found.text_offset is not None
    assert len(found.tokens) == len(prompt) + max_tokens
    ids = TOKENIZER.encode(prompt)
    if max_tokens:
        ids = model.generate(ids, max_tokens, temperature=0, stop_tokens=()).tolist()
    names = ["<|30|>" if token == TOKENIZER.bos else TOKENIZER.decode([token]) for token in ids]
    assert found.tokens == names
    expected = _log_softmax(model.logits(ids)[0])
    assert found.token_logprobs[0] is None and found.top_logprobs[0] is None
    for t in range(1, len(ids)):
        row = expected[t - 1]
        np.testing.assert_allclose(found.token_logprobs[t], row[ids[t]], rtol=0, atol=1e-5)
        best = {int(i) for i in np.argsort(-row)[:2]} | {ids[t]}
        named = {"<|30|>" if i == TOKENIZER.bos else TOKENIZER.decode([i]): row[i] for i in best}
        assert found.top_logprobs[t].keys() == named.keys()
        for name, value in found.top_logprobs[t].items():
            np.testing.assert_allclose(value, named[name], rtol=0, atol=1e-5)
    assert found.text_offset[: len(prompt)] == list(range(len(prompt)))


def test_streams_are_the_whole(client: openai.OpenAI) -> None:
    """In pieces, with the same tokens; usage comes last, where it is asked for."""
    options: dict[str, Any] = {
        "model": NAME, "prompt": ["hello", "you"], "n": 2, "seed": 3, "max_tokens": 50,
        "temperature": 1.2, "logprobs": 1, "echo": True, "stop": ["ab", "z"],
    }  # fmt: skip
    whole = client.completions.create(**options)
    for usage in (True, False):
        extra = {"stream_options": {"include_usage": True}} if usage else {}
        chunks = list(client.completions.create(stream=True, **options, **extra))
        assert chunks[-1].usage == (whole.usage if usage else None)
        for choice in whole.choices:
            parts = [c for chunk in chunks for c in chunk.choices if c.index == choice.index]
            assert "".join(part.text for part in parts) == choice.text
            assert [p.finish_reason for p in parts if p.finish_reason] == [choice.finish_reason]
            assert choice.logprobs is not None
            for name, values in choice.logprobs.to_dict().items():
                got = [v for p in parts if p.logprobs for v in p.logprobs.to_dict()[name]]
                assert got == values
        assert all(chunk.id == chunks[0].id for chunk in chunks)


def test_form_of_a_stream(http: httpx2.Client) -> None:
    body = {"prompt": "hello", "stream": True, "max_tokens": 3, "temperature": 0}
    with http.stream("POST", "/v1/completions", json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines) and lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert all({"id", "choices", "created", "object"} <= chunk.keys() for chunk in chunks)
    assert all("usage" not in chunk for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] in ("stop", "length")


def test_async_clients(server: Server, model: GPT) -> None:
    prompts = ["hello", "you", "abc", "xyz"]

    async def ask() -> list[str]:
        base = f"{server.address}/v1"
        async with openai.AsyncOpenAI(base_url=base, api_key="none") as client:
            answers = [
                client.completions.create(model=NAME, prompt=p, max_tokens=30, temperature=0)
                for p in prompts
            ]
            return [answer.choices[0].text for answer in await asyncio.gather(*answers)]

    expected = [model.generate(p, 30, temperature=0).removeprefix(p) for p in prompts]
    assert asyncio.run(ask()) == expected
