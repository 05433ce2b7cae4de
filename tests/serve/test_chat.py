"""`/v1/chat/completions` by OpenAI's client: the answers of `Conversation`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import numpy as np
import openai
import pytest

from pygpt import GPT, Conversation
from pygpt.serve.server import Server
from tests.serve.conftest import NAME, TOKENIZER


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def test_answers_are_those_of_a_conversation(client: openai.OpenAI, model: GPT) -> None:
    """Of several turns, the model sees what was said before."""
    options: dict[str, Any] = {"temperature": 1.1, "seed": 5, "max_new_tokens": 20}
    conversation = Conversation(model, remembers=True, **options)
    said: list[Any] = []
    for prompt in ("hello", "you", "abc"):
        expected = "".join(conversation.answer(prompt))
        said.append(_user(prompt))
        got = client.chat.completions.create(
            model=NAME, messages=said, temperature=1.1, seed=5, max_tokens=20
        )
        message = got.choices[0].message
        assert (message.role, message.content) == ("assistant", expected)
        said.append({"role": "assistant", "content": expected})


def test_what_a_message_may_be(client: openai.OpenAI) -> None:
    """Text, or parts of it; developer is system; both names of the most tokens."""
    options: dict[str, Any] = {"model": NAME, "temperature": 0}
    system = [{"role": "system", "content": "be"}, _user("hello")]
    plain = client.chat.completions.create(messages=system, max_tokens=9, **options)
    parts = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]
    developer: list[Any] = [
        {"role": "developer", "content": "be"}, {"role": "user", "content": parts},
    ]  # fmt: skip
    same = client.chat.completions.create(
        messages=developer, max_completion_tokens=9, **options
    )
    assert same.choices[0].message.content == plain.choices[0].message.content
    assert same.usage == plain.usage


def test_streams_are_the_whole(client: openai.OpenAI) -> None:
    options: dict[str, Any] = {
        "model": NAME, "messages": [_user("hello")], "n": 2, "seed": 3, "max_tokens": 30,
        "logprobs": True, "top_logprobs": 3, "stop": ["ab"],
    }  # fmt: skip
    whole = client.chat.completions.create(**options)
    chunks = list(
        client.chat.completions.create(
            stream=True, stream_options={"include_usage": True}, **options
        )
    )
    assert chunks[-1].usage == whole.usage and chunks[-1].choices == []
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)
    for choice in whole.choices:
        parts = [c for chunk in chunks for c in chunk.choices if c.index == choice.index]
        assert parts[0].delta.role == "assistant" and parts[-1].finish_reason
        assert "".join(part.delta.content or "" for part in parts) == choice.message.content
        assert parts[-1].finish_reason == choice.finish_reason
        tokens = [t for p in parts if p.logprobs for t in p.logprobs.content or []]
        assert choice.logprobs is not None and tokens == choice.logprobs.content


def test_log_probabilities(client: openai.OpenAI, model: GPT) -> None:
    """Of each token of the answer, and of the likeliest in its place; with their bytes."""
    got = client.chat.completions.create(
        model=NAME, messages=[_user("hello")], seed=1, max_tokens=20, logprobs=True,
        top_logprobs=2,
    ).choices[0]  # fmt: skip
    (expected,) = model.continuations(
        TOKENIZER.encode("hello"), 20, seed=1, top_logprobs=2
    )
    assert got.logprobs is not None and got.logprobs.content is not None
    content = got.logprobs.content
    assert "".join(token.token for token in content) == got.message.content
    for t, token in enumerate(content):
        np.testing.assert_allclose(
            token.logprob, expected.log_probabilities[t], rtol=0, atol=1e-4
        )
        assert bytes(token.bytes or []).decode() == token.token
        values = [top.logprob for top in token.top_logprobs]
        np.testing.assert_allclose(values, expected.top_log_probabilities[t], rtol=0, atol=1e-4)


def test_a_base_model_says_so(serving: Callable[..., Server], model: GPT) -> None:
    template, model.chat_template = model.chat_template, None
    try:
        server = serving()
    finally:
        model.chat_template = template
    body = {"messages": [_user("hello")]}
    got = httpx2.post(f"{server.address}/v1/chat/completions", json=body)
    error = got.json()["error"]
    assert (got.status_code, error["code"]) == (400, "no_chat_template")
    assert "not fine-tuned" in error["message"] and "/v1/completions" in error["message"]


HELLO = [_user("hello")]


@pytest.mark.parametrize(
    "body",
    [{}, {"messages": []}, {"messages": "hello"}, {"messages": [{"role": "user"}]},
     {"messages": [{"role": "robot", "content": "a"}]}, {"messages": [_user("UPPER")]},
     {"messages": [_user("")]},
     {"messages": [*HELLO, {"role": "assistant", "content": "a"}]},
     {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
     {"messages": HELLO, "tools": [{"type": "function"}]}, {"messages": HELLO, "max_tokens": 97},
     {"messages": HELLO, "max_tokens": 0}, {"messages": HELLO, "top_logprobs": 2},
     {"messages": HELLO, "logprobs": True, "top_logprobs": 21},
     {"messages": HELLO, "response_format": {"type": "json_object"}}],
    ids=lambda body: str(body)[:60],
)  # fmt: skip
def test_what_cannot_be(http: httpx2.Client, body: dict[str, Any]) -> None:
    got = http.post("/v1/chat/completions", json=body)
    assert got.status_code == 400, got.text
    assert got.json()["error"]["param"] in ("messages", *body)


def test_a_long_conversation_loses_its_beginning(client: openai.OpenAI) -> None:
    said = [_user("a" * 200 + "hello")]
    got = client.chat.completions.create(model=NAME, messages=said, max_tokens=9)  # type: ignore[arg-type]
    assert got.usage is not None and got.usage.prompt_tokens == 97 - 9
