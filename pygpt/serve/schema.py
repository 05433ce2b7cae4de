"""Bodies of requests and answers, as types that check them; the OpenAPI document has the same."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from pygpt.generate.config import SEED_MAX
from pygpt.serve.errors import BAD_REQUEST, ApiError

MAX_PROMPTS = 256  # of a request
MAX_N = 128
MAX_STOPS, MAX_STOP = 16, 1000  # stop strings, and characters of one
MAX_LOGPROBS = 20
MAX_TOKENS = 2**31 - 1
MAX_TEMPERATURE = 100.0

Tokens = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]
TokenIds = Annotated[list[Tokens], Meta(min_length=1)]
Name = Annotated[str, Meta(max_length=1000)]
Stop = Annotated[str, Meta(min_length=1, max_length=MAX_STOP)]
Stops = Stop | Annotated[list[Stop], Meta(max_length=MAX_STOPS)] | None
Unit = Annotated[float, Meta(ge=0, le=1)]
# Text, token ids, or a list of either: JSON Schema can say which lists, msgspec's types cannot.
_ID = {"type": "integer", "minimum": 0, "maximum": MAX_TOKENS}
_IDS = {"type": "array", "minItems": 1, "items": _ID}
_TEXT = {"type": "string", "minLength": 1}
Prompts = Annotated[
    str | Annotated[list[str | Tokens | TokenIds], Meta(min_length=1)],
    Meta(
        extra_json_schema={
            "anyOf": [
                _TEXT,
                _IDS,
                {"type": "array", "minItems": 1, "maxItems": MAX_PROMPTS, "items": _TEXT},
                {"type": "array", "minItems": 1, "maxItems": MAX_PROMPTS, "items": _IDS},
            ]
        }
    ),
]


class StreamOptions(Struct, kw_only=True):
    """What else a stream has."""

    include_usage: bool | None = None


class Sampled(Struct, kw_only=True):
    """The options that both kinds of completion have, in the order of their effect.

    Fields that are not named are ignored, but for those of `UNSUPPORTED`.
    """

    model: Name | None = None
    repetition_penalty: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=MAX_TEMPERATURE)] | None = None
    top_k: Annotated[int, Meta(ge=-1, le=MAX_TOKENS)] | None = None
    top_p: Unit | None = None
    min_p: Unit | None = None
    seed: Annotated[int, Meta(ge=0, le=SEED_MAX - MAX_N)] | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_N)] | None = None
    stop: Stops = None
    ignore_eos: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


class CompletionRequest(Sampled, kw_only=True):
    """The body of `POST /v1/completions`."""

    prompt: Prompts | None = None
    max_tokens: Tokens | None = None
    logprobs: Annotated[int, Meta(ge=0, le=MAX_LOGPROBS)] | None = None
    echo: bool | None = None


class ContentPart(Struct, kw_only=True):
    """A piece of a message; only text is taken."""

    type: Literal["text"]
    text: str


class Message(Struct, kw_only=True):
    """What was said, and by whom."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[ContentPart], Meta(min_length=1)]


class ChatRequest(Sampled, kw_only=True):
    """The body of `POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Meta(min_length=1, max_length=1000)]
    max_tokens: Annotated[int, Meta(ge=1, le=MAX_TOKENS)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1, le=MAX_TOKENS)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=MAX_LOGPROBS)] | None = None


class EmbeddingRequest(Struct, kw_only=True):
    """The body of `POST /v1/embeddings`."""

    input: Prompts
    model: Name | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=MAX_TOKENS)] | None = None


# Field that pygpt cannot serve -> values that ask for nothing.
UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "audio": (None,),
    "best_of": (None, 1),
    "frequency_penalty": (None, 0),
    "function_call": (None, "none"),
    "functions": (None, []),
    "logit_bias": (None, {}),
    "modalities": (None, ["text"]),
    "presence_penalty": (None, 0),
    "response_format": (None, {"type": "text"}),
    "suffix": (None, ""),
    "tool_choice": (None, "none", "auto"),
    "tools": (None, []),
}
R = TypeVar("R", bound=Struct)


def read_body(body: bytes, kind: type[R]) -> R:
    """Return the body of a request.

    Raises:
        ApiError: it is no JSON, lacks a field, or has a value that is not allowed; 400.
    """
    try:
        values = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(BAD_REQUEST, f"body: expected JSON: {error}") from None
    if isinstance(values, dict):
        for name, neutral in UNSUPPORTED.items():
            if name in values and not any(_same(values[name], value) for value in neutral):
                problem = "is not supported; leave it out"
                raise ApiError(BAD_REQUEST, f"{name}: {problem}", name, "unsupported_parameter")
    try:
        return msgspec.convert(values, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        text, _, place = str(error).partition(" - at `$")
        name = place.rstrip("`").lstrip(".")
        missing = text.partition("required field `")[2].rstrip("`")
        param = name.partition(".")[0].partition("[")[0] or missing or None
        where = f"{name}: " if name else "body: "
        raise ApiError(BAD_REQUEST, where + text[:1].lower() + text[1:], param) from None


def _same(value: Any, neutral: Any) -> bool:
    return bool(value == neutral) and isinstance(value, bool) == isinstance(neutral, bool)


# ---- answers ---------------------------------------------------------------------------------


class Usage(Struct, kw_only=True):
    """How many tokens were read and made; of embeddings none were made."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class CompletionLogprobs(Struct, kw_only=True):
    """Of each token: its text, its log-probability, the likeliest ones and where it begins."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float | None] | None] | None
    text_offset: list[int]


Reason = Literal["stop", "length"]


class CompletionChoice(Struct, kw_only=True):
    """One continuation, or a piece of it."""

    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: Reason | None


class Completion(Struct, kw_only=True):
    """The answer of `/v1/completions`; in a stream, a piece of it."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[CompletionChoice]
    usage: Usage | UnsetType = UNSET


class TopLogprob(Struct, kw_only=True):
    """A token that might have been."""

    token: str
    logprob: float | None
    bytes: list[int]


class TokenLogprob(TopLogprob, kw_only=True):
    """A token of an answer, and the likeliest in its place."""

    top_logprobs: list[TopLogprob]


class ChatLogprobs(Struct, kw_only=True):
    """The tokens of an answer."""

    content: list[TokenLogprob]
    refusal: None = None


class AssistantMessage(Struct, kw_only=True):
    """An answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(Struct, kw_only=True):
    """One answer."""

    index: int
    message: AssistantMessage
    logprobs: ChatLogprobs | None
    finish_reason: Reason


class ChatCompletion(Struct, kw_only=True):
    """The answer of `/v1/chat/completions`."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: Usage


class Delta(Struct, kw_only=True, omit_defaults=True):
    """What is new of an answer."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChatChunkChoice(Struct, kw_only=True):
    """A piece of one answer."""

    index: int
    delta: Delta
    logprobs: ChatLogprobs | None
    finish_reason: Reason | None


class ChatChunk(Struct, kw_only=True):
    """A piece of a stream of `/v1/chat/completions`."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChunkChoice]
    usage: Usage | UnsetType = UNSET


class Embedding(Struct, kw_only=True):
    """A vector of length 1; as base64 it is little-endian float32."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(Struct, kw_only=True):
    """How many tokens were read."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Struct, kw_only=True):
    """The answer of `/v1/embeddings`."""

    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]
    usage: EmbeddingUsage


class ModelCard(Struct, kw_only=True):
    """A model that is served."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "pygpt"
    context_length: int


class ModelList(Struct, kw_only=True):
    """The answer of `/v1/models`."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class Health(Struct, kw_only=True):
    """The answer of `/health`.

    Attributes:
        status: `ok`; `stuck` if there is work and no step has ended for a while; `failing` if the
            last step failed; `stopped` if the model's thread has ended.
        running: sequences that are being continued.
        queued: those that wait.
        free: how many more would be taken.
        last_step_age_s: seconds since the model last did something; null before.
        cache_bytes: memory of keys and values.
    """

    status: Literal["ok", "stuck", "failing", "stopped"]
    running: int
    queued: int
    free: int
    last_step_age_s: float | None
    cache_bytes: int


class ErrorDetail(Struct, kw_only=True):
    """What is wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(Struct, kw_only=True):
    """The answer where something is wrong."""

    error: ErrorDetail
