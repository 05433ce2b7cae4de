"""The page in a real browser, on models behind a socket."""

from __future__ import annotations

import shutil
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import msgspec
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from pygpt import GPT, CharTokenizer, read_documents
from pygpt.names.config import NamesConfig
from pygpt.names.protocol import NamesRun
from pygpt.serve.config import ServeConfig
from pygpt.serve.server import Server
from pygpt.serve.show import Shown

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "golden" / "hf_gpt2_tiny"
AXE = ROOT / "page" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]  # as root, in a container
TIMEOUT_MS = 120_000  # of a busy machine; what comes at once is not waited for
expect.set_options(timeout=TIMEOUT_MS)


@dataclass
class Site:
    """A server with a model, and the text that is looked at."""

    server: Server
    model: GPT
    text: str

    @property
    def address(self) -> str:
        return self.server.address

    def url(self, view: str, **more: str) -> str:
        return f"{self.address}/#{urlencode({'view': view, 'text': self.text, **more})}"

    def json(self, path: str, body: Any = None) -> Any:
        return msgspec.json.decode(self.bytes(path, body))

    def arrays(self, path: str, body: Any = None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        data = self.bytes(path, body)
        (length,) = struct.unpack_from("<I", data)
        header = msgspec.json.decode(data[4 : 4 + length])
        offset, found = 4 + length, {}
        for about in header["arrays"]:
            count = int(np.prod(about["shape"]))
            array = np.frombuffer(data, f"<{about['dtype']}", count, offset)
            found[about["name"]] = array.reshape(about["shape"])
            offset += 4 * count
        assert offset == len(data)
        return header["meta"], found

    def bytes(self, path: str, body: Any = None) -> bytes:
        url = self.address + path
        with httpx2.Client(timeout=60) as client:
            answer = client.get(url) if body is None else client.post(url, json=body)
        assert answer.status_code == 200, answer.text
        return answer.content

    def ids(self) -> list[int]:
        return self.json("/api/tokens", {"text": self.text, "begin": True})["ids"]


@contextmanager
def serving(
    model: GPT, name: str, text: str, shown: Shown | None = None, **options: Any
) -> Iterator[Site]:
    ready = threading.Event()
    config = ServeConfig(**{"port": 0, **options})
    with Server(model, name, config, shown) as server:
        thread = threading.Thread(target=server.run, args=[ready.set])
        thread.start()
        try:
            assert ready.wait(20)
            yield Site(server, model, text)
        finally:
            server.stop()
            thread.join(20)


@pytest.fixture(scope="module")
def names_model() -> Iterator[GPT]:
    """Freshly trained."""
    with NamesRun(NamesConfig(steps=300), read_documents()) as run:
        run.train()
        yield run.model


@pytest.fixture(scope="module")
def names(names_model: GPT) -> Iterator[Site]:
    with serving(names_model, "names", "kamo") as site:
        yield site


@pytest.fixture(scope="module")
def tiny() -> Iterator[Site]:
    with GPT.from_pretrained(TINY) as model:
        model.tokenizer = CharTokenizer("".join(map(chr, range(28, 128))))
        with serving(model, "tiny", "to be, or not") as site:
            yield site


@pytest.fixture(params=["names", "tiny"])
def site(request: pytest.FixtureRequest) -> Site:
    """Each of the two."""
    found: Site = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. It ends with the module: while Playwright is on, this thread has an event loop."""
    chromium = shutil.which("chromium")
    assert chromium is not None and AXE.is_file(), "make browser page"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab that asks nobody but this machine, and whose scripts have no errors."""
    context = browser.new_context(reduced_motion="reduce", accept_downloads=True)
    errors: list[str] = []
    context.route("**/*", lambda route: _local(route, errors))
    tab = context.new_page()
    tab.set_default_timeout(TIMEOUT_MS)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    context.close()
    assert not errors


def _local(route: Route, errors: list[str]) -> None:
    if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:", "file:")):
        route.continue_()
    else:
        errors.append(f"asked {route.request.url}")
        route.abort()
