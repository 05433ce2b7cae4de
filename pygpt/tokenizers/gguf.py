"""Tokenizers as GGUF's metadata, `tokenizer.ggml.*`, to ours and back.

There are two models: `gpt2` is byte-level BPE, by merges, with a name for where text is cut before
that; `llama` is SentencePiece's BPE, by scores, with `▁` for a blank. Characters are the second
kind without tokens of more than one. Each becomes what tokenizer.json would have, so that the
classes that read such files run it. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pygpt.errors import TokenError
from pygpt.tokenizers import tokenizer_json
from pygpt.tokenizers.alphabet import spell
from pygpt.tokenizers.bpe import BPETokenizer
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.file_tokenizer import FileTokenizer
from pygpt.tokenizers.load import AnyTokenizer
from pygpt.tokenizers.pretokenize import QWEN2, SPLITS
from pygpt.tokenizers.protocol import BOS, SpecialIds, Tokenizer

PREFIX = "tokenizer.ggml."
CHAT_TEMPLATE = "tokenizer.chat_template"
_SPLIT = "pygpt.split"  # which of two nearly equal cuts it is; for us alone, as the next
_NORMALIZER = "pygpt.normalizer"  # what is done with text first; llama.cpp does nothing
_NORMAL, _UNKNOWN, _CONTROL, _USER, _UNUSED, _BYTE = range(1, 7)  # kinds of tokens
_MARK = "▁"
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
_LLAMA3 = SPLITS["cl100k"].portable.replace(r"|\s+(?![\s\S])", "")


def _cut(step: dict[str, Any]) -> dict[str, Any]:
    steps = [step, {**_BYTE_LEVEL, "use_regex": False}]
    return {"type": "Sequence", "pretokenizers": steps}


def _split(pattern: str) -> dict[str, Any]:
    return _cut(
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    )


_GPT2 = {**_BYTE_LEVEL, "use_regex": True}
_CUTS: dict[str, dict[str, Any]] = {  # llama.cpp's names
    "gpt-2": _GPT2,
    "llama-bpe": _split(_LLAMA3),
    "qwen2": _split(QWEN2),
    "smollm": {
        "type": "Sequence",
        "pretokenizers": [{"type": "Digits", "individual_digits": True}, _GPT2],
    },
}
_SAME = {
    "llama3": "llama-bpe", "llama-v3": "llama-bpe", "phi-2": "gpt-2",
}  # fmt: skip
_WHOLE_WORDS = "llama-bpe"  # there a word that is a token is not merged


# ---- reading ---------------------------------------------------------------------------------


def special_ids(metadata: Mapping[str, Any]) -> SpecialIds:
    """Return the ids with a meaning; a `TokenError` for one that is no whole number."""
    found = {name: _id(metadata, name) for name in ("bos", "eos", "eot", "padding")}
    ends = (i for i in (found["eos"], found["eot"]) if i is not None)
    return SpecialIds(found["bos"], tuple(dict.fromkeys(ends)), found["padding"])


def _id(metadata: Mapping[str, Any], name: str) -> int | None:
    value = metadata.get(f"{PREFIX}{name}_token_id")
    if value is not None and type(value) is not int:
        raise TokenError(f"{PREFIX}{name}_token_id: expected a whole number, got {value!r}")
    return value


def read(metadata: Mapping[str, Any]) -> AnyTokenizer | None:
    """Return the tokenizer of a file, or None if it has none.

    Raises:
        TokenError: it is damaged, or of a kind that is not known here.
    """
    model = metadata.get(f"{PREFIX}model")
    if model in (None, "none"):
        return None
    if model not in ("gpt2", "llama"):
        raise TokenError(f"{PREFIX}model: expected gpt2 or llama, got {model!r}")
    tokens = _texts(metadata, "tokens")
    kinds = _numbers(metadata, "token_type", len(tokens), _NORMAL).tolist()
    if len({*tokens}) < len(tokens):
        raise TokenError(f"{PREFIX}tokens: expected different ones, got one twice")
    if model == "llama":
        characters = _characters(tokens, kinds, metadata)
        if characters is not None:
            return characters
        values = _sentence_piece(metadata, tokens, kinds)
    else:
        values = _byte_level(metadata, tokens, kinds)
    begins = metadata.get(f"{PREFIX}add_bos_token")
    bos = _id(metadata, "bos")
    if begins is None:
        begins = model == "llama" or _name(metadata) == _WHOLE_WORDS
    if begins and bos is not None and bos < len(tokens):
        values["post_processor"] = _template(tokens[bos], bos)
    ids = special_ids(metadata)
    eos = next(iter(ids.eos), None)
    roles = {"bos": ids.bos, "eos": eos, "pad": ids.pad}
    return _built(values, {r: i for r, i in roles.items() if i is not None and i < len(tokens)})


def _built(values: dict[str, Any], roles: Mapping[str, int]) -> AnyTokenizer:
    """Return our own class where the merges are those of the ids, and others' else."""
    try:
        built = tokenizer_json.build(values, {tokenizer_json.Merges: BPETokenizer})
    except TokenError:
        return FileTokenizer(values).with_roles(roles)
    only_own = {built.bos} >= {i for role, i in roles.items() if role != "pad"}
    return built if only_own else FileTokenizer(values).with_roles(roles)


def _characters(
    tokens: Sequence[str], kinds: Sequence[int], metadata: Mapping[str, Any]
) -> CharTokenizer | None:
    """Return a tokenizer of characters, if these are one's."""
    bos = kinds[-1] == _CONTROL and tokens[-1] == BOS
    rest = [token.replace(_MARK, " ") for token in (tokens[:-1] if bos else tokens)]
    plain = {*kinds[: len(rest)]} == {_NORMAL} and {*map(len, rest)} == {1}
    if not plain or rest != sorted(rest) or metadata.get(f"{PREFIX}add_space_prefix") is not False:
        return None
    return CharTokenizer("".join(rest), bos=bos)


def _name(metadata: Mapping[str, Any]) -> str:
    name = metadata.get(f"{PREFIX}pre", "gpt-2")
    return str(_SAME.get(name, name))


def _byte_level(
    metadata: Mapping[str, Any], tokens: Sequence[str], kinds: Sequence[int]
) -> dict[str, Any]:
    name = _name(metadata)
    if name not in _CUTS:
        expected = f"expected one of {', '.join(_CUTS)}"
        raise TokenError(f"{PREFIX}pre: {expected}, got {name!r}")
    cut, split = _CUTS[name], metadata.get(_SPLIT)
    if name == _WHOLE_WORDS and split in SPLITS:
        cut = _split(SPLITS[split].portable)
    merges = _texts(metadata, "merges")
    normal = metadata.get(_NORMALIZER, "NFC" if name == "qwen2" else "none")
    if normal not in ("NFC", "none"):
        raise TokenError(f"{_NORMALIZER}: expected NFC or none, got {normal!r}")
    words = name == _WHOLE_WORDS and split is None
    model = {"merges": merges, "ignore_merges": words}
    normalizer = None if normal == "none" else {"type": normal}
    return _values(tokens, kinds, model, cut, normalizer, _BYTE_LEVEL)


def _sentence_piece(
    metadata: Mapping[str, Any], tokens: Sequence[str], kinds: Sequence[int]
) -> dict[str, Any]:
    scores = _numbers(metadata, "scores", len(tokens), 0).astype(float).tolist()
    unknown = _id(metadata, "unknown")
    if unknown is None:
        unknown = next((i for i, kind in enumerate(kinds) if kind == _UNKNOWN), None)
    model = {
        "merges": _merges_of(tokens, kinds, scores),
        "unk_token": None if unknown is None or unknown >= len(tokens) else tokens[unknown],
        "fuse_unk": True,
        "byte_fallback": _BYTE in kinds,
    }
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": _MARK}
    back = {"type": "Replace", "pattern": {"String": _MARK}, "content": " "}
    before, after = [replace], [back, {"type": "ByteFallback"}, {"type": "Fuse"}]
    if metadata.get(f"{PREFIX}add_space_prefix", True):
        before = [{"type": "Prepend", "prepend": _MARK}, replace]
        after.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    normalizer = {"type": "Sequence", "normalizers": before}
    decoder = {"type": "Sequence", "decoders": after}
    return _values(tokens, kinds, model, None, normalizer, decoder)


def _merges_of(
    tokens: Sequence[str], kinds: Sequence[int], scores: Sequence[float]
) -> list[list[str]]:
    """Return the merges by which every token comes about, those of the best score first."""
    ids = {t: i for i, t in enumerate(tokens) if kinds[i] in (_NORMAL, _USER)}
    found: list[tuple[float, int, int, int]] = []
    for token, i in ids.items():
        for at in range(1, len(token)):
            left, right = ids.get(token[:at]), ids.get(token[at:])
            if left is not None and right is not None:
                found.append((-scores[i], i, left, right))
    return [[tokens[left], tokens[right]] for _, _, left, right in sorted(found)]


def _values(
    tokens: Sequence[str],
    kinds: Sequence[int],
    model: dict[str, Any],
    cut: dict[str, Any] | None,
    normalizer: dict[str, Any] | None,
    decoder: dict[str, Any],
) -> dict[str, Any]:
    """Return what tokenizer.json would have."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    added = [
        {"id": i, "content": text, **flags, "special": kinds[i] != _USER}
        for i, text in enumerate(tokens)
        if kinds[i] in (_UNKNOWN, _CONTROL, _USER)
    ]
    vocabulary = {text: i for i, text in enumerate(tokens) if kinds[i] != _UNUSED}
    return {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": normalizer,
        "pre_tokenizer": cut,
        "post_processor": None,
        "decoder": decoder,
        "model": {"type": "BPE", "vocab": vocabulary, **model},
    }


def _template(text: str, bos: int) -> dict[str, Any]:
    """Return a post-processor that puts one token before a text."""
    single = [{"SpecialToken": {"id": text, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    second = {"Sequence": {"id": "B", "type_id": 1}}
    special = {text: {"id": text, "ids": [bos], "tokens": [text]}}
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, second],
        "special_tokens": special,
    }


def _texts(metadata: Mapping[str, Any], name: str) -> list[str]:
    value = metadata.get(PREFIX + name)
    if isinstance(value, np.ndarray) and not value.size:
        return []
    if not isinstance(value, list) or (name == "tokens" and not value):
        raise TokenError(f"{PREFIX}{name}: expected a list of texts")
    return value


def _numbers(metadata: Mapping[str, Any], name: str, count: int, default: int) -> Any:
    value = metadata.get(PREFIX + name)
    if value is None:
        return np.full(count, default)
    if not isinstance(value, np.ndarray) or value.shape != (count,):
        raise TokenError(f"{PREFIX}{name}: expected {count} numbers, one for each token")
    return value


# ---- writing ---------------------------------------------------------------------------------


def as_metadata(tokenizer: Tokenizer, vocab_size: int, ids: SpecialIds) -> dict[str, Any]:
    """Return the metadata of a tokenizer.

    Args:
        vocab_size: the model's: ids beyond the tokenizer's stand for nothing.
        ids: the model's special ones.
    Raises:
        TokenError: it does something that GGUF has no name for.
    """
    if isinstance(tokenizer, CharTokenizer):
        found = _of_characters(tokenizer, vocab_size)
    elif isinstance(tokenizer, BPETokenizer):
        found = _of_merges(tokenizer, vocab_size)
    elif isinstance(tokenizer, FileTokenizer):
        found = _of_file(tokenizer, vocab_size)
    else:
        raise TokenError(f"tokenizer: GGUF is written of pygpt's own classes, got {tokenizer!r}")
    bos = next(iter(tokenizer.prefix), None) if ids.bos is None else ids.bos
    begins = tokenizer.prefix[:1] == (bos,)
    found |= {f"{PREFIX}add_bos_token": begins, f"{PREFIX}add_eos_token": False}
    eos = next(iter(ids.eos), None)
    for name, i in (("bos", bos), ("eos", eos), ("eot", next(iter(ids.eos[1:]), None)),
                    ("padding", ids.pad)):  # fmt: skip
        if i is not None:
            found[f"{PREFIX}{name}_token_id"] = i
    return found


def _tokens(
    texts: Mapping[int, str], kinds: Mapping[int, int], vocab_size: int
) -> dict[str, Any]:
    numbers = [kinds.get(i, _NORMAL) if i in texts else _UNUSED for i in range(vocab_size)]
    return {
        f"{PREFIX}tokens": [texts.get(i, f"[PAD{i}]") for i in range(vocab_size)],
        f"{PREFIX}token_type": np.array(numbers, np.int32),
    }


def _of_characters(tokenizer: CharTokenizer, vocab_size: int) -> dict[str, Any]:
    texts = {i: c.replace(" ", _MARK) for i, c in enumerate(tokenizer.characters)}
    if len({*texts.values()}) < len(texts):
        raise TokenError(f"characters: expected no {_MARK}, which is GGUF's blank")
    specials = {i: text for text, i in tokenizer.specials.items()}
    return {
        f"{PREFIX}model": "llama",
        **_tokens(texts | specials, dict.fromkeys(specials, _CONTROL), vocab_size),
        f"{PREFIX}scores": np.zeros(vocab_size, np.float32),
        f"{PREFIX}add_space_prefix": False,
    }


def _of_merges(tokenizer: BPETokenizer, vocab_size: int) -> dict[str, Any]:
    texts = {i: spell(token) for token, i in tokenizer.ranks.items()}
    specials = {i: text for text, i in tokenizer.specials.items()}
    found = {
        f"{PREFIX}model": "gpt2",
        f"{PREFIX}pre": "gpt-2" if tokenizer.split == "gpt2" else _WHOLE_WORDS,
        **_tokens(texts | specials, dict.fromkeys(specials, _CONTROL), vocab_size),
        f"{PREFIX}merges": [f"{spell(a)} {spell(b)}" for a, b in tokenizer.merges],
    }
    return found if tokenizer.split == "gpt2" else found | {_SPLIT: tokenizer.split}


def _of_file(tokenizer: FileTokenizer, vocab_size: int) -> dict[str, Any]:
    values = tokenizer.content
    model = values["model"]
    if model.get("type") != "BPE":
        raise TokenError(f"tokenizer: GGUF is written of BPE alone, got {model.get('type')}")
    texts = {i: text for text, i in tokenizer.ids.items()}
    kinds = {
        token["id"]: _CONTROL if token.get("special") else _USER
        for token in values["added_tokens"]
    }
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    name = _cut_name(values)
    if name is not None:
        return {
            f"{PREFIX}model": "gpt2",
            f"{PREFIX}pre": name,
            **_tokens(texts, kinds, vocab_size),
            f"{PREFIX}merges": merges,
            _NORMALIZER: _normalizer_name(values.get("normalizer")),
        }
    unknown = tokenizer.ids.get(model.get("unk_token") or "")
    if model.get("byte_fallback"):
        kinds |= {i: _BYTE for i, t in texts.items() if t.startswith("<0x") and len(t) == 6}
    if unknown is not None:
        kinds[unknown] = _UNKNOWN
    found = {
        f"{PREFIX}model": "llama",
        **_tokens(texts, kinds, vocab_size),
        f"{PREFIX}scores": _scores(merges, tokenizer.ids, vocab_size),
        f"{PREFIX}add_space_prefix": _puts_blank(values),
    }
    return found if unknown is None else found | {f"{PREFIX}unknown_token_id": unknown}


def _cut_name(values: Mapping[str, Any]) -> str | None:
    """Return llama.cpp's name for where a byte-level tokenizer cuts; None for SentencePiece's."""
    step, decoder = values.get("pre_tokenizer"), values.get("decoder")
    if not isinstance(decoder, dict) or decoder.get("type") != "ByteLevel":
        return None
    for name, cut in _CUTS.items():
        if _plain(step) == _plain(cut):
            return name
    raise TokenError(f"pre_tokenizer: GGUF is written of {', '.join(_CUTS)} alone")


def _normalizer_name(normalizer: Any) -> str:
    if normalizer is None:
        return "none"
    if normalizer == {"type": "NFC"}:
        return "NFC"
    raise TokenError("normalizer: GGUF is written of NFC or none alone")


def _plain(step: Any) -> Any:
    """Return a step without what changes no id."""
    if isinstance(step, list):
        return [_plain(one) for one in step]
    if not isinstance(step, dict):
        return step
    kept = {name: _plain(value) for name, value in step.items() if name != "trim_offsets"}
    if kept.get("type") == "ByteLevel":
        kept = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True} | kept
    return kept


def _puts_blank(values: Mapping[str, Any]) -> bool:
    """Whether a blank is put before a text, by SentencePiece's rules; a `TokenError` for others."""
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": _MARK}
    prepend = {"type": "Prepend", "prepend": _MARK}
    normalizer, cut = values.get("normalizer"), values.get("pre_tokenizer")
    steps = normalizer["normalizers"] if isinstance(normalizer, dict) and normalizer.get(
        "type") == "Sequence" else [normalizer]  # fmt: skip
    if cut is None and steps in ([replace], [prepend, replace]):
        return prepend in steps
    if normalizer is None and isinstance(cut, dict) and cut.get("type") == "Metaspace":
        if cut.get("split") is False and cut.get("replacement") == _MARK:
            return bool(cut.get("prepend_scheme", "always") != "never")
    raise TokenError("normalizer: GGUF is written of byte-level and SentencePiece's BPE alone")


def _scores(merges: Sequence[str], ids: Mapping[str, int], vocab_size: int) -> Any:
    """Return a score for each token: the earlier it is merged, the higher."""
    scores = np.zeros(vocab_size, np.float32)
    for rank in range(len(merges) - 1, -1, -1):
        i = ids.get(merges[rank].replace(" ", ""))
        if i is not None:
            scores[i] = -rank - 1
    return scores
