"""Who may ask: by Host, by Origin, by API key. Pure ASGI: it hides no disconnect."""

from __future__ import annotations

import hmac

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pygpt.serve.config import ServeConfig, is_address
from pygpt.serve.errors import FORBIDDEN, TOO_LONG, UNAUTHORIZED, ApiError
from pygpt.serve.events import BODY_BYTES

OPEN = ("/", "/health")  # the empty page; for whoever watches the server


class Guard:
    """Immutable: refuses what a page of another origin, or a stranger, may send.

    A name in Host is one that this machine is known to have: else a page could have its own name
    lead here (DNS rebinding). An Origin is this server's, or one that is allowed.
    """

    def __init__(self, app: ASGIApp, config: ServeConfig) -> None:
        self._app = app
        self._key = None if config.api_key is None else config.api_key.encode()
        self._origins = set(config.cors_origin)
        self._names = {"localhost", config.host.lower(), *map(str.lower, config.allow_host)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with an error, or let the request pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = self._problem(Headers(scope=scope), scope["path"])
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await error_response(problem)(scope, receive, send)

    def _problem(self, headers: Headers, path: str) -> ApiError | None:
        host = headers.get("host", "").lower()
        name = _name(host)
        if not (name in self._names or is_address(name)):
            problem = f"expected localhost or an address, got {host[:100]!r}"
            return ApiError(FORBIDDEN, f"Host: {problem}; see --allow-host")
        origin = headers.get("origin")
        own = (f"http://{host}", f"https://{host}")
        if origin is not None and origin not in self._origins and origin not in own:
            problem = f"pages of {origin[:100]!r} may not ask"
            return ApiError(FORBIDDEN, f"Origin: {problem}; see --cors-origin")
        if self._key is not None and path not in OPEN:
            given = headers.get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, b"Bearer " + self._key):
                message = "Authorization: expected `Bearer KEY`, with the key of this server"
                return ApiError(UNAUTHORIZED, message, code="invalid_api_key")
        length = headers.get("content-length", "0")
        if not length.isdigit() or len(length) > 12 or int(length) > BODY_BYTES:
            return ApiError(TOO_LONG, f"body: expected at most {BODY_BYTES} bytes")
        return None


def _name(host: str) -> str:
    """Return what a Host header says but for the port."""
    if host.startswith("["):
        address, _, port = host[1:].partition("]")
        return address if port[:1] in ("", ":") else host
    return host.partition(":")[0]


def error_response(error: ApiError) -> Response:
    """Return an error as an answer."""
    body = msgspec.json.encode(error.body)
    return Response(body, error.status, error.headers, "application/json")
