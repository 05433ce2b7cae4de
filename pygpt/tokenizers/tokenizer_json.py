"""tokenizer.json in the form of Hugging Face's `tokenizers`, so that each reads the other's files.

What is written is what `tokenizers.Tokenizer.from_file` takes, and it encodes alike there. What is
read is such a file of a byte-level BPE with one of our splits (GPT-2's own, for one) and without
steps that we lack; anything else is refused, with the name of the part. Characters are a BPE
without merges. The model has one value more, our fingerprint, which shows damage; `tokenizers`
passes over it. https://github.com/huggingface/tokenizers
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import zip_longest
from pathlib import Path
from reprlib import repr as short_repr
from typing import Any, NamedTuple, TypeVar

from pygpt.errors import TokenError
from pygpt.files.atomic import write_new
from pygpt.tokenizers.alphabet import spell, unspell
from pygpt.tokenizers.merging import merges_of
from pygpt.tokenizers.pretokenize import SPLITS
from pygpt.tokenizers.protocol import BOS, Tokenizer
from pygpt.tokenizers.template import around

FILE_NAME = "tokenizer.json"
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
_GPT2 = {**_BYTE_LEVEL, "use_regex": True}  # `tokenizers` has GPT-2's split built in
_FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
_OFF = (None, False, 0, "")  # the ways in which files say that a step is left out
_NOUNS = {dict: "an object", int: "a whole number", list: "a list", str: "text"}

Built = TypeVar("Built", bound=Tokenizer)
Value = TypeVar("Value")


class Characters(NamedTuple):
    """What a file of characters holds: the arguments of `CharTokenizer`."""

    characters: str
    bos: bool


class Merges(NamedTuple):
    """What a file of byte-level BPE holds: the arguments of `BPETokenizer`."""

    ranks: Mapping[bytes, int]
    specials: Mapping[str, int]
    split: str


Content = Characters | Merges


# ---- writing ---------------------------------------------------------------------------------


def write(path: Path, content: Content, fingerprint: str) -> None:
    """Write a new file, with the fingerprint of the tokenizer that `load` shall make of it.

    Raises:
        OutputError: it exists, or cannot be written.
        TokenError: ranks that are no order of merges.
    """
    values = _as_json(content)
    values["model"]["fingerprint"] = fingerprint
    write_new(path, (json.dumps(values, ensure_ascii=False, indent=1) + "\n").encode())


def _as_json(content: Content) -> dict[str, Any]:
    merges: list[str] = []
    pre_tokenizer: dict[str, Any] | None = None
    decoder: dict[str, Any] = {"type": "Fuse"}
    if isinstance(content, Characters):
        vocabulary = {character: i for i, character in enumerate(content.characters)}
        specials: Mapping[str, int] = {BOS: len(vocabulary)} if content.bos else {}
    else:
        vocabulary = {spell(token): rank for token, rank in content.ranks.items()}
        merges = [f"{spell(left)} {spell(right)}" for left, right in merges_of(content.ranks)]
        specials, pre_tokenizer, decoder = content.specials, _GPT2, _GPT2
        if content.split != "gpt2":
            pattern = {"Regex": SPLITS[content.split].portable}
            cut = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
            spelled = {**_BYTE_LEVEL, "use_regex": False}
            pre_tokenizer = {"type": "Sequence", "pretokenizers": [cut, spelled]}
    added = [{"id": i, "content": text, **_FLAGS, "special": True} for text, i in specials.items()]
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": {**vocabulary, **specials},
        "merges": merges,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": decoder,
        "model": model,
    }


# ---- reading ---------------------------------------------------------------------------------


def load(path: Path, kinds: Mapping[type[Content], Callable[..., Built]]) -> Built:
    """Return the tokenizer of a file, made by one of `kinds`.

    Raises:
        TokenError: the file is missing or damaged, asks for what we lack, is of another kind, or
            the tokenizer cannot be.
    """
    values = read(path)
    try:
        return build(values, kinds)
    except TokenError as error:
        raise TokenError(f"tokenizer file {path}: {error}") from error


def read(path: Path) -> Any:
    """Return what a file of JSON holds; a `TokenError` if it cannot be read."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        state = "cannot be read" if isinstance(error, OSError) else "is damaged"
        reason = getattr(error, "strerror", None) or error
        raise TokenError(f"tokenizer file {path}: {state}: {reason}") from error


def build(values: Any, kinds: Mapping[type[Content], Callable[..., Built]]) -> Built:
    """Return the tokenizer of a file's content; see `load`."""
    content = _content(values)
    if type(content) not in kinds:
        nouns = ["merged bytes", "characters"]
        expected, got = nouns if isinstance(content, Characters) else nouns[::-1]
        raise TokenError(f"expected a tokenizer of {expected}, got one of {got}")
    built = kinds[type(content)](*content)
    saved = values["model"].get("fingerprint", built.fingerprint)
    if built.fingerprint != saved:
        raise TokenError(
            f"is damaged: expected fingerprint {saved!r}, got {built.fingerprint}; "
            "if it was changed on purpose, remove model.fingerprint"
        )
    return built


def is_ours(values: Mapping[str, Any]) -> bool:
    """Whether pygpt wrote a file, which it then reads as such or not at all."""
    model = values.get("model")
    return isinstance(model, dict) and "fingerprint" in model


def _content(values: Any) -> Content:
    if not isinstance(values, dict):
        raise _wrong("the file", "an object", values)
    model = _get(values, "model", dict)
    if model.get("type") != "BPE":
        raise _wrong("model.type", "'BPE'", model.get("type"))
    for part in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"):
        if model.get(part) not in _OFF:
            raise _wrong(f"model.{part}", "none", model[part])
    if values.get("normalizer") not in (None, {"type": "Sequence", "normalizers": []}):
        raise _wrong("normalizer", "none", values["normalizer"])
    _check_processor(values.get("post_processor"))
    specials = dict(map(_special, _get(values, "added_tokens", list)))
    vocabulary = _get(model, "vocab", dict)
    merges = [_merge(merge) for merge in _get(model, "merges", list)]
    ordinary = dict(vocabulary)
    for text, i in specials.items():
        if ordinary.pop(text, i) != i:
            raise _wrong(f"added_tokens: {text!r}", f"id {vocabulary[text]}, as in model.vocab", i)
    for text, i in ordinary.items():
        if type(i) is not int:
            raise _wrong(f"model.vocab: {text!r}", "a whole number", i)
    split = _split(values.get("pre_tokenizer"))
    if split is None:
        return _characters(ordinary, merges, specials)
    return _merges(ordinary, merges, specials, split)


def _check_processor(processor: Any) -> None:
    """Pass if a post-processor adds nothing, as the template that transformers writes."""
    try:
        added = any(around(processor))
    except TokenError:
        added = True
    if added:
        raise _wrong("post_processor", "none", processor)


def _characters(
    vocabulary: Mapping[str, int], merges: list[tuple[str, str]], specials: Mapping[str, int]
) -> Characters:
    if merges:
        raise _wrong("model.merges", "none, since there is no pre_tokenizer", merges)
    if specials not in ({}, {BOS: len(vocabulary)}):
        raise _wrong("added_tokens", f"none, or {BOS} after the characters", specials)
    characters = "".join(sorted(vocabulary, key=vocabulary.__getitem__))
    if vocabulary != {character: i for i, character in enumerate(characters)}:
        raise _wrong("model.vocab", "characters, each with its place as its id", vocabulary)
    return Characters(characters, bool(specials))


def _merges(
    vocabulary: Mapping[str, int],
    merges: list[tuple[str, str]],
    specials: Mapping[str, int],
    split: str,
) -> Merges:
    ranks: dict[bytes, int] = {}
    for text, i in vocabulary.items():
        token = unspell(text)
        if token is None:
            raise _wrong("model.vocab", "tokens of spelled bytes", text)
        ranks[token] = i
    # tiktoken merges by rank and never sees the list of merges: they must say the same.
    expected = [(spell(left), spell(right)) for left, right in merges_of(ranks)]
    for i, (theirs, ours) in enumerate(zip_longest(merges, expected)):
        if theirs != ours:
            raise _wrong(f"model.merges: {i}", f"{ours}, as the ids have it", theirs)
    return Merges(ranks, specials, split)


def _split(pre_tokenizer: Any) -> str | None:
    """Return the name of the split, or None if the file has no pre_tokenizer."""
    if pre_tokenizer is None:
        return None
    rest, pattern = pre_tokenizer, None
    if _is(pre_tokenizer, type="Sequence"):
        steps = pre_tokenizer.get("pretokenizers")
        if isinstance(steps, list) and len(steps) == 2:
            if _is(steps[0], type="Split", behavior="Isolated", invert=False):
                pattern, rest = steps[0].get("pattern"), steps[1]
    if _is(rest, type="ByteLevel", add_prefix_space=False):
        built_in = rest.get("use_regex", True) is True  # files from before the option have it
        for name, split in SPLITS.items():
            if pattern == {"Regex": split.portable} and not built_in:
                return name
        if pattern is None and built_in:
            return "gpt2"
    raise _wrong("pre_tokenizer", "ByteLevel with the split of gpt2 or cl100k", pre_tokenizer)


def _special(added: Any) -> tuple[str, int]:
    if not _is(added, single_word=False, lstrip=False, rstrip=False):
        raise _wrong("added_tokens", "tokens that take no blanks beside them", added)
    if added.get("special", True) is not True:  # always found in text, special ones are not
        raise _wrong("added_tokens", "special ones", added)
    return _get(added, "content", str), _get(added, "id", int)


def _merge(merge: Any) -> tuple[str, str]:
    """Return the halves of a merge, which are one text in older files and two in newer ones."""
    parts = merge.split(" ") if isinstance(merge, str) else merge
    if not isinstance(parts, list) or len(parts) != 2:
        raise _wrong("model.merges", "pairs", merge)
    left, right = parts
    return left, right


def _get(values: Mapping[str, Any], name: str, kind: type[Value]) -> Value:
    value = values.get(name)
    if type(value) is not kind:
        raise _wrong(name, _NOUNS[kind], value)
    return value


def _is(values: Any, **expected: Any) -> bool:
    """Whether this is an object that has these values."""
    if not isinstance(values, dict):
        return False
    return all(values.get(name) == value for name, value in expected.items())


def _wrong(name: str, expected: str, got: Any) -> TokenError:
    return TokenError(f"{name}: expected {expected}, got {short_repr(got)}")
