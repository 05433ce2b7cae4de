"""Text as bytes: GPT-2's order of the 256, and its spelling of them as characters to be seen.

The printable bytes of Latin-1 come first and stand for themselves; the 68 others follow and are
spelled U+0100, U+0101, and so on, so that a space is `Ġ`. The order is that of the characters. See
`bytes_to_unicode` in https://github.com/openai/gpt-2/blob/master/src/encoder.py.
"""

from __future__ import annotations

from pygpt.errors import TokenError

_VISIBLE = bytes([*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)])
_OTHERS = bytes(byte for byte in range(256) if byte not in _VISIBLE)

BYTES = _VISIBLE + _OTHERS
"""The 256 bytes; the index of each is its id in GPT-2, in cl100k and in what pygpt trains."""

_CHARACTERS = _VISIBLE.decode("latin-1") + "".join(chr(0x100 + i) for i in range(len(_OTHERS)))
_SPELLING = dict(zip(BYTES.decode("latin-1"), _CHARACTERS, strict=True))
_READING = {character: byte for byte, character in _SPELLING.items()}
_TO_CHARACTERS, _TO_BYTES = str.maketrans(_SPELLING), str.maketrans(_READING)


def spell(token: bytes) -> str:
    """Return a token's bytes as one character each."""
    return token.decode("latin-1").translate(_TO_CHARACTERS)


def unspell(text: str) -> bytes | None:
    """Return the bytes that a text spells, or None if a character spells no byte."""
    if not _READING.keys() >= set(text):
        return None
    return text.translate(_TO_BYTES).encode("latin-1")


def utf8(text: str) -> bytes:
    """Return the text as UTF-8; half a surrogate pair, which has no bytes, is a `TokenError`."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise TokenError(
            f"text: expected whole characters, got half a surrogate pair at {error.start}"
        ) from None
