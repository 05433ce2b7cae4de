"""tiktoken's own encodings, made by its own code of its own files, without its download.

Its files are those in JTokkit's jar, and two that are made again of what that jar has: GPT-2's list
of merges and its vocabulary. tiktoken checks the SHA-256 of each, so that each is the original.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any
from unittest import mock

from pygpt import load_tokenizer
from pygpt.tokenizers.alphabet import spell
from pygpt.tokenizers.published import rank_file


def encoding(name: str) -> Any:
    """Return tiktoken's encoding of this name, as `tiktoken.get_encoding` makes it."""
    import tiktoken.load
    from tiktoken_ext import openai_public

    with tempfile.TemporaryDirectory() as folder:  # in place of its cache, which may have the files
        with (
            mock.patch.object(tiktoken.load, "read_file", _file),
            mock.patch.dict(os.environ, TIKTOKEN_CACHE_DIR=folder),
        ):
            return tiktoken.Encoding(**openai_public.ENCODING_CONSTRUCTORS[name]())


def _file(address: str) -> bytes:
    name = address.rpartition("/")[2]
    if name.endswith(".tiktoken"):
        return rank_file(name)
    gpt2 = load_tokenizer("gpt2")
    if name == "vocab.bpe":
        lines = [f"{spell(left)} {spell(right)}\n" for left, right in gpt2.merges]
        return f"#version: 0.2\n{''.join(lines)}".encode()
    assert name == "encoder.json", address
    vocabulary = {spell(token): rank for token, rank in gpt2.ranks.items()}
    return json.dumps({**vocabulary, **gpt2.specials}).encode()
