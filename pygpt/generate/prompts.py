"""What a user gives as prompt: text, texts or ids, as rows of ids."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pygpt.errors import ConfigError, ShapeError
from pygpt.fields import INT_MAX
from pygpt.model.batch import checked_ids
from pygpt.model.config import GPTConfig
from pygpt.tokenizers.protocol import Tokenizer

Prompt = str | list[str] | ArrayLike
"""Text, a list of texts, or ids: int32 or int64, (T,) or (B, T)."""


def is_texts(prompt: Any) -> TypeGuard[list[str]]:
    """Return whether a prompt is a list of texts."""
    return isinstance(prompt, list) and bool(prompt) and all(isinstance(p, str) for p in prompt)


def needed(tokenizer: Tokenizer | None) -> Tokenizer:
    """Return the tokenizer, which text needs; ConfigError if there is none."""
    if tokenizer is None:
        raise ConfigError("tokenizer", "expected one, since there is text; got none")
    return tokenizer


def prompt_rows(
    prompt: Prompt, tokenizer: Tokenizer | None, config: GPTConfig
) -> list[NDArray[np.int32]]:
    """Return the ids of each prompt, int32, (T,).

    Raises:
        ConfigError: text without a tokenizer.
        ShapeError, TokenError: as in `GPT.generate`.
    """
    texts = [prompt] if isinstance(prompt, str) else prompt if is_texts(prompt) else None
    if texts is None:
        return [*checked_ids("prompt", prompt, config, longest=INT_MAX)]
    return [_encoded(text, needed(tokenizer), config) for text in texts]


def _encoded(text: str, tokenizer: Tokenizer, config: GPTConfig) -> NDArray[np.int32]:
    if not text:
        raise ShapeError("prompt: expected text, got none; ids may be BOS alone")
    (ids,) = checked_ids("prompt", tokenizer.encode(text), config, longest=INT_MAX)
    return np.asarray(ids, np.int32)
