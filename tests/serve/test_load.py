"""Many clients: their tokens, those that leave, those for whom there is no place."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from pygpt import GPT
from pygpt.serve.server import Server

LONG = {"prompt": "hello", "max_tokens": 90, "temperature": 1.3, "ignore_eos": True}


DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _health(server: Server) -> dict[str, Any]:
    """Ask as fast as can be: what runs may last a few milliseconds."""
    with DIRECT.open(f"{server.address}/health") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _settled(server: Server, seconds: float = 10) -> dict[str, Any]:
    """Return the state once nothing runs, or after so long."""
    end = time.monotonic() + seconds
    while True:
        state = _health(server)
        if (state["running"], state["queued"]) == (0, 0) or time.monotonic() > end:
            return state
        time.sleep(0.02)


def _send(server: Server, body: dict[str, Any]) -> socket.socket:
    """Send a request and return its connection."""
    host, port = server.address.removeprefix("http://").split(":")
    data = json.dumps(body).encode()
    connection = socket.create_connection((host, int(port)), 30)
    head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n"
    connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + data)
    return connection


async def _ask(address: str, bodies: list[dict[str, Any]]) -> list[httpx2.Response]:
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=address, timeout=120, limits=limits) as client:
        posts = [client.post("/v1/completions", json=body) for body in bodies]
        return await asyncio.gather(*posts)


def test_the_same_request_gives_the_same_tokens_among_others(server: Server) -> None:
    """Alone, and among 31 others."""
    rng = random.Random(3)
    others = [
        LONG | {"prompt": "".join(rng.choices("abcxyz", k=rng.randrange(1, 7))), "seed": seed}
        for seed in range(31)
    ]
    body = LONG | {"seed": 77, "logprobs": 0}
    (alone,) = asyncio.run(_ask(server.address, [body]))
    for place in (0, 15, 31):
        answers = asyncio.run(_ask(server.address, others[:place] + [body] + others[place:]))
        assert all(answer.status_code == 200 for answer in answers)
        among = answers[place].json()["choices"][0]
        assert among["text"] == alone.json()["choices"][0]["text"]


def test_full_queue(serving: Callable[..., Server]) -> None:
    """64 clients, 4 at once and 28 that wait: the others are told to come again, at once."""
    server = serving(parallel=4, max_queue=28)
    answers = asyncio.run(_ask(server.address, [LONG] * 64))
    taken = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(taken) + len(refused) == 64 and len(taken) >= 32 and refused
    for answer in refused:
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["error"]["code"] == "queue_full"
    state = _settled(server)
    assert (state["running"], state["queued"], state["free"]) == (0, 0, 32)
    (answer,) = asyncio.run(_ask(server.address, [LONG | {"n": 33}]))
    assert answer.status_code == 400


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_frees_what_was_his(
    serving: Callable[..., Server], model: GPT, stream: bool
) -> None:
    """Running or waiting; and nobody else's."""
    server = serving(parallel=1, max_queue=9)
    slow = LONG | {"stream": stream}
    stays = LONG | {"seed": 9}
    first = _send(server, slow | {"n": 4})
    second = _send(server, slow | {"n": 4})
    deadline = time.monotonic() + 30
    while _health(server)["free"] > 2:
        assert time.monotonic() < deadline
    third = _send(server, stays)
    second.close()  # waits
    first.close()  # runs
    third.settimeout(60)
    answer = b""
    while b"\r\n\r\n" not in answer or not answer.rstrip().endswith(b"}"):
        answer += third.recv(65536)
    third.close()
    (alone,) = asyncio.run(_ask(server.address, [stays]))
    text = json.loads(answer.partition(b"\r\n\r\n")[2])["choices"][0]["text"]
    assert text == alone.json()["choices"][0]["text"]
    state = _settled(server)
    assert (state["running"], state["queued"], state["free"]) == (0, 0, 10)


@pytest.mark.slow
def test_a_thousand_clients_that_leave(serving: Callable[..., Server]) -> None:
    """At random moments, 50 at a time: no cache stays taken, and memory is flat."""
    server = serving(parallel=8, max_queue=24)
    rng = random.Random(5)
    sizes = []
    for _ in range(20):
        connections = [
            _send(server, LONG | {"stream": rng.random() < 0.5, "n": rng.randrange(1, 3)})
            for _ in range(50)
        ]
        rng.shuffle(connections)
        for connection in connections:
            time.sleep(rng.random() * 0.004)
            connection.close()
        state = _settled(server)
        assert (state["running"], state["queued"], state["free"]) == (0, 0, 32)
        sizes.append(_resident_bytes())
    assert max(sizes[10:]) < max(sizes[:10]) + 32 * 2**20
    (answer,) = asyncio.run(_ask(server.address, [LONG]))
    assert answer.status_code == 200


def _resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
