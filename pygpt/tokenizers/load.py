"""Tokenizers by name, folder or file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pygpt.errors import TokenError
from pygpt.tokenizers import tokenizer_json
from pygpt.tokenizers.beside import from_parts, has_parts, roles_in
from pygpt.tokenizers.bpe import END_OF_TEXT, BPETokenizer
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.file_tokenizer import FileTokenizer, names_roles
from pygpt.tokenizers.published import PUBLISHED, published

SENTENCE_PIECE_FILE = "tokenizer.model"
AnyTokenizer = BPETokenizer | CharTokenizer | FileTokenizer
_KINDS: dict[type[tokenizer_json.Content], Callable[..., BPETokenizer | CharTokenizer]] = {
    tokenizer_json.Characters: CharTokenizer,
    tokenizer_json.Merges: BPETokenizer,
}


def load_tokenizer(where: str | os.PathLike[str]) -> AnyTokenizer:
    """Return a published tokenizer, or a saved one of whatever kind.

    Args:
        where: `gpt2` or `cl100k_base`; or a folder with a tokenizer.json, or with vocab.json and
            merges.txt; or a tokenizer.json. A folder that has a published name is `./gpt2`. Which
            tokens begin and end a text is read from what Hugging Face has beside it.
    Raises:
        TokenError: there is nothing of this name, the file is damaged, or it needs the package
            `tokenizers`, which is not installed.
        EngineError: the jar with the published ones is not there.
    """
    if where in PUBLISHED:
        return published(str(where))
    path = Path(where)
    if os.path.isdir(path):
        if not (path / tokenizer_json.FILE_NAME).exists() and has_parts(path):
            return _of_parts(path)
        path = path / tokenizer_json.FILE_NAME
    if not os.path.exists(path):
        hint = "there is no such file"
        if (path.parent / SENTENCE_PIECE_FILE).is_file():
            hint = (
                f"there is {SENTENCE_PIECE_FILE} alone, which transformers converts: "
                "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
            )
        raise TokenError(
            f"tokenizer {path}: expected a folder, a file, or one of {', '.join(PUBLISHED)}; {hint}"
        )
    values = tokenizer_json.read(path)
    try:
        return _of_values(values, path.parent)
    except TokenError as error:
        raise TokenError(f"tokenizer file {path}: {error}") from error


def is_there(folder: Path) -> bool:
    """Whether a folder has a tokenizer, of use or not."""
    files = (tokenizer_json.FILE_NAME, SENTENCE_PIECE_FILE)
    return has_parts(folder) or any((folder / name).is_file() for name in files)


def _of_parts(folder: Path) -> AnyTokenizer:
    try:
        return _of_values(from_parts(folder), folder)
    except TokenError as error:
        raise TokenError(f"tokenizer folder {folder}: {error}") from error


def _of_values(values: Any, folder: Path) -> AnyTokenizer:
    """Return the tokenizer of a file's content: one of ours, if it is the same as one of those."""
    try:
        built = tokenizer_json.build(values, _KINDS)
    except TokenError as refusal:
        if not isinstance(values, dict) or tokenizer_json.is_ours(values):
            raise
        return _of_others(values, folder, str(refusal))
    if isinstance(built, BPETokenizer) and not tokenizer_json.is_ours(values):
        if names_roles(values):
            return FileTokenizer(values)
        roles = roles_in(folder, built.specials)
        if {*roles.values()} - {built.bos}:
            return FileTokenizer(values).with_roles(roles)
    return built


def _of_others(values: dict[str, Any], folder: Path, refusal: str) -> FileTokenizer:
    try:
        found = FileTokenizer(values)
        if found.roles:
            return found
        roles = roles_in(folder, found.ids)
        if not roles and END_OF_TEXT in found.specials:  # as in files that BPETokenizer reads
            roles = {"bos": found.specials[END_OF_TEXT]}
        return found.with_roles(roles)
    except TokenError as error:
        more = f"; {error}" if "needs the package" in str(error) else ""
        raise TokenError(f"{refusal}{more}") from error
