"""Group relative policy optimization: answers that are above their group's mean become likelier."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import ConfigError
from pygpt.generate.prompts import needed, prompt_rows
from pygpt.model.gpt import GPT
from pygpt.preferences.config import GRPOConfig
from pygpt.preferences.losses import advantages, grpo
from pygpt.preferences.pairs import Text, batch_of, order
from pygpt.preferences.rewards import Reward
from pygpt.preferences.tuning import Run, Told, Tuning
from pygpt.training.config import TrainConfig


@dataclass(frozen=True)
class GRPORecord(Told):
    """Immutable: what a step tells; means over the answers of its batch.

    Attributes:
        reward: what they are worth.
        kl: nats of divergence from the model as it was, for each token.
        kl_answer: for each answer.
        length: tokens of an answer, with its end.
        example: one of them, as text.
    """

    reward: float
    kl: float
    kl_answer: float
    length: float
    example: str


class Sampled(NamedTuple):
    """Answers that a model has given.

    Attributes:
        texts: the answers as text.
        tokens: with their prompts.
        rewards: what each is worth, (answers,).
    """

    texts: list[str]
    tokens: list[Text]
    rewards: NDArray[np.float64]


class Measured(NamedTuple):
    """What a model's answers are worth, and how far it is from what it was.

    Attributes:
        reward: their mean.
        kl, kl_answer: nats for each token, and for each answer: the mean of how much likelier the
            model finds its answers than the one that it was.
        texts: the answers.
        yes_or_no: whether each of them is worth 0 or 1, so that the reward is a share.
    """

    reward: float
    kl: float
    kl_answer: float
    texts: list[str]
    yes_or_no: bool


class GRPOTrainer(Tuning[GRPORecord]):
    """Mutable: trains a model by rewards for its answers; see `Tuning`.

    A step is `batch_size` prompts with `num_generations` answers each, drawn by the model as it is.
    The model as it was, from which it is not to go too far, is the same one without its adapter, or
    a copy.

    Args:
        reward: what an answer is worth, of prompt and answer as text.
        prompts: texts to answer; an empty one is the beginning of a text.
        run, resume: a folder for checkpoints, and whether to go on from its last one; see `Tuning`.
            The reward is to be the same then.
    Raises:
        ConfigError: also where there are fewer prompts than `batch_size`, but for one alone.
    """

    kind = "grpo"

    def __init__(
        self,
        model: GPT,
        reward: Reward,
        config: TrainConfig,
        options: GRPOConfig | None = None,
        *,
        prompts: Sequence[str] = ("",),
        run: Run = None,
        resume: bool = False,
    ) -> None:
        self.options = GRPOConfig() if options is None else options
        self._reward, self._prompts = reward, list(prompts)
        self._rows = prompt_rows(self._prompts, needed(model.tokenizer), model.config)
        longest = max(map(len, self._rows))
        self._most = min(self.options.max_completion_length, model.config.block_size - longest)
        if self._most < 1:
            expected = f"expected fewer tokens than block_size = {model.config.block_size}"
            raise ConfigError("prompts", f"{expected}, to leave room for an answer, got {longest}")
        one = len(self._prompts) == 1
        self._order = order(len(self._prompts), 1 if one else config.batch_size, config.seed)
        self._repeated = config.batch_size if one else 1
        self._drawn = np.random.default_rng(config.seed % 2**64)
        with ExitStack() as stack:
            self._reference = None
            if model.adapter is None:
                self._reference = stack.enter_context(_copy(model))
            rows = config.batch_size * self.options.num_generations
            super().__init__(model, config, self.options, rows, longest + self._most - 1)
            self._stack = stack.pop_all()
        self._begin(run, resume, [np.array(row, np.int32) for row in self._rows])

    def _skip(self) -> None:
        next(self._order)
        self._drawn.integers(2**48)

    def sample(self, numbers: Sequence[int] | NDArray[np.int64], seed: int) -> Sampled:
        """Return the model's answers to the prompts of these numbers."""
        answers: dict[int, Any] = {}
        for length in {len(self._rows[i]) for i in numbers}:  # those of equal length at once
            places = [at for at, i in enumerate(numbers) if len(self._rows[i]) == length]
            found = self.model.continuations(
                np.stack([self._rows[numbers[at]] for at in places]),
                self._most,
                seed=seed + length * len(numbers),
            )
            answers |= dict(zip(places, found, strict=True))
        texts, tokens = [], []
        tokenizer = needed(self.model.tokenizer)
        for at, i in enumerate(numbers):
            ids = [int(token) for token in answers[at].ids]
            said = ids[:-1] if answers[at].stopped else ids
            texts.append(tokenizer.decode(said))
            row = self._rows[i]
            tokens.append(Text.of([*row, *ids], len(row)))
        asked = [self._prompts[i] for i in numbers]
        worth = [float(self._reward(*both)) for both in zip(asked, texts, strict=True)]
        return Sampled(texts, tokens, np.array(worth))

    def reference(self, texts: Sequence[Text]) -> NDArray[np.float64]:
        """Return the log-probability of each target by the model as it was, (texts, T)."""
        batch = batch_of(texts)
        if self._reference is not None:
            return -self._reference.losses(*batch)
        with self.model.disable_adapter():
            return -self.model.losses(*batch)

    def _train(self, rate: float) -> GRPORecord:
        size = self.options.num_generations
        prompts = np.repeat(next(self._order), self._repeated)
        numbers = np.repeat(prompts, size)
        sampled = self.sample(numbers, int(self._drawn.integers(2**48)))
        better = advantages(sampled.rewards.reshape(-1, size), self.options.scale_rewards)
        reference = self.reference(sampled.tokens)
        tokens, scored = self._forward(sampled.tokens)
        found = grpo(tokens, reference, scored, better.ravel(), self.options.kl_weight)
        norm = self._update(found.slopes, rate)
        return GRPORecord(
            self.step,
            found.loss,
            rate,
            norm,
            reward=float(sampled.rewards.mean()),
            kl=float(found.kl.sum() / scored.sum()),
            kl_answer=float(found.kl.sum(axis=1).mean()),
            length=float(scored.sum(axis=1).mean()),
            example=sampled.texts[0],
        )

    def measure(self, count: int, seed: int = 1) -> Measured:
        """Return what fresh answers are worth, so many to each prompt."""
        rewards, nats, tokens, texts = [], [], 0, []
        for number in range(len(self._prompts)):
            sampled = self.sample([number] * count, seed)
            ids, targets = batch_of(sampled.tokens)
            now = -self.model.losses(ids, targets)
            nats.append((now - self.reference(sampled.tokens)).sum(axis=1))
            tokens += int(np.count_nonzero(targets >= 0))
            rewards.append(sampled.rewards)
            texts += sampled.texts
        all_nats = np.concatenate(nats)
        worth = np.concatenate(rewards)
        kl = float(all_nats.sum()) / tokens
        yes_or_no = bool(np.isin(worth, (0, 1)).all())
        return Measured(float(worth.mean()), kl, float(all_nats.mean()), texts, yes_or_no)

    def close(self) -> None:
        super().close()
        self._stack.close()


def _copy(model: GPT) -> GPT:
    copy = GPT(model.config, seed=None, backend=model.backend, dtype=model.dtype)
    theirs = model.parameters()
    for name, weight in copy.parameters().items():
        weight[:] = theirs[name]
    copy.weights_changed()
    return copy
