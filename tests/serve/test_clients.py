"""Clients that are not OpenAI's: the JDK's, with its offer of HTTP/2, and lm-eval's requests."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx2
import numpy as np
import pytest

import jbridge
from pygpt import GPT
from pygpt.serve.server import Server


def _java(name: str) -> Any:
    return jbridge.java_class(name)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_the_client_of_the_jdk(server: Server, model: GPT, chunked: bool, stream: bool) -> None:
    """It offers h2c, and may send a body whose length it does not say."""
    body = {"prompt": "hello", "max_tokens": 20, "temperature": 0, "stream": stream}
    publishers = _java("java.net.http.HttpRequest$BodyPublishers")
    publisher = publishers.ofString(json.dumps(body))
    if chunked:
        publisher = publishers.fromPublisher(publisher)
    address = _java("java.net.URI").create(f"{server.address}/v1/completions")
    request = (
        _java("java.net.http.HttpRequest")
        .newBuilder(address)
        .header("Content-Type", "application/json")
        .POST(publisher)
        .build()
    )
    client = _java("java.net.http.HttpClient").newHttpClient()
    handler = _java("java.net.http.HttpResponse$BodyHandlers").ofString()
    answer = client.send(request, handler)
    assert (answer.statusCode(), str(answer.version())) == (200, "HTTP_1_1")
    text = str(answer.body())
    if stream:
        lines = [line.removeprefix("data: ") for line in text.splitlines() if line]
        assert lines.pop() == "[DONE]"
        got = "".join(json.loads(line)["choices"][0]["text"] for line in lines)
    else:
        got = json.loads(text)["choices"][0]["text"]
    assert got == model.generate("hello", 20, temperature=0).removeprefix("hello")


def test_perplexity_as_lm_eval_measures_it(http: httpx2.Client, model: GPT) -> None:
    """Its `local-completions` sends token ids, many at a time, and reads all but the last token."""
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 30, (7, 60)).tolist()
    body = {
        "model": "small", "prompt": rows, "echo": True, "max_tokens": 1, "logprobs": 1,
        "temperature": 0, "seed": 1234,
    }  # fmt: skip
    answer = http.post("/v1/completions", json=body).json()
    total = 0.0
    for choice in sorted(answer["choices"], key=lambda choice: choice["index"]):
        found = choice["logprobs"]
        assert len(found["token_logprobs"]) == 61
        values = found["token_logprobs"][1:-1]
        total -= sum(values)
        best = [max(top, key=top.__getitem__) for top in found["top_logprobs"][1:-1]]
        assert len(best) == len(values)
    expected = model.loss([row[:-1] for row in rows], [row[1:] for row in rows])
    got = total / (7 * 59)
    assert math.isclose(math.exp(got), math.exp(expected), rel_tol=1e-5)
