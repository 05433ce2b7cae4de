"""Added tokens: texts that are tokens wherever they stand, whatever is around them.

As Hugging Face's `tokenizers` finds them: from left to right, of those that begin at a place the
longest, first in the text as it is, then in what the normalizer makes of the rest.
https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/tokenizer/added_vocabulary.rs
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple


class AddedToken(NamedTuple):
    """A text that is one token.

    Attributes:
        special: whether it stands for something else than its text, so that text of others must
            not have it.
        single_word: whether it counts only where no letter or digit is beside it.
        strips_left, strips_right: whether the blanks beside it belong to it.
        normalized: whether it is looked for in normalized text.
    """

    text: str
    id: int
    special: bool = True
    single_word: bool = False
    strips_left: bool = False
    strips_right: bool = False
    normalized: bool = False


class Part(NamedTuple):
    """What lies between two added tokens, or one, which has an id."""

    text: str
    id: int | None
    at: int  # where it begins


class Finder:
    """Immutable: some added tokens, as they are looked for in a text.

    Args:
        spell: what a token looks like there.
    """

    def __init__(self, tokens: Sequence[AddedToken], spell: Callable[[str], str]) -> None:
        self._by_text: dict[str, AddedToken] = {}
        for token in tokens:
            self._by_text.setdefault(spell(token.text), token)
        self._by_text.pop("", None)
        longest_first = sorted(self._by_text, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        if any(token.single_word or token.strips_left or token.strips_right for token in tokens):
            import regex  # type: ignore[import-untyped]

            self._word, self._blanks = regex.compile(r"\w"), regex.compile(r"\s*")

    def parts(self, text: str, specials: bool) -> Iterator[Part]:
        """Yield the parts of a text; special tokens only if they are wanted."""
        start = 0
        for match in self._pattern.finditer(text) if self._by_text else ():
            token = self._by_text[match[0]]
            begin, end = match.span()
            if begin < start or (token.special and not specials):
                continue
            if token.single_word and self._is_in_word(text, begin, end):
                continue
            while token.strips_left and begin > start:
                if not self._blanks.match(text, begin - 1, begin)[0]:
                    break
                begin -= 1
            if token.strips_right:
                end = self._blanks.match(text, end).end()
            if start < begin:
                yield Part(text[start:begin], None, start)
            yield Part(text[begin:end], token.id, begin)
            start = end
        if start < len(text):
            yield Part(text[start:], None, start)

    def _is_in_word(self, text: str, begin: int, end: int) -> bool:
        before = begin > 0 and self._word.match(text, begin - 1)
        return bool(before or self._word.match(text, end))
