"""What people take for a model folder: files of other programs, known by name or first bytes."""

from __future__ import annotations

import re
from pathlib import Path

_GGUF = b"GGUF"  # https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
_LFS_POINTER = b"version https://git-lfs"  # https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_IN_FOLDERS = {  # how a file's name ends -> what its folder then is, where config.json is missing
    "adapter_config.json": "it is an adapter (LoRA) without its model: PEFT's merge_and_unload() "
    "and save_pretrained make a model folder of both",
    "params.json": "it has Llama's original files: transformers' convert_llama_weights_to_hf.py "
    "makes a model folder of them",
    "train.bin": "it is a dataset, which is for train, finetune and eval beside a model",
    ".gguf": "it has GGUF, llama.cpp's form: give that file, not its folder",
}


def no_folder(path: Path) -> str:
    """Return what a path is that should have been a model folder, and what to take instead."""
    if not path.exists():
        hub = re.match(r"https?:/+(?:www\.)?huggingface\.co/([\w.-]+/[\w.-]+)", str(path))
        if hub is not None:
            return f"does not exist; of the Hugging Face hub give the name alone, {hub[1]}"
        home = "; ~ is not expanded: os.path.expanduser does" if path.parts[:1] == ("~",) else ""
        return f"does not exist{home}"
    if _first_bytes(path, len(_GGUF)) == _GGUF:
        return "is GGUF, llama.cpp's form: take the file under a name that ends in .gguf"
    if path.suffix in (".bin", ".json"):
        return f"is no folder: give the one that it lies in, {path.parent}"
    return "is no folder"


def without_config(folder: Path) -> str:
    """Return what a folder without config.json is, if it is known, as the end of a message."""
    names = sorted(path.name for path in folder.iterdir())
    for end, what in _IN_FOLDERS.items():
        if any(name.endswith(end) for name in names):
            return what
    return "was it made by pygpt?"


def is_lfs_pointer(path: Path) -> bool:
    """Whether a file is what Git has in its place until Git LFS fetches it."""
    return _first_bytes(path, len(_LFS_POINTER)) == _LFS_POINTER


def _first_bytes(path: Path, count: int) -> bytes:
    """Return how a file begins; nothing of what cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b""
