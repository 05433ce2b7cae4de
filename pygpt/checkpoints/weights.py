"""The files of a folder that have its weights, and what is checked of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from pygpt.checkpoints import foreign, ggml, huggingface, torch_files
from pygpt.checkpoints import safetensors as tensors
from pygpt.checkpoints.beside import read_json
from pygpt.checkpoints.families import Family
from pygpt.checkpoints.gguf import GgufTensor
from pygpt.checkpoints.safetensors import Place, StoredTensor
from pygpt.errors import CheckpointError
from pygpt.model.config import GPTConfig

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"  # of weights in several files
FILES_OF_WEIGHTS = (  # the first that is there counts
    *(WEIGHTS_FILE, INDEX_FILE),
    *("pytorch_model.bin", "pytorch_model.bin.index.json"),
)
_CONVERT = (
    "; where transformers is installed, this converts the folder: python -c 'from transformers "
    'import AutoModelForCausalLM as A; A.from_pretrained("{}").save_pretrained("converted")\''
)



def open_weights(
    folder: Path, file: str | None, files: ExitStack
) -> tuple[str, dict[str, StoredTensor]]:
    """Return the file that has the tensors, or lists those that do, and name -> tensor."""
    if file is not None:
        return file, _open_file(folder, file, files)
    present = [name for name in FILES_OF_WEIGHTS if (folder / name).is_file()]
    if not present:
        return WEIGHTS_FILE, _open_file(folder, WEIGHTS_FILE, files)
    opener = _open_shards if present[0].endswith(".json") else _open_file
    return present[0], opener(folder, present[0], files)


def _open_file(folder: Path, file: str, files: ExitStack) -> dict[str, StoredTensor]:
    if not (folder / file).is_file():
        raise CheckpointError(f"{file} is missing")
    if foreign.is_lfs_pointer(folder / file):
        problem = "is a pointer of Git LFS, not the file itself: run `git lfs pull` in the folder"
        raise CheckpointError(f"{file} {problem}")
    try:
        if file.endswith(".bin"):
            content = files.enter_context(torch_files.opened(folder / file))
            return dict(torch_files.tensors_of(content))
        return files.enter_context(tensors.opened(folder / file))[0]
    except CheckpointError as error:
        separator = " " if str(error).startswith(("is ", "has ", "holds ")) else ": "
        advice = _CONVERT.format(folder) if file.endswith(".bin") else ""
        raise CheckpointError(f"{file}{separator}{error}{advice}") from error


def _open_shards(
    folder: Path, index_file: str, files: ExitStack
) -> dict[str, StoredTensor]:
    index = read_json(folder, index_file)
    homes = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(homes, dict) or not homes:
        raise CheckpointError(f"{index_file}: expected a weight_map, got {homes!r}")
    for file in homes.values():
        suffix = ".bin" if index_file.endswith(".bin.index.json") else ".safetensors"
        name = r"[\w.-]+" + re.escape(suffix)
        if not isinstance(file, str) or not re.fullmatch(name, file):
            problem = f"expected the name of a {suffix} file in the folder, got {file!r}"
            raise CheckpointError(f"{index_file}: weight_map: {problem}")
    stored: dict[str, StoredTensor] = {}
    for file in sorted(set(homes.values())):
        for name, tensor in _open_file(folder, file, files).items():
            if homes.get(name) != file:
                problem = f"tensor {name} is in {file}, expected {homes.get(name)}"
                raise CheckpointError(f"{index_file}: {problem}")
            stored[name] = tensor
    for name in sorted(homes.keys() - stored.keys()):
        raise CheckpointError(f"{index_file}: tensor {name} is missing in {homes[name]}")
    return stored


def with_prefix(stored: Mapping[str, StoredTensor], family: Family) -> dict[str, StoredTensor]:
    """Return the tensors by their full names, without constants."""
    prefix = family.prefix
    plain = not any(name.startswith(prefix) for name in stored)  # saved from the inner model
    named = {}
    for name, tensor in stored.items():
        full = prefix + name if plain and not name.startswith(f"{family.head}.") else name
        if not huggingface.is_buffer(full.removeprefix(prefix)):
            named[full] = tensor
    return named


def use_second_head(
    where: str, stored: dict[str, StoredTensor], head: str, embedding: str
) -> None:
    """Leave out an output matrix that the file has beside the embedding, which it must equal, or
    take it for the embedding where the file lacks that."""
    if head not in stored:
        return
    tensor = stored.pop(head)
    if not tensor.has_bytes_of(stored.setdefault(embedding, tensor)):
        problem = f"expected the numbers of {embedding}, since tie_word_embeddings is true"
        raise CheckpointError(f"{where}: {head}: {problem}")


def check_tensors(
    where: str,
    config: GPTConfig,
    stored: Mapping[str, StoredTensor] | Mapping[str, GgufTensor],
    places: Mapping[str, Place],
) -> None:
    """Check names, shapes and dtypes, so that the numbers can be copied."""
    for wrong in sorted(stored.keys() ^ places.keys()):
        state = "is missing" if wrong in places else "is not of this model"
        raise CheckpointError(f"{where}: tensor {wrong} {state}")
    shapes = config.weight_shapes()
    for name, place in places.items():
        expected, tensor = place.shape_of(shapes[place.name]), stored[name]
        if tensor.shape != expected:
            problem = f"expected shape {expected}, got {tensor.shape}"
            raise CheckpointError(f"{where}: {name}: {problem}")
        if tensor.dtype not in tensors.READ_DTYPES and tensor.dtype not in ggml.KINDS:
            problem = f"expected {', '.join(tensors.READ_DTYPES)}, got {tensor.dtype}"
            raise CheckpointError(f"{where}: {name}: {problem}")
