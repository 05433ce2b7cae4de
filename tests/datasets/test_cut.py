"""Long texts in pieces: nothing is lost, and the tokens are those of the whole text."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pygpt import BPETokenizer, load_tokenizer, read_text
from pygpt.datasets.cut import Piece, cut

# What the split patterns tell apart: letters, digits, marks, signs, blanks, ends of lines.
SIGNS = [*"aZé字ß9²Ⅷ_'.!,🐄\u0301", "'s", "'LL", *" \t\n\r\v\f\x1c\x85\u00a0\u1680\u2028", "\r\n"]
TOKENIZERS = {
    "gpt2": load_tokenizer("gpt2"),
    "cl100k_base": load_tokenizer("cl100k_base"),
    "trained": BPETokenizer.train(read_text("shakespeare"), 1031, "cl100k"),
}


def _pieces(text: str, size: int, block: int = 7) -> list[str]:
    """Cut a text that comes in blocks; check what must hold of any."""
    blocks = [text[i : i + block] for i in range(0, len(text), block)]
    pieces = list(cut(blocks, size))
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text for piece in pieces)
    assert [piece.ends for piece in pieces] == [False] * (len(pieces) - 1) + [True] * bool(pieces)
    return [piece.text for piece in pieces]


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(SIGNS), max_size=60), st.integers(1, 5))
def test_tokens_of_any_text(name: str, signs: list[str], size: int) -> None:
    text, encode = "".join(signs), TOKENIZERS[name].encode
    assert [i for piece in _pieces(text, size) for i in encode(piece)] == encode(text)


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("size", [1, 207, 2**14])
def test_tokens_of_shakespeare(name: str, size: int) -> None:
    text, encode = read_text("shakespeare"), TOKENIZERS[name].encode
    pieces = _pieces(text, size, block=10007)
    assert max(map(len, pieces)) < size + 100  # a line, at most
    assert [i for piece in pieces for i in encode(piece)] == encode(text)


def test_the_check_can_fail() -> None:
    """Other places would not do: two line ends, a line end after a full stop, within a word."""
    for name, left, right in [
        ("gpt2", "a\n\n", "b"),
        ("gpt2", "a  ", "b"),
        ("cl100k_base", "a.", "\nb"),
        ("cl100k_base", "hel", "lo"),
    ]:
        encode = TOKENIZERS[name].encode
        assert encode(left) + encode(right) != encode(left + right)


def test_letters_and_digits_are_those_of_unicode() -> None:
    """The patterns have classes L and N; `re` has \\w, of which the rest of the rule is made."""
    for character in map(chr, range(sys.maxunicode + 1)):
        if re.match(r"[^\W_]", character):
            assert unicodedata.category(character)[0] in "LN"


def test_no_place_to_cut() -> None:
    """Nothing is ever cut before `longest`; then a piece ends anywhere."""
    text = ".\n" * 300
    assert list(cut([text], 7, len(text))) == [Piece(text, True)]
    pieces = [piece.text for piece in cut([text[:301], text[301:]], 7, 20)]
    assert "".join(pieces) == text and set(map(len, pieces[:-1])) == {7} and len(pieces[-1]) <= 20


def test_short_documents() -> None:
    assert list(cut([])) == list(cut([""])) == []
    assert list(cut(["a b"])) == [Piece("a b", True)]
    assert list(cut(["a ", "b c"], 1)) == [Piece("a", False), Piece(" b", False), Piece(" c", True)]
