"""`/v1/embeddings`: vectors of texts, as numbers and as bytes."""

from __future__ import annotations

import httpx2
import numpy as np
import openai
import pytest

from pygpt import GPT
from tests.serve.conftest import NAME, TOKENIZER


def _expected(model: GPT, text: str, dimensions: int | None = None) -> np.ndarray:
    states = model.hidden_states(TOKENIZER.encode(text))[0].astype(np.float64)
    vector = states.mean(axis=0)[:dimensions]
    return vector / np.linalg.norm(vector)


def test_hidden_states_are_what_logits_are_made_of(model: GPT) -> None:
    ids = [[1, 2, 3, 5, 8], [3, 1, 4, 1, 5]]
    states = model.hidden_states(ids)
    assert states.shape == (2, 5, 96)
    logits = states @ model.parameters()["wte.weight"].T
    np.testing.assert_allclose(logits, model.logits(ids), rtol=0, atol=2e-4)


def test_both_forms_are_the_same_vector(client: openai.OpenAI, model: GPT) -> None:
    """OpenAI's client asks for base64 by default."""
    texts = ["hello", "you", "a"]
    default = client.embeddings.create(model=NAME, input=texts)
    plain = client.embeddings.create(model=NAME, input=texts, encoding_format="float")
    for i, text in enumerate(texts):
        for got in (default, plain):
            assert got.data[i].index == i
            vector = np.array(got.data[i].embedding)
            np.testing.assert_allclose(vector, _expected(model, text), rtol=0, atol=1e-6)
    assert (default.usage.prompt_tokens, default.usage.total_tokens) == (9, 9)


def test_dimensions_and_ids(client: openai.OpenAI, model: GPT) -> None:
    ids = TOKENIZER.encode("hello")
    for given in (ids, [ids]):
        got = client.embeddings.create(model=NAME, input=given, dimensions=7)
        vector = np.array(got.data[0].embedding)
        np.testing.assert_allclose(vector, _expected(model, "hello", 7), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "body",
    [{}, {"input": None}, {"input": "UPPER"}, {"input": "a" * 98}, {"input": "a", "dimensions": 97},
     {"input": "a", "dimensions": 0}, {"input": "a", "encoding_format": "hex"},
     {"input": [31]}, {"input": ["a", 1]}],
    ids=str,
)  # fmt: skip
def test_what_cannot_be(http: httpx2.Client, body: dict[str, object]) -> None:
    got = http.post("/v1/embeddings", json=body)
    assert got.status_code == 400 and got.json()["error"]["param"] in (*body, "input")
