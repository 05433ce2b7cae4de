"""Fine-tuning: a saved model learns from other data, with an optimizer of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pygpt.config import TrainConfig
from pygpt.datasets.dataset import Dataset
from pygpt.datasets.pairs import PairDataset
from pygpt.errors import ConfigError
from pygpt.model import GPT
from pygpt.tokenizers import tokenizer_json
from pygpt.tokenizers.load import load_tokenizer
from pygpt.tokenizers.protocol import Tokenizer
from pygpt.train.metrics import MetricsWriter
from pygpt.train.trainer import Trainer


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
        checkpoint: a model folder, such as `runs/first/best`.
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
        tokenizer = _tokenizer(Path(checkpoint), model)
        learned: Dataset | PairDataset
        if os.path.isdir(data):
            learned = Dataset.load(data)
            if learned.tokenizer.fingerprint != tokenizer.fingerprint:
                problem = f"expected data of the tokenizer of {checkpoint}, got another's"
                raise ConfigError("tokenizer", problem)
        else:
            length = model.config.block_size
            learned = PairDataset.read(data, tokenizer, length, validation, config.seed)
        with Trainer(model, learned, config, run=run, resume=resume, writers=writers) as trainer:
            yield trainer


def _tokenizer(checkpoint: Path, model: GPT) -> Tokenizer:
    """Return the tokenizer that lies beside a model, or the one in its configuration."""
    path = checkpoint / tokenizer_json.FILE_NAME
    if path.exists():
        return load_tokenizer(path)
    if model.tokenizer is None:
        problem = f"expected {path.name} in {checkpoint}, since its model knows none; got none"
        raise ConfigError("tokenizer", problem)
    return model.tokenizer
