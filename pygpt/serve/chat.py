"""`/v1/chat/completions`: answers of a model that was fine-tuned on prompts and answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import numpy as np

from pygpt.errors import TokenError
from pygpt.generate.chat import LONGEST_ANSWER
from pygpt.serve.answers import Answers, Piece, Plan, Token
from pygpt.serve.errors import BAD_REQUEST, ApiError, bad
from pygpt.serve.prompts import check_model, generate_config, tokenizer_of
from pygpt.serve.schema import (
    AssistantMessage,
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    ChatCompletion,
    ChatLogprobs,
    ChatRequest,
    Delta,
    Message,
    TokenLogprob,
    TopLogprob,
)
from pygpt.serve.service import Service
from pygpt.tokenizers.chat_template import ChatForm


class Chat:
    """Immutable: reads requests, and writes answers."""

    body = ChatRequest

    def __init__(self, service: Service) -> None:
        self._service = service
        self._form: ChatForm | None = None
        self._problem = "the model was not fine-tuned on answers; ask /v1/completions"
        model = service.model
        if model.chat_template is not None:
            try:
                tokenizer = tokenizer_of(model)
                self._form = ChatForm(tokenizer, model.chat_template, model.special_ids)
            except TokenError as error:
                self._problem = str(error)

    async def plan(self, body: ChatRequest) -> Plan:
        """Return what a request asks for.

        Raises:
            ApiError: something that cannot be, or the model was not fine-tuned on answers.
        """
        model = self._service.model
        check_model(body.model, self._service.name)
        if self._form is None:
            raise ApiError(BAD_REQUEST, self._problem, "model", "no_chat_template")
        if body.top_logprobs and not body.logprobs:
            raise bad("top_logprobs", "expected logprobs = true with it")
        longest = model.config.block_size
        new = body.max_completion_tokens or body.max_tokens
        if new is None:
            new = min(LONGEST_ANSWER, longest // 2) or 1
        if new >= longest:
            raise bad("max_tokens", f"expected less than the context, {longest}, got {new}")
        ids = await self._ids(self._form, body.messages)
        logprobs = min(body.top_logprobs or 0, model.config.vocab_size)
        config = generate_config(body, new, logprobs, self._form.ends)
        row = np.array(ids, np.int32)[-(longest - new) :]
        strips = tokenizer_of(model).strips
        wanted = logprobs if body.logprobs else None
        return Plan([row], body.n or 1, config, logprobs=wanted, strips=strips)

    async def _ids(self, form: ChatForm, messages: Sequence[Message]) -> list[int]:
        """Return what was said as the model was taught it, up to where its answer begins."""
        if messages[-1].role == "assistant":
            raise bad("messages", "expected the last one to be another's than the assistant's")
        said = [{"role": _role(message), "content": _text(message)} for message in messages]
        try:
            for message in said:
                message["content"].encode()  # half a surrogate pair is no character
            ids = await asyncio.to_thread(form.prompt, said)
        except (TokenError, UnicodeEncodeError) as error:
            raise bad("messages", str(error)) from None
        if not ids:
            raise bad("messages", "expected text, got an empty one")
        return ids

    def whole(self, answers: Answers, pieces: Sequence[Piece]) -> ChatCompletion:
        """Return the answer, all of it."""
        service = self._service
        return ChatCompletion(
            id=service.new_id("chatcmpl"),
            created=service.now(),
            model=service.name,
            system_fingerprint=service.fingerprint,
            choices=[
                ChatChoice(
                    index=piece.index,
                    message=AssistantMessage(content=piece.text),
                    logprobs=self._logprobs(answers, piece.tokens),
                    finish_reason=piece.reason or "length",
                )
                for piece in pieces
            ],
            usage=answers.usage,
        )

    async def stream(
        self, answers: Answers, include_usage: bool
    ) -> AsyncGenerator[ChatChunk | None, None]:
        """Yield the answer piece by piece; None where there is no news for long."""
        id = self._service.new_id("chatcmpl")
        for index in range(answers.count):
            delta = Delta(role="assistant", content="")
            yield self._chunk(id, index, delta)
        async for pieces in answers.pieces():
            for piece in pieces:
                logprobs = self._logprobs(answers, piece.tokens)
                if piece.text or piece.tokens:
                    yield self._chunk(id, piece.index, Delta(content=piece.text), logprobs)
                if piece.reason:
                    last = self._chunk(id, piece.index, Delta())
                    last.choices[0].finish_reason = piece.reason
                    yield last
            if not pieces:
                yield None
        if include_usage:
            last = self._chunk(id, 0, Delta())
            last.choices, last.usage = [], answers.usage
            yield last

    def _chunk(
        self, id: str, index: int, delta: Delta, logprobs: ChatLogprobs | None = None
    ) -> ChatChunk:
        service = self._service
        choice = ChatChunkChoice(index=index, delta=delta, logprobs=logprobs, finish_reason=None)
        return ChatChunk(
            id=id,
            created=service.now(),
            model=service.name,
            system_fingerprint=service.fingerprint,
            choices=[choice],
        )

    def _logprobs(self, answers: Answers, tokens: Sequence[Token]) -> ChatLogprobs | None:
        """Return the tokens of an answer, but for the one that ends it."""
        if not answers.wants_tokens:
            return None
        content = []
        for token in tokens:
            if not token.ends:
                top = [self._top(id, value) for id, value in token.top or ()]
                chosen = self._top(token.id, token.log_probability)
                content.append(
                    TokenLogprob(
                        token=chosen.token,
                        logprob=chosen.logprob,
                        bytes=chosen.bytes,
                        top_logprobs=top,
                    )
                )
        return ChatLogprobs(content=content)

    def _top(self, token: int, log_probability: float | None) -> TopLogprob:
        data = self._service.spelling.bytes(token)
        text = data.decode("utf-8", "replace")
        return TopLogprob(token=text, logprob=log_probability, bytes=list(data))


def _role(message: Message) -> str:
    return "system" if message.role == "developer" else message.role


def _text(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "".join(part.text for part in message.content)
