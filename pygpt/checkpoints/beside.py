"""config.json, and what else stands beside the weights."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from pygpt.checkpoints import foreign, huggingface
from pygpt.errors import CheckpointError, ConfigError, TokenError
from pygpt.fields import from_dict
from pygpt.model.config import GPTConfig
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.protocol import NO_SPECIAL_IDS, SpecialIds, Tokenizer

CONFIG_FILE = "config.json"
GENERATION_FILE = "generation_config.json"
TOKENIZER_FILE = "tokenizer.json"
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
CHAT_TEMPLATE_FILE = "chat_template.jinja"



def read_json(folder: Path, name: str) -> Any:
    try:
        return json.loads((folder / name).read_bytes())
    except FileNotFoundError as error:
        what = foreign.without_config(folder)
        raise CheckpointError(f"{name} is missing; {what}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{name} is damaged: {error}") from error


def own_config(values: dict[str, Any]) -> tuple[GPTConfig, CharTokenizer | None, SpecialIds]:
    fields = {name: value for name, value in values.items() if name != "model_type"}
    characters = fields.pop("characters", None)
    special = fields.pop("special_ids", None)
    config = from_dict(GPTConfig, fields, complete=True)
    tokenizer = None if characters is None else _characters(characters, config)
    if special is None:
        return config, tokenizer, NO_SPECIAL_IDS
    if not isinstance(special, dict):
        raise ConfigError("special_ids", f"expected an object, got {special!r}")
    named = {f"{name}_token_id": value for name, value in special.items()}
    return config, tokenizer, huggingface.read_special_ids(named)


def _characters(characters: Any, config: GPTConfig) -> CharTokenizer:
    if not isinstance(characters, str):
        raise TokenError(f"characters: expected text, got {characters!r}")
    expected = CharTokenizer(characters).vocab_size
    if config.vocab_size not in (expected, expected - 1):  # without BOS
        problem = f"expected {expected}, for its characters, got {config.vocab_size}"
        raise ConfigError("vocab_size", problem)
    return CharTokenizer(characters, bos=config.vocab_size == expected)


def generation_ids(folder: Path) -> SpecialIds:
    values = read_json(folder, GENERATION_FILE)
    try:
        if not isinstance(values, dict):
            raise ConfigError(GENERATION_FILE, "expected an object")
        return huggingface.read_special_ids(values)
    except ConfigError as error:
        raise CheckpointError(f"{GENERATION_FILE}: {error}") from error


def read_tokenizer(folder: Path, config: GPTConfig) -> tuple[Tokenizer | None, str | None]:
    """Return the folder's tokenizer, if it has one; or a warning why it is of no use, given."""
    from pygpt.tokenizers.load import is_there, load_tokenizer

    if not is_there(folder):
        return None, None
    try:
        tokenizer = load_tokenizer(folder)
        if tokenizer.vocab_size <= config.vocab_size:  # which some models have padded
            return tokenizer, None
        size = f"{tokenizer.vocab_size} ids, more than the model's {config.vocab_size}"
        problem = f"tokenizer {folder / TOKENIZER_FILE}: has {size}"
    except TokenError as error:
        problem = str(error)
    warnings.warn(f"{problem}; the model takes ids alone, no text", stacklevel=6)
    return None, problem


def chat_template(folder: Path) -> str | None:
    """Return the template of conversations, from its file or from tokenizer_config.json."""
    if (folder / CHAT_TEMPLATE_FILE).is_file():
        return (folder / CHAT_TEMPLATE_FILE).read_text(encoding="utf-8")
    try:
        values = json.loads((folder / TOKENIZER_CONFIG_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    found = values.get("chat_template") if isinstance(values, dict) else None
    if isinstance(found, list):  # several, with names
        named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else None
