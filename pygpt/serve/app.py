"""The ASGI application: routes, and what all of them do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pygpt.errors import PygptError
from pygpt.model.gpt import GPT
from pygpt.serve import metrics
from pygpt.serve.answers import Answers
from pygpt.serve.chat import Chat
from pygpt.serve.completions import Completions
from pygpt.serve.config import ServeConfig
from pygpt.serve.embeddings import Embeddings
from pygpt.serve.errors import BUSY, FAILED, NOT_FOUND, ApiError, api_error
from pygpt.serve.events import GONE, Bodies, ClientGone, EventStream, unless_gone
from pygpt.serve.guard import Guard, error_response
from pygpt.serve.openapi import document
from pygpt.serve.schema import EmbeddingRequest, Health, ModelCard, ModelList, read_body
from pygpt.serve.service import Service
from pygpt.serve.show import Show, Shown

ELSEWHERE = {  # what clients ask for that is not here -> what is
    "/v1/responses": "POST /v1/chat/completions; with the Vercel AI SDK: openai.chat(...)",
    "/v1/engines": "/v1/models",
}
Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(
    model: GPT,
    name: str = "pygpt",
    config: ServeConfig | None = None,
    shown: Shown | None = None,
) -> Starlette:
    """Return the endpoint for a model as an ASGI application.

    Its lifespan is that of the thread on which the model works; requests need it.

    Args:
        model: with a tokenizer; stays the caller's, who uses it for nothing else meanwhile.
        name: what clients call it.
        shown: what the page has beside the model; by default nothing.
    Raises:
        ConfigError: the model has no tokenizer.
    """
    config = ServeConfig() if config is None else config
    return _App(Service(model, name, config), shown or Shown()).starlette(config)


class _App:
    """Immutable: the routes of a service."""

    def __init__(self, service: Service, shown: Shown) -> None:
        self._service = service
        self._bodies = Bodies()
        self._show = Show(service, self._bodies, shown)
        self._completions = Completions(service)
        self._chat = Chat(service)
        self._embeddings = Embeddings(service)

    def starlette(self, config: ServeConfig) -> Starlette:
        middleware = [Middleware(Guard, config=config)]
        if config.cors_origin:
            allowed: dict[str, Any] = {
                "allow_origins": config.cors_origin,
                "allow_methods": ["GET", "POST"],
                "allow_headers": ["authorization", "content-type"],
            }
            middleware.insert(0, Middleware(CORSMiddleware, **allowed))
        routes = [
            self._route("/v1/completions", self._complete, "POST"),
            self._route("/v1/chat/completions", self._answer, "POST"),
            self._route("/v1/embeddings", self._embed, "POST"),
            self._route("/v1/models", self._models, "GET"),
            self._route("/v1/models/{name:path}", self._model, "GET"),
            self._route("/health", self._health, "GET"),
            self._route("/metrics", self._metrics, "GET"),
            self._route("/openapi.json", self._openapi, "GET"),
            *(self._route(*route) for route in self._show.routes),
        ]
        handlers: Any = {HTTPException: _http_error, Exception: _server_error}
        return Starlette(
            routes=routes,
            middleware=middleware,
            exception_handlers=handlers,
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._service.engine.start()
        try:
            yield
        finally:
            await self._service.engine.close()
            self._show.close()

    def _route(self, path: str, endpoint: Endpoint, method: str) -> Route:
        """Return a route whose errors are answers, and are counted."""

        async def answer(request: Request) -> Response:
            try:
                response = await endpoint(request)
            except ApiError as error:
                response = error_response(error)
            except PygptError as error:
                response = error_response(api_error(error))
            except ClientGone:
                response = Response(status_code=GONE)
            if not isinstance(response, EventStream):
                self._count(path, response.status_code)
            return response

        return Route(path, answer, methods=[method])

    def _count(self, path: str, status: int) -> None:
        self._service.metrics.requests[path, status] += 1

    # ---- routes --------------------------------------------------------------------------------

    async def _complete(self, request: Request) -> Response:
        return await self._continue(request, self._completions)

    async def _answer(self, request: Request) -> Response:
        return await self._continue(request, self._chat)

    async def _continue(self, request: Request, form: Completions | Chat) -> Response:
        """Answer with what follows prompts."""
        body: Any = read_body(await self._bodies.read(request), form.body)
        plan = await form.plan(body)
        service = self._service
        work = service.engine.open(plan.count)
        answers = Answers(service.model, work, plan, service.metrics)
        if not body.stream:
            with work:
                pieces = await unless_gone(request.receive, answers.whole())
                return _json(form.whole(answers, pieces))
        try:
            await unless_gone(request.receive, answers.submit())
        except BaseException:
            work.close()
            raise
        usage = body.stream_options is not None and bool(body.stream_options.include_usage)
        path = request.url.path
        return EventStream(
            form.stream(answers, usage), work, lambda status: self._count(path, status)
        )

    async def _embed(self, request: Request) -> Response:
        body = read_body(await self._bodies.read(request), EmbeddingRequest)
        rows = await self._embeddings.rows(body)
        with self._service.engine.open(len(rows)) as work:
            answer = self._embeddings.answer(work, body, rows)
            return _json(await unless_gone(request.receive, answer))

    async def _models(self, _: Request) -> Response:
        return _json(ModelList(data=[self._card()]))

    async def _model(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name != self._service.name:
            message = f"model: expected {self._service.name!r}, which is served here"
            raise ApiError(NOT_FOUND, message, "model", "model_not_found")
        return _json(self._card())

    def _card(self) -> ModelCard:
        service = self._service
        length = service.model.config.block_size
        return ModelCard(id=service.name, created=service.created, context_length=length)

    async def _health(self, _: Request) -> Response:
        state = self._service.engine.state()
        return _json(Health(**asdict(state)), 200 if state.status == "ok" else BUSY)

    async def _metrics(self, _: Request) -> Response:
        state = self._service.engine.state()
        text = self._service.metrics.text(
            {
                "pygpt_up": ("Whether the model works.", int(state.status == "ok")),
                "pygpt_running": ("Sequences that are being continued.", state.running),
                "pygpt_queued": ("Sequences that wait.", state.queued),
                "pygpt_free": ("Sequences that would be taken.", state.free),
                "pygpt_cache_bytes": ("Memory of keys and values.", state.cache_bytes),
            }
        )
        return Response(text, headers={"content-type": metrics.CONTENT_TYPE})

    async def _openapi(self, _: Request) -> Response:
        return _json(document(self._service.config))


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer to a path or a method that is not there."""
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path[:200]}: {error.detail.lower()}"
    if error.status_code == NOT_FOUND:
        instead = ELSEWHERE.get(request.url.path)
        message += f"; here it is {instead}" if instead else "; /openapi.json says what there is"
    response = error_response(ApiError(error.status_code, message))
    response.headers.update(error.headers or {})
    return response


async def _server_error(_: Request, error: Exception) -> Response:
    """Answer to what should not happen; the error goes to the log, too."""
    return error_response(ApiError(FAILED, f"{type(error).__name__}: see the log of the server"))
