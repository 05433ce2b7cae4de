"""Local means local: who may ask, by Host, Origin, key and address."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import openai
import pytest

from pygpt import ConfigError
from pygpt.serve.config import ServeConfig
from pygpt.serve.server import Server
from tests.serve.conftest import NAME


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("LOCALHOST:80", 200), ("127.0.0.1:8000", 200), ("[::1]:8000", 200),
        ("192.168.1.7", 200), ("evil.example", 403), ("localhost.evil.example", 403),
        ("evil.example:8000", 403), ("[::1].evil.example", 403), ("", 403),
        ("127.0.0.1.evil.example", 403),
    ],
)  # fmt: skip
def test_names_of_others_are_refused(http: httpx2.Client, host: str, status: int) -> None:
    """A page may have its own name lead here, but no name of ours."""
    got = http.get("/v1/models", headers={"Host": host})
    assert got.status_code == status
    if status == 403:
        assert got.json()["error"]["message"].startswith("Host: expected localhost")


def test_a_name_that_is_allowed(serving: Callable[..., Server]) -> None:
    server = serving(allow_host="gpt.example")
    for host, status in (("gpt.example:1", 200), ("other.example", 403)):
        got = httpx2.get(f"{server.address}/health", headers={"Host": host})
        assert got.status_code == status


def test_pages_of_other_origins(http: httpx2.Client, serving: Callable[..., Server]) -> None:
    """No CORS unless an origin is named; and a page cannot ask even blindly."""
    evil = {"Origin": "http://evil.example"}
    for headers in (evil, {"Origin": "null"}):
        got = http.post("/v1/completions", json={"max_tokens": 0}, headers=headers)
        assert got.status_code == 403 and "access-control-allow-origin" not in got.headers
    got = http.post("/v1/completions", json={}, headers={"Origin": str(http.base_url).rstrip("/")})
    assert got.status_code == 200
    blind = http.post("/v1/completions", content=b"{}", headers={"Content-Type": "text/plain"})
    assert blind.status_code == 415
    allowed = {"Origin": "http://localhost:3000"}
    server = serving(cors_origin="http://localhost:3000", api_key="secret")
    preflight = allowed | {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    url = f"{server.address}/v1/completions"
    got = httpx2.options(url, headers=preflight)
    assert got.status_code == 200
    assert got.headers["access-control-allow-origin"] == allowed["Origin"]
    key = {"Authorization": "Bearer secret"}
    got = httpx2.post(url, json={"max_tokens": 0}, headers=allowed | key)
    assert (got.status_code, got.headers["access-control-allow-origin"]) == (
        200, "http://localhost:3000",
    )  # fmt: skip
    got = httpx2.post(url, json={}, headers=evil | key)
    assert got.status_code == 403 and "access-control-allow-origin" not in got.headers
    assert "access-control-allow-credentials" not in got.headers


def test_keys(serving: Callable[..., Server]) -> None:
    server = serving(api_key="sésame")
    for key in ("wrong", "sesame", "sésam", "sésame "):
        with openai.OpenAI(base_url=f"{server.address}/v1", api_key=key, max_retries=0) as client:
            refused = (openai.AuthenticationError, openai.APIConnectionError, UnicodeError)
            with pytest.raises(refused):
                client.completions.create(model=NAME, prompt="a")
    url = f"{server.address}/v1/models"
    right = {"Authorization": "Bearer sésame".encode()}
    assert httpx2.get(url).status_code == 401
    assert httpx2.get(url, headers=right).status_code == 200
    assert httpx2.get(f"{server.address}/metrics").status_code == 401
    assert httpx2.get(f"{server.address}/health").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.com"])
def test_another_address_needs_a_key(host: str) -> None:
    with pytest.raises(ConfigError, match=r"^api_key: expected a key, since others can reach"):
        ServeConfig(host=host)
    ServeConfig(host=host, api_key="secret")
    ServeConfig(host=host, no_key=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_needs_none(host: str) -> None:
    ServeConfig(host=host)


@pytest.mark.parametrize(
    ("name", "value"),
    [("port", 65536), ("port", -1), ("parallel", 33), ("parallel", 0), ("max_queue", -1),
     ("api_key", " "), ("name", "")],
)  # fmt: skip
def test_options_out_of_range(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: expected"):
        ServeConfig(**{name: value})  # type: ignore[arg-type]
