"""Encoder-decoder transformers as folders, in a form of our own.

A folder has model.safetensors, float32 under our names, and config.json: `"model_type":
"pygpt-encoder-decoder"`, the fields of `EncoderDecoderConfig`, and of a model of text
`"source_words"` or `"source_characters"` and `"target_characters"`. No family of Hugging Face's has
this architecture: Marian begins and ends a target with other tokens, has a bias on its logits and
its sines in another order, T5 has relative positions and no scale of scores. Their folders are
refused by `model_type`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pygpt.checkpoints import foreign
from pygpt.checkpoints import safetensors as tensors
from pygpt.checkpoints.safetensors import StoredTensor
from pygpt.errors import CheckpointError, ConfigError, TokenError
from pygpt.fields import from_dict
from pygpt.files.atomic import folder_beside, free_or_ours, replace_folder, write_synced
from pygpt.model.encoder_decoder_config import EncoderDecoderConfig
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.words import WordTokenizer

MODEL_TYPE = "pygpt-encoder-decoder"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"

SourceTokenizer = CharTokenizer | WordTokenizer


@dataclass(frozen=True)
class SavedPairs:
    """A model folder, open: what it holds, checked, but for the weights' numbers."""

    config: EncoderDecoderConfig
    source_tokenizer: SourceTokenizer | None
    target_tokenizer: CharTokenizer | None
    _stored: Mapping[str, StoredTensor]

    def copy_to(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Set every weight of a model of this configuration."""
        for name, tensor in self._stored.items():
            tensor.copy_to(weights[name])


def is_pair_folder(source: str | os.PathLike[str]) -> bool:
    """Whether a folder says that it has an encoder-decoder transformer of pygpt's."""
    try:
        values = json.loads((Path(source) / CONFIG_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and values.get("model_type") == MODEL_TYPE


def check_writable(folder: Path) -> None:
    """Raise an OutputError if `save` cannot write this folder; leave nothing behind."""
    with folder_beside(_target(folder)):
        pass


def save(
    folder: Path,
    config: EncoderDecoderConfig,
    weights: Mapping[str, NDArray[Any]],
    source_tokenizer: SourceTokenizer | None,
    target_tokenizer: CharTokenizer | None,
) -> None:
    """Write a model folder; one that pygpt wrote before is replaced.

    Raises:
        OutputError: the folder exists and pygpt did not write it, or it cannot be written.
    """
    values: dict[str, Any] = {"model_type": MODEL_TYPE, **config.to_dict()}
    if isinstance(source_tokenizer, WordTokenizer):
        values["source_words"] = list(source_tokenizer.words)
    elif source_tokenizer is not None:
        values["source_characters"] = source_tokenizer.characters
    if target_tokenizer is not None:
        values["target_characters"] = target_tokenizer.characters
    files: dict[str, Iterable[bytes]] = {
        WEIGHTS_FILE: tensors.encode(weights, {"format": "np"}),
        CONFIG_FILE: [(json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()],
    }
    target = _target(folder)
    with folder_beside(target) as staged:
        for name, parts in files.items():
            write_synced(staged / name, parts)
        replace_folder(target, staged)


def _target(folder: Path) -> Path:
    """Return the real path to write, once free, or ours with no other files."""
    return free_or_ours(folder, "model", _is_ours)


def _is_ours(folder: Path) -> bool:
    return {*os.listdir(folder)} == {CONFIG_FILE, WEIGHTS_FILE} and is_pair_folder(folder)


@contextmanager
def opened(folder: Path) -> Iterator[SavedPairs]:
    """Give what a model folder holds; its files are open within the block.

    Raises:
        CheckpointError: it is missing, damaged, or of another kind of model.
    """
    if not folder.is_dir():
        raise CheckpointError(f"model folder {folder}: {foreign.no_folder(folder)}")
    try:
        config, source, target = _read_config(folder / CONFIG_FILE)
        with tensors.opened(folder / WEIGHTS_FILE) as (stored, _):
            _check(config, stored)
            yield SavedPairs(config, source, target, stored)
    except (ConfigError, TokenError) as error:
        raise CheckpointError(f"model folder {folder}: {CONFIG_FILE}: {error}") from error
    except FileNotFoundError as error:
        raise CheckpointError(f"model folder {folder}: {error.filename} is missing") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"model folder {folder}: cannot be read: {error}") from error


def _read_config(
    path: Path,
) -> tuple[EncoderDecoderConfig, SourceTokenizer | None, CharTokenizer | None]:
    values = json.loads(path.read_bytes())
    if not isinstance(values, dict):
        raise ConfigError("model_type", "expected an object that has one")
    kind = values.pop("model_type", None)
    if kind != MODEL_TYPE:
        raise ConfigError("model_type", f"expected {MODEL_TYPE}, got {kind!r}")
    words = values.pop("source_words", None)
    characters = values.pop("source_characters", None)
    targets = values.pop("target_characters", None)
    config = from_dict(EncoderDecoderConfig, values, complete=True)
    source: SourceTokenizer | None = None
    if words is not None:
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise TokenError(f"source_words: expected texts, got {words!r:.60}")
        source = WordTokenizer(words)
    elif characters is not None:
        source = CharTokenizer(_text("source_characters", characters), bos=False)
    target = None if targets is None else CharTokenizer(_text("target_characters", targets))
    sizes = {
        "source_vocab_size": (source, config.source_vocab_size),
        "target_vocab_size": (target, config.target_vocab_size),
    }
    for name, (tokenizer, size) in sizes.items():
        if tokenizer is not None and tokenizer.vocab_size != size:
            problem = f"expected {tokenizer.vocab_size}, as its tokenizer has, got {size}"
            raise ConfigError(name, problem)
    return config, source, target


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TokenError(f"{name}: expected text, got {value!r}")
    return value


def _check(config: EncoderDecoderConfig, stored: Mapping[str, StoredTensor]) -> None:
    """Check names, shapes and dtypes, so that the numbers can be copied."""
    if len(stored) != config.num_tensors:
        expected = f"expected {config.num_tensors} tensors"
        raise ConfigError(WEIGHTS_FILE, f"{expected}, got {len(stored)}")
    shapes = config.weight_shapes()
    for wrong in sorted(stored.keys() ^ shapes.keys()):
        state = "is missing" if wrong in shapes else "is not of this model"
        raise ConfigError(WEIGHTS_FILE, f"tensor {wrong} {state}")
    for name, shape in shapes.items():
        tensor = stored[name]
        if tensor.shape != shape or tensor.dtype not in tensors.READ_DTYPES:
            expected = f"expected {', '.join(tensors.READ_DTYPES)} of shape {shape}"
            problem = f"{name}: {expected}, got {tensor.dtype} of {tensor.shape}"
            raise ConfigError(WEIGHTS_FILE, problem)
