"""Token embeddings: cosines, neighbours, analogies, and tokens by id and by text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pygpt import GPT, BPETokenizer, CharTokenizer, ConfigError, GPTConfig, TokenError

V, C = 31, 13


def make(vocab_size: int = V, **options: Any) -> GPT:
    """Return a model whose token vectors differ in length."""
    model = GPT(GPTConfig(7, vocab_size, 1, 1, C), **options)
    rng = np.random.default_rng(3)
    lengths = rng.uniform(0.1, 10, (vocab_size, 1))
    model.parameters()["wte.weight"][:] = lengths * rng.standard_normal((vocab_size, C))
    return model


@pytest.fixture
def model() -> Iterator[GPT]:
    with make() as made:
        yield made


def _units(model: GPT) -> np.ndarray:
    weights = np.float64(model.parameters()["wte.weight"])
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)


def _expected(cosines: np.ndarray, without: set[int]) -> list[tuple[int, float]]:
    order = [int(i) for i in np.argsort(-cosines) if int(i) not in without]
    return [(i, pytest.approx(cosines[i], abs=1e-6)) for i in order]  # float32's rounding


# ---- by id -----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["cpu", "plain"])
def test_by_id_is_numpy(backend: str) -> None:
    with make(backend=backend) as model:
        units = _units(model)
        expected = _expected(units @ units[5], {5})
        assert model.embeddings.most_similar(5, n=V) == expected  # all but itself
        assert model.embeddings.most_similar(np.int64(5)) == expected[:10]
        assert model.embeddings.cosine(5, 7) == pytest.approx(units[5] @ units[7], abs=1e-12)
        total = units[5] - units[11] + units[2]
        expected = _expected(units @ total / np.linalg.norm(total), {5, 11, 2})
        assert model.embeddings.analogy(5, 11, 2, n=7) == expected[:7]
        assert len(model.embeddings) == V


def test_vectors_are_shared(model: GPT) -> None:
    """So the next answer is that of the new weights; nothing is remembered."""
    embeddings = model.embeddings
    embeddings.vector(3)[:] = 2 * embeddings.vector(4)
    np.testing.assert_array_equal(model.parameters()["wte.weight"][3], embeddings.vector(3))
    assert embeddings.most_similar(4, n=1) == [(3, pytest.approx(1, abs=1e-6))]
    embeddings.vector(3)[:] *= -1
    assert embeddings.cosine(3, 4) == pytest.approx(-1, abs=1e-12)
    assert embeddings.most_similar(4, n=V)[-1][0] == 3


def test_a_vector_of_zeros_has_no_direction(model: GPT) -> None:
    model.embeddings.vector(3)[:] = 0
    assert model.embeddings.cosine(3, 4) == model.embeddings.cosine(3, 3) == 0
    assert dict(model.embeddings.most_similar(4, n=V))[3] == 0
    assert [cosine for _, cosine in model.embeddings.most_similar(3, n=V)] == [0] * (V - 1)


# ---- by text ---------------------------------------------------------------------------------


def test_an_analogy_in_words() -> None:
    tokenizer = BPETokenizer.train(" king man woman queen" * 2, 272)
    with make(tokenizer.vocab_size, tokenizer=tokenizer) as model:
        embeddings = model.embeddings
        words = [" king", " man", " woman", " queen"]
        assert all(len(tokenizer.encode(word)) == 1 for word in words)
        unit = {word: embeddings.vector(word) / np.linalg.norm(embeddings.vector(word))
                for word in words}  # fmt: skip
        embeddings.vector(" queen")[:] = unit[" king"] - unit[" man"] + unit[" woman"]
        expected = [(" queen", pytest.approx(1, abs=1e-6))]
        assert embeddings.analogy(*words[:3], n=1) == expected
        assert embeddings.analogy("king", " man", " woman", n=1) == expected
        assert dict(embeddings.most_similar("king", n=272)).keys() >= {*words[1:], "man"}
        assert " king" not in dict(embeddings.most_similar("king", n=272))


def test_a_word_with_or_without_its_blank() -> None:
    """What is a token as it stands goes before the one with a blank."""
    tokenizer = BPETokenizer.train(" king man woman queen" * 2, 272)
    (man,), (word,) = tokenizer.encode("man"), tokenizer.encode(" man")
    assert len(tokenizer.encode("king")) == 2 and man != word
    with make(tokenizer.vocab_size, tokenizer=tokenizer) as model:
        vectors = model.parameters()["wte.weight"]
        np.testing.assert_array_equal(model.embeddings.vector("man"), vectors[man])
        np.testing.assert_array_equal(model.embeddings.vector(" man"), vectors[word])
        (king,) = tokenizer.encode(" king")
        np.testing.assert_array_equal(model.embeddings.vector("king"), vectors[king])


def test_characters() -> None:
    """BOS is a token without text: one may ask for it by its id, and it is no answer."""
    tokenizer = CharTokenizer("abc")
    with make(tokenizer.vocab_size, tokenizer=tokenizer) as model:
        assert tokenizer.bos is not None
        assert {token for token, _ in model.embeddings.most_similar("a")} == {"b", "c"}
        found = model.embeddings.most_similar(tokenizer.bos)
        assert {token for token, _ in found} == {"a", "b", "c"}
        np.testing.assert_array_equal(model.embeddings.vector("c"), model.embeddings.vector(2))


def test_rows_beyond_the_tokenizer_are_no_answers() -> None:
    """Some models have more rows than tokens, so that their number is a round one."""
    with make(7, tokenizer=None) as model:
        model.tokenizer = CharTokenizer("abcd", bos=False)
        found = model.embeddings.most_similar("b", n=7)
        assert {token for token, _ in found} == {"a", "c", "d"}
        assert len(model.embeddings.most_similar(6, n=7)) == 4


# ---- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (V, "token: expected text or an id of 0 to 30, got 31"),
        (-1, "token: expected text or an id of 0 to 30, got -1"),
        (1.0, "token: expected text or an id of 0 to 30, got 1.0"),
        ("ab", "token: expected text that is one token, got 'ab', which is 2: 'a', 'b'"),
        ("", "token: expected text that is one token, got '', which is 0: none"),
        ("!", "text: expected known characters, got '!'"),
    ],
)
def test_bad_tokens(model: GPT, token: Any, message: str) -> None:
    model.tokenizer = CharTokenizer("".join(map(chr, range(97, 97 + V))), bos=False)
    calls = (model.embeddings.vector, model.embeddings.most_similar,
             lambda token: model.embeddings.cosine("a", token),
             lambda token: model.embeddings.analogy("a", "b", token))  # fmt: skip
    for call in calls:
        with pytest.raises(TokenError) as caught:
            call(token)
        assert str(caught.value) == message


def test_text_without_a_tokenizer(model: GPT) -> None:
    with pytest.raises(ConfigError) as caught:
        model.embeddings.most_similar("king")
    expected = "tokenizer: expected one, since 'king' is text; give the id"
    assert str(caught.value) == expected


def test_bad_count(model: GPT) -> None:
    with pytest.raises(ConfigError, match="^n: expected at least 1, got 0$"):
        model.embeddings.most_similar(3, n=0)
