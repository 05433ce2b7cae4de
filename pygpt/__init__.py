"""GPTs trained and run on the JVM, driven from Python.

    errors.py      the exceptions
    config.py      sizes of a model, options of a run: frozen dataclasses, checked when made
    documents.py   text files, as one text or as lists of documents
    output.py      files that are there as a whole or not at all
    memory.py      whether a model fits
    engine.py      the one door to Java
    tokenizers/    text as token ids, and back
    generation.py  what follows a prompt, as ids or as text
    model.py       GPT: weights, training, sampling
    checkpoint.py  models as folders
    names.py       the protocol of `python -m pygpt names`
    log.py, progress.py, cli.py, commands/   what a user sees of it

Importing this package starts no JVM; the first model does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pygpt.config import GPTConfig, NamesConfig
    from pygpt.documents import read_documents, read_text
    from pygpt.errors import (
        CheckpointError,
        ConfigError,
        DataError,
        PygptError,
        ShapeError,
        TokenError,
    )
    from pygpt.generation import GenerateConfig
    from pygpt.model import GPT
    from pygpt.names import NamesRun
    from pygpt.tokenizers.bpe import BPETokenizer
    from pygpt.tokenizers.char import CharTokenizer
    from pygpt.tokenizers.load import load_tokenizer
    from pygpt.tokenizers.protocol import Tokenizer

    __version__: str

_HOMES = {
    "BPETokenizer": "tokenizers.bpe",
    "CharTokenizer": "tokenizers.char",
    "CheckpointError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "GPT": "model",
    "GPTConfig": "config",
    "GenerateConfig": "generation",
    "NamesConfig": "config",
    "NamesRun": "names",
    "PygptError": "errors",
    "ShapeError": "errors",
    "TokenError": "errors",
    "Tokenizer": "tokenizers.protocol",
    "load_tokenizer": "tokenizers.load",
    "read_documents": "documents",
    "read_text": "documents",
}

__all__ = [
    "GPT",
    "BPETokenizer",
    "CharTokenizer",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "GPTConfig",
    "GenerateConfig",
    "NamesConfig",
    "NamesRun",
    "PygptError",
    "ShapeError",
    "TokenError",
    "Tokenizer",
    "load_tokenizer",
    "read_documents",
    "read_text",
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
