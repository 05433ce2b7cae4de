"""A tokenizer.json of others: run here if all of its parts are known, else by `tokenizers`.

Here are the BPE families: byte-level (Llama 3, Qwen, SmolLM, Pythia, Phi, Falcon), and those that
came from SentencePiece, with `▁` for a blank and tokens for single bytes (Llama 2, Mistral, Gemma,
Phi-3). For the rest, such as Unigram and WordPiece, there is the extra `tokenizers`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from copy import copy
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from pygpt.errors import TokenError
from pygpt.fields import INT_MAX
from pygpt.files.atomic import write_new
from pygpt.tokenizers.added import AddedToken, Finder
from pygpt.tokenizers.alphabet import spell, utf8
from pygpt.tokenizers.pieces import MergeModel
from pygpt.tokenizers.protocol import fingerprint
from pygpt.tokenizers.steps import Spelling, Unknown, normalizer, pre_tokenizer
from pygpt.tokenizers.template import around

INSTALL = "pip install 'pygpt[tokenizers]'"
ROLES = ("bos", "eos", "pad")
OTHER_ROLES = "roles"  # of the model: role -> id, of tokens that are not among the added ones
AROUND = 64  # characters on either side that say whether a text may be cut between them
_PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder", "model")


class Runner(Protocol):
    """What turns text into ids."""

    def encode(self, text: str, specials: bool) -> list[int]:
        """Return the ids of a text; special tokens in it only if they are wanted."""


def names_roles(values: dict[str, Any]) -> bool:
    """Whether a file that `FileTokenizer.save` wrote says which tokens begin and end a text."""
    tokens = values.get("added_tokens") or []
    in_added = any(token.get(role) is True for token in tokens for role in ROLES)
    return in_added or bool(_object(values, "model").get(OTHER_ROLES))


class FileTokenizer:
    """Immutable: the tokenizer of a tokenizer.json that pygpt did not make.

    Text may come back otherwise than it went in: such files have normalizers, and some lack
    characters.

    Args:
        values: the file's content; not copied. Which tokens begin and end a text is in it where
            `save` has written it; else there are none: see `with_roles`.
    Attributes:
        bos: the id that begins a text, or None.
        eos: the id that ends one, or None.
        pad: the id that fills up a batch, or None.
        prefix: the ids that a prompt begins with; those of the file's template.
        suffix: the ids that the template has after a text.
        strips: how many blanks a text loses at its beginning when it is decoded.
    Raises:
        TokenError: the content is damaged, or needs the package `tokenizers`, which is missing.
    """

    in_pieces = False  # what is put before a text would be put before each piece

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values
        self._added = [_added(token) for token in _list(values, "added_tokens")]
        self._ids = _vocabulary(_object(values, "model"))
        for token in self._added:
            if self._ids.setdefault(token.text, token.id) != token.id:
                expected = f"id {self._ids[token.text]}, as in model.vocab"
                raise TokenError(f"added_tokens: {token.text!r}: expected {expected}")
        self._texts: dict[int, str] = {}
        for text, i in self._ids.items():
            if type(i) is not int or not 0 <= i <= INT_MAX:
                raise TokenError(f"model.vocab: {text!r}: expected an id, got {i!r}")
            if self._texts.setdefault(i, text) != text:
                raise TokenError(f"model.vocab: expected an id for each token, got {i} for two")
        self.prefix, self.suffix = around(values.get("post_processor"))
        self.bos, self.eos, self.pad = map(self._role, ROLES)
        try:
            self._spelling = Spelling(values.get("decoder"))
            self._runner: Runner = _Steps(values, self._added)
        except Unknown as unknown:
            self._runner = _package(values, str(unknown))
            self._spelling = Spelling(values.get("decoder"))
        self.strips = self._spelling.strips

    def _role(self, role: str) -> int | None:
        """Return the token that a file which we wrote names so."""
        tokens = zip(self._values["added_tokens"], self._added, strict=True)
        others = self._values["model"].get(OTHER_ROLES)
        other = others.get(role) if isinstance(others, dict) else None
        other = other if type(other) is int and other in self._texts else None
        return next((token.id for json, token in tokens if json.get(role) is True), other)

    @property
    def vocab_size(self) -> int:
        """The largest id and one more; ids in between may be unused."""
        return max(self._texts) + 1

    @cached_property
    def unused(self) -> tuple[int, ...]:
        """The ids below `vocab_size` that stand for nothing."""
        return tuple(i for i in range(self.vocab_size) if i not in self._texts)

    @property
    def content(self) -> Mapping[str, Any]:
        """What the file holds."""
        return MappingProxyType(self._values)

    @property
    def ids(self) -> Mapping[str, int]:
        """Token, as the file writes it -> id."""
        return MappingProxyType(self._ids)

    @property
    def roles(self) -> dict[str, int]:
        """`bos`, `eos` and `pad` -> id, of those that there are."""
        found = zip(ROLES, (self.bos, self.eos, self.pad), strict=True)
        return {role: i for role, i in found if i is not None}

    @property
    def specials(self) -> Mapping[str, int]:
        """Special token -> id, in the order of the file."""
        return {token.text: token.id for token in self._added if token.special}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of the parts of the file that decide the ids, as JSON."""
        model = {**self._values["model"]}
        model.pop(OTHER_ROLES, None)
        if isinstance(model.get("merges"), list):
            model["merges"] = [list(_merge(merge)) for merge in model["merges"]]
        parts = [self._values.get(part) for part in _PARTS[:3]]
        tokens = sorted([list(token) for token in self._added], key=str)
        return fingerprint(["file", *map(_sorted, parts), _sorted(model), tokens])

    # ---- ids ---------------------------------------------------------------------------------

    def encode(self, text: str, specials: bool = False) -> list[int]:
        """Return the ids of a text, without `prefix` and `suffix`.

        Args:
            specials: whether special tokens in the text count as such; if not, they are text like
                any other. Added tokens that are not special always count.
        Raises:
            TokenError: half a surrogate pair, which is no character.
        """
        utf8(text)
        return self._runner.encode(text, specials)

    def encode_rest(self, text: str) -> list[int]:
        """Return the ids of a text that goes on where `parts_at` let another one end."""
        utf8(text)
        assert isinstance(self._runner, _Steps)
        return self._runner.encode(text, False, begins=False)

    def parts_at(self, text: str, place: int) -> bool:
        """Whether the ids of a text are those of its beginning, up to a place, and of its rest.

        What is around the place says so: a word ends there, or no token has both characters.
        """
        left, right = text[max(0, place - AROUND) : place], text[place : place + AROUND]
        return isinstance(self._runner, _Steps) and self._runner.are_apart(left, right)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of these ids; what is not UTF-8, such as half a character, is U+FFFD."""
        text = self.decode_bytes(ids).decode("utf-8", "replace")
        for _ in range(self.strips):
            text = text.removeprefix(" ")
        return text

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Return the bytes of these ids; a `TokenError` for one that the vocabulary lacks.

        A blank at the beginning, which `decode` leaves out, is there.
        """
        return b"".join(map(self._bytes_of, ids))

    def _bytes_of(self, number: int) -> bytes:
        token = self._texts.get(number)
        if token is None:
            raise TokenError(f"ids: expected 0 to {self.vocab_size - 1}, got {number}")
        return self._spelling.bytes_of(token)

    def text_of(self, number: int) -> str | None:
        """Return how the file writes a token, or None for an id that stands for nothing."""
        return self._texts.get(number)

    def with_roles(self, roles: Mapping[str, int]) -> FileTokenizer:
        """Return the same tokenizer with other tokens that begin and end a text."""
        other = copy(self)
        other.bos, other.eos, other.pad = (roles.get(role) for role in ROLES)
        return other

    # ---- files -------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a new tokenizer.json, which has the same parts; see `Tokenizer.save`."""
        roles = self.roles
        tokens = []
        for token in self._values["added_tokens"]:
            plain = {name: value for name, value in token.items() if name not in ROLES}
            named = {role: True for role, i in roles.items() if i == token["id"]}
            tokens.append(plain | named)
        added = {token.id for token in self._added}
        model = {name: v for name, v in self._values["model"].items() if name != OTHER_ROLES}
        others = {role: i for role, i in roles.items() if i not in added}
        model |= {OTHER_ROLES: others} if others else {}
        values = self._values | {"added_tokens": tokens, "model": model}
        write_new(Path(path), (json.dumps(values, ensure_ascii=False, indent=1) + "\n").encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FileTokenizer:
        """Return the tokenizer of any tokenizer.json; see `Tokenizer.load`."""
        try:
            values = json.loads(Path(path).read_bytes())
            if not isinstance(values, dict):
                raise TokenError("the file: expected an object")
            return cls(values)
        except (OSError, ValueError, RecursionError) as error:
            raise TokenError(f"tokenizer file {path}: {error}") from error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FileTokenizer):
            return False
        return (other.fingerprint, other.bos, other.eos) == (self.fingerprint, self.bos, self.eos)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        kind = self._values["model"]["type"]
        return f"<FileTokenizer: {kind}, {self.vocab_size} ids, bos {self.bos}, eos {self.eos}>"


class _Steps:
    """Immutable: the steps of a file, run here."""

    def __init__(self, values: Mapping[str, Any], added: list[AddedToken]) -> None:
        model = values["model"]
        if model.get("type") != "BPE" or model.get("continuing_subword_prefix"):
            raise Unknown(f"model {model.get('type')}")
        if model.get("dropout"):
            raise TokenError(f"model.dropout: expected none, got {model['dropout']!r}")
        merges = [_merge(merge) for merge in _list(model, "merges")]
        if not merges:
            raise TokenError("model.merges: expected some, got none")
        self._normalize = normalizer(values.get("normalizer"))
        self._normalize_rest = normalizer(values.get("normalizer"), begins=False)
        self._cuts, is_spelled = pre_tokenizer(values.get("pre_tokenizer"))
        self._model = MergeModel(
            model["vocab"],
            merges,
            unknown=model.get("unk_token") or None,
            fuses=model.get("fuse_unk") is True,
            spells_bytes=model.get("byte_fallback") is True,
            takes_words=model.get("ignore_merges") is True,
            suffix=model.get("end_of_word_suffix") or "",
            spell=_spell if is_spelled else str,
        )
        self._plain = Finder([token for token in added if not token.normalized], str)
        self._normal = Finder([token for token in added if token.normalized], self._normalize)

    def encode(self, text: str, specials: bool, begins: bool = True) -> list[int]:
        """Return the ids of a text, or of the rest of one that begins elsewhere."""
        ids: list[int] = []
        for outer in self._plain.parts(text, specials):
            if outer.id is not None:
                ids.append(outer.id)
                continue
            goes_on = outer.at == 0 and not begins
            normalize = self._normalize_rest if goes_on else self._normalize
            for part in self._normal.parts(normalize(outer.text), specials):
                if part.id is not None:
                    ids.append(part.id)
                else:
                    is_first = begins and outer.at == 0 and part.at == 0
                    ids += self._model.encode(self._words(part.text, is_first))
        return ids

    def are_apart(self, left: str, right: str) -> bool:
        """Whether the ids of both together are those of each, whatever is around them."""
        ids = self.encode(left, False) + self.encode(right, False, begins=False)
        if ids != self.encode(left + right, False):
            return False
        first = self._words(self._normalize(left), False)
        second = self._words(self._normalize_rest(right), False)
        if first + second == self._words(self._normalize(left + right), False):
            return True
        return bool(first and second) and self._model.never_joins(first[-1], second[0])

    def _words(self, text: str, begins: bool) -> list[str]:
        words = [text]
        for cut in self._cuts:
            words = [w for i, word in enumerate(words) for w in cut(word, begins and i == 0)]
        return words


def _spell(word: str) -> str:
    return spell(word.encode())


class _Package:
    """Immutable: the same by the package `tokenizers`."""

    def __init__(self, module: Any, text: str) -> None:
        self._both = [module.Tokenizer.from_str(text) for _ in range(2)]
        for specials, tokenizer in enumerate(self._both):
            tokenizer.no_truncation()
            tokenizer.no_padding()
            tokenizer.encode_special_tokens = not specials

    def encode(self, text: str, specials: bool) -> list[int]:
        ids: list[int] = self._both[specials].encode(text, add_special_tokens=False).ids
        return ids


def _package(values: dict[str, Any], needs: str) -> Runner:
    try:
        import tokenizers  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        problem = f"{needs} needs the package tokenizers: {INSTALL}"
        raise TokenError(problem) from error
    try:
        return _Package(tokenizers, json.dumps(values))
    except Exception as error:  # which is all that it says
        raise TokenError(f"the package tokenizers refuses it: {error}") from error


# ---- JSON ------------------------------------------------------------------------------------


def _added(token: Any) -> AddedToken:
    if not isinstance(token, dict) or not isinstance(token.get("content"), str):
        raise TokenError(f"added_tokens: expected objects with content, got {token!r}")
    if type(token.get("id")) is not int:
        raise TokenError(f"added_tokens: id: expected a whole number, got {token.get('id')!r}")
    names = ("special", "single_word", "lstrip", "rstrip", "normalized")
    return AddedToken(token["content"], token["id"], *(token.get(n) is True for n in names))


def _vocabulary(model: Mapping[str, Any]) -> dict[str, int]:
    """Return token -> id of a model of any kind."""
    vocabulary = model.get("vocab")
    if isinstance(vocabulary, list):  # Unigram's, with probabilities
        if not all(isinstance(entry, list) and entry for entry in vocabulary):
            raise TokenError("model.vocab: expected pairs")
        return {entry[0]: i for i, entry in enumerate(vocabulary)}
    return dict(_object(model, "vocab"))


def _merge(merge: Any) -> tuple[str, str]:
    parts = merge.split(" ") if isinstance(merge, str) else merge
    if not isinstance(parts, list) or len(parts) != 2:
        raise TokenError(f"model.merges: expected pairs, got {merge!r}")
    return parts[0], parts[1]


def _sorted(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _object(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(values.get(name), dict):
        raise TokenError(f"{name}: expected an object")
    return values[name]  # type: ignore[no-any-return]


def _list(values: Mapping[str, Any], name: str) -> list[Any]:
    if not isinstance(values.get(name), list):
        raise TokenError(f"{name}: expected a list")
    return values[name]  # type: ignore[no-any-return]
