"""GPT-2's tokenizer and GPT-4's, with no download: their ranks lie in JTokkit's jar.

https://github.com/knuddelsgmbh/jtokkit
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache

from pygpt.errors import TokenError
from pygpt.tokenizers.bpe import END_OF_TEXT, BPETokenizer


@dataclass(frozen=True)
class Published:
    """Where a tokenizer comes from, and what its file of ranks does not say.

    Attributes:
        file: of lines `token in base64, rank`.
        sha256: of the file; the same that tiktoken expects of its own download.
        split: of `BPETokenizer`, as are the special tokens.
    """

    file: str
    sha256: str
    split: str
    specials: dict[str, int]


# https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py
PUBLISHED = {
    "gpt2": Published(
        "r50k_base.tiktoken",
        "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
        "gpt2",
        {END_OF_TEXT: 50256},
    ),
    "cl100k_base": Published(
        "cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        "cl100k",
        {
            END_OF_TEXT: 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
    ),
}


def published(name: str) -> BPETokenizer:
    """Return one of `PUBLISHED`, if its jar is there and has the file that it should have."""
    source = PUBLISHED[name]
    data = rank_file(source.file)
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != source.sha256:
        raise TokenError(f"{source.file}: expected SHA-256 {source.sha256}, got {sha256}")
    return _of_ranks(name, data)


@lru_cache(len(PUBLISHED))
def _of_ranks(name: str, data: bytes) -> BPETokenizer:
    """Return the tokenizer of a file of ranks, which takes a second or two to make once."""
    source = PUBLISHED[name]
    lines = (line.split() for line in data.splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    return BPETokenizer(ranks, source.specials, source.split)


def rank_file(name: str) -> bytes:
    """Return a file of ranks, unchecked; an `EngineError` if its jar is not there."""
    from pygpt.engine import jar_resource

    return jar_resource("jtokkit", f"com/knuddels/jtokkit/{name}")
