"""Token files: their bytes, and one line for each kind of damage."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pygpt import CharTokenizer, DataError, TokenFile
from pygpt.datasets.token_file import TokenWriter

TOKENIZER = CharTokenizer("abc")


class Large:
    """A tokenizer with more ids than 16 bits can tell apart."""

    vocab_size = 2**16 + 1
    fingerprint = "0123456789abcdef" * 4


def _write(path: Path, tokens: list[int], tokenizer: Any = TOKENIZER) -> bytes:
    """Write a file in two parts; return its bytes."""
    with TokenWriter(path, tokenizer) as writer:
        writer.write(np.array(tokens[:3], writer.dtype), 5)
        writer.write(np.array(tokens[3:], writer.dtype), 2)
        assert (writer.count, writer.text_bytes) == (len(tokens), 7)
        writer.finish()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("tokenizer", "letter", "tokens"),
    [(TOKENIZER, "H", [3, 0, 1, 2, 65535]), (Large(), "I", [3, 0, 65536, 2, 2**31])],
)
def test_bytes(tokenizer: Any, letter: str, tokens: list[int], tmp_path: Path) -> None:
    data = _write(tmp_path / "file", tokens, tokenizer)
    width = struct.calcsize(f"<{letter}")
    header = b"pygpttok" + struct.pack("<IIQQ", 1, width, 5, 7)
    header += bytes.fromhex(tokenizer.fingerprint)
    assert data == header + struct.pack(f"<5{letter}", *tokens) and len(header) == 64
    file = TokenFile.open(str(tmp_path / "file"), tokenizer)
    assert (file.text_bytes, file.fingerprint) == (7, tokenizer.fingerprint)
    assert (len(file), file.tokens.itemsize, type(file.tokens)) == (5, width, np.ndarray)
    np.testing.assert_array_equal(file.tokens, tokens)
    with pytest.raises(ValueError, match="read-only"):
        file.tokens[0] = 1


def test_the_largest_vocabulary_of_two_bytes(tmp_path: Path) -> None:
    class Just(Large):
        vocab_size = 2**16

    _write(tmp_path / "file", [1, 2, 3, 65535], Just())
    assert TokenFile.open(tmp_path / "file").tokens.dtype == np.uint16
    with TokenWriter(tmp_path / "other", Just()) as writer:
        with pytest.raises(TypeError, match="Cannot cast array data"):
            writer.write(np.array([65536]), 1)


def test_a_file_that_is_not_finished(tmp_path: Path) -> None:
    with TokenWriter(tmp_path / "file", TOKENIZER) as writer:
        writer.write(np.arange(3, dtype=np.uint16), 3)
    with pytest.raises(DataError, match="expected a file of `pygpt prepare`, got another kind$"):
        TokenFile.open(tmp_path / "file")


def _patch(data: bytes, offset: int, new: bytes) -> bytes:
    return data[:offset] + new + data[offset + len(new) :]


DAMAGE = {
    "empty": (lambda data: b"", "expected a file of `pygpt prepare`, got another kind"),
    "text": (lambda data: b"First Citizen", "expected a file of `pygpt prepare`, got another kind"),
    "magic": (lambda data: _patch(data, 7, b"K"), "expected a file of `pygpt prepare`, got"),
    "only_magic": (lambda data: data[:8], "is damaged: it ends within its header"),
    "half_header": (lambda data: data[:63], "is damaged: it ends within its header"),
    "version": (lambda data: _patch(data, 8, b"\2"), "expected version 1, got 2; prepare the text"),
    "width": (lambda data: _patch(data, 12, b"\3"), "expected tokens of 2 or 4 bytes, got 3"),
    "other_width": (
        lambda data: _patch(data, 12, b"\4"),
        "is damaged: expected 7 tokens, as its header says, got 3.5",
    ),
    "count": (
        lambda data: _patch(data, 16, b"\6"),
        "is damaged: expected 6 tokens, as its header says, got 7",
    ),
    "huge_count": (
        lambda data: _patch(data, 16, b"\xff" * 8),
        "is damaged: expected 18,446,744,073,709,551,615 tokens, as its header says, got 7",
    ),
    "cut": (lambda data: data[:-1], "is damaged: expected 7 tokens, as its header says, got 6.5"),
    "longer": (lambda data: data + b"ab", "expected 7 tokens, as its header says, got 8"),
    "no_tokens": (lambda data: _patch(data, 16, b"\0")[:64], "expected tokens, got none"),
}


def _fails(path: Path, problem: str, tokenizer: Any = TOKENIZER) -> None:
    with pytest.raises(DataError) as caught:
        TokenFile.open(path, tokenizer)
    assert str(caught.value).startswith(f"token file {path}: ")
    assert problem in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("case", DAMAGE)
def test_damage(case: str, tmp_path: Path) -> None:
    damage, problem = DAMAGE[case]
    path = tmp_path / "file"
    path.write_bytes(damage(_write(path, [0, 1, 2, 3, 2, 1, 0])))
    _fails(path, problem)


def test_not_there(tmp_path: Path) -> None:
    _fails(tmp_path / "none", "cannot be read: No such file or directory")
    _fails(tmp_path, "cannot be read: Is a directory")
    _fails(tmp_path / "a\0b", "cannot be read: embedded null byte")


def test_tokens_of_another_tokenizer(tmp_path: Path) -> None:
    _write(tmp_path / "file", [0, 1, 2, 3])
    other = CharTokenizer("abc", bos=False)
    problem = f"expected tokens of the tokenizer {other.fingerprint[:12]}…, got "
    _fails(tmp_path / "file", f"{problem}{TOKENIZER.fingerprint[:12]}…; prepare the text", other)


def test_any_flipped_bit_of_the_header(tmp_path: Path) -> None:
    """All are found, but for those of how many bytes the text had, which nothing else knows."""
    path = tmp_path / "file"
    data, rng = _write(path, [0, 1, 2, 3, 2, 1, 0]), random.Random(7)
    for offset in (*range(24), *range(32, 64)):
        path.write_bytes(_patch(data, offset, bytes([data[offset] ^ 1 << rng.randrange(8)])))
        _fails(path, "")
    for length in range(len(data)):
        path.write_bytes(data[:length])
        _fails(path, "")
