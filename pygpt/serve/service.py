"""What all routes share: the model, its thread, its name, what is counted."""

from __future__ import annotations

import json
import secrets
import time
import zlib

import pygpt
from pygpt.model.gpt import GPT
from pygpt.serve.config import ServeConfig
from pygpt.serve.engine import Engine
from pygpt.serve.metrics import Metrics
from pygpt.serve.prompts import tokenizer_of
from pygpt.serve.spelling import Spelling


class Service:
    """Mutable: a model that is served; for asyncio's thread.

    Args:
        model: with a tokenizer; stays the caller's, who uses it for nothing else meanwhile.
        name: what clients call it.
    Attributes:
        fingerprint: names the weights and pygpt's version: answers may differ between two.
    Raises:
        ConfigError: the model has no tokenizer.
    """

    def __init__(self, model: GPT, name: str, config: ServeConfig) -> None:
        self.model = model
        self.name = name
        self.config = config
        self.spelling = Spelling(tokenizer_of(model))
        self.engine = Engine(model, config.parallel, config.max_queue, config.exact)
        self.metrics = Metrics()
        self.created = self.now()
        self.fingerprint = _fingerprint(model)

    def now(self) -> int:
        """Return the seconds since 1970."""
        return int(time.time())

    def new_id(self, kind: str) -> str:
        """Return the name of an answer."""
        return f"{kind}-{secrets.token_hex(12)}"


def _fingerprint(model: GPT) -> str:
    about = [model.config.to_dict(), model.backend, model.quantized, pygpt.__version__]
    sum = zlib.crc32(json.dumps(about).encode())
    for weight in model.parameters().values():
        sum = zlib.crc32(weight.data, sum)
    return f"fp_{sum:08x}"
