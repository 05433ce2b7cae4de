"""Documents and tokens."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pygpt import CharTokenizer, DataError, read_documents, read_text
from pygpt.errors import TokenError
from pygpt.files.text import SHIPPED_NAMES, SHIPPED_SHAKESPEARE


def test_shipped_names() -> None:
    documents = read_documents()
    assert (len(documents), documents[0], documents[-1]) == (32033, "emma", "zzyzx")
    digest = hashlib.sha256(SHIPPED_NAMES.read_bytes()).hexdigest()
    assert digest.startswith("0a30b555") and digest.endswith("a8cc4d")


def test_shipped_shakespeare() -> None:
    text = read_text("shakespeare")
    assert text.encode() == SHIPPED_SHAKESPEARE.read_bytes()
    assert (len(text), text.count("\n"), text[:14]) == (1115394, 40000, "First Citizen:")
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest == "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
    assert read_text("names").splitlines() == read_documents()


def test_text_without_mark_and_with_plain_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes("\ufeff a\r\n\r\n\u2028\u00e9 ".encode())
    assert read_text(file) == " a\n\n\u2028\u00e9 "
    file.write_bytes(b"")
    with pytest.raises(DataError, match="text.txt: expected text, got an empty file$"):
        read_text(file)


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
    readers = [read_documents] if "at least" in problem else [read_documents, read_text]
    for read in readers:
        with pytest.raises(DataError) as caught:
            read(file)
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
    for read in (read_documents, read_text):
        with pytest.raises(DataError) as caught:
            read(tmp_path / name)
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
    plain = CharTokenizer.train(documents, bos=False)
    assert [plain.encode(text) for text in documents] == list(map(tokenizer.encode, documents))


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


def test_without_bos() -> None:
    """nanoGPT's shakespeare-char has 65 ids."""
    tokenizer = CharTokenizer.train([read_text("shakespeare")], bos=False)
    assert (tokenizer.vocab_size, tokenizer.bos) == (65, None)
    assert tokenizer.encode("\n z") == [0, 1, 64]
    with pytest.raises(TokenError, match="^bos: expected a tokenizer with BOS for documents, got"):
        tokenizer.encode_document("a")
    with pytest.raises(TokenError, match="^ids: expected 0 to 64, got 65$"):
        tokenizer.decode([65])


def test_equal_tokenizers() -> None:
    tokenizer = CharTokenizer("ab")
    others = [CharTokenizer("ab", bos=False), CharTokenizer("abc"), CharTokenizer("ac"), "ab"]
    assert CharTokenizer("ab") == tokenizer and hash(CharTokenizer("ab")) == hash(tokenizer)
    assert all(other != tokenizer for other in others)
    assert [repr(t) for t in (tokenizer, others[0])] == [
        "CharTokenizer('ab')", "CharTokenizer('ab', bos=False)",
    ]  # fmt: skip
    tokenizers = [t for t in (tokenizer, *others) if isinstance(t, CharTokenizer)]
    assert len({t.fingerprint for t in tokenizers}) == len({*tokenizers}) == 4


def test_the_fingerprint_stays() -> None:
    """Files of tokens and checkpoints of earlier versions have it."""
    expected = hashlib.sha256(b'["char","a\\u00e9\\ud83d\\udc04",true]').hexdigest()
    assert CharTokenizer("a\u00e9\U0001f404").fingerprint == expected
