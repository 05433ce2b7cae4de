"""Bodies of the requests that the page makes, as types that check them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from pygpt.generate.config import SEED_MAX
from pygpt.serve.schema import MAX_TEMPERATURE, MAX_TOKENS, TokenIds, Tokens, Unit

Index = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]
Checkpoint = Annotated[str, Meta(pattern=r"^(now|untrained|[0-9]{1,9})$")]
Text = Annotated[str, Meta(max_length=1_000_000)]


class TextRequest(Struct, kw_only=True):
    """Text to cut into tokens; `begin`: after the token that begins a document, if there is one."""

    text: Text
    begin: bool = False


class Look(Struct, kw_only=True):
    """Tokens to look at.

    Attributes:
        checkpoint: `now`, `untrained`, or the step of a checkpoint.
    """

    ids: TokenIds
    checkpoint: Checkpoint = "now"


class LayerLook(Look, kw_only=True):
    """A layer; `head` is for maps of one head alone."""

    layer: Index
    head: Index | None = None
    scales: Annotated[list[float], Meta(max_length=100_000)] | None = None


class BackwardRequest(Look, kw_only=True):
    """A layer, and the index of the token whose loss it is about; without one that of all."""

    layer: Index
    target: Index | None = None


class ScaledLook(Look, kw_only=True):
    """What counts how much: of each layer its heads, its attention, its MLP."""

    scales: Annotated[list[float], Meta(max_length=100_000)]


class ColumnRequest(Struct, kw_only=True):
    """The weights that a number is made with."""

    part: Annotated[str, Meta(max_length=20)]
    layer: Index
    column: Index


class SampleRequest(Look, kw_only=True):
    """How to choose the next token."""

    temperature: Annotated[float, Meta(ge=0, le=MAX_TEMPERATURE)] = 1.0
    top_k: Annotated[int, Meta(ge=1, le=MAX_TOKENS)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    min_p: Unit | None = None
    seed: Annotated[int, Meta(ge=0, le=SEED_MAX)] = 1
    max_tokens: Annotated[int, Meta(ge=1, le=256)] = 1


class NearRequest(Struct, kw_only=True):
    """One token, or three: a is to b as c is to what."""

    ids: Annotated[list[Tokens], Meta(min_length=1, max_length=3)]


class WeightRequest(Struct, kw_only=True):
    """A weight of the model that trains."""

    name: Annotated[str, Meta(max_length=200)]


class ProbeRequest(Struct, kw_only=True):
    """The step of the evaluation that was looked at."""

    step: Annotated[int, Meta(ge=0, le=10**9)]


class Control(Struct, kw_only=True):
    """What a training shall do."""

    action: Literal["pause", "step", "go"]
