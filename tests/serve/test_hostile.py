"""Whatever comes, the answer is 4xx and the model goes on."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.requests import Request

from pygpt.serve import events
from pygpt.serve.errors import ApiError
from pygpt.serve.server import Server

DEEP = b"[" * 100_000
COMPLETIONS = [
    {"prompt": 1}, {"prompt": {}}, {"prompt": []}, {"prompt": [[]]}, {"prompt": ["a", 1]},
    {"prompt": ["a", [1]]}, {"prompt": [1, [1]]}, {"prompt": [31]}, {"prompt": [-1]},
    {"prompt": [2**31]}, {"prompt": [2**64]}, {"prompt": [1.5]}, {"prompt": [True]},
    {"prompt": [None]}, {"prompt": "UPPER"}, {"prompt": "a\x00"}, {"prompt": "\ud800"},
    {"prompt": "a" * 97}, {"prompt": "a" * 50_000}, {"prompt": ["a"] * 257},
    {"prompt": "a", "max_tokens": 97}, {"prompt": "a", "max_tokens": 2**40},
    {"prompt": "a", "max_tokens": -1}, {"prompt": "a", "max_tokens": "3"},
    {"prompt": "a", "max_tokens": 1.5}, {"prompt": "a", "max_tokens": True},
    {"prompt": "a", "temperature": -1}, {"prompt": "a", "temperature": 1e9},
    {"prompt": "a", "top_p": 2}, {"prompt": "a", "top_p": -0.1}, {"prompt": "a", "min_p": 1.1},
    {"prompt": "a", "top_k": -2}, {"prompt": "a", "repetition_penalty": 0},
    {"prompt": "a", "seed": -1}, {"prompt": "a", "seed": 2**63}, {"prompt": "a", "n": 0},
    {"prompt": "a", "n": 129}, {"prompt": "a", "n": 97}, {"prompt": "a", "logprobs": 21},
    {"prompt": "a", "logprobs": True}, {"prompt": "a", "stop": ["a"] * 17},
    {"prompt": "a", "stop": ""}, {"prompt": "a", "stop": [1]}, {"prompt": "a", "stop": "a" * 1001},
    {"prompt": "a", "stream": "yes"}, {"prompt": "a", "stream_options": 1},
    {"prompt": "a", "best_of": 2}, {"prompt": "a", "suffix": "b"},
    {"prompt": "a", "logit_bias": {"1": 5}}, {"prompt": "a", "presence_penalty": 1},
    {"prompt": "a", "frequency_penalty": 0.5}, {"prompt": "a", "response_format": {"type": "x"}},
    {"prompt": "a", "model": "../../etc/passwd"}, {"prompt": "a", "model": 3},
    [], 1, "text", None,
]  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("body", COMPLETIONS, ids=lambda body: str(body)[:40])
def test_completions_that_cannot_be(http: httpx2.Client, body: Any, stream: bool) -> None:
    if isinstance(body, dict):
        body = {"stream": stream} | body
    got = http.post("/v1/completions", content=json.dumps(body), headers=JSON)
    assert got.status_code in (400, 404), got.text
    error = got.json()["error"]
    assert error["type"] == "invalid_request_error" and error["message"]
    if isinstance(body, dict) and "prompt" in body and len(body) == 3:
        (name,) = body.keys() - {"prompt", "stream"}
        assert error["param"] == name or (name, error["param"]) == ("max_tokens", "prompt")


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"{}{}", b"NaN", b"\x00", DEEP, b'{"a":' + DEEP,
     b'{"prompt": "a", "temperature": 1e999}', b'{"prompt": "a", "temperature": NaN}',
     b'{"prompt": "a", "seed": ' + b"9" * 5000 + b"}", b'{"prompt": "\xff"}',
     b'{"prompt": "\\ud800"}', b'{"prompt": ' + b"[" * 900 + b"]" * 900 + b"}"],
    ids=lambda content: repr(content[:30]),
)  # fmt: skip
@pytest.mark.parametrize("path", ["completions", "chat/completions", "embeddings"])
def test_bodies_that_are_no_requests(http: httpx2.Client, path: str, content: bytes) -> None:
    got = http.post(f"/v1/{path}", content=content, headers=JSON)
    assert got.status_code == 400, got.text
    assert got.json()["error"]["message"]


def test_bodies_without_end(http: httpx2.Client) -> None:
    """Declared, or chunk by chunk."""
    big = b" " * (5 * 2**20)
    assert http.post("/v1/completions", content=big, headers=JSON).status_code == 413
    chunks = (big[: 2**16] for _ in range(80))
    assert http.post("/v1/completions", content=chunks, headers=JSON).status_code == 413


def test_many_long_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are being read take no more than so much together; they are forgotten later."""
    monkeypatch.setattr(events, "BODIES_BYTES", 1000)

    def body(goes_on: asyncio.Event, size: int) -> Request:
        parts = [{"type": "http.request", "body": b" " * size, "more_body": True}]

        async def receive() -> Any:
            if parts:
                return parts.pop()
            await goes_on.wait()
            return {"type": "http.request", "body": b"{}"}

        scope = {"type": "http", "headers": [(b"content-type", b"application/json")]}
        return Request(scope, receive)

    async def check() -> None:
        bodies, goes_on = events.Bodies(), asyncio.Event()
        slow = asyncio.create_task(bodies.read(body(goes_on, 600)))
        await asyncio.sleep(0)
        for _ in range(3):
            with pytest.raises(ApiError, match="^too many long bodies") as refused:
                await bodies.read(body(goes_on, 401))
            assert refused.value.status == 503
        goes_on.set()
        assert await slow == b" " * 600 + b"{}"
        assert len(await bodies.read(body(goes_on, 998))) == 1000

    asyncio.run(check())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/completions", 405), ("DELETE", "/v1/models", 405), ("POST", "/", 405),
     ("GET", "/v1/models/other", 404), ("GET", "/v1/models/../../etc/passwd", 404),
     ("GET", "/v1/models/%2e%2e%2f%00", 404), ("POST", "/v1/responses", 404),
     ("GET", "/docs", 404)],
)  # fmt: skip
def test_what_is_not_there(http: httpx2.Client, method: str, path: str, status: int) -> None:
    got = http.request(method, path)
    assert got.status_code == status
    message = got.json()["error"]["message"]
    if path == "/v1/responses":
        assert "/v1/chat/completions" in message


@pytest.mark.parametrize(
    "request_",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
     b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"A" * 100_000,
     b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
     b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{}",
     b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz"],
    ids=lambda request: repr(request[:24]),
)  # fmt: skip
def test_what_is_no_http(server: Server, http: httpx2.Client, request_: bytes) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(request_)
    assert http.get("/health").json()["status"] == "ok"


def test_bodies_from_the_document(server: Server, http: httpx2.Client) -> None:
    """By schemathesis: bodies that the OpenAPI document allows, and others."""
    schema = schemathesis.openapi.from_url(f"{server.address}/openapi.json")
    checks = [
        not_a_server_error, status_code_conformance, content_type_conformance,
        response_schema_conformance,
    ]  # fmt: skip

    for operation in (found.ok() for found in schema.get_all_operations()):
        _try(operation.as_strategy(generation_mode=GenerationMode.POSITIVE), checks)
        if operation.method == "post":
            _try(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE), checks)
    for path, body in STREAMS.items():
        post = schema[path]["POST"]
        case = post.Case(body=body | {"stream": True}, media_type="application/json")
        case.call_and_validate(checks=checks)
    assert http.get("/health").json()["status"] == "ok"


STREAMS: dict[str, dict[str, Any]] = {
    "/v1/completions": {"prompt": "a", "max_tokens": 3, "logprobs": 2},
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "a"}], "max_tokens": 3},
}


def _try(cases: Any, checks: list[Any]) -> None:
    @given(cases)
    @settings(
        max_examples=40, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck]
    )
    def check(case: Any) -> None:
        case.call_and_validate(checks=checks)

    check()
