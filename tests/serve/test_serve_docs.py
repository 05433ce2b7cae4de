"""What docs/serve.md shows works."""

from __future__ import annotations

import json
import re
import shlex
import urllib.request
from pathlib import Path

import openai
import pytest

from pygpt.serve.server import Server
from tests.serve.conftest import NAME

PAGE = Path(__file__).parents[2] / "docs" / "serve.md"


def _block(language: str, server: Server) -> str:
    """Return an example of the page, for this server and its model of small letters."""
    text = PAGE.read_text(encoding="utf-8")
    (found, *_) = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    text = found.replace("http://127.0.0.1:8000", server.address).replace("To be", "tobe")
    return text.replace("shakespeare-char", NAME)


def test_curl(server: Server) -> None:
    """Sends what the command says, also where there is no curl."""
    program, address, *options = shlex.split(_block("sh", server).replace("\\\n", " "))
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert program == "curl" and set(given) == {"-H", "-d"}
    name, _, value = given["-H"].partition(": ")
    request = urllib.request.Request(address, given["-d"].encode(), {name: value})
    with urllib.request.urlopen(request, timeout=60) as response:
        result = json.load(response)
    assert result["choices"][0]["finish_reason"] in ("stop", "length")


def test_python(server: Server, client: openai.OpenAI, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(50):  # a text may end at once
        exec(_block("py", server), {})
        if capsys.readouterr().out:
            return
    raise AssertionError("no text")


def test_routes(server: Server, client: openai.OpenAI) -> None:
    """The page and the OpenAPI document have the same."""
    document = client._client.get(f"{server.address}/openapi.json").json()
    routes = {
        f"{method.upper()} {path}" for path, found in document["paths"].items() for method in found
    }
    shown = set(re.findall(r"^\| `((?:GET|POST) /\S+)`", PAGE.read_text(), re.MULTILINE))
    assert shown == routes - {"GET /v1/models/{name}"}
