"""Text comes in whole characters, whatever bytes the tokens are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest

from pygpt import GPT, BPETokenizer, GPTConfig
from pygpt.serve.spelling import Offsets, Spelling
from tests.serve.conftest import NAME, running

BYTES = BPETokenizer.train("aé 日本 😀 ", 256, specials=())


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    """Of a model that was never trained, whose tokens are bytes."""
    config = GPTConfig(block_size=300, vocab_size=256, n_layer=1, n_head=2, n_embd=32)
    with GPT(config, tokenizer=BYTES) as model, running(model) as server:
        base = f"{server.address}/v1"
        with openai.OpenAI(base_url=base, api_key="none", max_retries=0) as made:
            yield made


def test_bytes_that_are_no_characters(client: openai.OpenAI) -> None:
    """Each piece is whole characters; together they are the text of the whole."""
    options: dict[str, Any] = {
        "model": NAME, "prompt": "日", "max_tokens": 200, "seed": 3, "echo": True, "logprobs": 1,
    }  # fmt: skip
    (whole,) = client.completions.create(**options).choices
    assert "\ufffd" in whole.text and whole.text.startswith("日")
    pieces = [chunk.choices[0] for chunk in client.completions.create(stream=True, **options)]
    assert len(pieces) > 1 and "".join(piece.text for piece in pieces) == whole.text
    assert whole.logprobs is not None and whole.logprobs.tokens is not None
    assert whole.logprobs.text_offset is not None
    assert whole.logprobs.tokens[:3] == ["bytes:\\xe6", "bytes:\\x97", "bytes:\\xa5"]
    assert whole.logprobs.text_offset[:4] == [0, 0, 0, 1]
    for token, offset in zip(whole.logprobs.tokens, whole.logprobs.text_offset, strict=True):
        if not token.startswith("bytes:"):
            assert whole.text[offset:].startswith(token)


@pytest.mark.parametrize("text", ["aé日😀", "é", "😀😀a"])
def test_names_and_offsets(text: str) -> None:
    spelling, offsets = Spelling(BYTES), Offsets(7)
    ids = BYTES.encode(text)
    at = [offsets.add(spelling.bytes(token)) for token in ids]
    data = text.encode()
    expected = [7 + len(data[:i].decode(errors="ignore")) for i in range(len(ids))]
    np.testing.assert_array_equal(at, expected)
    assert len({spelling.name(token) for token in range(256)}) == 256
