"""What must be the same on all workers of a run, compared before its first step."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pygpt
from pygpt.datasets.sampler import Streams
from pygpt.distributed.group import Group, gather_objects
from pygpt.engine.door import jars
from pygpt.errors import ConfigError
from pygpt.model.gpt import GPT
from pygpt.training.config import TrainConfig

_EXPECTED = {
    "code": "the same pygpt, Python files and Java classes",
    "options": "the same options",
    "model": "a model of the same sizes, dtype, backend and number of threads",
    "data": "the same data",
    "weights": "the same first weights",
}


def check_same(group: Group, model: GPT, config: TrainConfig, streams: Streams) -> None:
    """Compare what each worker is about to train with.

    Raises:
        ConfigError: on every worker, if one differs from worker 0; the message names it.
    """
    mine = {
        "code": _code(),
        "options": _digest(config.to_dict()),
        "model": _digest([model.config.to_dict(), model.dtype, model.backend, model.description]),
        "data": _digest(_data(streams)),
        "weights": _weights(model),
    }
    everyone = gather_objects(group, mine)
    for what, expected in _EXPECTED.items():
        others = [rank for rank, found in enumerate(everyone) if found[what] != everyone[0][what]]
        if others:
            ranks = ", ".join(map(str, others))
            raise ConfigError(what, f"expected {expected} on all ranks, got others on rank {ranks}")


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _data(streams: Streams) -> Mapping[str, Any]:
    """Return what tells data apart: their fingerprint, and the size that their sampler saw."""
    origin = streams.origin or {}
    return {"fingerprint": origin.get("fingerprint"), "state": dict(streams.train.state())}


def _code() -> str:
    """Return a digest of pygpt's own Python files and classes."""
    digest = hashlib.sha256()
    root = Path(pygpt.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    for jar in jars("pygpt-engine"):
        with zipfile.ZipFile(jar) as classes:
            entries = sorted((entry.filename, entry.CRC) for entry in classes.infolist())
        own = [entry for entry in entries if entry[0].endswith(".class")]
        digest.update(json.dumps(own).encode())
    return digest.hexdigest()


def _weights(model: GPT) -> str:
    digest = hashlib.sha256()
    for _, weight in sorted(model.parameters().items()):
        digest.update(weight.reshape(-1).data)
    return digest.hexdigest()
