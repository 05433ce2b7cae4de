"""Generation: the cache, the prompt, ends, streams, errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from pygpt import GPT, BPETokenizer, CharTokenizer, ConfigError, GPTConfig, ShapeError, TokenError
from tests.reference import gpt
from tests.reference.frozen import GPT2_TINY, LLAMA_TINY, from_gpt2, from_llama, hugging_face

BACKENDS = ("cpu", "nd4j", "plain")
SIZES = {"block_size": 29, "vocab_size": 31, "n_layer": 2}
CONFIGS = {
    "gpt2": GPTConfig(**SIZES, n_head=3, n_embd=15),
    "microgpt": GPTConfig.microgpt(**SIZES, n_head=3, n_embd=15),
    "grouped_rotary": GPTConfig(
        **SIZES, n_head=6, n_embd=24, n_kv_head=2, positions="rotary", norm="rmsnorm",
        activation="swiglu", bias=False, tie_weights=False,
    ),
    "one_kv_head": GPTConfig(**SIZES, n_head=5, n_embd=35, n_kv_head=1, dropout=0.5),
}  # fmt: skip
PROMPT = np.array([3, 17, 5, 0, 23])


def make(config: GPTConfig, backend: str = "cpu", **options: Any) -> GPT:
    """Return a model of large random weights, so that it has opinions."""
    model = GPT(config, backend=backend, **options)
    rng = np.random.default_rng(7)
    for weight in model.parameters().values():
        weight[:] += 0.3 * rng.standard_normal(weight.shape)
    return model


@pytest.fixture
def model() -> Iterator[GPT]:
    with make(CONFIGS["gpt2"]) as made:
        yield made


# ---- the cache -------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CONFIGS)
def test_cached_is_uncached(name: str, backend: str) -> None:
    """To the end of the context; the narrowest lead of a token is far above float32's rounding."""
    with make(CONFIGS[name], backend) as model:
        ids = PROMPT
        expected = []
        while len(ids) < model.config.block_size:
            logits = np.float64(model.logits(ids)[0, -1])
            first, second = np.argsort(-logits)[:2]
            assert logits[first] - logits[second] > 1e-4
            expected.append(logits[first] - np.log(np.exp(logits).sum()))
            ids = np.append(ids, first)
        new = len(ids) - len(PROMPT)
        np.testing.assert_array_equal(model.generate(PROMPT, new, temperature=0), ids)
        (continuation,) = model.continuations(PROMPT, new, temperature=0)
        np.testing.assert_allclose(continuation.log_probabilities, expected, atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("folder", "config", "converted"),
    [("hf_gpt2_tiny", GPT2_TINY, from_gpt2), ("hf_llama_tiny", LLAMA_TINY, from_llama)],
    ids=["gpt2", "llama"],
)
def test_continues_as_hugging_face(
    folder: str, config: gpt.Config, converted: Any, backend: str
) -> None:
    """The Llama prompt holds id 0, which was taken for padding; GPT-2's holds none."""
    params, expected = hugging_face(folder, converted)
    with GPT(GPTConfig(**asdict(config)), backend=backend) as model:
        for name, weight in model.parameters().items():
            weight[:] = params[name]
        greedy = expected["greedy"]
        prompt, new = expected["ids"][0, :5], len(greedy) - 5
        ids = model.generate(prompt, new, temperature=0, pad_token_id=0)
        np.testing.assert_array_equal(ids, greedy)


# ---- sequences -------------------------------------------------------------------------------


def test_a_row_is_what_it_is_alone(model: GPT) -> None:
    """Rows of different lengths, as padding is left out, each with a seed of its own."""
    prompts = np.array([[30, 30, 3, 1, 4], [1, 5, 9, 2, 6], [30, 5, 3, 5, 8]])
    options = {"temperature": 1.3, "top_k": 11, "pad_token_id": 30}
    together = model.generate(prompts, 13, seed=5, **options)
    assert (together.shape, together.dtype) == ((3, 18), np.int64)
    for b, prompt in enumerate(prompts):
        alone = model.generate(prompt[prompt != 30], 13, seed=5 + b, **options)
        np.testing.assert_array_equal(alone[-13:], together[b, 5:])
        np.testing.assert_array_equal(prompt, together[b, :5])


def test_seed(model: GPT) -> None:
    first = model.generate(PROMPT, 20, seed=3)
    np.testing.assert_array_equal(first, model.generate(PROMPT.tolist(), 20, seed=3))
    assert np.any(first != model.generate(PROMPT, 20, seed=4))
    assert np.any(model.generate(PROMPT, 20) != model.generate(PROMPT, 20))
    two = model.generate(np.stack([PROMPT, PROMPT]), 20, seed=3)
    assert np.any(two[0] != two[1])


def test_stop_tokens_end_a_row(model: GPT) -> None:
    prompts = np.stack([PROMPT] * 7)
    free = model.generate(prompts, 20, seed=1)[:, 5:]
    stops = tuple(np.setdiff1d(free[2, 4:9], free[6])[:2].tolist())
    assert len(stops) == 2
    stopped = model.continuations(prompts, 20, seed=1, stop_tokens=stops)
    ids = model.generate(prompts, 20, seed=1, stop_tokens=stops)
    for row, continuation in zip(free, stopped, strict=True):
        ends = np.flatnonzero(np.isin(row, stops))
        count = ends[0] + 1 if len(ends) else 20
        np.testing.assert_array_equal(continuation.ids, row[:count])
        assert continuation.stopped == bool(len(ends))
        assert continuation.log_probabilities.shape == (count,)
    assert {continuation.stopped for continuation in stopped} == {True, False}
    for row, continuation in zip(ids, stopped, strict=True):
        new = len(continuation.ids)
        np.testing.assert_array_equal(row[5 : 5 + new], continuation.ids)
        assert set(row[5 + new :]) <= {stops[0]}


# ---- text ------------------------------------------------------------------------------------


def test_text_of_characters() -> None:
    tokenizer = CharTokenizer("abcdé€")
    config = GPTConfig(block_size=60, vocab_size=7, n_layer=1, n_head=1, n_embd=5)
    with make(config, tokenizer=tokenizer) as model:
        lengths = set()
        for seed in range(20):
            text = model.generate("bad", 50, seed=seed)
            pieces = list(model.stream("bad", 50, seed=seed))
            assert text == "bad" + "".join(pieces)
            ids = model.generate(tokenizer.encode("bad"), 50, seed=seed)
            new = [int(i) for i in ids[3:] if i != tokenizer.bos]
            assert text == "bad" + tokenizer.decode(new)
            lengths.add(len(text))
        assert min(lengths) < 53  # BOS ended some


def test_a_stream_has_whole_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are tokens, each step ends after one, and the model recites characters of 2 to 4."""
    monkeypatch.setattr("pygpt.generation.PIECE_MS", 0)
    tokenizer = BPETokenizer.train("", 257)
    characters = "é€𝄞"
    config = GPTConfig(
        block_size=97, vocab_size=257, n_layer=1, n_head=1, n_embd=64, tie_weights=False
    )
    with GPT(config, tokenizer=tokenizer) as model:
        recite(model, tokenizer.encode(characters))
        pieces = model.stream(characters, 2 + 3 + 4 + 2 + 2, temperature=0)
        assert list(pieces) == ["é", "€", "𝄞", "é", "\ufffd"]  # the last one is not finished
        text = model.generate(characters, 13, temperature=0)
        assert text == "é€𝄞é€𝄞é\ufffd"


def recite(model: GPT, ids: list[int]) -> None:
    """Make a model without layers that go round these different ids."""
    weights = model.parameters()
    for name in ("wpe.weight", "h.0.attn.c_proj.weight", "h.0.mlp.c_proj.weight"):
        weights[name][:] = 0
    embedded = np.random.default_rng(1).standard_normal(weights["wte.weight"].shape)
    weights["wte.weight"][:] = embedded
    weights["lm_head.weight"][np.roll(ids, -1)] = embedded[ids]


def test_the_model_is_free_between_pieces(
    model: GPT, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pygpt.generation.PIECE_MS", 0)
    model.tokenizer = CharTokenizer("".join(map(chr, range(97, 128))), bos=False)
    expected = [model.generate("abc", 20, seed=seed)[3:] for seed in (1, 2)]
    loss = model.loss(PROMPT[:-1], PROMPT[1:])
    streams = [model.stream("abc", 20, seed=seed) for seed in (1, 2)]
    got = ["", ""]
    for pieces in zip(*streams, strict=True):
        got = [text + piece for text, piece in zip(got, pieces, strict=True)]
        assert model.loss(PROMPT[:-1], PROMPT[1:]) == loss
    assert got == expected
    abandoned = model.stream("abc", 20)
    next(abandoned)
    del abandoned


# ---- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "options", "kind", "message"),
    [
        ([3] * 30, {}, ShapeError, "prompt: expected T up to block_size = 29, got (1, 30)"),
        ([3] * 9, {"max_new_tokens": 21}, ShapeError, "prompt: expected with max_new_tokens at "
         "most block_size = 29 tokens, got 9 + 21; shorten it or ask for fewer"),
        ([[[3]]], {}, ShapeError, "prompt: expected (T,) or (B, T), got (1, 1, 1)"),
        ([0.5], {}, ShapeError, "prompt: expected whole numbers, got float64"),
        ([3, 31], {}, TokenError, "prompt: expected 0 to 30, got 31"),
        ([-1], {}, TokenError, "prompt: expected 0 to 30, got -1"),
        ([7, 7], {"pad_token_id": 7}, ShapeError, "prompt: expected at least one token, got only "
         "padding"),
        ("abc", {}, ConfigError, "tokenizer: expected one, since there is text; got none"),
        ([3], {"max_new_tokens": 0}, ConfigError, "max_new_tokens: expected at least 1, got 0"),
        ([3], {"temperature": -0.1}, ConfigError, "temperature: expected at least 0, got -0.1"),
        ([3], {"temperature": float("nan")}, ConfigError, "temperature: expected a finite number"),
        ([3], {"temperature": "1"}, ConfigError, "temperature: expected a number, got '1'"),
        ([3], {"temperature": None}, ConfigError, "temperature: expected a number, got None"),
        ([3], {"top_k": 0}, ConfigError, "top_k: expected at least 1, got 0"),
        ([3], {"top_k": 1.5}, ConfigError, "top_k: expected a whole number, got 1.5"),
        ([3], {"top_p": 0}, ConfigError, "top_p: expected more than 0, got 0.0"),
        ([3], {"top_p": 1.01}, ConfigError, "top_p: expected at most 1, got 1.01"),
        ([3], {"min_p": -1}, ConfigError, "min_p: expected at least 0, got -1.0"),
        ([3], {"repetition_penalty": 0}, ConfigError, "repetition_penalty: expected more than 0"),
        ([3], {"seed": -1}, ConfigError, "seed: expected at least 0, got -1"),
        ([3], {"stop_tokens": (31,)}, TokenError, "stop_tokens: expected 0 to 30, got 31"),
        ([3], {"stop_tokens": "x"}, ConfigError, "stop_tokens: expected whole numbers, got 'x'"),
        ([3], {"top": 3}, ConfigError, "top: expected one of max_new_tokens, "),
    ],
)  # fmt: skip
def test_bad_input(
    model: GPT, prompt: Any, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        model.generate(prompt, **{"max_new_tokens": 3, **options})
    assert str(caught.value).startswith(message)


def test_no_text(model: GPT) -> None:
    model.tokenizer = CharTokenizer("".join(map(chr, range(97, 128))), bos=False)
    with pytest.raises(ShapeError, match="^prompt: expected text, got none"):
        model.generate("", 3)
    with pytest.raises(ShapeError, match="^prompt: expected text, got none"):
        model.stream("", 3)  # at once, not with the first piece
    with pytest.raises(ShapeError, match=r"^prompt: expected \(T,\) or \(B, T\), got \(0,\)"):
        model.generate(np.zeros(0, np.int64), 3)


def test_weights_that_are_no_numbers(model: GPT) -> None:
    model.parameters()["wte.weight"][3, 2] = np.nan
    with pytest.raises(ArithmeticError, match="^logits: expected numbers, got others"):
        model.generate([3], 5)
