"""`/v1/completions`: what follows prompts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from pygpt.serve.answers import Answers, Piece, Plan, Token
from pygpt.serve.prompts import check_length, check_model, generate_config, prompt_ids
from pygpt.serve.schema import Completion, CompletionChoice, CompletionLogprobs, CompletionRequest
from pygpt.serve.service import Service

MAX_TOKENS = 16  # unless the request says otherwise


class Completions:
    """Immutable: reads requests, and writes answers."""

    body = CompletionRequest

    def __init__(self, service: Service) -> None:
        self._service = service

    async def plan(self, body: CompletionRequest) -> Plan:
        """Return what a request asks for.

        Raises:
            ApiError: something that cannot be.
        """
        model = self._service.model
        check_model(body.model, self._service.name)
        rows = await prompt_ids(model, body.prompt)
        longest = model.config.block_size
        new = body.max_tokens
        if new is None:
            new = max(1, min(MAX_TOKENS, longest - max(map(len, rows))))
        for row in rows:
            check_length(row, new, longest)
        logprobs = body.logprobs
        if logprobs is not None:
            logprobs = min(logprobs, model.config.vocab_size)
        config = generate_config(body, max(1, new), logprobs or 0)
        return Plan(rows, body.n or 1, config if new else None, bool(body.echo), logprobs)

    def whole(self, answers: Answers, pieces: Sequence[Piece]) -> Completion:
        """Return the answer, all of it."""
        completion = self._some(self._service.new_id("cmpl"), pieces)
        completion.usage = answers.usage
        return completion

    async def stream(
        self, answers: Answers, include_usage: bool
    ) -> AsyncGenerator[Completion | None, None]:
        """Yield the answer piece by piece; None where there is no news for long."""
        id = self._service.new_id("cmpl")
        async for pieces in answers.pieces():
            for piece in pieces:
                yield self._some(id, [piece])
            if not pieces:
                yield None
        if include_usage:
            last = self._some(id, [])
            last.usage = answers.usage
            yield last

    def _some(self, id: str, pieces: Sequence[Piece]) -> Completion:
        service = self._service
        return Completion(
            id=id,
            created=service.now(),
            model=service.name,
            system_fingerprint=service.fingerprint,
            choices=[
                CompletionChoice(
                    index=piece.index,
                    text=piece.text,
                    logprobs=self._logprobs(piece.tokens) if piece.tokens else None,
                    finish_reason=piece.reason,
                )
                for piece in pieces
            ],
        )

    def _logprobs(self, tokens: Sequence[Token]) -> CompletionLogprobs:
        name = self._service.spelling.name
        tops: list[dict[str, float | None] | None] = []
        for token in tokens:
            if token.top is None:
                tops.append(None)
            else:  # the chosen one is always among them
                top: dict[str, float | None] = {name(id): value for id, value in token.top}
                tops.append(top | {name(token.id): token.log_probability})
        return CompletionLogprobs(
            tokens=[name(token.id) for token in tokens],
            token_logprobs=[token.log_probability for token in tokens],
            top_logprobs=tops,
            text_offset=[token.offset for token in tokens],
        )
