"""Trains a task, and says how many pairs that it never saw it gets right."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pygpt.errors import ConfigError
from pygpt.fields import from_dict
from pygpt.model.encoder_decoder import EncoderDecoder
from pygpt.model.encoder_decoder_config import EncoderDecoderConfig
from pygpt.model.pair_batch import Pair, PairBatch, pair_batch
from pygpt.training.config import TrainConfig, options_of
from pygpt.training.schedule import learning_rate
from pygpt.translation.tasks import Task, TextPair, find_task

UNSEEN = 2000  # pairs that are kept from training
_POOL = 16  # batches that are drawn at once, so that pairs of one length meet
_USED = frozenset(
    "learning_rate max_iters batch_size weight_decay beta1 beta2 grad_clip warmup_iters "
    "lr_decay_iters min_lr schedule seed moments".split()
)
"""The fields of `TrainConfig` that count here."""


@dataclass(frozen=True)
class Unseen:
    """Immutable: how pairs came out that were kept from training.

    Attributes:
        exact: how many targets are right to the last character.
        wrong: source, expected and got of the others.
    """

    count: int
    exact: int
    wrong: tuple[tuple[str, str, str], ...]

    @property
    def share(self) -> float:
        """Exact ones among all."""
        return self.exact / self.count


class TaskTraining:
    """Mutable: a new model and its training on a task; use it in a `with` block.

    The same options give the same bits.

    Args:
        name: of the task.
        model: fields of `EncoderDecoderConfig` instead of the task's.
        train: likewise of `TrainConfig`, those in `_USED`.
    Attributes:
        task, config: what is trained and how.
        model: the one that is trained.
        unseen: pairs that no step trains on.
    Raises:
        ConfigError: no such task, or an option that cannot be, or that does not count here.
        TooLargeError: it does not fit into memory.
    """

    def __init__(
        self,
        name: str,
        model: Mapping[str, Any] | None = None,
        train: Mapping[str, Any] | None = None,
        *,
        backend: str = "cpu",
        threads: int = 0,
    ) -> None:
        self.task: Task = find_task(name)
        given = train or {}
        for option in given:
            if option not in _USED:
                raise ConfigError(option, f"does not go with {name}, which has no such thing")
        self.config = from_dict(TrainConfig, options_of(self.task.train, given))
        source, target = self.task.source_tokenizer(), self.task.target_tokenizer()
        sizes = {"source_vocab_size": source.vocab_size, "target_vocab_size": target.vocab_size}
        config = from_dict(EncoderDecoderConfig, {**self.task.model, **(model or {}), **sizes})
        self.model = EncoderDecoder(
            config,
            seed=self.config.seed,
            backend=backend,
            threads=threads,
            source_tokenizer=source,
            target_tokenizer=target,
        )
        self._rng = random.Random(self.config.seed)
        self.unseen: list[TextPair] = [self.task.test_pair(self._rng) for _ in range(UNSEEN)]
        self._kept = {source for source, _ in self.unseen}

    def run(self, on_step: Callable[[int, float], None] | None = None) -> None:
        """Train.

        Args:
            on_step: called after each step with its number, from 1, and its loss.
        Raises:
            EngineError: the loss is no number.
            KeyboardInterrupt: Ctrl-C.
        """
        config = self.config
        adamw = config.adamw()
        with self.model.training(config.batch_size, **adamw) as training:
            batches = self._batches()
            for step in range(1, config.max_iters + 1):
                loss, _ = training.step(next(batches), learning_rate(config, step))
                if on_step is not None:
                    on_step(step, loss)

    def _batches(self) -> Iterator[PairBatch]:
        """Yield batches of pairs of about one length, in a random order."""
        size = self.config.batch_size
        reading, spelling = self.model._tokenizers()
        bound = spelling.vocab_size - 1
        while True:
            pairs: list[Pair] = []
            while len(pairs) < _POOL * size:
                source, target = self.task.train_pair(self._rng)
                if source not in self._kept:
                    pairs.append((reading.encode(source), spelling.encode(target)))
            pairs.sort(key=lambda pair: len(pair[1]))
            starts = list(range(0, len(pairs), size))
            self._rng.shuffle(starts)
            for start in starts:
                yield pair_batch(pairs[start : start + size], bound)

    def test(self) -> Unseen:
        """Return how the pairs come out that were kept from training, by the likeliest tokens."""
        found = self.model.generate([source for source, _ in self.unseen], temperature=0.0)
        wrong = tuple(
            (source, target, got)
            for (source, target), got in zip(self.unseen, found, strict=True)
            if got != target
        )
        return Unseen(len(found), len(found) - len(wrong), wrong)

    def close(self) -> None:
        """Free the model's memory."""
        self.model.close()

    def __enter__(self) -> TaskTraining:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
