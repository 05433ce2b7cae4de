"""The page, and the routes that it asks: a model seen from inside."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from pygpt.errors import PygptError, TokenError
from pygpt.generate.config import GenerateOptions
from pygpt.learn.lesson import lessons
from pygpt.model.gpt import GPT
from pygpt.serve import gradients, looks
from pygpt.serve.errors import ApiError, bad
from pygpt.serve.events import Bodies, unless_gone
from pygpt.serve.live import Feed, Past
from pygpt.serve.others import Others
from pygpt.serve.packed import arrays_answer, json_answer
from pygpt.serve.prompts import check_length, prompt_ids
from pygpt.serve.schema import read_body
from pygpt.serve.service import Service
from pygpt.serve.show_schema import (
    BackwardRequest,
    ColumnRequest,
    LayerLook,
    Look,
    NearRequest,
    SampleRequest,
    ScaledLook,
    TextRequest,
)
from pygpt.serve.show_training import ShowTraining
from pygpt.tokenizers.bpe import BPETokenizer
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.explain import replay, show, words_of

LONGEST_REPLAY = 200  # characters whose merges are shown one by one
MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>pygpt</title>
<p>The page is not built in this copy of pygpt. The endpoint works: see <a href="/openapi.json">
/openapi.json</a>. In a clone <code>make page</code> builds the page (it needs Node 20 and npm);
then start the server again.</p></html>
"""
T = TypeVar("T")
B = TypeVar("B", bound=msgspec.Struct)
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Shown:
    """Immutable: what the page has beside a model.

    Attributes:
        run: the folder of the run that the model is from; None for none.
        feed: of its training.
        untrained: see `Others`.
    """

    run: Path | None = None
    feed: Feed = field(default_factory=Past)
    untrained: Callable[[], GPT] | None = None


class Show:
    """Mutable: answers the page."""

    def __init__(self, service: Service, bodies: Bodies, shown: Shown) -> None:
        self._service = service
        self._bodies = bodies
        self._feed = shown.feed
        self._others = Others(service.model, shown.run, shown.untrained)
        self._special = _special_names(service.model)
        layers = service.model.config.n_layer
        self._training = ShowTraining(bodies, shown.feed, shown.run, layers, self._names)
        self._page = _page()
        self._example: str | None = None  # until there is a first page

    @property
    def routes(self) -> list[tuple[str, Endpoint, str]]:
        """Paths, what answers them, and their methods."""
        return [
            ("/", self._html, "GET"),
            ("/api/model", self._about, "GET"),
            ("/api/tokens", self._tokens, "POST"),
            ("/api/flow", self._flow, "POST"),
            ("/api/column", self._column, "POST"),
            ("/api/heads", self._heads, "POST"),
            ("/api/head", self._head, "POST"),
            ("/api/lens", self._lens, "POST"),
            ("/api/ablate", self._ablate, "POST"),
            ("/api/rank", self._rank, "POST"),
            ("/api/sample", self._sample, "POST"),
            ("/api/embeddings", self._embeddings, "GET"),
            ("/api/near", self._near, "POST"),
            ("/api/backward", self._backward, "POST"),
            ("/api/lessons", self._lessons, "GET"),
            *self._training.routes,
        ]

    def close(self) -> None:
        """Free the models of other checkpoints."""
        self._others.close()

    # ---- what all of them do ---------------------------------------------------------------------

    async def _body(self, request: Request, kind: type[B]) -> B:
        return read_body(await self._bodies.read(request), kind)

    async def _look(self, request: Request, kind: type[B]) -> tuple[B, NDArray[np.int32]]:
        """Return a body with tokens, and these, checked."""
        body: Any = await self._body(request, kind)
        (row,) = await prompt_ids(self._service.model, body.ids, "ids")
        check_length(row, 0, self._service.model.config.block_size, "ids")
        return body, row

    async def _compute(self, request: Request, compute: Callable[[], T]) -> T:
        """Return what a function makes of the model, between two steps of it."""
        with self._service.engine.open(1) as work:
            return await unless_gone(request.receive, work.compute(compute))

    def _of(self, checkpoint: str, compute: Callable[[GPT], T]) -> Callable[[], T]:
        """Return what computes something of a checkpoint's model."""
        return lambda: compute(self._others.get(checkpoint))

    def _name(self, token: int) -> str:
        """Return what a reader calls a token: its text, or what it stands for."""
        return self._special.get(token) or self._service.spelling.name(token)

    def _names(self, tokens: NDArray[Any]) -> dict[str, str]:
        """Return id -> text of every token of an array."""
        return {str(token): self._name(token) for token in np.unique(tokens).tolist()}

    # ---- routes ----------------------------------------------------------------------------------

    async def _html(self, _: Request) -> Response:
        return Response(self._page.html, headers=self._page.headers, media_type="text/html")

    async def _about(self, request: Request) -> Response:
        if self._example is None:
            try:
                work = partial(looks.example, self._service.model)
                self._example = await self._compute(request, work)
            except (ApiError, PygptError):  # it is busy: a page without an example is one, too
                self._example = ""
        model, service = self._service.model, self._service
        config = model.config
        scale = config.attention_scale or config.head_size**-0.5
        about: dict[str, Any] = {
            "name": service.name,
            "config": config.to_dict(),
            "head_size": config.head_size,
            "attention_scale": scale,
            "parameters": model.num_parameters,
            "backend": model.backend,
            "description": model.description,
            "chat": model.chat_template is not None,
            "bos": _bos(model),
            "begins": isinstance(model.tokenizer, CharTokenizer),
            "checkpoints": self._others.names,
            "window": looks.WINDOW,
            "example": self._example,
            "training": self._feed.state(),
        }
        return json_answer(about)

    async def _tokens(self, request: Request) -> Response:
        body = await self._body(request, TextRequest)
        (row,) = await prompt_ids(self._service.model, body.text, "text")
        ids, bos = row.tolist(), _bos(self._service.model)
        if body.begin and bos is not None and ids[0] != bos:
            ids.insert(0, bos)
        merges = _merges(self._service.model, body.text)
        return json_answer({"ids": ids, "names": [*map(self._name, ids)], "merges": merges})

    async def _flow(self, request: Request) -> Response:
        body, row = await self._look(request, LayerLook)
        self._check_layer(body.layer)
        scales = looks.scales_of(self._service.model, body.scales)
        work = self._of(body.checkpoint, lambda m: looks.flow(m, row, body.layer, scales))
        arrays = await self._compute(request, work)
        ids = np.concatenate([row, arrays["top"].ravel()])
        first = len(row) - len(arrays["top"])
        return arrays_answer({"names": self._names(ids), "first": first}, arrays)

    async def _backward(self, request: Request) -> Response:
        body, row = await self._look(request, BackwardRequest)
        self._check_layer(body.layer)
        work = self._of(
            body.checkpoint, lambda m: gradients.of_text(m, row, body.layer, body.target)
        )
        loss, arrays = await self._compute(request, work)
        meta = {
            "names": self._names(np.concatenate([row, arrays["top"].ravel()])),
            "first": len(row) - len(arrays["top"]),
            "places": looks.places(self._service.model.config.n_layer),
            "loss": loss,
        }
        return arrays_answer(meta, arrays)

    def _check_layer(self, layer: int) -> None:
        count = self._service.model.config.n_layer
        if layer >= count:
            raise bad("layer", f"expected 0 to {count - 1}")

    async def _column(self, request: Request) -> Response:
        body = await self._body(request, ColumnRequest)
        model = self._service.model
        self._check_layer(body.layer)
        work = partial(looks.column, model, body.part, body.layer, body.column)
        return arrays_answer({}, await self._compute(request, work))

    async def _heads(self, request: Request) -> Response:
        body, row = await self._look(request, Look)
        work = self._of(body.checkpoint, lambda model: looks.all_heads(model, row))
        return arrays_answer({}, await self._compute(request, work))

    async def _head(self, request: Request) -> Response:
        body, row = await self._look(request, LayerLook)
        config = self._service.model.config
        head = body.head or 0
        if body.layer >= config.n_layer or head >= config.n_head:
            raise bad("head", f"expected below {config.n_layer} layers, {config.n_head} heads")
        work = self._of(body.checkpoint, lambda m: looks.one_head(m, row, body.layer, head))
        return arrays_answer({}, await self._compute(request, work))

    async def _lens(self, request: Request) -> Response:
        body, row = await self._look(request, Look)
        work = self._of(body.checkpoint, lambda model: looks.lens(model, row))
        arrays = await self._compute(request, work)
        names = self._names(np.concatenate([row, arrays["top"].ravel()]))
        meta = {
            "names": names,
            "first": len(row) - arrays["top"].shape[1],
            "places": looks.places(self._service.model.config.n_layer),
        }
        return arrays_answer(meta, arrays)

    async def _ablate(self, request: Request) -> Response:
        body, row = await self._look(request, ScaledLook)
        scales = looks.scales_of(self._service.model, body.scales)
        assert scales is not None
        work = self._of(body.checkpoint, lambda model: looks.ablate(model, row, scales))
        answer = await self._compute(request, work)
        answer["names"] = [self._name(token) for token in answer["tokens"]]
        return json_answer(answer)

    async def _rank(self, request: Request) -> Response:
        body, row = await self._look(request, Look)
        if len(row) < 2:
            raise bad("ids", "expected at least 2 tokens, so that there is one to predict")
        changes = []
        for layer in range(self._service.model.config.n_layer):  # others get on in between
            work = self._of(
                body.checkpoint,
                lambda model, layer=layer: looks.rank_layer(model, row, layer),  # type: ignore[misc]
            )
            changes.append(await self._compute(request, work))
        return json_answer({"changes": changes})

    async def _sample(self, request: Request) -> Response:
        body, row = await self._look(request, SampleRequest)
        room = self._service.model.config.block_size - len(row)
        count = max(1, min(body.max_tokens, room))
        options: GenerateOptions = {
            "temperature": body.temperature,
            "top_k": body.top_k,
            "top_p": body.top_p,
            "min_p": body.min_p,
            "seed": body.seed,
        }
        work = self._of(body.checkpoint, lambda model: looks.sample(model, row, count, options))
        answer = await self._compute(request, work)
        for ids, names in (("tokens", "names"), ("drawn", "drawn_names")):
            answer[names] = [self._name(token) for token in answer[ids]]
        answer["text"] = b"".join(map(self._service.spelling.bytes, answer["drawn"])).decode(
            "utf-8", "replace"
        )
        return json_answer(answer)

    async def _embeddings(self, request: Request) -> Response:
        work = partial(looks.embedding_map, self._service.model)
        arrays, shares = await self._compute(request, work)
        count = len(arrays["points"])
        names = [self._name(token) for token in range(count)]
        return arrays_answer({"names": names, "shares": shares}, arrays)

    async def _near(self, request: Request) -> Response:
        body = await self._body(request, NearRequest)
        model = self._service.model

        def near() -> list[tuple[Any, float]]:
            table, ids = model.embeddings, body.ids
            if len(ids) == 3:
                return table.analogy(ids[0], ids[1], ids[2], looks.TOP)
            return table.most_similar(ids[0], looks.TOP)

        try:
            found = await self._compute(request, near)
        except TokenError as error:
            raise bad("ids", str(error)) from None
        tokens, cosines = [str(token) for token, _ in found], [cosine for _, cosine in found]
        return json_answer({"tokens": tokens, "cosines": cosines})

    async def _lessons(self, _: Request) -> Response:
        return json_answer({"lessons": [lesson.to_dict() for lesson in lessons()]})


@dataclass(frozen=True)
class _Page:
    """Immutable: the file, and what a browser is told about it."""

    html: bytes
    headers: dict[str, str]


def _page() -> _Page:
    """Return the built page, or one that says how to build it."""
    file = resources.files("pygpt.serve") / "page" / "index.html"
    html = file.read_bytes() if file.is_file() else MISSING.encode()
    hashes = [
        "'sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode() + "'"
        for script in re.findall(rb"<script[^>]*>(.*?)</script>", html, re.DOTALL)
    ]
    policy = (
        "default-src 'none'; connect-src 'self'; img-src 'self' data: blob:; "
        f"style-src 'unsafe-inline'; script-src {' '.join(hashes) or chr(39) + 'none' + chr(39)}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-cache",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return _Page(html, headers)


def _bos(model: GPT) -> int | None:
    return None if model.tokenizer is None else model.tokenizer.bos


def _special_names(model: GPT) -> dict[int, str]:
    tokenizer, bos = model.tokenizer, _bos(model)
    named = {} if bos is None else {bos: "<BOS>"}
    return named if tokenizer is None else named | {i: s for s, i in tokenizer.specials.items()}


def _merges(model: GPT, text: str) -> list[list[str]] | None:
    """Return a text's tokens after each merge of neighbours; None where there are no merges."""
    tokenizer = model.tokenizer
    if not isinstance(tokenizer, BPETokenizer) or len(text) > LONGEST_REPLAY:
        return None
    states = replay(words_of(text, tokenizer.split), tokenizer.ranks)
    return [[show(piece) for word in words for piece in word] for words in states]
