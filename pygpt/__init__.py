"""GPTs trained and run on the JVM, driven from Python.

    errors.py      the exceptions
    config.py      sizes of a model, options of a run: frozen dataclasses, checked when made
    documents.py   text files, as one text or as lists of documents
    lock.py        a lock that dies with its process
    output.py      files that are there as a whole or not at all
    memory.py      whether a model fits
    engine/        the one door to Java: the model, its training, its generation
    tokenizers/    text as token ids, and back
    datasets/      text as token files, and token files as batches
    batch.py       token ids of a user, checked
    embeddings.py  which tokens are alike
    generate_config.py how a prompt is continued
    text_stream.py text that comes token by token
    generation.py  what follows a prompt, as ids or as text
    model.py       GPT: a model's weights, and what is done with them
    checksums.py   whether files are those that were written
    tensors.py     safetensors files
    huggingface.py Hugging Face's GPT-2 and Llama, to ours and back
    hub.py         models by name
    checkpoint.py  models as folders
    train/         runs: schedules, evaluation, metrics, checkpoints
    plot.py        pictures of runs
    names.py       the protocol of `python -m pygpt names`
    log.py, progress.py, cli.py, commands/   what a user sees of it

Importing this package starts no JVM; the first model does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pygpt.config import GPTConfig, NamesConfig, TrainConfig
    from pygpt.datasets.dataset import Dataset
    from pygpt.datasets.packed import PackedSampler
    from pygpt.datasets.pairs import PairDataset, Pairs, PairSampler
    from pygpt.datasets.prepare import prepare
    from pygpt.datasets.token_file import TokenFile
    from pygpt.datasets.windows import WindowSampler
    from pygpt.errors import (
        CheckpointError,
        ConfigError,
        DataError,
        PygptError,
        ShapeError,
        TokenError,
    )
    from pygpt.files.text import read_documents, read_text
    from pygpt.generate.config import GenerateConfig
    from pygpt.model.gpt import GPT
    from pygpt.names.protocol import NamesRun
    from pygpt.plot import plot_runs
    from pygpt.tokenizers.bpe import BPETokenizer
    from pygpt.tokenizers.char import CharTokenizer
    from pygpt.tokenizers.load import load_tokenizer
    from pygpt.tokenizers.protocol import Tokenizer
    from pygpt.training.evaluation import Evaluation, evaluate
    from pygpt.training.finetune import finetune
    from pygpt.training.metrics import JsonLines, Record, TensorBoard
    from pygpt.training.trainer import Trainer

    __version__: str

_HOMES = {
    "BPETokenizer": "tokenizers.bpe",
    "CharTokenizer": "tokenizers.char",
    "CheckpointError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "Dataset": "datasets.dataset",
    "Evaluation": "training.evaluation",
    "GPT": "model.gpt",
    "GPTConfig": "config",
    "GenerateConfig": "generate.config",
    "JsonLines": "training.metrics",
    "NamesConfig": "config",
    "NamesRun": "names.protocol",
    "PackedSampler": "datasets.packed",
    "PairDataset": "datasets.pairs",
    "PairSampler": "datasets.pairs",
    "Pairs": "datasets.pairs",
    "PygptError": "errors",
    "Record": "training.metrics",
    "ShapeError": "errors",
    "TensorBoard": "training.metrics",
    "TokenError": "errors",
    "TokenFile": "datasets.token_file",
    "Tokenizer": "tokenizers.protocol",
    "TrainConfig": "config",
    "Trainer": "training.trainer",
    "WindowSampler": "datasets.windows",
    "evaluate": "training.evaluation",
    "finetune": "training.finetune",
    "load_tokenizer": "tokenizers.load",
    "plot_runs": "plot",
    "prepare": "datasets.prepare",
    "read_documents": "files.text",
    "read_text": "files.text",
}

__all__ = [
    "GPT",
    "BPETokenizer",
    "CharTokenizer",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "Dataset",
    "Evaluation",
    "GPTConfig",
    "GenerateConfig",
    "JsonLines",
    "NamesConfig",
    "NamesRun",
    "PackedSampler",
    "PairDataset",
    "PairSampler",
    "Pairs",
    "PygptError",
    "Record",
    "ShapeError",
    "TensorBoard",
    "TokenError",
    "TokenFile",
    "Tokenizer",
    "TrainConfig",
    "Trainer",
    "WindowSampler",
    "evaluate",
    "finetune",
    "load_tokenizer",
    "plot_runs",
    "prepare",
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
