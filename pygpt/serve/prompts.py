"""What a request gives as prompt, as ids; and its options as pygpt has them."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import ConfigError, PygptError
from pygpt.fields import from_dict
from pygpt.generate.config import GenerateConfig
from pygpt.generate.prompts import prompt_rows
from pygpt.model.gpt import GPT
from pygpt.serve.errors import NOT_FOUND, ApiError, api_error, bad
from pygpt.serve.schema import MAX_PROMPTS, Sampled
from pygpt.tokenizers.protocol import Tokenizer

LONG = 10_000  # characters: a longer text is encoded on another thread, so that others get on


def tokenizer_of(model: GPT) -> Tokenizer:
    """Return the tokenizer that text needs.

    Raises:
        ConfigError: the model has none.
    """
    if model.tokenizer is None:
        raise ConfigError("tokenizer", "expected one, since there is text; got none")
    return model.tokenizer


async def prompt_ids(
    model: GPT, prompt: str | list[Any] | None, field: str = "prompt"
) -> list[NDArray[np.int32]]:
    """Return the ids of each prompt of a request, int32, (T,).

    Args:
        prompt: text, ids, or a list of either; nothing and empty text are what begins a text.
        field: that it came in.
    Raises:
        ApiError: a mixed list, too many, nothing to begin with, an unknown character or id.
    """
    prompts = prompt if isinstance(prompt, list) else [prompt]
    if all(isinstance(item, int) for item in prompts):
        prompts = [prompts]
    if len({type(item) for item in prompts}) > 1 or len(prompts) > MAX_PROMPTS:
        raise bad(field, f"expected text, ids, or a list of up to {MAX_PROMPTS} of either")
    rows: list[NDArray[np.int32]] = []
    for item in prompts:
        given = item or ""  # nothing is no text
        try:
            if isinstance(given, str):
                given.encode()  # half a surrogate pair is no character
            args = given, model.tokenizer, model.config
            is_long = len(given) > LONG
            rows += await asyncio.to_thread(prompt_rows, *args) if is_long else prompt_rows(*args)
        except UnicodeEncodeError as error:
            raise bad(field, f"expected characters: {error}") from None
        except PygptError as error:
            raise api_error(error, field) from None
    return rows


def check_length(row: NDArray[np.int32], new: int, longest: int, field: str = "prompt") -> None:
    """Check that there is room for a prompt and the tokens to add.

    Raises:
        ApiError: there is not.
    """
    if len(row) + new > longest:
        message = f"expected at most {longest} tokens, the context of the model, got {len(row)}"
        wanted = f" and {new} to add" if new else ""
        raise bad(field, message + wanted, "context_length_exceeded")


def generate_config(
    body: Sampled, max_tokens: int, top_logprobs: int, ends: tuple[int, ...] | None = None
) -> GenerateConfig:
    """Return the options of a request as pygpt has them.

    Args:
        ends: the tokens that end an answer; None for those that end a text.

    Raises:
        ApiError: one that cannot be.
    """
    options = {
        "repetition_penalty": body.repetition_penalty,
        "temperature": body.temperature,
        "top_k": body.top_k if body.top_k and body.top_k > 0 else None,
        "top_p": body.top_p,
        "min_p": body.min_p,
        "seed": body.seed,
        "stop": body.stop or None,
        "stop_tokens": () if body.ignore_eos else ends,
    }
    if body.top_p == 0:  # nothing but the likeliest
        options |= {"top_p": None, "top_k": 1}
    given = {name: value for name, value in options.items() if value is not None}
    given |= {"max_new_tokens": max_tokens, "top_logprobs": top_logprobs}
    try:
        return from_dict(GenerateConfig, given)
    except ConfigError as error:
        raise api_error(error) from None


def check_model(wanted: str | None, name: str) -> None:
    """Check that a request is for the model that is served.

    Raises:
        ApiError: it is for another; 404.
    """
    if wanted not in (None, "", name):
        message = f"model: expected {name!r}, which is served here, got {wanted!r}"
        raise ApiError(NOT_FOUND, message, "model", "model_not_found")
