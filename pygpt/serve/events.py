"""Answers that come piece by piece as server-sent events, and clients that go away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pygpt.errors import PygptError
from pygpt.serve.engine import Work
from pygpt.serve.errors import BUSY, NOT_JSON, TIMEOUT, TOO_LONG, ApiError, api_error

BODY_BYTES = 4 * 2**20  # of a request at most: a context of 100,000 token ids is 0.7 MB
BODIES_BYTES = 64 * 2**20  # of all that are being read
BODY_S = 30.0  # that a body may take
GONE = 499  # the status of an answer that nobody waits for, as nginx has it
T = TypeVar("T")
_log = logging.getLogger("pygpt")


class ClientGone(Exception):
    """The client has closed the connection."""


class Bodies:
    """Mutable: reads the bodies of requests, of which only so much is held at a time."""

    def __init__(self) -> None:
        self._held = 0  # bytes of those that are not read to their end

    async def read(self, request: Request) -> bytes:
        """Return the body of a request.

        Raises:
            ApiError: it is no JSON by its type, too long, or takes too long; or others' are long.
            ClientGone: the client did not send all of it.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            problem = f"expected application/json, got {kind[:100] or 'none'}"
            advice = "with curl: -H 'Content-Type: application/json'"
            raise ApiError(NOT_JSON, f"Content-Type: {problem}; {advice}")
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_S):
                await self._fill(body, request.receive)
        except TimeoutError:
            raise ApiError(TIMEOUT, f"body: expected within {BODY_S:g} seconds") from None
        finally:
            self._held -= len(body)
        return bytes(body)

    async def _fill(self, body: bytearray, receive: Receive) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            body += part
            self._held += len(part)
            if len(body) > BODY_BYTES:
                raise ApiError(TOO_LONG, f"body: expected at most {BODY_BYTES} bytes")
            if self._held > BODIES_BYTES:
                raise ApiError(BUSY, "too many long bodies at a time; try again later")
            more = message.get("more_body", False)


async def unless_gone(receive: Receive, work: Coroutine[None, None, T]) -> T:
    """Return what a coroutine returns; it is cancelled if the client goes away first.

    Raises:
        ClientGone: the client went away.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGone
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """Server-sent events; what they are the answer of ends with them, whoever ends them.

    Args:
        events: each is the data of one, or None for a sign of life.
        work: what is waited for.
        on_end: called with the status in the end.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[msgspec.Struct | None, None],
        work: Work,
        on_end: Callable[[int], None],
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._work = work
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of them, or as many as the client waits for."""
        with self._work:
            try:
                await unless_gone(receive, self._send(send))
            except ClientGone:
                self.status_code = GONE
            finally:
                await self._events.aclose()
                self._on_end(self.status_code)

    async def _send(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        try:
            async for event in self._events:
                await self._write(send, b": \n\n" if event is None else _data(event))
        except ApiError as error:  # too late for a status
            await self._write(send, _data(error.body))
        except PygptError as error:
            _log.error("%s", error)
            await self._write(send, _data(api_error(error).body))
        else:
            await self._write(send, b"data: [DONE]\n\n")
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, send: Send, data: bytes) -> None:
        await send({"type": "http.response.body", "body": data, "more_body": True})


def _data(event: object) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\n\n"
