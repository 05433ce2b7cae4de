"""Byte-level BPE: any text, indeed any bytes, as tokens of one byte or more."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pygpt.errors import ConfigError, TokenError
from pygpt.fields import INT_MAX
from pygpt.tokenizers import merging, tokenizer_json
from pygpt.tokenizers.alphabet import BYTES, unspell, utf8
from pygpt.tokenizers.pretokenize import split_of
from pygpt.tokenizers.protocol import fingerprint

if TYPE_CHECKING:
    import tiktoken

END_OF_TEXT = "<|endoftext|>"  # GPT-2's one special token: begins and ends a document
_NOT_UTF8 = re.compile("([\udc80-\udcff]+)")  # how surrogateescape decodes what is not UTF-8


class BPETokenizer:
    """Immutable: byte-level BPE, trained here or published elsewhere; tiktoken runs it.

    Args:
        ranks: token -> id; has the 256 bytes. Neighbours whose joined bytes have the lowest id are
            merged first: see `merging.py` for what that has to do with a list of merges.
        specials: special token -> id; these stand for something else than their text.
        split: where text is cut before that, `gpt2` or `cl100k`.
    Raises:
        TokenError: a byte without a token, an id twice or out of range, a token that is empty, or
            special and ordinary at once.
        ConfigError: an unknown split.
    """

    def __init__(
        self, ranks: Mapping[bytes, int], specials: Mapping[str, int], split: str = "gpt2"
    ) -> None:
        self._split = split_of(split)
        _check(ranks, specials)
        self.split = split
        self._ranks = dict(sorted(ranks.items(), key=lambda item: item[1]))
        self._specials = dict(sorted(specials.items(), key=lambda item: item[1]))

    @classmethod
    def train(
        cls,
        texts: str | Iterable[str],
        vocab_size: int,
        split: str = "gpt2",
        specials: Sequence[str] = (END_OF_TEXT,),
    ) -> BPETokenizer:
        """Return the tokenizer whose merges make the most of these texts.

        The ids are those of the bytes in GPT-2's order, of the merges, and of the special tokens.
        The merges are the same as those of Hugging Face's `tokenizers`, ties included.

        Args:
            texts: one or several; no token crosses from one to another.
            vocab_size: number of ids, at least 256 and the special tokens.
            split: `gpt2` or `cl100k`.
            specials: the special tokens, which get the last ids.
        Raises:
            ConfigError: an unknown split; a size that is too small, or larger than the texts allow.
            TokenError: half a surrogate pair in a text, a special token that is not allowed.
        """
        count = vocab_size - len(BYTES) - len(specials)
        if count < 0:
            least = len(BYTES) + len(specials)
            raise ConfigError("vocab_size", f"expected at least {least}, got {vocab_size}")
        cut = split_of(split)
        words: Counter[str] = Counter()
        for text in [texts] if isinstance(texts, str) else texts:
            utf8(text)
            words.update(cut.words(text))
        merges = merging.learn({word.encode(): n for word, n in words.items()}, count)
        if len(merges) < count:
            most = f"{vocab_size - count + len(merges)}, where the text is merged to whole words"
            raise ConfigError("vocab_size", f"expected at most {most}, got {vocab_size}")
        tokens = merging.tokens_of(merges)
        last = {text: len(tokens) + i for i, text in enumerate(specials)}
        if len(last) < len(specials):
            raise TokenError(f"specials: expected different ones, got {list(specials)}")
        return cls({token: i for i, token in enumerate(tokens)}, last, split)

    def with_bos(self) -> BPETokenizer:
        """Return the same tokenizer with `<|endoftext|>`, its last id if it has none."""
        if self.bos is not None:
            return self
        specials = self._specials | {END_OF_TEXT: self.vocab_size}
        return BPETokenizer(self._ranks, specials, self.split)

    @property
    def ranks(self) -> Mapping[bytes, int]:
        """Token -> id of every ordinary token, in the order of the ids."""
        return MappingProxyType(self._ranks)

    @property
    def specials(self) -> Mapping[str, int]:
        """Special token -> id, in the order of the ids."""
        return MappingProxyType(self._specials)

    @property
    def merges(self) -> list[tuple[bytes, bytes]]:
        """The halves of every merged token, in the order of merging; found anew at each call.

        Raises:
            TokenError: the ranks are no order of merges.
        """
        return merging.merges_of(self._ranks)

    @property
    def bos(self) -> int | None:
        """The id of `<|endoftext|>`, which begins and ends a document, or None."""
        return self._specials.get(END_OF_TEXT)

    @property
    def eos(self) -> int | None:
        """The id that ends a document: `bos`."""
        return self.bos

    prefix: tuple[int, ...] = ()
    strips = 0
    in_pieces = True

    @cached_property
    def unused(self) -> tuple[int, ...]:
        """The ids below `vocab_size` that stand for nothing, as some published ones have."""
        used = {*self._ranks.values(), *self._specials.values()}
        return tuple(i for i in range(self.vocab_size) if i not in used)

    @property
    def vocab_size(self) -> int:
        """The largest id and one more; some published tokenizers leave ids in between unused."""
        return max(*self._ranks.values(), *self._specials.values()) + 1

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of this as JSON: `["bpe", split, tokens, special tokens]`.

        Each token is `[bytes in hex, id]`, each special one `[text, id]`, in the order of the ids.
        """
        tokens = [[token.hex(), i] for token, i in self._ranks.items()]
        return fingerprint(["bpe", self.split, tokens, list(self._specials.items())])

    # ---- ids ---------------------------------------------------------------------------------

    @cached_property
    def encoding(self) -> tiktoken.Encoding:
        """The tokenizer as tiktoken runs it; for batches, offsets and what else tiktoken can do."""
        import tiktoken

        return tiktoken.Encoding(
            name=f"pygpt_{self.split}",
            pat_str=self._split.pattern,
            mergeable_ranks=self._ranks,
            special_tokens=self._specials,
        )

    def encode(self, text: str, specials: bool = False) -> list[int]:
        """Return the ids of a text.

        Args:
            specials: whether special tokens in the text count as such; if not, they are text like
                any other, which is what to do with text that one has not written oneself.
        Raises:
            TokenError: half a surrogate pair, which is no character.
        """
        utf8(text)
        if not specials or not self._specials:
            return self._encode(text)
        longest_first = sorted(self._specials, key=len, reverse=True)
        ids: list[int] = []
        for i, part in enumerate(re.split(f"({'|'.join(map(re.escape, longest_first))})", text)):
            ids += [self._specials[part]] if i % 2 else self._encode(part)
        return ids

    def encode_bytes(self, data: bytes) -> list[int]:
        """Return the ids of any bytes: those that are not UTF-8 become tokens of one byte each."""
        ids: list[int] = []
        for i, part in enumerate(_NOT_UTF8.split(data.decode("utf-8", "surrogateescape"))):
            if i % 2:
                broken = part.encode("utf-8", "surrogateescape")
                ids += [self._ranks[broken[j : j + 1]] for j in range(len(broken))]
            else:
                ids += self._encode(part)
        return ids

    def _encode(self, text: str) -> list[int]:
        try:
            return self.encoding.encode(text, disallowed_special=())
        except ValueError:  # a million blanks in a row are more than its regular expressions take
            words = self._split.words(text)
            return [i for word in words for i in self.encoding.encode(word, disallowed_special=())]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of these ids; what is not UTF-8, such as half a character, is U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", "replace")

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Return the bytes of these ids; a `TokenError` for one that the vocabulary lacks."""
        numbers = list(ids)
        try:
            return self.encoding.decode_bytes(numbers)
        except (KeyError, OverflowError):
            known = {*self._ranks.values(), *self._specials.values()}
            wrong = next(number for number in numbers if number not in known)
            raise TokenError(f"ids: expected 0 to {self.vocab_size - 1}, got {wrong}") from None

    # ---- files -------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a new tokenizer.json, as `Tokenizer.save`; a `TokenError` if `merges` has one."""
        content = tokenizer_json.Merges(self._ranks, self._specials, self.split)
        tokenizer_json.write(Path(path), content, self.fingerprint)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BPETokenizer:
        """Return the tokenizer of a file that `save` or Hugging Face's `tokenizers` wrote."""
        return tokenizer_json.load(Path(path), {tokenizer_json.Merges: cls})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BPETokenizer):
            return False
        mine = (self.split, self._specials, self._ranks)
        return (other.split, other._specials, other._ranks) == mine

    def __hash__(self) -> int:
        return hash((self.split, len(self._ranks), *self._specials))

    def __repr__(self) -> str:
        specials = list(self._specials)
        return f"<BPETokenizer: {self.vocab_size} ids, split {self.split}, specials {specials}>"


def _check(ranks: Mapping[bytes, int], specials: Mapping[str, int]) -> None:
    """Check what `BPETokenizer` says of its arguments."""
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        raise TokenError(f"ranks: expected all 256 bytes, got none for 0x{missing[0]:02x}")
    if b"" in ranks or "" in specials:
        raise TokenError("ranks: expected tokens of a byte or more, got an empty one")
    ids = [*ranks.values(), *specials.values()]
    wrong = next((i for i in ids if not 0 <= i <= INT_MAX), None)
    if wrong is not None:
        raise TokenError(f"ranks: expected ids of 0 to {INT_MAX}, got {wrong}")
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise TokenError(f"ranks: expected an id for each token, got {twice} for two")
    for text in specials:
        utf8(text)
        if unspell(text) in ranks:  # a file could not tell the two apart
            raise TokenError(f"specials: expected other ones than ordinary tokens, got {text!r}")
