"""Prompts with an answer that was chosen and one that was rejected, as tokens."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.datasets.conversations import conversation_of
from pygpt.datasets.readers import text_of
from pygpt.datasets.sampler import IGNORE_INDEX
from pygpt.datasets.sources import rows_of
from pygpt.errors import ConfigError, DataError, TokenError
from pygpt.tokenizers.chat_template import ChatForm
from pygpt.tokenizers.protocol import Tokenizer, begin_and_end


@dataclass(frozen=True, eq=False)
class Text:
    """Immutable: a prompt with its answer.

    Attributes:
        ids: int32, (T,): without the last token, which has no next one.
        targets: int32, (T,): the next token, if it is of the answer; else -1.
    """

    ids: NDArray[np.int32]
    targets: NDArray[np.int32]

    @classmethod
    def of(cls, tokens: Sequence[int], first: int, end: int | None = None) -> Text:
        """Return the text of these tokens, the answer of which begins at `first`."""
        ids = np.array(tokens, np.int32)
        places = np.arange(1, len(ids))
        scored = (places >= first) & (places < (len(ids) if end is None else end))
        return cls(ids[:-1], np.where(scored, ids[1:], IGNORE_INDEX).astype(np.int32))


@dataclass(frozen=True, eq=False)
class PreferencePairs:
    """Immutable: pairs of answers to the same prompt.

    Attributes:
        notes: what was left out while they were read, a line each.
    """

    chosen: list[Text]
    rejected: list[Text]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def longest(self) -> int:
        """Most tokens of a text."""
        return max(len(text.ids) for text in (*self.chosen, *self.rejected))

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str],
        tokenizer: Tokenizer,
        block_size: int,
        *,
        form: ChatForm | None = None,
        skip: bool = False,
        encoding: str = "",
    ) -> PreferencePairs:
        """Return the pairs of a file of rows with `prompt`, `chosen` and `rejected`, as TRL has it.

        Each is a text or a list of messages. An empty prompt, or none, is the beginning of a text;
        where chosen and rejected are lists and there is no prompt, they begin with it.

        Args:
            block_size: the most ids of a text.
            form: how the model reads a conversation; by default pygpt's own form.
            skip: whether to leave out rows that do not fit; else one ends it.
        Raises:
            DataError: not readable, no pairs, a row without the two, or one that is too long; the
                message has the line.
            TokenError: a character that the tokenizer lacks, or a template that refuses a row.
        """
        form = ChatForm(tokenizer) if form is None else form
        chosen, rejected, refused = [], [], []
        for where, values in rows_of(path, encoding=encoding):
            try:
                both = [
                    _text(values, name, where, tokenizer, form, block_size)
                    for name in ("chosen", "rejected")
                ]
            except (DataError, TokenError) as error:
                if not skip:
                    raise
                refused.append(error)
                continue
            chosen.append(both[0])
            rejected.append(both[1])
        if not chosen:
            why = f"; {refused[0]}" if refused else ""
            raise DataError(f"data file {path}: expected pairs, got none{why}")
        notes: tuple[str, ...] = ()
        if refused:
            left = f"left out {len(refused)} of {len(chosen) + len(refused)} pairs"
            notes = (f"{left} that do not fit, the first: {refused[0]}",)
        return cls(chosen, rejected, notes)


def _text(
    values: Mapping[str, Any],
    name: str,
    where: str,
    tokenizer: Tokenizer,
    form: ChatForm,
    block_size: int,
) -> Text:
    prompt = values.get("prompt")
    if isinstance(values.get(name), list) and not isinstance(prompt, list):
        messages = conversation_of({"messages": values[name]}, f"{where}: {name}")
    elif not prompt:
        alone = _alone(text_of(values, name, where), tokenizer, where)
        return _fitting(alone, name, where, block_size)
    else:
        messages = conversation_of(values, where, "prompt", name)
    try:
        found = form.scored(messages)
    except TokenError as error:
        raise TokenError(f"{where}: {error}") from error
    end = len(found.scored) - found.scored[::-1].index(True)
    return _fitting(Text.of(found.ids, end - found.answer, end), name, where, block_size)


def _fitting(text: Text, name: str, where: str, block_size: int) -> Text:
    if len(text.ids) > block_size:
        problem = f"expected at most {block_size} tokens with the prompt, the block_size"
        raise DataError(f"{where}: {name}: {problem}, got {len(text.ids)}")
    return text


def _alone(text: str, tokenizer: Tokenizer, where: str) -> Text:
    around = begin_and_end(tokenizer)
    if around is None:
        raise DataError(f"{where}: prompt: expected text, since the tokenizer has no BOS")
    try:
        return Text.of([around[0], *tokenizer.encode(text), around[1]], 1)
    except TokenError as error:
        raise TokenError(f"{where}: {error}") from error


def arrays_of(texts: Sequence[Text]) -> list[NDArray[np.int32]]:
    """Return ids and targets of each text; shared."""
    return [array for text in texts for array in (text.ids, text.targets)]


def batch_of(texts: Sequence[Text]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return texts as ids and targets, (texts, longest); what fills a row up is not scored."""
    T = max(len(text.ids) for text in texts)
    ids = np.zeros((len(texts), T), np.int32)
    targets = np.full((len(texts), T), IGNORE_INDEX, np.int32)
    for row, text in enumerate(texts):
        ids[row, : len(text.ids)] = text.ids
        targets[row, : len(text.ids)] = text.targets
    return ids, targets


def order(count: int, at_once: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield numbers below `count`, so many at once, each once before any comes again, for ever.

    Raises:
        ConfigError: there are fewer than `at_once`.
    """
    if count < at_once:
        raise ConfigError("batch_size", f"expected at most {count}, as there are, got {at_once}")
    random = np.random.default_rng(seed % 2**64)
    while True:
        drawn = random.permutation(count)
        for first in range(0, count - at_once + 1, at_once):
            yield drawn[first : first + at_once]
