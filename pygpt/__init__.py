"""GPTs trained and run on the JVM, driven from Python.

    errors.py      the exceptions
    config.py      sizes of a model, options of a run: frozen dataclasses, checked when made
    documents.py   text files as lists of documents
    tokenizer.py   documents as token ids
    memory.py      whether a model fits
    engine.py      the one door to Java
    model.py       GPT: weights, training, sampling
    checkpoint.py  models as folders
    names.py       the protocol of `python -m pygpt names`
    log.py, progress.py, cli.py   what a user sees of it

Importing this package starts no JVM; the first model does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pygpt.config import GPTConfig, NamesConfig
    from pygpt.documents import read_documents
    from pygpt.errors import CheckpointError, ConfigError, DataError, PygptError, ShapeError
    from pygpt.model import GPT
    from pygpt.names import NamesRun
    from pygpt.tokenizer import CharTokenizer

    __version__: str

_HOMES = {
    "CharTokenizer": "tokenizer",
    "CheckpointError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "GPT": "model",
    "GPTConfig": "config",
    "NamesConfig": "config",
    "NamesRun": "names",
    "PygptError": "errors",
    "ShapeError": "errors",
    "read_documents": "documents",
}

__all__ = [
    "GPT",
    "CharTokenizer",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "GPTConfig",
    "NamesConfig",
    "NamesRun",
    "PygptError",
    "ShapeError",
    "read_documents",
]


def __getattr__(name: str) -> Any:
    """Import the module of a public name when the name is first used (PEP 562)."""
    if name == "__version__":
        value: Any = _version()
    elif name in _HOMES:
        value = getattr(import_module(f"pygpt.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module 'pygpt' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, "__version__"})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pygpt")
    except PackageNotFoundError:  # a source tree on the path, not installed
        return "0+unknown"
