"""nanoGPT's ckpt.pt: its model, as it is. https://github.com/karpathy/nanoGPT/blob/master/model.py

Its tensors have GPT-2's names, with matrices as (out, in), and `_orig_mod.` before them where the
model was compiled. Its optimizer's state is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pygpt.checkpoints import torch_files
from pygpt.checkpoints.safetensors import Place, StoredTensor
from pygpt.errors import CheckpointError, ConfigError
from pygpt.fields import from_dict
from pygpt.model.config import GPTConfig

_ARGUMENTS = ("block_size", "vocab_size", "n_layer", "n_head", "n_embd", "dropout", "bias")
_PREFIX = "_orig_mod."


def read(content: Any) -> tuple[GPTConfig, dict[str, Place], dict[str, StoredTensor]]:
    """Return configuration, places and tensors of what a ckpt.pt holds.

    Raises:
        CheckpointError: it is no checkpoint of nanoGPT's.
    """
    parts = content if isinstance(content, dict) else {}
    arguments, tensors = parts.get("model_args"), parts.get("model")
    if not isinstance(arguments, dict) or not isinstance(tensors, dict):
        problem = "expected model_args and model, as nanoGPT's ckpt.pt has"
        raise CheckpointError(f"{problem}, got {', '.join(map(str, parts)) or 'something else'}")
    config = _config(arguments)
    stored = {
        name.removeprefix(_PREFIX): tensor
        for name, tensor in torch_files.tensors_of(tensors).items()
        if not name.endswith(".attn.bias")  # the mask of old versions
    }
    stored.pop("lm_head.weight", None)  # always the embedding
    places = {}
    for name in config.weight_shapes():
        in_block = name.startswith("h.") and name.endswith(".weight") and ".ln_" not in name
        places[f"transformer.{name}"] = Place(name, transposed=in_block)
    return config, places, stored


def _config(arguments: Mapping[str, Any]) -> GPTConfig:
    for key in arguments.keys() - {*_ARGUMENTS}:
        raise CheckpointError(f"model_args: {key}: expected one of {', '.join(_ARGUMENTS)}")
    try:
        return from_dict(GPTConfig, {"bias": True, **arguments, "activation": "gelu_exact"})
    except ConfigError as error:
        raise CheckpointError(f"model_args: {error}") from error
