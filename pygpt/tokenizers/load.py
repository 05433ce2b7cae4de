"""Tokenizers by name, folder or file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pygpt.errors import TokenError
from pygpt.tokenizers import tokenizer_json
from pygpt.tokenizers.bpe import BPETokenizer
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.published import PUBLISHED, published


def load_tokenizer(where: str | os.PathLike[str]) -> BPETokenizer | CharTokenizer:
    """Return a published tokenizer, or a saved one of whatever kind.

    Args:
        where: `gpt2` or `cl100k_base`; or a folder with a tokenizer.json; or such a file. A folder
            that has a published name is `./gpt2`.
    Raises:
        TokenError: there is nothing of this name, or the file is damaged.
        EngineError: the jar with the published ones is not there.
    """
    if where in PUBLISHED:
        return published(str(where))
    path = Path(where)
    if os.path.isdir(path):
        path = path / tokenizer_json.FILE_NAME
    if not os.path.exists(path):
        raise TokenError(
            f"tokenizer {path}: expected a folder, a file, or one of {', '.join(PUBLISHED)}; "
            "there is no such file"
        )
    kinds: dict[type[tokenizer_json.Content], Callable[..., BPETokenizer | CharTokenizer]] = {
        tokenizer_json.Characters: CharTokenizer,
        tokenizer_json.Merges: BPETokenizer,
    }
    return tokenizer_json.load(path, kinds)
