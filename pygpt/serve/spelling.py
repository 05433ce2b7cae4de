"""Tokens as the words of an answer: their bytes, their names, and where each begins in the text."""

from __future__ import annotations

import codecs

from pygpt.errors import TokenError
from pygpt.tokenizers.protocol import Tokenizer


class Spelling:
    """Immutable: what tokens are called."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def bytes(self, token: int) -> bytes:
        """Return the UTF-8 of a token, which may end within a character; none for BOS and EOS."""
        if token in (self._tokenizer.bos, self._tokenizer.eos):
            return b""
        try:
            return self._tokenizer.decode_bytes([token])
        except TokenError:
            return b""

    def name(self, token: int) -> str:
        """Return a token's text; different tokens have different names, unless they spell alike.

        Bytes that are no characters are named as OpenAI names them: `bytes:\\xe2\\x80`. A token
        without text has its id as name: `<|26|>`.
        """
        data = self.bytes(token)
        if not data:
            return f"<|{token}|>"
        try:
            return data.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)


class Offsets:
    """Mutable: counts the characters of a text that comes token by token."""

    def __init__(self, start: int = 0) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._offset = start

    def add(self, data: bytes) -> int:
        """Return the index of the character at which a token begins, or within which."""
        begun = self._decoder.getstate()[0]  # of a character
        before = self._offset
        self._offset += len(self._decoder.decode(data))
        goes_on = not begun or not data or 0x80 <= data[0] < 0xC0
        return before if goes_on else before + len(begun.decode("utf-8", "replace"))
