"""A reward model: what a text is worth, learned from pairs, for those who have no rule for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pygpt.datasets.sampler import IGNORE_INDEX
from pygpt.errors import ConfigError
from pygpt.generate.prompts import needed, prompt_rows
from pygpt.model.gpt import GPT
from pygpt.preferences.losses import dpo
from pygpt.preferences.pairs import PreferencePairs, Text, arrays_of, batch_of, order
from pygpt.preferences.tuning import Run, Told, Tuning
from pygpt.tokenizers.protocol import ends
from pygpt.training.config import TrainConfig


class RewardModel:
    """Mutable: a GPT that is read as a judge.

    What an answer is worth is the log-probability, in nats, of one token after its end: the token
    that ends a text, which no text goes on with, and whose row of the output matrix is so the head
    of the reward. It is a `Reward`: call it with prompt and answer.

    Args:
        model: with a tokenizer that has an id that ends a text; stays the caller's.
    Raises:
        ConfigError: there is no such id.
    """

    def __init__(self, model: GPT) -> None:
        found = ends(model.special_ids, model.tokenizer)
        if not found:
            raise ConfigError("tokenizer", "expected one with an id that ends a text, got none")
        self.model, self.end = model, found[0]

    def __call__(self, prompt: str, answer: str) -> float:
        """Return what an answer is worth, in nats."""
        tokenizer = needed(self.model.tokenizer)
        (row,) = prompt_rows(prompt, tokenizer, self.model.config)
        ids = [*map(int, row), *tokenizer.encode(answer), self.end]
        judged = self.judged(Text.of(ids, len(row)))
        return -float(self.model.losses(*batch_of([judged])).sum())

    def judged(self, text: Text) -> Text:
        """Return a text with its end, after which the one scored token stands."""
        last = int(text.targets[-1])
        ids = np.append(text.ids, last if last >= 0 else self.end).astype(np.int32)
        targets = np.full(len(ids), IGNORE_INDEX, np.int32)
        targets[-1] = self.end
        return Text(ids, targets)


@dataclass(frozen=True)
class RewardRecord(Told):
    """Immutable: what a step tells; means over the batch.

    Attributes:
        accuracy: part of the pairs whose chosen answer is worth more.
        margin: how much more, in nats.
    """

    accuracy: float
    margin: float


class RewardTrainer(Tuning[RewardRecord]):
    """Mutable: trains a reward model on pairs; see `Tuning`.

    It minimises -log σ(reward of chosen - reward of rejected), as Bradley and Terry say with which
    probability one is preferred. https://arxiv.org/abs/1706.03741
    """

    kind = "reward"

    def __init__(
        self,
        judge: RewardModel,
        pairs: PreferencePairs,
        config: TrainConfig,
        *,
        run: Run = None,
        resume: bool = False,
    ) -> None:
        self._pairs = [
            (judge.judged(chosen), judge.judged(rejected))
            for chosen, rejected in zip(pairs.chosen, pairs.rejected, strict=True)
        ]
        self._order = order(len(pairs), min(config.batch_size, len(pairs)), config.seed)
        super().__init__(judge.model, config, None, 2 * config.batch_size, pairs.longest + 1)
        self._begin(run, resume, arrays_of([text for pair in self._pairs for text in pair]))

    def _skip(self) -> None:
        next(self._order)


    def _train(self, rate: float) -> RewardRecord:
        pairs = [self._pairs[i] for i in next(self._order)]
        tokens, scored = self._forward([pair[which] for which in (0, 1) for pair in pairs])
        chosen, rejected = np.split(tokens.sum(axis=1), 2)
        none = np.zeros(len(pairs))
        found = dpo(chosen, rejected, none, none, 1.0)
        signs = np.concatenate([found.slopes, -found.slopes])
        slopes: NDArray[np.float64] = np.where(scored, signs[:, None], 0.0)
        norm = self._update(slopes, rate)
        right = float((found.margins > 0).mean())
        margin = float(found.margins.mean())
        return RewardRecord(self.step, float(found.losses.mean()), rate, norm, right, margin)
