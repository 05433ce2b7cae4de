"""A file of JSON that is no JSON-lines: an array of objects, or objects one after another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pygpt.errors import DataError
from pygpt.files.text import LONGEST_LINE

_BLANKS = re.compile(r"[ \t\r\n]*")
_NEAR = 16  # characters before the end of what was read: an error there may be for want of more


class JsonText:
    """Mutable: reads one object after another, and never has more than one in memory.

    Args:
        path: of the file, for messages.
        blocks: its text, in parts of any length.
    """

    def __init__(self, path: Path, blocks: Iterator[str]) -> None:
        self._path = path
        self._blocks = blocks
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._at = 0  # where in it the next value begins
        self._line = 1  # of that place

    def objects(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield where each object is, for messages, and the object.

        Raises:
            DataError: no JSON, or values that are no objects; the message has the line.
        """
        array = self._next() == "["
        if array:
            self._skip(self._at + 1)
        number = 0
        while (character := self._next()) and not (array and not number and character == "]"):
            number += 1
            where = f"data file {self._path}: line {self._line}, item {number}"
            value = self._value(where)
            if not isinstance(value, dict):
                raise DataError(f"{where}: expected an object, got {json.dumps(value)[:40]}")
            yield where, value
            if not array:
                continue
            character = self._next()
            if character != ",":
                break
            self._skip(self._at + 1)
        if array:
            if self._next() != "]":
                self._fail("expected , or ] after an item of the array")
            self._skip(self._at + 1)
            if self._next():
                self._fail("expected nothing after the array")

    def _fail(self, expected: str) -> None:
        got = repr(self._next()) if self._next() else "the end of the file"
        raise DataError(f"data file {self._path}: line {self._line}: {expected}, got {got}")

    def _next(self) -> str:
        """Go to the next character that is no blank, and return it; at the end return nothing."""
        while True:
            match = _BLANKS.match(self._text, self._at)
            assert match is not None
            self._skip(match.end())
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _skip(self, to: int) -> None:
        self._line += self._text.count("\n", self._at, to)
        self._at = to

    def _value(self, where: str) -> Any:
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos > len(self._text) - _NEAR
                if cut and self._more():
                    continue
                line = self._line + self._text.count("\n", self._at, error.pos)
                problem = f"expected JSON, got {error.msg} in line {line}"
                raise DataError(f"{where}: {problem}") from error
            except (ValueError, RecursionError) as error:
                raise DataError(f"{where}: expected JSON, got {error}") from error
            self._skip(end)
            return value

    def _more(self) -> bool:
        """Read at least as much as there is already; return whether there was more."""
        parts = [self._text[self._at :]]
        wanted = size = max(len(parts[0]), 1)
        if size > LONGEST_LINE:
            problem = f"expected objects of at most {LONGEST_LINE:,} characters, got more"
            raise DataError(f"data file {self._path}: line {self._line}: {problem}")
        while size < 2 * wanted:
            block = next(self._blocks, None)
            if block is None:
                break
            parts.append(block)
            size += len(block)
        self._text, self._at = "".join(parts), 0
        return size > wanted
