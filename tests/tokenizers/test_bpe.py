"""BPETokenizer: round trips, special tokens, bytes, long texts, arguments."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pygpt import BPETokenizer, TokenError, Tokenizer, load_tokenizer, read_text
from pygpt.tokenizers.alphabet import BYTES

RANKS = {bytes([byte]): i for i, byte in enumerate(BYTES)}
SPECIALS = ("<|endoftext|>", "<a>", "<a>b", "\u00e9\u20ac")


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, BPETokenizer]:
    """Trained with each split, 1,031 ids each, and the published ones."""
    text = read_text("shakespeare")
    trained = {s: BPETokenizer.train(text, 1031, s, SPECIALS) for s in ("gpt2", "cl100k")}
    published = {f"published {name}": load_tokenizer(name) for name in ("gpt2", "cl100k_base")}
    return trained | published


NAMES = st.sampled_from(["gpt2", "cl100k", "published gpt2", "published cl100k_base"])
TEXT = st.text(st.characters(codec="utf-8"))
WITH_SPECIALS = st.lists(st.sampled_from(SPECIALS) | TEXT).map("".join)


@settings(max_examples=300, deadline=None)
@given(NAMES, TEXT | WITH_SPECIALS)
def test_any_text_comes_back(tokenizers: dict[str, BPETokenizer], name: str, text: str) -> None:
    tokenizer = tokenizers[name]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.encode_bytes(text.encode()) == ids
    assert tokenizer.decode(tokenizer.encode(text, specials=True)) == text


@settings(max_examples=300, deadline=None)
@given(NAMES, st.binary())
def test_any_bytes_come_back(tokenizers: dict[str, BPETokenizer], name: str, data: bytes) -> None:
    tokenizer = tokenizers[name]
    ids = tokenizer.encode_bytes(data)
    assert tokenizer.decode_bytes(ids) == data
    assert tokenizer.decode(np.array(ids, np.int32)) == data.decode("utf-8", "replace")


@pytest.mark.parametrize("name", ["gpt2", "cl100k", "published gpt2", "published cl100k_base"])
@pytest.mark.parametrize(
    "text",
    [
        " " * 1_000_001 + "x\n",  # more blanks than tiktoken takes by itself
        "\n \t" * 333_337 + "x",
        "a" * 1_000_003,
        "\U0001f404" * 250_007,
        "!" * 1_000_003,
        "7" * 1_000_003,
    ],
    ids=["blanks", "lines", "letters", "emoji", "marks", "digits"],
)
def test_long(tokenizers: dict[str, BPETokenizer], name: str, text: str) -> None:
    ids = tokenizers[name].encode(text)
    assert tokenizers[name].decode(ids) == text
    assert len(ids) <= len(text.encode())


@pytest.mark.parametrize("name", ["gpt2", "cl100k"])
def test_a_million_blanks_among_words(tokenizers: dict[str, BPETokenizer], name: str) -> None:
    """The way round tiktoken's limit gives the tokens that tiktoken gives to each part."""
    tokenizer = tokenizers[name]
    parts = [
        "Who's there?\n\n  \tNay, answer me:",
        " " * 1_000_001,
        " stand, and unfold yourself. \n  ",
    ]
    with pytest.raises(ValueError, match="Max stack size"):
        tokenizer.encoding.encode("".join(parts))
    assert tokenizer.encode("".join(parts)) == sum(map(tokenizer.encode, parts), [])


@pytest.mark.parametrize("name", ["gpt2", "cl100k", "published gpt2", "published cl100k_base"])
def test_a_book(tokenizers: dict[str, BPETokenizer], name: str) -> None:
    text = read_text("shakespeare")
    ids = tokenizers[name].encode(text)
    assert tokenizers[name].decode(ids) == text
    assert len(ids) < len(text) / 2


def test_special_tokens(tokenizers: dict[str, BPETokenizer]) -> None:
    tokenizer = tokenizers["gpt2"]
    assert dict(tokenizer.specials) == {text: 1027 + i for i, text in enumerate(SPECIALS)}
    assert (tokenizer.bos, tokenizer.vocab_size) == (1027, 1031)
    text = "<a>x<a>b<|endoftext|><|endoftext|>\u00e9\u20ac<a"
    ids = tokenizer.encode(text, specials=True)
    assert [i for i in ids if i >= 1027] == [1028, 1029, 1027, 1027, 1030]
    assert tokenizer.decode(ids) == text
    assert max(tokenizer.encode(text)) < 1027  # unless asked for, they are text
    none = BPETokenizer(RANKS, {})
    assert none.encode("<a>", specials=True) == [RANKS[byte] for byte in (b"<", b"a", b">")]
    assert none.bos is None


def test_ids_that_are_not_there(tokenizers: dict[str, BPETokenizer]) -> None:
    for wrong in (-1, 1031, 2**40):
        with pytest.raises(TokenError, match=f"^ids: expected 0 to 1030, got {wrong}$"):
            tokenizers["gpt2"].decode([0, wrong, 1030])
    with pytest.raises(TokenError, match="^ids: expected 0 to 100276, got 100261$"):
        tokenizers["published cl100k_base"].decode([100261])  # between its special tokens


def test_half_a_character(tokenizers: dict[str, BPETokenizer]) -> None:
    tokenizer = tokenizers["gpt2"]
    for call in (tokenizer.encode, lambda text: tokenizer.encode(text, specials=True)):
        with pytest.raises(TokenError, match="^text: expected whole characters, got half .* at 2$"):
            call("ab\udc80")
    ids = tokenizer.encode("\u20ac")
    assert len(ids) == 3 and tokenizer.decode(ids[:2]) == "\ufffd"


@pytest.mark.parametrize(
    ("ranks", "specials", "problem"),
    [
        ({b"a": 0}, {}, "ranks: expected all 256 bytes, got none for 0x00"),
        (RANKS | {b"": 256}, {}, "ranks: expected tokens of a byte or more, got an empty one"),
        (RANKS, {"": 256}, "ranks: expected tokens of a byte or more, got an empty one"),
        (RANKS | {b"ab": 255}, {}, "ranks: expected an id for each token, got 255 for two"),
        (RANKS, {"<a>": 3}, "ranks: expected an id for each token, got 3 for two"),
        (RANKS, {"<a>": -1}, "ranks: expected ids of 0 to 2147483647, got -1"),
        (RANKS | {b"ab": 2**31}, {}, "ranks: expected ids of 0 to 2147483647, got 2147483648"),
        (RANKS, {"\u0120": 256}, "specials: expected other ones than ordinary tokens, got 'Ġ'"),
        (RANKS, {"\ud800": 256}, "text: expected whole characters, got half a surrogate pair at 0"),
    ],
)
def test_what_cannot_be(ranks: dict[bytes, int], specials: dict[str, int], problem: str) -> None:
    with pytest.raises(TokenError) as caught:
        BPETokenizer(ranks, specials)
    assert str(caught.value) == problem


def test_ranks_that_are_no_merges() -> None:
    """tiktoken runs them all the same, but there is nothing to write to a file."""
    tokenizer = BPETokenizer(RANKS | {b"abc": 256}, {})
    assert tokenizer.decode(tokenizer.encode("abcd")) == "abcd"
    with pytest.raises(TokenError, match="^ranks: expected b'abc' to be merged of two tokens "):
        _ = tokenizer.merges


def test_values(tokenizers: dict[str, BPETokenizer]) -> None:
    tokenizer = tokenizers["gpt2"]
    same = BPETokenizer(dict(reversed(tokenizer.ranks.items())), tokenizer.specials)
    assert same == tokenizer and hash(same) == hash(tokenizer) and same is not tokenizer
    assert same.fingerprint == tokenizer.fingerprint
    others = [
        tokenizers["cl100k"],
        BPETokenizer(tokenizer.ranks, tokenizer.specials, "cl100k"),
        BPETokenizer(tokenizer.ranks, {}),
    ]
    for other in others:
        assert other != tokenizer and other.fingerprint != tokenizer.fingerprint
    with pytest.raises(TypeError):
        tokenizer.ranks[b"a"] = 7  # type: ignore[index]
    assert pickle.loads(pickle.dumps(tokenizer)) == tokenizer
    assert repr(BPETokenizer(RANKS, {})) == "<BPETokenizer: 256 ids, split gpt2, specials []>"
    _: Tokenizer = tokenizer


def test_the_fingerprint_stays() -> None:
    """Files of tokens and checkpoints of earlier versions have it."""
    tokenizer = BPETokenizer.train("abracadabra", 260)
    expected = "45da525287b03cbdafe55c801c322d68f2d4dceacd5a23d6f89ded99437d7503"
    assert tokenizer.fingerprint == expected
