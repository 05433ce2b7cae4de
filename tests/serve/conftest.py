"""A small model behind a socket, and clients of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx2
import numpy as np
import openai
import pytest

from pygpt import GPT, CharTokenizer, GPTConfig
from pygpt.serve.config import ServeConfig
from pygpt.serve.server import Server
from pygpt.tokenizers.chat_template import plain_template

TOKENIZER = CharTokenizer("".join(map(chr, range(97, 127))))
CONFIG = GPTConfig(block_size=97, vocab_size=TOKENIZER.vocab_size, n_layer=2, n_head=3, n_embd=96)
NAME = "small"


@pytest.fixture(scope="session")
def model() -> Iterator[GPT]:
    """Any token is likely somewhere."""
    with GPT(CONFIG, tokenizer=TOKENIZER) as made:
        rng = np.random.default_rng(7)
        for weight in made.parameters().values():
            weight[:] += 0.3 * rng.standard_normal(weight.shape)
        made.chat_template = plain_template(TOKENIZER)  # as if it was fine-tuned
        yield made


@contextmanager
def running(model: GPT, config: ServeConfig | None = None, **options: object) -> Iterator[Server]:
    """Run a server on a free port, in a thread."""
    ready = threading.Event()
    config = ServeConfig(port=0, **options) if config is None else config  # type: ignore[arg-type]
    with Server(model, NAME, config) as server:
        thread = threading.Thread(target=server.run, args=[ready.set])
        thread.start()
        try:
            assert ready.wait(10)
            yield server
        finally:
            server.stop()
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture(scope="session")
def server(model: GPT) -> Iterator[Server]:
    with running(model) as started:
        yield started


@pytest.fixture
def serving(model: GPT) -> Iterator[Callable[..., Server]]:
    """Start servers with options of their own."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(running(model, **options))


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture(scope="session")
def http(server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.address, timeout=60) as made:
        yield made
