"""What stands beside a tokenizer.json, or instead of it, in folders of Hugging Face's.

BOS and EOS have their names in tokenizer_config.json or special_tokens_map.json, or only their ids
in generation_config.json or config.json. GPT-2's older form has the vocabulary in vocab.json and
the merges in merges.txt; what is then done with text is up to the tokenizer's class.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pygpt.errors import TokenError
from pygpt.tokenizers.pretokenize import QWEN2

TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
_NAMES = (TOKENIZER_CONFIG_FILE, "special_tokens_map.json")
_IDS = ("generation_config.json", "config.json")
VOCABULARY_FILE, MERGES_FILE = "vocab.json", "merges.txt"
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}


def roles_in(folder: Path, ids: Mapping[str, int]) -> dict[str, int]:
    """Return `bos`, `eos` and `pad` -> id, as far as the files of a folder name them.

    Args:
        ids: token -> id.
    """
    values = [_object(folder / name) for name in (*_NAMES, *_IDS)]
    known = set(ids.values())
    roles: dict[str, int] = {}
    for role in ("bos", "eos", "pad"):
        for found in values:
            name, number = found.get(f"{role}_token"), found.get(f"{role}_token_id")
            text = name.get("content") if isinstance(name, dict) else name
            number = number[0] if isinstance(number, list) and number else number
            if isinstance(text, str) and text in ids:
                roles[role] = ids[text]
                break
            if type(number) is int and number in known:
                roles[role] = number
                break
    return roles


def has_parts(folder: Path) -> bool:
    """Whether a folder has a tokenizer in GPT-2's older form."""
    return (folder / VOCABULARY_FILE).is_file() and (folder / MERGES_FILE).is_file()


def from_parts(folder: Path) -> dict[str, Any]:
    """Return what tokenizer.json would have, of vocab.json and merges.txt.

    Raises:
        TokenError: they are damaged, or the tokenizer is of a class that does something else.
    """
    config = _object(folder / TOKENIZER_CONFIG_FILE)
    name = str(config.get("tokenizer_class") or "GPT2Tokenizer").removesuffix("Fast")
    split: dict[str, Any] = {**_BYTE_LEVEL, "use_regex": True}
    normalizer = None
    if name == "Qwen2Tokenizer":
        pattern = {"Regex": QWEN2}
        cut = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
        steps = [cut, {**_BYTE_LEVEL, "use_regex": False}]
        split, normalizer = {"type": "Sequence", "pretokenizers": steps}, {"type": "NFC"}
    elif name not in ("GPT2Tokenizer", "CodeGenTokenizer", "PreTrainedTokenizer"):
        raise TokenError(f"tokenizer_class: expected GPT2Tokenizer or Qwen2Tokenizer, got {name!r}")
    elif config.get("add_prefix_space") is True:
        split["add_prefix_space"] = True
    try:
        vocabulary = json.loads((folder / VOCABULARY_FILE).read_bytes())
        lines = (folder / MERGES_FILE).read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError, RecursionError) as error:
        raise TokenError(f"{VOCABULARY_FILE}, {MERGES_FILE}: damaged: {error}") from error
    if not isinstance(vocabulary, dict):
        raise TokenError(f"{VOCABULARY_FILE}: expected an object")
    merges = [line for line in lines if line and not line.startswith("#version")]
    model = {"type": "BPE", "vocab": vocabulary, "merges": merges}
    return {
        "added_tokens": _added(folder, config, vocabulary),
        "normalizer": normalizer,
        "pre_tokenizer": split,
        "post_processor": None,
        "decoder": _BYTE_LEVEL,
        "model": model,
    }


def _added(folder: Path, config: Mapping[str, Any], ids: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the added tokens, which are special if the tokenizer's class names them."""
    added: dict[int, dict[str, Any]] = {}
    decoder = config.get("added_tokens_decoder")
    for number, token in decoder.items() if isinstance(decoder, dict) else ():
        added[int(number)] = {**token, "id": int(number)}
    for text, number in _object(folder / "added_tokens.json").items():
        added.setdefault(number, _plain(text, number, False))
    named = {"<|endoftext|>"}
    for values in (config, _object(folder / "special_tokens_map.json")):
        for role in ("bos_token", "eos_token", "unk_token", "pad_token"):
            value = values.get(role)
            named.add(str(value.get("content") if isinstance(value, dict) else value))
    for text in named & ids.keys():
        added.setdefault(ids[text], _plain(text, ids[text], True))
    return [added[number] for number in sorted(added)]


def _plain(text: str, number: int, special: bool) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
    return {"id": number, "content": text, **flags, "normalized": not special, "special": special}


def _object(path: Path) -> dict[str, Any]:
    """Return the object of a file of JSON; an empty one if there is none."""
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
