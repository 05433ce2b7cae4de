"""Models of the Hugging Face hub, by name; needs the extra `hub`, and a network the first time."""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path

from pygpt.errors import CheckpointError

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
_FILES = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"]
_FILES += ["vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json"]
_FILES += ["chat_template.jinja", "tokenizer.model"]  # of the last one a message says what to do
_FILES += ["model.safetensors", "model.safetensors.index.json", "model-*.safetensors"]
_PICKLES = ["pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin"]


def is_name(source: str | os.PathLike[str]) -> bool:
    """Whether this is text in the form of `name` or `organisation/name`, and no file or folder.

    A `Path` never is: `Path("gpt2")` is a folder, there or not.
    """
    return (
        isinstance(source, str)
        and _NAME.fullmatch(source) is not None
        and not source.endswith((".safetensors", ".pt", ".gguf"))
        and not os.path.lexists(source)
    )


def fetch(name: str) -> Path:
    """Return the folder of a model's files, fetched unless huggingface_hub's cache has them.

    Pickles are fetched only where there are no safetensors.
    """
    where = f"model {name}: there is no such folder"
    try:
        hub = import_module("huggingface_hub")
    except ImportError as error:
        advice = "to fetch it from the Hugging Face hub, pip install huggingface_hub"
        raise CheckpointError(f"{where}; {advice}") from error
    try:
        folder = Path(hub.snapshot_download(name, allow_patterns=_FILES))
        if not any(folder.glob("*.safetensors")):
            folder = Path(hub.snapshot_download(name, allow_patterns=_PICKLES))
        return folder
    except Exception as error:  # of huggingface_hub, or of the HTTP library that it uses
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CheckpointError(f"{where}, and the hub does not give it: {reason}") from error
