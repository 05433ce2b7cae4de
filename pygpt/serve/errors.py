"""What a client is told that something is wrong, in OpenAI's form, and with which status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pygpt.errors import (
    ClosedError,
    ConfigError,
    PygptError,
    ShapeError,
    TokenError,
    TooLargeError,
)

RETRY_AFTER_S = 1
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 400, 401, 403, 404
TIMEOUT, TOO_LONG, NOT_JSON = 408, 413, 415
FAILED, BUSY = 500, 503
_TYPES = {UNAUTHORIZED: "authentication_error", FAILED: "server_error", BUSY: "overloaded_error"}
_NAMES = {  # of pygpt -> of a request
    "max_new_tokens": "max_tokens",
    "top_logprobs": "logprobs",
}


class ApiError(Exception):
    """An answer that is an error.

    Attributes:
        status: of HTTP.
        param: the field of the request that it is about, or None.
        code: a word for programs, or None.
    """

    def __init__(
        self, status: int, message: str, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code

    @property
    def body(self) -> dict[str, Any]:
        """What the client reads."""
        kind = _TYPES.get(self.status, "invalid_request_error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": error}

    @property
    def headers(self) -> Mapping[str, str]:
        """What comes with it."""
        if self.status == BUSY:
            return {"Retry-After": str(RETRY_AFTER_S)}
        return {"WWW-Authenticate": "Bearer"} if self.status == UNAUTHORIZED else {}


def bad(param: str, message: str, code: str | None = None) -> ApiError:
    """Return the error of a field."""
    return ApiError(BAD_REQUEST, f"{param}: {message}", param, code)


def api_error(error: PygptError, prompt: str = "prompt") -> ApiError:
    """Return what a client is told of an error of pygpt.

    Args:
        prompt: the field that the tokens came in.
    """
    if isinstance(error, ConfigError):
        name = _NAMES.get(error.name, error.name)
        return ApiError(BAD_REQUEST, error.about(name), name)
    if isinstance(error, (ShapeError, TokenError)):
        return ApiError(BAD_REQUEST, str(error), prompt)
    if isinstance(error, (TooLargeError, ClosedError)):
        return ApiError(BUSY, str(error))
    return ApiError(FAILED, str(error))
