"""Fine-tuning: a saved model learns from other data, with an optimizer of its own."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from pygpt.datasets.conversations import conversation_of
from pygpt.datasets.dataset import Dataset
from pygpt.datasets.pairs import PairDataset
from pygpt.datasets.sources import rows_of
from pygpt.distributed.group import Alone, Group
from pygpt.distributed.step import with_microbatches, with_threads
from pygpt.errors import CheckpointError, ConfigError, DataError
from pygpt.model.gpt import GPT
from pygpt.model.lora import LoraConfig
from pygpt.tokenizers.bpe import BPETokenizer
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.chat_template import ChatForm, plain_template
from pygpt.tokenizers.protocol import ends
from pygpt.training.config import TrainConfig
from pygpt.training.evaluation import check_tokenizer
from pygpt.training.metrics import MetricsWriter
from pygpt.training.trainer import Trainer


@contextmanager
def finetune(
    checkpoint: str | os.PathLike[str],
    data: str | os.PathLike[str],
    config: TrainConfig | None = None,
    *,
    run: str | os.PathLike[str] | None = None,
    resume: bool = False,
    validation: float = 0.1,
    backend: str = "cpu",
    writers: Sequence[MetricsWriter] = (),
    group: Group | None = None,
    prompt_field: str | None = None,
    answer_field: str | None = None,
    skip: bool = False,
    encoding: str = "",
    on_note: Callable[[str], None] = lambda note: None,
) -> Iterator[Trainer]:
    """Yield a trainer of a saved model; use it in a `with` block, which frees both at its end.

    Of the checkpoint only weights and tokenizer count: AdamW begins anew.

    Args:
        checkpoint: a model folder, such as `runs/first/best`, or what else
            `GPT.from_pretrained` takes.
        data: a folder of `prepare`, of the model's tokenizer; or a file of prompts and answers, or
            of conversations, where the loss is that of the answers alone; see `Pairs.read`. They
            are put into the form of the model's chat template, if it has one. A model whose
            tokenizer has nothing to end an answer with gets an id for that: see `with_end`.
        config: the run's options; `frozen` names what stays as it is, `lora` an adapter's rank.
        run, resume, writers, group: see `Trainer`.
        validation: the part of the pairs that is to validate with.
        backend: see `GPT`.
        prompt_field, answer_field, skip, encoding: see `Pairs.read`.
        on_note: called with a line for each thing that was cut, left out or added.
    Raises:
        CheckpointError: no such model, it is damaged, or its tokenizer cannot be used.
        ConfigError: the model has no tokenizer, or the data are of another.
        DataError: the data cannot be read.
    """
    group = Alone() if group is None else group
    config = TrainConfig() if config is None else config
    config = with_threads(with_microbatches(config, group.size), group)
    reading: Any = dict(prompt_field=prompt_field, answer_field=answer_field, encoding=encoding)
    with ExitStack() as stack:
        model = without_adapter(load(checkpoint, backend, config.threads), config, on_note)
        stack.callback(model.close)
        if not os.path.isdir(data) and model.tokenizer is not None:
            if not ends(model.special_ids, model.tokenizer):
                in_lines = answers_are_lines(data, **reading)
                model = stack.enter_context(with_end(model, backend, in_lines, on_note, config))
        learned = data_for(model, data, validation, config.seed, **reading, skip=skip)
        if isinstance(learned, PairDataset):
            for note in learned.train.notes:
                on_note(note)
            if model.chat_template is None:
                model.chat_template = plain_template(learned.tokenizer)
        begin_adapter(model, config)
        to: dict[str, Any] = {"resume": resume, "writers": writers, "group": group}
        with Trainer(model, learned, config, run=run, **to) as trainer:
            yield trainer


def without_adapter(model: GPT, config: TrainConfig, on_note: Callable[[str], None]) -> GPT:
    """Return a model after merging the adapter that its checkpoint has.

    Raises:
        ConfigError: another one is to be trained, whose base there would be nowhere.
    """
    if model.adapter is None:
        return model
    if config.lora:
        model.close()
        problem = "expected a checkpoint without an adapter; save it merged, and train on that"
        raise ConfigError("lora", problem)
    on_note("the adapter of the checkpoint is merged into its weights")
    return model.merge_and_unload()


def begin_adapter(model: GPT, config: TrainConfig) -> None:
    """Give a model the adapter that a run's options say, if they say one."""
    if config.lora:
        targets = tuple(filter(None, (part.strip() for part in config.lora_targets.split(","))))
        lora = LoraConfig(config.lora, config.lora_alpha, config.lora_dropout, targets)
        model.add_adapter(lora, seed=config.seed)


def load(
    checkpoint: str | os.PathLike[str], backend: str = "cpu", threads: int = 0
) -> GPT:
    """Return a saved model whose tokenizer, if it has one, can be used.

    Raises:
        CheckpointError: no such model, it is damaged, or its tokenizer cannot be used.
    """
    try:
        with warnings.catch_warnings():  # of a tokenizer that does not fit
            warnings.simplefilter("error", UserWarning)
            return GPT.from_pretrained(checkpoint, backend=backend, threads=threads)
    except UserWarning as warning:
        raise CheckpointError(str(warning).partition("; the model takes")[0]) from None


def answers_are_lines(
    data: str | os.PathLike[str],
    prompt_field: str | None,
    answer_field: str | None,
    encoding: str = "",
) -> bool:
    """Whether no answer has a line end, so that one can end it."""
    if not os.path.isfile(data):
        return False
    for where, values in rows_of(data, encoding=encoding):
        try:
            messages = conversation_of(values, where, prompt_field, answer_field)
        except DataError:
            continue  # which is told later
        if any("\n" in m["content"] for m in messages if m["role"] == "assistant"):
            return False
    return True


def with_end(
    model: GPT,
    backend: str,
    in_lines: bool,
    on_note: Callable[[str], None],
    options: TrainConfig,
) -> GPT:
    """Return a model that has an id to end an answer with, where its tokenizer has none.

    That is the line end, if the tokenizer is one of characters and has it, and answers do not. Else
    it is a model with an id more, which gets the mean of all embeddings: BOS of characters,
    `<|endoftext|>` of merged bytes; then the first model is closed.
    """
    tokenizer = model.tokenizer
    if isinstance(tokenizer, CharTokenizer) and in_lines and "\n" in tokenizer.characters:
        (end,) = tokenizer.encode("\n")
        model.special_ids = replace(model.special_ids, eos=(end,))
        on_note("a line end ends an answer, since the tokenizer has nothing else that ends a text")
        return model
    if not isinstance(tokenizer, CharTokenizer | BPETokenizer):
        raise ConfigError("tokenizer", "expected one with an id that ends a text, got none")
    longer = tokenizer.with_bos()
    on_note(
        f"the tokenizer has nothing to end an answer with: id {longer.bos} is added, which ends a "
        "text from now on"
    )
    if longer.vocab_size <= model.config.vocab_size:  # there is a row already
        model.tokenizer = longer
        return model
    if options.lora:
        problem = "expected a model whose tokenizer has something to end an answer with"
        raise ConfigError("lora", f"{problem}, since an adapter adds no id")
    config = replace(model.config, vocab_size=longer.vocab_size)
    grown = GPT(config, seed=None, backend=backend, threads=options.threads, tokenizer=longer)
    old = model.parameters()
    for name, weight in grown.parameters().items():
        if weight.shape == old[name].shape:
            weight[:] = old[name]
            continue
        axis = next(i for i, n in enumerate(weight.shape) if n != old[name].shape[i])
        mean = old[name].mean(axis=axis, dtype=np.float64, keepdims=True)
        weight[:] = np.concatenate([old[name], mean.astype(weight.dtype)], axis=axis)
    grown.weights_changed()
    grown.special_ids, grown.chat_template = model.special_ids, model.chat_template
    model.close()
    return grown


def data_for(
    model: GPT,
    data: str | os.PathLike[str],
    validation: float,
    seed: int,
    *,
    prompt_field: str | None = None,
    answer_field: str | None = None,
    skip: bool = False,
    encoding: str = "",
) -> Dataset | PairDataset:
    """Return what a saved model can learn from, or be measured on.

    Args:
        data: see `finetune`.
        validation, seed: of pairs, which are to validate with.
        prompt_field, answer_field, skip, encoding: see `Pairs.read`.
    Raises:
        ConfigError: the data are of another tokenizer, or there are pairs and the model has none;
            or an option of pairs for data that are prepared.
        DataError: the data cannot be read.
    """
    if os.path.isdir(data):
        options = {"prompt_field": prompt_field, "answer_field": answer_field, "encoding": encoding}
        for name, value in options.items():
            if value:
                raise ConfigError(name, f"does not go with {data}, which is prepared")
        dataset = Dataset.load(data)
        check_tokenizer(model, dataset.tokenizer)
        return dataset
    if model.tokenizer is None:
        raise ConfigError("tokenizer", "expected a model with tokenizer.json, got one without")
    return PairDataset.read(
        data,
        model.tokenizer,
        model.config.block_size,
        validation,
        seed,
        form=ChatForm(model.tokenizer, model.chat_template, model.special_ids),
        prompt_field=prompt_field,
        answer_field=answer_field,
        skip=skip,
        encoding=encoding,
    )
