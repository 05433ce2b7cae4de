"""A saved model learns preferences, or by rewards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from pygpt.datasets.readers import text_of
from pygpt.datasets.sources import rows_of
from pygpt.errors import ConfigError, DataError
from pygpt.fields import from_dict
from pygpt.model.gpt import GPT
from pygpt.preferences.config import PREFERENCE_TUNING, DPOConfig, GRPOConfig
from pygpt.preferences.dpo import DPOTrainer
from pygpt.preferences.grpo import GRPOTrainer
from pygpt.preferences.pairs import PreferencePairs
from pygpt.preferences.rewards import Reward
from pygpt.tokenizers.chat_template import ChatForm
from pygpt.tokenizers.protocol import ends
from pygpt.training.config import TrainConfig
from pygpt.training.finetune import begin_adapter, load, without_adapter


@contextmanager
def prefer(
    checkpoint: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    config: TrainConfig | None = None,
    options: DPOConfig | GRPOConfig | None = None,
    *,
    reward: Reward | None = None,
    run: str | os.PathLike[str] | None = None,
    resume: bool = False,
    backend: str = "cpu",
    skip: bool = False,
    encoding: str = "",
    on_note: Callable[[str], None] = lambda note: None,
) -> Iterator[DPOTrainer | GRPOTrainer]:
    """Yield what trains a saved model; use it in a `with` block, which frees both at its end.

    Args:
        checkpoint: a model folder, or what else `GPT.from_pretrained` takes.
        data: pairs, see `PreferencePairs.read`; with a reward a file of rows with `prompt`, or None
            for texts that begin with nothing.
        config: options of the run; by default small steps, and few of them. With `lora` an adapter
            is trained, and the model stays as it is.
        options: of DPO, or with a reward of GRPO.
        reward: what an answer is worth, of prompt and answer as text; None for pairs.
        run: a folder for checkpoints; None for none.
        resume: whether to go on from the folder's last checkpoint, if it has one; model, data,
            options and reward are to be those that the run began with.
        skip, encoding: see `PreferencePairs.read`.
        on_note: called with a line for what was left out, and if chosen answers become less likely.
    Raises:
        CheckpointError: no such model, it is damaged, or its tokenizer cannot be used.
        ConfigError: a model without what ends a text, or options that do not go together.
        DataError: the data cannot be read, or the run began with other data or another model.
        OutputError: the folder has checkpoints and `resume` is false, is no run's, is in use by
            another process, or cannot be written.
    """
    config = from_dict(TrainConfig, PREFERENCE_TUNING) if config is None else config
    with ExitStack() as stack:
        model = without_adapter(load(checkpoint, backend), config, on_note)
        stack.callback(model.close)
        if not ends(model.special_ids, model.tokenizer):
            problem = "expected one with an id that ends a text, got none"
            raise ConfigError("tokenizer", f"{problem}; fine-tune the model first")
        begin_adapter(model, config)
        to: dict[str, Any] = {"run": run, "resume": resume}
        if reward is not None:
            if isinstance(options, DPOConfig):
                raise ConfigError("options", "expected those of GRPO with a reward, got DPO's")
            prompts = [""] if data is None else _prompts(data, encoding)
            yield stack.enter_context(
                GRPOTrainer(model, reward, config, options, prompts=prompts, **to)
            )
            return
        if data is None or isinstance(options, GRPOConfig):
            raise ConfigError("reward", "expected one, or pairs with options of DPO; got neither")
        pairs = _pairs(model, data, skip, encoding)
        for note in pairs.notes:
            on_note(note)
        trainer = DPOTrainer(model, pairs, config, options, on_note=on_note, **to)
        yield stack.enter_context(trainer)


def _pairs(
    model: GPT, data: str | os.PathLike[str], skip: bool, encoding: str
) -> PreferencePairs:
    assert model.tokenizer is not None
    form = ChatForm(model.tokenizer, model.chat_template, model.special_ids)
    reading: dict[str, Any] = {"form": form, "skip": skip, "encoding": encoding}
    return PreferencePairs.read(data, model.tokenizer, model.config.block_size, **reading)


def _prompts(data: str | os.PathLike[str], encoding: str) -> list[str]:
    found = [text_of(values, "prompt", where) for where, values in rows_of(data, encoding=encoding)]
    if not found:
        raise DataError(f"data file {data}: expected prompts, got none")
    return found
