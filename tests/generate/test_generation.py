"""Generation: the cache, the prompt, ends, streams, errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import zip_longest
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


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("temperature", [0, 1.6])
def test_texts_of_many_lengths(name: str, backend: str, temperature: float) -> None:
    """More than are generated at once; some end early, at a stop token."""
    tokenizer = CharTokenizer("".join(map(chr, range(97, 128))), bos=False)
    rng = np.random.default_rng(3)
    prompts = ["".join(map(chr, rng.integers(97, 128, 1 + b % 11))) for b in range(37)]
    options = {"temperature": temperature, "stop_tokens": (3, 5), "top_p": 0.95}
    with make(CONFIGS[name], backend, tokenizer=tokenizer) as model:
        together = model.generate(prompts, 11, seed=5, **options)
        assert len({len(text) for text in together}) > 1
        for b in range(0, len(prompts), 4):
            assert model.generate(prompts[b], 11, seed=5 + b, **options) == together[b]


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


@pytest.mark.parametrize("backend", BACKENDS)
def test_top_logprobs(backend: str) -> None:
    """By the model itself, whatever the other options do."""
    with make(CONFIGS["gpt2"], backend) as model:
        prompts = np.stack([PROMPT, PROMPT[::-1]])
        options = {"temperature": 2.0, "repetition_penalty": 1.5, "top_k": 3, "seed": 1}
        told = model.continuations(prompts, 7, top_logprobs=5, **options)
        for prompt, row in zip(prompts, told, strict=True):
            assert (row.top_ids.dtype, row.top_log_probabilities.dtype) == (np.int64, np.float64)
            logits = np.float64(model.logits(np.append(prompt, row.ids[:-1]))[0, 4:])
            expected = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            order = np.argsort(-expected, axis=1)[:, :5]
            np.testing.assert_array_equal(row.top_ids, order)
            top = np.take_along_axis(expected, order, axis=1)
            np.testing.assert_allclose(row.top_log_probabilities, top, atol=1e-4)
            chosen = expected[np.arange(7), row.ids]
            np.testing.assert_allclose(row.log_probabilities, chosen, atol=1e-4)
        for row in model.continuations(prompts, 7, **options):
            assert row.top_ids.shape == row.top_log_probabilities.shape == (7, 0)


@pytest.mark.parametrize("pad", [None, 30])
def test_truncate_keeps_the_end_of_a_prompt(model: GPT, pad: int | None) -> None:
    prompts = np.random.default_rng(1).integers(0, 30, (3, 41))
    prompts[0, :17] = 30 if pad else 7
    options = {"temperature": 0.9, "pad_token_id": pad}
    got = model.generate(prompts, 11, seed=3, truncate=True, **options)
    np.testing.assert_array_equal(got[:, :41], prompts)
    for b in range(3):
        ends = model.generate(prompts[b, -18:], 11, seed=3 + b, **options)
        np.testing.assert_array_equal(got[b, 41:], ends[18:])
    short = model.generate(PROMPT, 11, seed=3, truncate=True)
    np.testing.assert_array_equal(short, model.generate(PROMPT, 11, seed=3))


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
    monkeypatch.setattr("pygpt.generate.generation.PIECE_MS", 0)
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


def test_streams_are_those_of_each_prompt(model: GPT, monkeypatch: pytest.MonkeyPatch) -> None:
    """From ids too; rows end at different lengths."""
    monkeypatch.setattr("pygpt.generate.generation.PIECE_MS", 0)
    model.tokenizer = CharTokenizer("".join(map(chr, range(97, 128))), bos=False)
    prompts = ["abc", "x", "na", "q"]
    options = {"temperature": 2.0, "stop_tokens": (3, 5, 7)}
    joined = [""] * len(prompts)
    for pieces in model.streams(prompts, 20, seed=6, **options):
        joined = [text + piece for text, piece in zip(joined, pieces, strict=True)]
    alone = ["".join(model.stream(p, 20, seed=6 + b, **options)) for b, p in enumerate(prompts)]
    assert joined == alone and len({len(text) for text in alone}) > 1
    ids = model.tokenizer.encode(prompts[2])
    assert "".join(model.stream(ids, 20, seed=8, **options)) == alone[2]
    with pytest.raises(ShapeError, match=r"^prompt: expected text or \(T,\), got \(1, 2\)$"):
        model.stream([ids], 20)
    model.tokenizer = None
    with pytest.raises(ConfigError, match="^tokenizer: expected one, since there is text"):
        model.stream(ids, 20)


def recite(model: GPT, ids: list[int]) -> None:
    """Make a model without layers that go round these different ids."""
    weights = model.parameters()
    for name in ("wpe.weight", "h.0.attn.c_proj.weight", "h.0.mlp.c_proj.weight"):
        weights[name][:] = 0
    embedded = np.random.default_rng(1).standard_normal(weights["wte.weight"].shape)
    weights["wte.weight"][:] = embedded
    weights["lm_head.weight"][np.roll(ids, -1)] = embedded[ids]


def test_stop_strings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends are where the whole text first has one, whatever is there when Python looks."""
    tokenizer = CharTokenizer("\nab", bos=False)
    config = GPTConfig(block_size=60, vocab_size=3, n_layer=1, n_head=1, n_embd=5)
    with make(config, tokenizer=tokenizer) as model:
        whole = [text[1:] for text in model.generate(["a"] * 40, 50, seed=1, temperature=2)]
        stops = ("abab", "bab", "\n\n\n\n")
        ended = set()
        for milliseconds in (0, 50):
            monkeypatch.setattr("pygpt.generate.generation.PIECE_MS", milliseconds)
            options = {"temperature": 2, "stop": stops}
            rows = model.continuations(["a"] * 40, 50, seed=1, **options)
            for b, (text, row) in enumerate(zip(whole, rows, strict=True)):
                expected, end = _before_stop(text, stops)
                assert row.text == expected
                np.testing.assert_array_equal(row.ids, tokenizer.encode(text[:end]))
                assert len(row.log_probabilities) == len(row.ids)
                assert row.stopped == text[:end].endswith(stops)
                assert "".join(model.stream("a", 50, seed=1 + b, **options)) == expected
                ended.add(text[len(expected) : end])
        assert ended == {*stops, ""}
        ids = model.generate(tokenizer.encode("a"), 50, seed=1, stop="\n", temperature=2)
        assert tokenizer.decode(ids[1:].tolist()) == whole[0][: whole[0].index("\n") + 1]
        assert model.generate("\nb", 9, seed=1, stop="\n", temperature=2).startswith("\nb")


def _before_stop(text: str, stops: tuple[str, ...]) -> tuple[str, int]:
    """Return what comes before the first stop string, and where that ends."""
    for end in range(1, len(text) + 1):
        found = [len(stop) for stop in stops if text[:end].endswith(stop)]
        if found:
            return text[: end - max(found)], end
    return text, len(text)


def test_a_stream_holds_back_what_may_be_a_stop_string(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are bytes here, so that a stop string begins and ends within characters' bytes too."""
    monkeypatch.setattr("pygpt.generate.generation.PIECE_MS", 0)
    tokenizer = BPETokenizer.train("", 257)
    text = "aé€-é€𝄞!"
    config = GPTConfig(
        block_size=97, vocab_size=257, n_layer=1, n_head=1, n_embd=64, tie_weights=False
    )
    with GPT(config, tokenizer=tokenizer) as model:
        for stop, pieces in (
            ("é€𝄞", ["a", "é€-"]),
            ("x", ["a", "é", "€", "-", "é", "€", "𝄞", "!"]),
            (("!", "€𝄞!"), ["a", "é", "€-", "é"]),
            ("a", []),
        ):
            script(model, tokenizer.encode("?" + text))
            got = list(model.stream("?", len(text.encode()), temperature=0, stop=stop))
            assert got == pieces


def script(model: GPT, ids: list[int]) -> None:
    """Make a model without layers that says these ids, one after another, by their positions."""
    weights = model.parameters()
    for name in ("wte.weight", "h.0.attn.c_proj.weight", "h.0.mlp.c_proj.weight"):
        weights[name][:] = 0
    places = np.random.default_rng(1).standard_normal(weights["wpe.weight"].shape)
    weights["wpe.weight"][:] = places
    weights["lm_head.weight"][:] = 0
    for position, token in enumerate(ids[1:]):
        weights["lm_head.weight"][token] += places[position]


def test_the_model_is_free_between_pieces(
    model: GPT, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pygpt.generate.generation.PIECE_MS", 0)
    model.tokenizer = CharTokenizer("".join(map(chr, range(97, 128))), bos=False)
    expected = [model.generate("abc", 20, seed=seed)[3:] for seed in (1, 2)]
    loss = model.loss(PROMPT[:-1], PROMPT[1:])
    streams = [model.stream("abc", 20, seed=seed) for seed in (1, 2)]
    got = ["", ""]
    # Each goes on with the other's tokens too, which come in fewer pieces then.
    for pieces in zip_longest(*streams, fillvalue=""):
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
        ([3] * 30, {}, ShapeError, "prompt: expected with max_new_tokens at most block_size = 29 "
         "tokens, got 30 + 3; shorten it, ask for fewer or set truncate"),
        ([3] * 9, {"max_new_tokens": 21}, ShapeError, "prompt: expected with max_new_tokens at "
         "most block_size = 29 tokens, got 9 + 21; shorten it, ask for fewer or set truncate"),
        ([3], {"max_new_tokens": 29, "truncate": True}, ConfigError, "max_new_tokens: expected "
         "less than block_size = 29 to leave room for the prompt, got 29"),
        ([[[3]]], {}, ShapeError, "prompt: expected (T,) or (B, T), got (1, 1, 1)"),
        ([0.5], {}, ShapeError, "prompt: expected whole numbers, got float64"),
        ([], {}, ShapeError, "prompt: expected at least one token, got none"),
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
        ([3], {"stop": ""}, ConfigError, "stop: expected texts that are not empty, got ''"),
        ([3], {"stop": ("a", "")}, ConfigError, "stop: expected texts that are not empty, got ("),
        ([3], {"stop": (3,)}, ConfigError, "stop: expected texts that are not empty, got (3,)"),
        ([3], {"stop": 3}, ConfigError, "stop: expected texts that are not empty, got 3"),
        ([3], {"stop": "a"}, ConfigError, "tokenizer: expected one, since there are stop strings"),
        ([3], {"top_logprobs": -1}, ConfigError, "top_logprobs: expected at least 0, got -1"),
        ([3], {"top_logprobs": 32}, ConfigError, "top_logprobs: expected at most vocab_size = 31"),
        ([3], {"truncate": 1}, ConfigError, "truncate: expected true or false, got 1"),
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
    with pytest.raises(ShapeError, match="^prompt: expected text, got none"):
        model.generate(["ab", ""], 3)
    with pytest.raises(ShapeError, match="^prompt: expected at least one token, got none"):
        model.generate(np.zeros(0, np.int64), 3)


def test_weights_that_are_no_numbers(model: GPT) -> None:
    model.parameters()["wte.weight"][3, 2] = np.nan
    with pytest.raises(ArithmeticError, match="^logits: expected numbers, got others"):
        model.generate([3], 5)
