"""`/v1/chat/completions`: answers of a model that was fine-tuned on prompts and answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import numpy as np

from pygpt.errors import PygptError
from pygpt.generate.chat import LONGEST_ANSWER
from pygpt.serve.answers import Answers, Piece, Plan, Token
from pygpt.serve.errors import api_error, bad
from pygpt.serve.prompts import LONG, check_model, generate_config, tokenizer_of
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
        model = service.model
        self._form = ChatForm(tokenizer_of(model), model.chat_template, model.special_ids)

    async def plan(self, body: ChatRequest) -> Plan:
        """Return what a request asks for.

        Raises:
            ApiError: something that cannot be, or the model was not fine-tuned on answers.
        """
        model = self._service.model
        check_model(body.model, self._service.name)
        if body.top_logprobs and not body.logprobs:
            raise bad("top_logprobs", "expected logprobs = true with it")
        longest = model.config.block_size
        new = body.max_completion_tokens or body.max_tokens
        if new is None:
            new = min(LONGEST_ANSWER, longest // 2) or 1
        if new >= longest:
            raise bad("max_tokens", f"expected less than the context, {longest}, got {new}")
        ids = await self._ids(body.messages)
        logprobs = min(body.top_logprobs or 0, model.config.vocab_size)
        config = generate_config(body, new, logprobs)
        if not body.ignore_eos:
            config = replace(config, stop_tokens=self._form.ends)
        row = np.array(ids, np.int32)[-(longest - new) :]
        return Plan([row], body.n or 1, config, logprobs=logprobs if body.logprobs else None)

    async def _ids(self, messages: Sequence[Message]) -> list[int]:
        """Return what was said as the model was taught it: in its template, or text after text."""
        if messages[-1].role != "user":
            raise bad("messages", f"expected one of role user last, got {messages[-1].role}")
        said = []
        for i, message in enumerate(messages):
            role = "system" if message.role == "developer" else message.role
            if role == "system" and self._form.is_plain:
                problem = "expected user or assistant: it was taught prompts and answers alone"
                raise bad("messages", f"[{i}].role: {problem}")
            said.append({"role": role, "content": _text(message)})
        if self._form.is_plain and not any(message["content"] for message in said):
            raise bad("messages", "expected text, got an empty one")
        try:
            long = sum(len(message["content"]) for message in said) > LONG
            prompt = self._form.prompt
            return await asyncio.to_thread(prompt, said) if long else prompt(said)
        except PygptError as error:
            raise api_error(error, "messages") from None

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


def _text(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "".join(part.text for part in message.content)
