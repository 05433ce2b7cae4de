"""Training against the slow trainer and Hugging Face's; tiktoken against slow encoding."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference import bpe as slow

from pygpt import BPETokenizer, ConfigError, TokenError, read_text
from pygpt.tokenizers.alphabet import BYTES, spell, unspell
from pygpt.tokenizers.merging import learn, merges_of, tokens_of
from pygpt.tokenizers.pretokenize import SPLITS

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tokenizers.json").read_text())
MOST = 1000  # merges, more than the small texts have

WORDS = st.lists(st.text("ab\u00e9 ", min_size=1, max_size=11).map(str.encode), max_size=17)
# Python's regex and tiktoken's know different versions of Unicode: none of its unassigned ones.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cn"]))
MARKS = st.text("a1\u00e9\u0661 \t\n\r\u00a0\u3000.!'sLl\u017f\U0001f404")


@settings(max_examples=200, deadline=None)
@given(WORDS, st.integers(0, 13))
@example([b"a" * 7, b"a" * 6], MOST)
@example([b"abababab", b"babab"], MOST)
def test_the_same_as_the_slow_trainer(words: list[bytes], count: int) -> None:
    merges = learn(Counter(words), count)
    tokens = tokens_of(merges)
    assert [(tokens[left], tokens[right]) for left, right in merges] == slow.train(words, count)
    assert len(set(tokens)) == len(tokens)  # no two merges give the same bytes
    ranks = {token: i for i, token in enumerate(tokens)}
    assert merges_of(ranks) == [(tokens[left], tokens[right]) for left, right in merges]


def _spelled(tokenizer: BPETokenizer) -> list[str]:
    return [f"{spell(left)} {spell(right)}" for left, right in tokenizer.merges]


def test_the_same_as_hugging_face_on_shakespeare() -> None:
    tokenizer = BPETokenizer.train(read_text("shakespeare"), 256 + 1000, specials=())
    assert len(GOLDEN["shakespeare"]) == 1000
    assert _spelled(tokenizer) == GOLDEN["shakespeare"]


@pytest.mark.parametrize("case", GOLDEN["small"], ids=lambda case: case["split"])
def test_the_same_as_hugging_face_where_all_tie(case: dict[str, str]) -> None:
    size = 256 + len(case["merges"])
    tokenizer = BPETokenizer.train(case["text"], size, case["split"], specials=())
    assert _spelled(tokenizer) == case["merges"]
    with pytest.raises(ConfigError, match=f"^vocab_size: expected at most {size}, where "):
        BPETokenizer.train([case["text"]], size + 1, case["split"], specials=())


@settings(max_examples=100, deadline=None)
@given(TEXT | MARKS, st.sampled_from(sorted(SPLITS)), st.data())
def test_tiktoken_encodes_as_the_slow_encoder(text: str, split: str, data: st.DataObject) -> None:
    words = SPLITS[split].words(text)
    assert "".join(words) == text
    count = len(learn(Counter(word.encode() for word in words), MOST))
    size = 256 + data.draw(st.integers(0, count))
    tokenizer = BPETokenizer.train(text, size, split, specials=())
    other = data.draw(st.permutations(words).map("".join)) if len(words) < 50 else text
    expected = [
        tokenizer.ranks[token]
        for word in SPLITS[split].words(other)
        for token in slow.encode(word.encode(), tokenizer.merges)
    ]
    assert tokenizer.encode(other) == expected


@settings(max_examples=300, deadline=None)
@given(TEXT | MARKS, st.sampled_from(sorted(SPLITS)))
def test_both_patterns_cut_alike(text: str, split: str) -> None:
    assert regex.findall(SPLITS[split].portable, text) == SPLITS[split].words(text)


def test_several_texts_do_not_merge_across() -> None:
    one = BPETokenizer.train("abab", 258, specials=())
    two = BPETokenizer.train(["ab", "ab"], 257, specials=())
    assert one.merges == [(b"a", b"b"), (b"ab", b"ab")] and two.merges == [(b"a", b"b")]
    with pytest.raises(ConfigError, match="expected at most 257, "):
        BPETokenizer.train(["ab", "ab"], 258, specials=())


def test_a_word_of_a_million_bytes() -> None:
    text = "ab" * 500_000
    tokenizer = BPETokenizer.train(text, 256 + 19, specials=())
    assert max(map(len, tokenizer.ranks)) == 2**19
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_sizes() -> None:
    smallest = BPETokenizer.train("", 257)
    assert (smallest.vocab_size, smallest.merges, smallest.bos) == (257, [], 256)
    with pytest.raises(ConfigError, match="^vocab_size: expected at least 257, got 256$"):
        BPETokenizer.train("abc", 256)
    with pytest.raises(ConfigError, match="^split: expected one of gpt2, cl100k, got 'o200k'$"):
        BPETokenizer.train("abc", 257, split="o200k")
    with pytest.raises(TokenError, match="^specials: expected different ones"):
        BPETokenizer.train("abc", 258, specials=("<a>", "<a>"))
    with pytest.raises(TokenError, match="^text: expected whole characters, got half a surrogate"):
        BPETokenizer.train(["abc", "a\ud800"], 257)


def test_alphabet() -> None:
    assert list(BYTES) == slow.byte_order()
    assert spell(b" \n\x00\xad\xff!") == "\u0120\u010a\u0100\u0143\u00ff!"
    assert unspell(spell(bytes(range(256)))) == bytes(range(256))
    assert unspell("a b") is None and unspell("\u0144") is None
