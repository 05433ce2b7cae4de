"""A model in the checkpoint of its run: what is written, and how it is read again."""

from __future__ import annotations

from pathlib import Path

from pygpt.checkpoints import adapters
from pygpt.checkpoints import folder as checkpoint
from pygpt.checkpoints.beside import CHAT_TEMPLATE_FILE, CONFIG_FILE
from pygpt.checkpoints.weights import WEIGHTS_FILE
from pygpt.engine.training import Training
from pygpt.errors import CheckpointError, ConfigError
from pygpt.fields import specs_of
from pygpt.files.atomic import write_synced
from pygpt.model.config import GPTConfig
from pygpt.model.gpt import GPT
from pygpt.tokenizers import tokenizer_json
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.protocol import Tokenizer
from pygpt.training.config import TrainConfig
from pygpt.training.state import STATE_FILE, State, read_arrays

# What may change when a run goes on; all else, and `threads`, decides the bits of steps to come.
MAY_CHANGE = (
    "max_iters", "lr_decay_iters", "eval_interval", "eval_iters", "patience",
    "checkpoint_interval", "keep", "threads",
)  # fmt: skip

FILES = (CONFIG_FILE, WEIGHTS_FILE, tokenizer_json.FILE_NAME, STATE_FILE)
"""What a run needs of a checkpoint to go on."""
ADAPTER_FILES = (adapters.CONFIG_FILE, adapters.WEIGHTS_FILE, *FILES[2:])
"""Likewise, where an adapter is trained."""


def write_model(folder: Path, model: GPT, tokenizer: Tokenizer, spelled: bytes = b"") -> bytes:
    """Write a model, or its adapter, and the tokenizer; wait until the disk has them.

    Args:
        spelled: tokenizer.json as this returned it for an earlier checkpoint: a large one takes
            long to make.
    Returns:
        The content of tokenizer.json.
    """
    if model.adapter is not None:
        files = {**model.adapter_files(), **adapters.special_ids_file(model.special_ids)}
        for name, content in files.items():
            write_synced(folder / name, content)
    else:
        fits = tokenizer.vocab_size == model.config.vocab_size
        characters = tokenizer if isinstance(tokenizer, CharTokenizer) and fits else None
        weights = model.parameters()
        checkpoint.write_files(folder, model.config, weights, characters, model.special_ids)
    path = folder / tokenizer_json.FILE_NAME
    if spelled:
        write_synced(path, [spelled])
    else:
        tokenizer.save(path)
    if model.chat_template is not None:
        write_synced(folder / CHAT_TEMPLATE_FILE, [model.chat_template.encode()])
    return spelled or path.read_bytes()


def read_model(folder: Path, model: GPT, training: Training | None) -> None:
    """Set the numbers of a model, or of its adapter, to those of a checkpoint.

    Args:
        training: whose moments are set, too; None where others do that.
    Raises:
        CheckpointError: they are damaged, or of another model.
    """
    if model.adapter is not None:
        model.restore_adapter(folder)
        if training is not None:
            read_arrays(folder, model, training)
        return
    with checkpoint.opened(folder) as saved:
        _check_same(f"checkpoint {folder}", saved.config, model.config)
        if training is not None:
            read_arrays(folder, model, training)
        if model.dtype == "float32":
            saved.copy_to(model.parameters())


def check_options(state: State, config: TrainConfig) -> None:
    """Check that a run goes on with the options that it began with.

    Raises:
        ConfigError: one that decides the bits of steps to come is another.
    """
    for name in specs_of(TrainConfig):
        value, now = getattr(state.config, name), getattr(config, name)
        if name not in MAY_CHANGE and now != value:
            raise ConfigError(name, f"expected {value!r}, as the run began with, got {now!r}")


def _check_same(where: str, saved: GPTConfig, config: GPTConfig) -> None:
    for name in {**saved.to_dict(), **config.to_dict()}:
        expected, got = getattr(config, name), getattr(saved, name)
        if got != expected:
            problem = f"{name}: expected {expected!r}, as the model has, got {got!r}"
            raise CheckpointError(f"{where}: {problem}")
