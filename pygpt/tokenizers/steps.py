"""What tokenizer.json does with text before and after its model: normalizers, cuts, decoders.

Each is made from the JSON object that describes it; a kind or an option that is not known here is
`Unknown`, and the file is then left to the package `tokenizers`, which has all of them.
https://github.com/huggingface/tokenizers
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from itertools import groupby
from typing import Any

from pygpt.tokenizers.alphabet import spell, unspell
from pygpt.tokenizers.pretokenize import SPLITS

Normalize = Callable[[str], str]
Cut = Callable[[str, bool], list[str]]
"""A text as parts; whether it is where the whole text begins."""

Match = tuple[str, bool]
"""A part of a text, and whether it counts as a match of a pattern."""


class Unknown(Exception):
    """A step that is not known here."""


# ---- normalizers -----------------------------------------------------------------------------


def normalizer(step: Any, begins: bool = True) -> Normalize:
    """Return what a normalizer does with a text.

    Args:
        begins: whether the text is the beginning of one; else nothing is put before it.
    """
    if step is None:
        return str
    kind = _kind(step)
    if kind == "Sequence":
        steps = [normalizer(one, begins) for one in _list(step, "normalizers")]
        return partial(_one_after_another, steps)
    if kind in ("NFC", "NFD", "NFKC", "NFKD"):
        return partial(unicodedata.normalize, kind)  # type: ignore[arg-type]
    if kind == "Lowercase":
        return lambda text: "".join([character.lower() for character in text])
    if kind == "Prepend":
        before = _text(step, "prepend")
        return (lambda text: before + text if text else text) if begins else str
    if kind == "Replace":
        content, pattern = _text(step, "content"), step.get("pattern")
        if _is_text(pattern, "String"):
            return lambda text: text.replace(pattern["String"], content)
        find = _regex(pattern)
        return lambda text: find.sub(content.replace("\\", r"\\"), text)
    if kind == "Strip":
        left, right = step.get("strip_left") is True, step.get("strip_right") is True
        if left and right:
            return str.strip
        return str.lstrip if left else str.rstrip if right else str
    raise Unknown(f"normalizer {kind}")


def _one_after_another(steps: list[Normalize], text: str) -> str:
    for step in steps:
        text = step(text)
    return text


# ---- cuts ------------------------------------------------------------------------------------


def pre_tokenizer(step: Any) -> tuple[list[Cut], bool]:
    """Return the cuts of a pre-tokenizer, and whether the words are then spelled as bytes."""
    steps: list[Any] = []
    _flatten(step, steps)
    cuts: list[Cut] = []
    for i, one in enumerate(steps):
        kind = _kind(one)
        if kind == "ByteLevel":
            if one.get("add_prefix_space", True) is True:
                cuts.append(_space_before)
            if one.get("use_regex", True) is True:
                cuts.append(_splitter(_compiled(SPLITS["gpt2"].pattern), "Isolated", False))
            if i == len(steps) - 1:
                return cuts, True
            cuts.append(_spelled)  # the steps after it see bytes
            continue
        cuts.append(_cut(kind, one))
    return cuts, False


def _flatten(step: Any, steps: list[Any]) -> None:
    if step is not None and _kind(step) == "Sequence":
        for one in _list(step, "pretokenizers"):
            _flatten(one, steps)
    elif step is not None:
        steps.append(step)


def _cut(kind: str, step: Mapping[str, Any]) -> Cut:
    if kind == "Split":
        pattern = step.get("pattern")
        if _is_text(pattern, "String"):
            text = str(step["pattern"]["String"])
            find = _compiled(re.escape(text) if text else "(?!)")
        else:
            find = _regex(pattern)
        return _splitter(find, _text(step, "behavior"), step.get("invert") is True)
    if kind == "Digits":
        behavior = "Isolated" if step.get("individual_digits") is True else "Contiguous"
        return _splitter(_compiled(r"\p{N}"), behavior, False)
    if kind == "Metaspace":
        return _metaspace(step)
    raise Unknown(f"pre_tokenizer {kind}")


def _spelled(text: str, begins: bool) -> list[str]:
    return [spell(text.encode())]


def _space_before(text: str, begins: bool) -> list[str]:
    return [text if text.startswith(" ") else " " + text]


def _metaspace(step: Mapping[str, Any]) -> Cut:
    mark = _text(step, "replacement")
    old = "always" if step.get("add_prefix_space", True) is True else "never"
    scheme, splits = step.get("prepend_scheme", old), step.get("split", True) is True
    if scheme not in ("always", "first", "never") or len(mark) != 1:
        raise Unknown("pre_tokenizer Metaspace")
    split = _splitter(_compiled(re.escape(mark)), "MergedWithNext", False)

    def cut(text: str, begins: bool) -> list[str]:
        text = text.replace(" ", mark)
        if (scheme == "always" or (scheme == "first" and begins)) and not text.startswith(mark):
            text = mark + text
        return split(text, begins) if splits else [text]

    return cut


def _splitter(find: Any, behavior: str, inverted: bool) -> Cut:
    """Return a cut at the matches of a pattern; `find` is a pattern of `regex`."""
    if behavior == "Isolated":
        return partial(_isolated, find)
    kinds: dict[str, Callable[[list[Match]], list[str]]] = {
        "Removed": lambda parts: [text for text, is_match in parts if not is_match],
        "Contiguous": _contiguous,
        "MergedWithPrevious": _with_previous,
        "MergedWithNext": _with_next,
    }
    if behavior not in kinds:
        raise Unknown(f"pre_tokenizer Split {behavior}")
    kind = kinds[behavior]
    return lambda text, begins: [part for part in kind(_matched(find, text, inverted)) if part]


def _matched(find: Any, text: str, inverted: bool) -> list[Match]:
    """Return the parts that a text divides into, and whether each counts as a match."""
    parts: list[Match] = []
    start = 0
    for match in find.finditer(text):
        begin, end = match.span()
        if start < begin:
            parts.append((text[start:begin], inverted))
        parts.append((text[begin:end], not inverted))
        start = end
    if start < len(text):
        parts.append((text[start:], inverted))
    return parts


def _isolated(find: Any, text: str, begins: bool) -> list[str]:
    words: list[str] = [] if find.groups else find.findall(text)
    if sum(map(len, words)) == len(text):
        return [word for word in words if word]
    return [part for part, _ in _matched(find, text, False) if part]


def _contiguous(parts: list[Match]) -> list[str]:
    runs = groupby(parts, key=lambda part: part[1])
    return ["".join(text for text, _ in run) for _, run in runs]


def _with_previous(parts: list[Match]) -> list[str]:
    merged: list[str] = []
    before = False
    for text, is_match in parts:
        if is_match and not before and merged:
            merged[-1] += text
        else:
            merged.append(text)
        before = is_match
    return merged


def _with_next(parts: list[Match]) -> list[str]:
    merged: list[str] = []  # from the last to the first
    before = False
    for text, is_match in reversed(parts):
        if is_match and not before and merged:
            merged[-1] = text + merged[-1]
        else:
            merged.append(text)
        before = is_match
    return merged[::-1]


# ---- decoders --------------------------------------------------------------------------------


# What WordPiece's decoder does with a word, one after another.
_WORD_PIECES = (
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
    (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
)  # fmt: skip


class Spelling:
    """Immutable: what tokens are as bytes, by the decoder of a tokenizer.json.

    Attributes:
        strips: how many blanks the text of a whole sequence loses at its beginning.
    """

    def __init__(self, decoder: Any) -> None:
        self.strips = 0
        self._byte_level = self._byte_fallback = False
        self._replaced: list[tuple[str, str]] = []
        self._word_prefix: str | None = None
        self._cleans = False
        self._suffix = ""
        steps = _list(decoder, "decoders") if _is_kind(decoder, "Sequence") else [decoder]
        for step in steps:
            if step is not None:
                self._add(_kind(step), step)

    def _add(self, kind: str, step: Mapping[str, Any]) -> None:
        if kind == "ByteLevel":
            self._byte_level = True
        elif kind == "ByteFallback":
            self._byte_fallback = True
        elif kind == "Metaspace":
            self._replaced.append((_text(step, "replacement"), " "))
            old = "always" if step.get("add_prefix_space", True) is True else "never"
            self.strips += step.get("prepend_scheme", old) != "never"
        elif kind == "Replace" and _is_text(step.get("pattern"), "String"):
            self._replaced.append((step["pattern"]["String"], _text(step, "content")))
        elif kind == "Strip" and step.get("content") == " " and not step.get("stop"):
            self.strips += int(step.get("start", 0))
        elif kind == "WordPiece":
            self._word_prefix = _text(step, "prefix")
            self._cleans = step.get("cleanup") is True
            self.strips += 1
        elif kind == "BPEDecoder":
            self._suffix = _text(step, "suffix")
        elif kind != "Fuse":
            raise Unknown(f"decoder {kind}")

    def bytes_of(self, token: str) -> bytes:
        """Return the bytes that a token spells in the midst of others."""
        if self._byte_level:
            spelled = unspell(token)
            return token.encode() if spelled is None else spelled
        if self._byte_fallback and re.fullmatch("<0x[0-9A-F]{2}>", token):
            return bytes([int(token[3:5], 16)])
        for old, new in self._replaced:
            token = token.replace(old, new)
        if self._word_prefix is not None:
            begun = token.startswith(self._word_prefix)
            token = token.removeprefix(self._word_prefix) if begun else " " + token
            for old, new in _WORD_PIECES if self._cleans else ():
                token = token.replace(old, new)
        if self._suffix:
            token = token.replace(self._suffix, " ")
        return token.encode()


# ---- JSON ------------------------------------------------------------------------------------


def _kind(step: Any) -> str:
    kind = step.get("type") if isinstance(step, dict) else None
    if not isinstance(kind, str):
        raise Unknown("a step without a type")
    return kind


def _is_kind(step: Any, kind: str) -> bool:
    return isinstance(step, dict) and step.get("type") == kind


def _list(step: Mapping[str, Any], name: str) -> list[Any]:
    value = step.get(name)
    if not isinstance(value, list):
        raise Unknown(f"{name}, a list")
    return value


def _text(step: Mapping[str, Any], name: str) -> str:
    value = step.get(name)
    if not isinstance(value, str):
        raise Unknown(f"{name}, a text")
    return value


def _is_text(pattern: Any, kind: str) -> bool:
    return isinstance(pattern, dict) and isinstance(pattern.get(kind), str)


# What Oniguruma, which `tokenizers` has, reads otherwise than `regex`, or regex not at all.
_OTHER_SYNTAX = re.compile(r"\\[hHRXGKgkyYOAZz]|&&|\[\[|\(\?[imsx-]*[msx]|\(\?<[A-Za-z]")
_CLASS_OR_ESCAPE = re.compile(r"\[\^?(?:\\.|[^\]\\])*\]|\\.")


def _regex(pattern: Any) -> Any:
    if not _is_text(pattern, "Regex"):
        raise Unknown("a pattern")
    for split in SPLITS.values():
        if pattern["Regex"] == split.portable:
            return _compiled(split.pattern)
    outside = _CLASS_OR_ESCAPE.sub("", pattern["Regex"])
    if _OTHER_SYNTAX.search(pattern["Regex"]) or "^" in outside or "$" in outside:
        raise Unknown("a pattern of another syntax")
    return _compiled(pattern["Regex"])


def _compiled(pattern: str) -> Any:
    import regex  # type: ignore[import-untyped]

    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise Unknown(f"pattern: {error}") from error
