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
from pygpt.tokenizers.protocol import SpecialIds, Tokenizer, begin_and_end, ends

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
    prompt: Prompt, tokenizer: Tokenizer | None, config: GPTConfig, specials: bool = False
) -> list[NDArray[np.int32]]:
    """Return the ids of each prompt, int32, (T,).

    An empty text is the id that begins a text, if there is one.

    Args:
        specials: whether special tokens in text count as such.
    Raises:
        ConfigError: text without a tokenizer.
        ShapeError, TokenError: as in `GPT.generate`.
    """
    texts = [prompt] if isinstance(prompt, str) else prompt if is_texts(prompt) else None
    if texts is None:
        return [*checked_ids("prompt", prompt, config, longest=INT_MAX)]
    return [_encoded(text, needed(tokenizer), config, specials) for text in texts]


def _encoded(
    text: str, tokenizer: Tokenizer, config: GPTConfig, specials: bool
) -> NDArray[np.int32]:
    if text:
        ids = tokenizer.encode(text, specials)
        if tuple(ids[: len(tokenizer.prefix)]) != tokenizer.prefix:  # unless it is written there
            ids = [*tokenizer.prefix, *ids]
    else:
        around = begin_and_end(tokenizer)
        if around is None:
            problem = "expected text, got none: the tokenizer has no BOS for a text to begin with"
            raise ShapeError(f"prompt: {problem}; a line end may do, as in nanoGPT's sample.py")
        ids = [*tokenizer.prefix] or [around[0]]
    (row,) = checked_ids("prompt", ids, config, longest=INT_MAX)
    return np.asarray(row, np.int32)


def never_tokens(model: GPTConfig, tokenizer: Tokenizer | None) -> NDArray[np.int32]:
    """Return the ids that spell nothing, which are not to be chosen: int32.

    They are those that the tokenizer leaves out, and those that a model has beyond.
    """
    if tokenizer is None:
        return np.array([], np.int32)
    beyond = range(tokenizer.vocab_size, model.vocab_size)
    return np.array([*tokenizer.unused, *beyond], np.int32)


def stop_tokens(
    config: GenerateConfig, model: GPTConfig, tokenizer: Tokenizer | None, special: SpecialIds
) -> tuple[int, ...]:
    """Return the tokens that end a sequence: those of the options, or what ends a text.

    Raises:
        TokenError: one outside the vocabulary.
        ConfigError: stop strings without a tokenizer, or more likeliest tokens than there are.
    """
    stops = config.stop_tokens
    if stops is None:
        stops = tuple(i for i in ends(special, tokenizer) if 0 <= i < model.vocab_size)
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
    if config.slide and not (config.truncate and room >= 1):
        return [row[-block_size:] for row in rows]
    if not config.truncate:
        raise ShapeError(
            f"prompt: expected with max_new_tokens at most block_size = {block_size} "
            f"tokens, got {longest} + {new}; shorten it, ask for fewer or set truncate"
        )
    if room < 1:
        problem = f"expected less than block_size = {block_size} to leave room for the prompt"
        raise ConfigError("max_new_tokens", f"{problem}, got {new}")
    return [row[-room:] for row in rows]
