"""Direct preference optimization: of two answers the chosen one becomes likelier than it was."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pygpt.model.gpt import GPT
from pygpt.preferences.config import DPOConfig
from pygpt.preferences.losses import dpo
from pygpt.preferences.pairs import PreferencePairs, arrays_of, order
from pygpt.preferences.tuning import Run, Told, Tuning, log_probabilities
from pygpt.training.config import TrainConfig

_LOOKED_AT, _FALLEN = 10, 1.0  # steps, and nats of an answer


@dataclass(frozen=True)
class DPORecord(Told):
    """Immutable: what a step tells; means over the batch.

    Attributes:
        accuracy: part of the pairs whose chosen answer is rewarded more.
        margin: how much more, in nats times beta.
        chosen, rejected: log-probabilities of the answers, in nats.
        chosen_change, rejected_change: how many nats likelier than before the training each is.
        chosen_length, rejected_length: tokens of the answers.
    """

    accuracy: float
    margin: float
    chosen: float
    rejected: float
    chosen_change: float
    rejected_change: float
    chosen_length: float
    rejected_length: float


class DPOTrainer(Tuning[DPORecord]):
    """Mutable: trains a model on pairs by DPO; see `Tuning`.

    What the model gives the answers before the first step is computed once, and kept; no second
    model is held. https://arxiv.org/abs/2305.18290

    Attributes:
        reference_chosen, reference_rejected: float64, (pairs,): those log-probabilities, in nats.

    Args:
        run, resume: a folder for checkpoints, and whether to go on from its last one; see `Tuning`.
        on_note: called with a line if the chosen answers become less likely than they were, which
            DPO does not mind as long as the rejected ones do so more.
    """

    kind = "dpo"

    def __init__(
        self,
        model: GPT,
        pairs: PreferencePairs,
        config: TrainConfig,
        options: DPOConfig | None = None,
        *,
        run: Run = None,
        resume: bool = False,
        on_note: Callable[[str], None] = lambda note: None,
    ) -> None:
        self.options = DPOConfig() if options is None else options
        self._pairs, self._on_note = pairs, on_note
        self._order = order(len(pairs), min(config.batch_size, len(pairs)), config.seed)
        super().__init__(model, config, self.options, 2 * config.batch_size, pairs.longest)
        at_once = 2 * config.batch_size
        self.reference_chosen = log_probabilities(model, pairs.chosen, at_once)
        self.reference_rejected = log_probabilities(model, pairs.rejected, at_once)
        self._changes: deque[float] = deque(maxlen=_LOOKED_AT)
        self._warned = False
        self._begin(run, resume, arrays_of([*pairs.chosen, *pairs.rejected]))

    def _skip(self) -> None:
        next(self._order)

    def _train(self, rate: float) -> DPORecord:
        numbers = next(self._order)
        texts = [self._pairs.chosen[i] for i in numbers]
        texts += [self._pairs.rejected[i] for i in numbers]
        tokens, scored = self._forward(texts)
        lengths = scored.sum(axis=1)
        chosen, rejected = np.split(tokens.sum(axis=1), 2)
        references = self.reference_chosen[numbers], self.reference_rejected[numbers]
        options = self.options
        found = dpo(chosen, rejected, *references, options.beta, options.label_smoothing)
        slopes = np.where(scored, np.concatenate([found.slopes, -found.slopes])[:, None], 0.0)
        loss = float(found.losses.mean())
        if options.nll_weight:
            count = lengths[: len(chosen)].sum()
            slopes[: len(chosen)] -= scored[: len(chosen)] * options.nll_weight / count
            loss -= options.nll_weight * float(chosen.sum() / count)
        norm = self._update(slopes, rate)
        record = DPORecord(
            self.step,
            loss,
            rate,
            norm,
            accuracy=float((found.margins > 0).mean()),
            margin=float(found.margins.mean()),
            chosen=float(chosen.mean()),
            rejected=float(rejected.mean()),
            chosen_change=float((chosen - references[0]).mean()),
            rejected_change=float((rejected - references[1]).mean()),
            chosen_length=float(lengths[: len(chosen)].mean()),
            rejected_length=float(lengths[len(chosen) :].mean()),
        )
        self._watch(record)
        return record

    def _watch(self, record: DPORecord) -> None:
        """Say it once if the chosen answers have become less likely."""
        self._changes.append(record.chosen_change)
        fallen = -float(np.mean(self._changes))
        if not self._warned and len(self._changes) == _LOOKED_AT and fallen > _FALLEN:
            self._warned = True
            self._on_note(
                f"the chosen answers have become {fallen:.1f} nats less likely than they were (the "
                f"rejected ones {-record.rejected_change:.1f}): --nll-weight 1 holds them, as does "
                "a lower learning rate"
            )

    def evaluate(self) -> tuple[float, NDArray[np.float64]]:
        """Return the part of all pairs whose chosen answer is rewarded more, and the margins."""
        at_once = 2 * self.config.batch_size
        chosen = log_probabilities(self.model, self._pairs.chosen, at_once)
        rejected = log_probabilities(self.model, self._pairs.rejected, at_once)
        references = self.reference_chosen, self.reference_rejected
        margins = dpo(chosen, rejected, *references, self.options.beta).margins
        return float((margins > 0).mean()), margins
