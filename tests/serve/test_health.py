"""What watchers are told: the truth about the model's thread."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from pygpt.engine.door import EngineError
from pygpt.generate.generator import Generator
from pygpt.serve import engine as engine_module
from pygpt.serve.server import Server

BODY = {"prompt": "hello", "max_tokens": 5, "temperature": 0}


def _health(server: Server) -> tuple[int, dict[str, Any]]:
    got = httpx2.get(f"{server.address}/health")
    return got.status_code, got.json()


def test_idle(serving: Callable[..., Server]) -> None:
    server = serving(parallel=3, max_queue=4)
    status, state = _health(server)
    assert (status, state["status"], state["free"]) == (200, "ok", 7)
    assert state["last_step_age_s"] is None
    assert httpx2.post(f"{server.address}/v1/completions", json=BODY).status_code == 200
    assert 0 <= _health(server)[1]["last_step_age_s"] < 60


def test_a_step_that_does_not_end(
    serving: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said while it lasts, and no longer."""
    server = serving()
    goes_on = threading.Event()
    advance = Generator.advance

    def hangs(self: Generator, *arguments: Any) -> bool:
        goes_on.wait(30)
        return advance(self, *arguments)

    monkeypatch.setattr(engine_module, "STUCK_S", 0.1)
    monkeypatch.setattr(Generator, "advance", hangs)
    answers: list[int] = []

    def ask() -> None:
        answers.append(httpx2.post(f"{server.address}/v1/completions", json=BODY).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.5)
    assert _health(server)[0] == 503 and _health(server)[1]["status"] == "stuck"
    assert "pygpt_up 0" in httpx2.get(f"{server.address}/metrics").text
    goes_on.set()
    asking.join(30)
    assert answers == [200] and _health(server)[0] == 200


def test_a_step_that_fails(
    serving: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits is told, the thread lives, and the next request may succeed."""
    server = serving()
    with monkeypatch.context() as patch:

        def fails(self: Generator, *_: Any) -> bool:
            raise EngineError("out of luck")

        patch.setattr(Generator, "advance", fails)
        got = httpx2.post(f"{server.address}/v1/completions", json=BODY)
        assert (got.status_code, got.json()["error"]["type"]) == (500, "server_error")
        stream = httpx2.post(f"{server.address}/v1/completions", json=BODY | {"stream": True})
        assert "out of luck" in stream.text and "[DONE]" not in stream.text
        status, state = _health(server)
        assert (status, state["status"]) == (503, "failing")
    assert httpx2.post(f"{server.address}/v1/completions", json=BODY).status_code == 200
    assert _health(server)[1]["status"] == "ok"


def test_metrics(serving: Callable[..., Server]) -> None:
    """In Prometheus' text form; counts go up by what was done."""
    server = serving()
    httpx2.post(f"{server.address}/v1/completions", json=BODY | {"ignore_eos": True})
    httpx2.post(f"{server.address}/v1/completions", json={"prompt": 1})
    got = httpx2.get(f"{server.address}/metrics")
    assert got.headers["content-type"].startswith("text/plain; version=0.0.4")
    values = {}
    for line in got.text.splitlines():
        if not line.startswith("#"):
            sample = re.fullmatch(r"(\w+(?:\{\w+=\"[^\"]*\"(?:,\w+=\"[^\"]*\")*\})?) (\S+)", line)
            assert sample, line
            values[sample[1]] = float(sample[2])
    path = 'path="/v1/completions"'
    assert values[f'pygpt_requests_total{{{path},status="200"}}'] == 1
    assert values[f'pygpt_requests_total{{{path},status="400"}}'] == 1
    assert values["pygpt_completion_tokens_total"] == 5
    assert values["pygpt_prompt_tokens_total"] == 5
    assert values['pygpt_first_token_seconds_bucket{le="+Inf"}'] == 1
    assert values["pygpt_request_seconds_count"] == 1
    assert values["pygpt_up"] == 1
