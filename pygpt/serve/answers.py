"""Continuations as they come: text and tokens of each, piece by piece."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import PygptError
from pygpt.generate.config import GenerateConfig
from pygpt.generate.generator import Request
from pygpt.model.gpt import GPT
from pygpt.serve.engine import Work
from pygpt.serve.errors import api_error
from pygpt.serve.metrics import Metrics
from pygpt.serve.prompts import tokenizer_of
from pygpt.serve.schema import Reason, Usage
from pygpt.serve.scores import prompt_scores
from pygpt.serve.spelling import Offsets, Spelling

PATIENCE_S = 10.0  # after so long without news a client hears that the connection lives


class Token(NamedTuple):
    """Immutable: a token of an answer.

    Attributes:
        offset: index of the character of the text at which it begins.
        log_probability: in nats; None for the first token of a prompt.
        top: the likeliest in its place, with theirs; None for the first token of a prompt.
        ends: whether it is a stop token, which is no text.
    """

    id: int
    offset: int
    log_probability: float | None
    top: list[tuple[int, float]] | None
    ends: bool = False


@dataclass(frozen=True)
class Piece:
    """Immutable: what is new of one continuation."""

    index: int
    text: str = ""
    tokens: list[Token] = field(default_factory=list)
    reason: Reason | None = None


@dataclass(frozen=True)
class Plan:
    """Immutable: what a request asks for.

    Attributes:
        rows: int32, (T,), a prompt each, continued `n` times; choice i of each has seed + i.
        config: of all of them; None to add no tokens.
        echo: whether an answer begins with its prompt.
        logprobs: how many likeliest tokens come with each token; None for no tokens at all.
        strips: how many blanks at the beginning of an answer are the tokenizer's own.
    """

    rows: list[NDArray[np.int32]]
    n: int
    config: GenerateConfig | None
    echo: bool = False
    logprobs: int | None = None
    strips: int = 0

    @property
    def count(self) -> int:
        """Continuations."""
        return len(self.rows) * self.n


class _Choice:
    """Mutable: one continuation that comes."""

    def __init__(
        self, index: int, request: Request, spelling: Spelling, start: int, strips: int
    ) -> None:
        self._index = index
        self._request = request
        self._spelling = spelling
        self._offsets = Offsets(start)
        self._strips = strips  # none once there is text
        self.taken = 0  # tokens
        self.ended = False

    def take(self, wants_tokens: bool) -> Piece:
        """Return what has come since the last call."""
        self.ended = self._request.done
        new = self._request.continuation(self.taken)
        self.taken += len(new.ids)
        reason: Reason | None = None
        if self.ended:
            reason = "stop" if new.stopped else "length"
        tokens = []
        if wants_tokens:
            stops = self._request.stop_tokens
            for i, (id, value) in enumerate(zip(new.ids, new.log_probabilities, strict=True)):
                ends = int(id) in stops
                offset = self._offsets.add(b"" if ends else self._spelling.bytes(int(id)))
                top = _pairs(new.top_ids[i], new.top_log_probabilities[i])
                tokens.append(Token(int(id), offset, float(value), top, ends))
        text = (new.text or "").removeprefix(" " * self._strips)
        self._strips *= not new.text
        return Piece(self._index, text, tokens, reason)


def _pairs(
    ids: NDArray[np.int64], log_probabilities: NDArray[np.float64]
) -> list[tuple[int, float]]:
    return list(zip(ids.tolist(), log_probabilities.tolist(), strict=True))


class Answers:
    """Mutable: what a model answers to a plan.

    Attributes:
        completion_tokens: that have been made so far.
    """

    def __init__(self, model: GPT, work: Work, plan: Plan, metrics: Metrics) -> None:
        self._model = model
        self._work = work
        self._plan = plan
        self._metrics = metrics
        self._spelling = Spelling(tokenizer_of(model))
        self._began = time.monotonic()
        self._choices: list[_Choice] = []
        self._first: list[Piece] = []
        metrics.prompt_tokens += self.prompt_tokens

    @property
    def count(self) -> int:
        """Continuations."""
        return self._plan.count

    @property
    def wants_tokens(self) -> bool:
        """Whether tokens come with the text."""
        return self._plan.logprobs is not None

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompts."""
        return sum(map(len, self._plan.rows))

    @property
    def usage(self) -> Usage:
        """What was read and made so far."""
        read, made = self.prompt_tokens, sum(choice.taken for choice in self._choices)
        return Usage(prompt_tokens=read, completion_tokens=made, total_tokens=read + made)

    async def submit(self) -> None:
        """Begin: read what is wanted of the prompts, and queue them.

        Raises:
            ApiError: the model refuses.
        """
        plan = self._plan
        for b, row in enumerate(plan.rows):
            first, start = b * plan.n, 0
            if plan.echo:
                piece = await self._echo(row)
                start = len(piece.text)
                self._first += [replace(piece, index=first + i) for i in range(plan.n)]
            if plan.config is not None:
                try:
                    requests = self._work.submit([row] * plan.n, plan.config)
                except PygptError as error:
                    raise api_error(error) from None
                self._choices += [
                    _Choice(first + i, request, self._spelling, start, plan.strips)
                    for i, request in enumerate(requests)
                ]
        if plan.config is None and not plan.echo:
            self._first = [Piece(i, reason="length") for i in range(plan.count)]

    async def _echo(self, row: NDArray[np.int32]) -> Piece:
        """Return a prompt as if it were a continuation."""
        plan, ids = self._plan, row.tolist()
        spelt = [self._spelling.bytes(token) for token in ids]
        text = b"".join(spelt).decode("utf-8", "replace")
        blanks = " " * tokenizer_of(self._model).strips  # its own
        hidden = len(blanks) if text.startswith(blanks) else 0
        tokens: list[Token] = []
        count = plan.logprobs
        if count is not None:
            scores = await self._work.compute(lambda: prompt_scores(self._model, row, count))
            offsets = Offsets(-hidden)
            tokens.append(Token(ids[0], offsets.add(spelt[0]), None, None))
            for i, (value, top, values) in enumerate(zip(*scores, strict=True), start=1):
                offset = offsets.add(spelt[i])
                tokens.append(Token(ids[i], offset, float(value), _pairs(top, values)))
        tokens = [token._replace(offset=max(0, token.offset)) for token in tokens]
        return Piece(0, text[hidden:], tokens, None if plan.config else "length")

    async def pieces(self) -> AsyncIterator[list[Piece]]:
        """Yield what is new, until all is there; an empty list after a while without news.

        Raises:
            ApiError: something went wrong with one of them, or with the model.
        """
        running = list(self._choices)
        if self._first:
            yield self._first
        while running:
            pieces = self._take(running)
            running = [choice for choice in running if not choice.ended]
            if pieces:
                yield pieces
            if running:
                before = time.monotonic()
                await self._work.changed(PATIENCE_S)
                if time.monotonic() - before >= PATIENCE_S:
                    yield []
        self._metrics.duration_s.add(time.monotonic() - self._began)

    def _take(self, running: list[_Choice]) -> list[Piece]:
        made = sum(choice.taken for choice in self._choices)
        try:
            pieces = [choice.take(self.wants_tokens) for choice in running]
        except PygptError as error:
            raise api_error(error) from None
        new = sum(choice.taken for choice in self._choices) - made
        if new and not made:
            self._metrics.first_token_s.add(time.monotonic() - self._began)
        self._metrics.completion_tokens += new
        return [piece for piece in pieces if piece.text or piece.tokens or piece.reason]

    async def whole(self) -> list[Piece]:
        """Return every continuation, all of it, in order."""
        texts: list[list[str]] = [[] for _ in range(self._plan.count)]
        tokens: list[list[Token]] = [[] for _ in texts]
        reasons: list[Reason] = ["length"] * len(texts)
        await self.submit()
        async for pieces in self.pieces():
            for piece in pieces:
                texts[piece.index].append(piece.text)
                tokens[piece.index] += piece.tokens
                reasons[piece.index] = piece.reason or reasons[piece.index]
        return [
            Piece(i, "".join(text), tokens[i], reasons[i]) for i, text in enumerate(texts)
        ]
