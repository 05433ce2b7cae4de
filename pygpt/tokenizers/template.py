"""What the post-processor of a tokenizer.json puts around a text: BOS before it, for most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pygpt.errors import TokenError

Around = tuple[tuple[int, ...], tuple[int, ...]]
"""The ids before a text, and those after it."""


def around(processor: Any) -> Around:
    """Return what a post-processor adds to one text.

    Raises:
        TokenError: it is of a kind that is not known here, or damaged.
    """
    if processor is None:
        return (), ()
    kind = processor.get("type") if isinstance(processor, dict) else None
    try:
        if kind == "ByteLevel":  # that one trims offsets
            return (), ()
        if kind == "TemplateProcessing":
            return _template(processor)
        if kind == "Sequence":
            before: tuple[int, ...] = ()
            after: tuple[int, ...] = ()
            for step in processor["processors"]:
                left, right = around(step)
                before, after = left + before, after + right
            return before, after
        if kind in ("BertProcessing", "RobertaProcessing"):
            return (int(processor["cls"][1]),), (int(processor["sep"][1]),)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        pass
    raise TokenError("post_processor: expected a template, or none")


def _template(processor: Mapping[str, Any]) -> Around:
    before: list[int] = []
    after: list[int] = []
    side = before
    for piece in processor["single"]:
        if "Sequence" in piece:
            side = after
        else:
            token = processor["special_tokens"][piece["SpecialToken"]["id"]]
            side += map(int, token["ids"])
    return tuple(before), tuple(after)
