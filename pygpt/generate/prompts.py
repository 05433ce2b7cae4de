"""What a user gives as prompt: text, texts or ids, as rows of ids; and what ends a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pygpt.errors import ConfigError, ShapeError, TokenError
from pygpt.fields import INT_MAX
from pygpt.generate.config import GenerateConfig
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


def stop_tokens(
    config: GenerateConfig, model: GPTConfig, tokenizer: Tokenizer | None
) -> tuple[int, ...]:
    """Return the tokens that end a sequence: those of the options, or BOS.

    Raises:
        TokenError: one outside the vocabulary.
        ConfigError: stop strings without a tokenizer, or more likeliest tokens than there are.
    """
    stops = config.stop_tokens
    if stops is None:
        stops = () if tokenizer is None or tokenizer.bos is None else (tokenizer.bos,)
    wrong = next((token for token in stops if not 0 <= token < model.vocab_size), None)
    if wrong is not None:
        raise TokenError(f"stop_tokens: expected 0 to {model.vocab_size - 1}, got {wrong}")
    if config.stop and tokenizer is None:
        raise ConfigError("tokenizer", "expected one, since there are stop strings; got none")
    if config.top_logprobs > model.vocab_size:
        problem = f"expected at most vocab_size = {model.vocab_size}"
        raise ConfigError("top_logprobs", f"{problem}, got {config.top_logprobs}")
    return stops


def read_by_model(
    prompts: Sequence[NDArray[np.int32]], config: GenerateConfig, block_size: int
) -> list[NDArray[np.int32]]:
    """Return the prompts without padding and, if they are truncated, beginnings.

    Raises:
        ShapeError: nothing but padding, or too long with the tokens to add.
        ConfigError: no room for a truncated prompt.
    """
    new, pad = config.max_new_tokens, config.pad_token_id
    rows = [row if pad is None else row[row != pad] for row in prompts]
    if not min(map(len, rows)):
        raise ShapeError("prompt: expected at least one token, got only padding")
    room, longest = block_size - new, max(map(len, rows))
    if longest <= room:
        return rows
    if not config.truncate:
        raise ShapeError(
            f"prompt: expected with max_new_tokens at most block_size = {block_size} "
            f"tokens, got {longest} + {new}; shorten it, ask for fewer or set truncate"
        )
    if room < 1:
        problem = f"expected less than block_size = {block_size} to leave room for the prompt"
        raise ConfigError("max_new_tokens", f"{problem}, got {new}")
    return [row[-room:] for row in rows]
