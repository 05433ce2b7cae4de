"""What the page asks of a training: how it goes, to wait, its gradients, its past."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from pygpt.serve import gradients, probes
from pygpt.serve.errors import NOT_FOUND, ApiError
from pygpt.serve.events import Bodies, ClientGone, unless_gone
from pygpt.serve.live import Feed
from pygpt.serve.looks import places
from pygpt.serve.packed import arrays_answer, json_answer
from pygpt.serve.schema import read_body
from pygpt.serve.show_schema import Control, ProbeRequest, WeightRequest
from pygpt.training.trainer import Trainer

POLL_S = 0.2  # between two looks at what a training has done
T = TypeVar("T")
Names = Callable[[NDArray[Any]], dict[str, str]]


class ShowTraining:
    """Mutable: answers the page about a training.

    Args:
        feed: of the training.
        run: the folder that looks at each evaluation are in; None for none.
        layers: of the model.
        names: gives id -> text of tokens.
    """

    def __init__(
        self, bodies: Bodies, feed: Feed, run: Path | None, layers: int, names: Names
    ) -> None:
        self._bodies = bodies
        self._feed = feed
        self._run = run
        self._layers = layers
        self._names = names
        self._weights = gradients.WeightLooks()

    @property
    def routes(self) -> list[tuple[str, Callable[[Request], Any], str]]:
        """Paths, what answers them, and their methods."""
        return [
            ("/api/training", self._control, "POST"),
            ("/api/training/events", self._events, "GET"),
            ("/api/gradients", self._gradients, "GET"),
            ("/api/gradient", self._gradient, "POST"),
            ("/api/probe", self._probe, "POST"),
        ]

    async def _control(self, request: Request) -> Response:
        body = read_body(await self._bodies.read(request), Control)
        if not self._feed.control(body.action):
            raise ApiError(NOT_FOUND, "no training of this process: nothing to pause")
        return json_answer(self._feed.state())

    async def _events(self, request: Request) -> Response:
        never: Callable[[], bool] = bool
        stopping = getattr(request.app.state, "stopping", never)
        return _Stream(self._happening(stopping), self._feed, self._weights.forget)

    async def _happening(self, stopping: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
        """Yield what happens in the training, as server-sent events, while the server runs."""
        since, said = 0, b""
        while not stopping():
            events, since = self._feed.events(since)
            state = msgspec.json.encode(self._feed.state())
            if events or state != said:
                said = state
                data = b'{"state":' + state + b',"events":' + msgspec.json.encode(events) + b"}"
                yield b"data: " + data + b"\n\n"
            await asyncio.sleep(POLL_S)

    async def _gradients(self, request: Request) -> Response:
        return json_answer(await self._look(request, self._weights.look))

    async def _gradient(self, request: Request) -> Response:
        body = read_body(await self._bodies.read(request), WeightRequest)
        compute = partial(gradients.of_weight, name=body.name)
        return arrays_answer(*await self._look(request, compute))

    async def _look(self, request: Request, compute: Callable[[Trainer], T]) -> T:
        """Return what a function makes of the trainer, between two of its steps."""
        future = self._feed.look(compute)
        if future is None:
            problem = "no training of this process: gradients are there while `train --show` runs"
            raise ApiError(NOT_FOUND, problem)
        return await unless_gone(request.receive, _result(asyncio.wrap_future(future)))

    async def _probe(self, request: Request) -> Response:
        body = read_body(await self._bodies.read(request), ProbeRequest)
        steps = probes.steps_of(self._run)
        if self._run is None or body.step not in steps:
            known = ", ".join(map(str, steps)) or "none"
            raise ApiError(NOT_FOUND, f"step: expected one of {known}, got {body.step}", "step")
        text, arrays = await asyncio.to_thread(probes.read, self._run, body.step)
        names = self._names(np.concatenate([arrays["ids"], arrays["top"].ravel()]))
        meta = {"names": names, "first": 0, "places": places(self._layers), "text": text}
        return arrays_answer(meta, arrays)


async def _result(future: asyncio.Future[T]) -> T:
    return await future


class _Stream(Response):
    """Server-sent events until the client goes away."""

    media_type = "text/event-stream"

    def __init__(
        self, events: AsyncGenerator[bytes, None], feed: Feed, last_leaves: Callable[[], None]
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events, self._feed, self._last_leaves = events, feed, last_leaves

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._feed.watchers += 1
        try:
            with suppress(ClientGone):
                await unless_gone(receive, self._send(send))
        finally:
            await self._events.aclose()
            self._feed.watchers -= 1
            if not self._feed.watchers:
                self._last_leaves()

    async def _send(self, send: Any) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async for data in self._events:
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
