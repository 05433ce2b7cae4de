"""How well a model predicts text that it did not learn from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pygpt.datasets.sampler import Batch
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
    model: GPT, batches: Iterable[Batch], bytes_per_token: float | None = None
) -> Evaluation:
    """Return how well a model predicts the targets of all batches.

    Args:
        bytes_per_token: of the text; None if not known.
    Raises:
        DataError: no target is scored.
        ShapeError, TokenError: batches that do not fit the model.
        KeyboardInterrupt: Ctrl-C.
    """
    total, scored = 0.0, 0
    for ids, targets in batches:
        count = int(np.count_nonzero(targets >= 0))
        total, scored = total + model.loss(ids, targets) * count, scored + count
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
