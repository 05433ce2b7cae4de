"""Fine-tuning: a saved model learns from other data, with an optimizer of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pygpt.datasets.dataset import Dataset
from pygpt.datasets.pairs import PairDataset
from pygpt.errors import ConfigError
from pygpt.model.gpt import GPT
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
) -> Iterator[Trainer]:
    """Yield a trainer of a saved model; use it in a `with` block, which frees both at its end.

    Of the checkpoint only weights and tokenizer count: AdamW begins anew.

    Args:
        checkpoint: a model folder, such as `runs/first/best`, or what else
            `GPT.from_pretrained` takes.
        data: a folder of `prepare`, of the model's tokenizer; or a file of JSON-lines,
            `{"prompt": "…", "answer": "…"}`, where the loss is that of the answers alone.
        config: the run's options; `frozen` names what stays as it is.
        run, resume, writers: see `Trainer`.
        validation: the part of the pairs that is to validate with.
        backend: see `GPT`.
    Raises:
        CheckpointError: no such model, or it is damaged.
        ConfigError: the model has no tokenizer, or the data are of another.
        DataError: the data cannot be read.
    """
    config = TrainConfig() if config is None else config
    with GPT.from_pretrained(checkpoint, backend=backend) as model:
        learned = data_for(model, data, validation, config.seed)
        with Trainer(model, learned, config, run=run, resume=resume, writers=writers) as trainer:
            yield trainer


def data_for(
    model: GPT, data: str | os.PathLike[str], validation: float, seed: int
) -> Dataset | PairDataset:
    """Return what a saved model can learn from, or be measured on.

    Args:
        data: see `finetune`.
        validation, seed: of pairs, which are to validate with.
    Raises:
        ConfigError: the data are of another tokenizer, or there are pairs and the model has none.
        DataError: the data cannot be read.
    """
    if os.path.isdir(data):
        dataset = Dataset.load(data)
        check_tokenizer(model, dataset.tokenizer)
        return dataset
    if model.tokenizer is None:
        raise ConfigError("tokenizer", "expected a model with tokenizer.json, got one without")
    return PairDataset.read(data, model.tokenizer, model.config.block_size, validation, seed)
