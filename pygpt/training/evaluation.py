"""How well a model predicts text that it did not learn from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pygpt.datasets.sampler import Batch
from pygpt.distributed.group import Alone, Group, gather
from pygpt.errors import ConfigError, DataError
from pygpt.model.gpt import GPT
from pygpt.tokenizers.protocol import Tokenizer


@dataclass(frozen=True)
class Evaluation:
    """Immutable: mean loss over the tokens that were scored.

    Attributes:
        loss: nats per token.
        bits_per_byte: of the text, which does not depend on the tokenizer; None if not known.
        tokens: how many were scored.
    """

    loss: float
    bits_per_byte: float | None
    tokens: int

    @property
    def perplexity(self) -> float:
        """e^loss: the model is as unsure as between this many tokens; infinite if too large."""
        try:
            return math.exp(self.loss)
        except OverflowError:
            return math.inf


def evaluate(
    model: GPT,
    batches: Iterable[Batch],
    bytes_per_token: float | None = None,
    group: Group | None = None,
) -> Evaluation:
    """Return how well a model predicts the targets of all batches.

    Args:
        bytes_per_token: of the text; None if not known.
        group: workers that divide the batches; all of them call this, and get the same.
    Raises:
        DataError: no target is scored.
        ShapeError, TokenError: batches that do not fit the model.
        KeyboardInterrupt: Ctrl-C.
    """
    group = Alone() if group is None else group
    losses, counts = [], []
    for number, (ids, targets) in enumerate(batches):
        mine = number % group.size == group.rank
        losses.append(model.loss(ids, targets) if mine else 0.0)
        counts.append(int(np.count_nonzero(targets >= 0)))
    everyone = gather(group, np.array(losses))
    total, scored = 0.0, 0
    for number, count in enumerate(counts):
        loss = float(everyone[number % group.size, number])
        total, scored = total + loss * count, scored + count
    if not scored:
        raise DataError("validation data: expected tokens to predict, got none")
    loss = total / scored
    bits = None if bytes_per_token is None else loss / math.log(2) / bytes_per_token
    return Evaluation(loss, bits, scored)


def check_tokenizer(model: GPT, tokenizer: Tokenizer) -> None:
    """Check that a model can have data of this tokenizer.

    Raises:
        ConfigError: the model has another tokenizer, or fewer ids.
    """
    if model.tokenizer_problem is not None:
        raise ConfigError("tokenizer", f"the model's cannot be used: {model.tokenizer_problem}")
    own = model.tokenizer
    if own is not None and own.fingerprint != tokenizer.fingerprint:
        raise ConfigError("tokenizer", "expected data of the model's tokenizer, got another's")
    needed, got = tokenizer.vocab_size, model.config.vocab_size
    if needed > got:
        expected = f"expected at least {needed}, as the data's tokenizer has"
        raise ConfigError("vocab_size", f"{expected}, got {got}")
