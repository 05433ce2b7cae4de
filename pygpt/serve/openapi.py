"""The OpenAPI document of the endpoint, made from the types that check its bodies."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

import pygpt
from pygpt.serve import schema
from pygpt.serve.config import ServeConfig

TITLE = "pygpt"
_ERRORS = {
    "400": "The request asks for something that cannot be.",
    "401": "The key is missing or wrong.",
    "403": "This Host or Origin may not ask.",
    "404": "There is no such model.",
    "408": "The body took too long.",
    "413": "The body is too long.",
    "415": "The body is no JSON by its type.",
    "500": "The model failed.",
    "503": "All places are taken, or the model does not work; try again later.",
}
_REFUSED = ("401", "403", "413")  # whatever is asked for
_POSTED = tuple(_ERRORS)


def document(config: ServeConfig) -> dict[str, Any]:
    """Return the document."""
    types: list[type[Struct]] = [
        schema.CompletionRequest, schema.Completion, schema.ChatRequest, schema.ChatCompletion,
        schema.ChatChunk, schema.EmbeddingRequest, schema.EmbeddingList, schema.ModelCard,
        schema.ModelList, schema.Health, schema.Error,
    ]  # fmt: skip
    _, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    for kind in (schema.CompletionRequest, schema.ChatRequest):
        properties = components[kind.__name__]["properties"]
        for name, neutral in schema.UNSUPPORTED.items():
            about = "not supported: these values ask for nothing"
            properties[name] = {"enum": list(neutral), "description": about}
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": pygpt.__version__},
        "paths": _paths(),
        "components": {"schemas": components},
    }
    if config.api_key is not None:
        described["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"key": []}]
        described["paths"]["/health"]["get"]["security"] = []
    return described


def _paths() -> dict[str, Any]:
    stuck = {"503": {"description": "It does not.", "content": _content(_ref(schema.Health))}}
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "/v1/completions": _post(
            "Continue prompts", schema.CompletionRequest, schema.Completion, schema.Completion
        ),
        "/v1/chat/completions": _post(
            "Answer", schema.ChatRequest, schema.ChatCompletion, schema.ChatChunk
        ),
        "/v1/embeddings": _post("Texts as vectors", schema.EmbeddingRequest, schema.EmbeddingList),
        "/v1/models": _get("What is served", _ref(schema.ModelList)),
        "/v1/models/{name}": {
            "get": _operation("One model", _ref(schema.ModelCard), (*_REFUSED, "404"))
            | {"parameters": [name]}
        },
        "/health": {
            "get": (got := _operation("Whether the model works", _ref(schema.Health), _REFUSED))
            | {"responses": got["responses"] | stuck}
        },
        "/metrics": {
            "get": _operation("Counts for Prometheus", {"type": "string"}, _REFUSED, "text/plain")
        },
        "/openapi.json": _get("This document", {"type": "object"}),
    }


def _get(summary: str, answer: dict[str, Any]) -> dict[str, Any]:
    return {"get": _operation(summary, answer, _REFUSED)}


def _post(
    summary: str, body: type[Struct], answer: type[Struct], event: type[Struct] | None = None
) -> dict[str, Any]:
    operation = _operation(summary, _ref(answer), _POSTED)
    operation["requestBody"] = {"required": True, "content": _content(_ref(body))}
    if event is not None:
        operation["responses"]["200"]["content"]["text/event-stream"] = {"schema": _event(event)}
    return {"post": operation}


def _event(data: type[Struct]) -> dict[str, Any]:
    """Describe one of the events that come with `stream`, since a stream as a whole is no JSON."""
    parts = [_ref(data), _ref(schema.Error)]
    part = {"contentMediaType": "application/json", "contentSchema": {"anyOf": parts}}
    about = f"A {data.__name__}, or what went wrong; after the last one, `[DONE]`."
    either = {"type": "string", "anyOf": [{"const": "[DONE]"}, part], "description": about}
    return {"type": "object", "required": ["data"], "properties": {"data": either}}


def _operation(
    summary: str,
    answer: dict[str, Any],
    errors: tuple[str, ...],
    kind: str = "application/json",
) -> dict[str, Any]:
    well = {"description": "OK", "content": {kind: {"schema": answer}}}
    responses: dict[str, Any] = {"200": well}
    for status in errors:
        error = {"description": _ERRORS[status], "content": _content(_ref(schema.Error))}
        if status == "503":
            error["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
        responses[status] = error
    return {"summary": summary, "responses": responses}


def _content(kind: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": kind}}


def _ref(kind: type[Struct]) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
