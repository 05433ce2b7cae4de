"""Documents and tokens."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pygpt import CharTokenizer, DataError, read_documents
from pygpt.documents import SHIPPED_NAMES
from pygpt.errors import TokenError


def test_shipped_names() -> None:
    documents = read_documents()
    assert (len(documents), documents[0], documents[-1]) == (32033, "emma", "zzyzx")
    digest = hashlib.sha256(SHIPPED_NAMES.read_bytes()).hexdigest()
    assert digest.startswith("0a30b555") and digest.endswith("a8cc4d")


def test_lines(tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_bytes(" a b\r\n\r\n\t\rc\n\u2028\n\u00e9\u0085x\u3000".encode())
    assert read_documents(file) == ["a b", "c", "\u00e9\u0085x"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "expected at least one line of text, got none"),
        (b" \r\n\t\n", "expected at least one line of text, got none"),
        (b"ab\x00c", "expected text, got a binary file (a zero byte at offset 2)"),
        (b"ab\nc\xe9d", "expected UTF-8, got byte 0xe9 at offset 4; convert the file to UTF-8"),
        (b"ab\xed\xa0\x80", "expected UTF-8, got byte 0xed at offset 2; convert the file to UTF-8"),
    ],
    ids=["empty", "blank", "binary", "latin_1", "surrogate"],
)
def test_bad_content(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "bad.txt"
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_documents(file)
    assert str(caught.value) == f"data file {file}: {problem}"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("none.txt", "there is no such file"),
        ("", "expected a text file, got a folder"),
        ("a\0b", "cannot be read: embedded null byte"),
    ],
)
def test_bad_path(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        read_documents(tmp_path / name)
    assert str(caught.value).endswith(problem)


def test_characters_are_in_code_point_order() -> None:
    tokenizer = CharTokenizer.train(["b\U0001f404", "a\uff21b"])
    assert tokenizer.characters == "ab\uff21\U0001f404"
    assert (tokenizer.bos, tokenizer.vocab_size) == (4, 5)
    assert tokenizer.encode_document("b\U0001f404") == [4, 1, 3, 4]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=5))
def test_decode_is_the_inverse(documents: list[str]) -> None:
    tokenizer = CharTokenizer.train(documents)
    assert [tokenizer.decode(tokenizer.encode(text)) for text in documents] == documents
    assert CharTokenizer(tokenizer.characters) == tokenizer


@pytest.mark.parametrize("characters", ["", "ba", "aab", "a\ud800"])
def test_bad_characters(characters: str) -> None:
    with pytest.raises(TokenError, match="^characters: "):
        CharTokenizer(characters)


def test_unknown() -> None:
    tokenizer = CharTokenizer("abc")
    with pytest.raises(TokenError, match="^text: expected known characters, got 'd'$"):
        tokenizer.encode("abd")
    for number in (-1, 3):
        with pytest.raises(TokenError, match=f"^ids: expected 0 to 2, got {number}$"):
            tokenizer.decode([0, number])
