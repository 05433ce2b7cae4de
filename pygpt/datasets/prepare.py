"""From text to a dataset: two passes over the source, with no more than pieces in memory.

The first counts, and meets whatever is wrong with the text; the second encodes, on all cores.
"""

from __future__ import annotations

import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pygpt.datasets.cut import PIECE, Piece
from pygpt.datasets.dataset import TOKENIZER_FILE, TRAIN_FILE, VAL_FILE, Dataset, is_dataset
from pygpt.datasets.readers import Left
from pygpt.datasets.sources import Source, find_source
from pygpt.datasets.token_file import TokenWriter, dtype_of
from pygpt.datasets.validation import check_validation, choose, count_to_train
from pygpt.errors import ConfigError, DataError, TokenError
from pygpt.files.atomic import folder_beside, free_or_ours, replace_folder
from pygpt.tokenizers.bpe import END_OF_TEXT
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.file_tokenizer import FileTokenizer
from pygpt.tokenizers.load import load_tokenizer
from pygpt.tokenizers.protocol import Tokenizer, begin_and_end, end_markers

CHARACTERS = "char"  # the tokenizer that is made from the source itself
_CANDIDATE = re.compile(r"\S(?= \S)|\S\n(?=\S)")  # where most tokenizers end a word
_CANDIDATES = 50  # places that a tokenizer is asked about before more text is waited for
_MAX_THREADS = 16  # each keeps a few megabytes


@dataclass(frozen=True)
class Prepared:
    """Immutable: how far a preparation is.

    Attributes:
        documents: that have been found.
        characters: that have been found or, as soon as all have been, encoded.
        of: how many characters there are; None while they are counted.
        tokens: that have been written.
        empty: documents without text, which are left out.
        first_empty: file and line of the first of them.
        marker, marked: what ends a text for the tokenizer, or in many a collection, and how often
            it is in the text, where it is read as text like any other.
    """

    documents: int
    characters: int
    of: int | None
    tokens: int
    empty: int = 0
    first_empty: str = ""
    marker: str = ""
    marked: int = 0


Report = Callable[[Prepared], None]


def prepare(
    source: str | os.PathLike[str],
    tokenizer: str | os.PathLike[str] | Tokenizer,
    out: str | os.PathLike[str],
    validation: float = 0.1,
    seed: int = 42,
    field: str | None = None,
    lines: bool | None = False,
    on_progress: Report | None = None,
    format: str = "",
    separator: str = "",
    encoding: str = "",
) -> Dataset:
    """Encode a source into a new dataset; one that pygpt wrote before is replaced.

    A source of one document is split by its characters, and the last part is for validation, as
    in nanoGPT. Of many documents a seeded choice is for validation; their order stays, and BOS is
    before the first, between two, and after the last of either file. Of a tokenizer whose texts end
    otherwise than they begin, each document has both ids.

    Args:
        source: `shakespeare`, `names`, a file, a folder or `-`, which is read twice; see
            `find_source`, also for `field`, `lines`, `format`, `separator` and `encoding`.
        tokenizer: `char` for an id for each character of the source (and BOS, if there are many
            documents); or what `load_tokenizer` takes; or a tokenizer.
        out: the folder to write.
        validation: the part of the characters or documents that is for validation, rounded up.
        seed: of the choice of documents.
        on_progress: called about once for each 250,000 characters.
    Raises:
        DataError: the source is missing, empty, no text, too small for the split, or changes.
        ConfigError: a validation that is no part, a field or lines that the source does not have,
            a folder within the source, many documents for a tokenizer without BOS.
        TokenError: the tokenizer cannot be loaded, or lacks a character; the message has the line.
        OutputError: the folder is not pygpt's, or cannot be written.
    """
    check_validation(validation)
    read = find_source(source, field, lines, format, separator, encoding)
    target = free_or_ours(Path(out), "dataset", is_dataset)
    if read.folder is not None and Path(os.path.realpath(read.folder)) in target.parents:
        raise ConfigError("out", f"expected a folder outside of the source, got {out}")
    chosen = None if tokenizer == CHARACTERS else tokenizer
    if isinstance(chosen, str | os.PathLike):
        chosen = load_tokenizer(chosen)
    report = on_progress if on_progress is not None else lambda progress: None
    with folder_beside(target) as staged:
        found = _survey(read, chosen, report)
        if chosen is None:
            chosen = CharTokenizer("".join(sorted(found.alphabet)), bos=found.documents > 1)
        elif begin_and_end(chosen) is None and found.documents > 1:
            raise _without_bos(chosen, found.documents)
        allotted = _allot(read, found, validation, seed)
        chosen.save(staged / TOKENIZER_FILE)
        try:
            _encode(allotted, found, chosen, staged, report)
        except TokenError as error:
            raise read.without_ids(chosen, error) from error
        replace_folder(target, staged)
    return Dataset.load(out)


def _without_bos(tokenizer: Tokenizer, documents: int) -> ConfigError:
    """Return the error of a tokenizer that says of no token that it begins or ends a text."""
    problem = f"expected one with BOS, to be between {documents:,} documents, got one without"
    specials = list(getattr(tokenizer, "specials", ()))
    if specials:
        example = json.dumps({"bos_token": specials[0]}, ensure_ascii=False)
        problem += (
            f"; say in tokenizer_config.json, beside its file, which of {', '.join(specials[:5])} "
            f"begins a text and which ends one (bos_token, eos_token), such as {example}"
        )
    return ConfigError("tokenizer", problem)


# ---- what there is ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """What a source has; `alphabet`, its characters, only if asked for; `marked`, how often a
    marker of an end is in its text."""

    name: str
    documents: int
    characters: int
    alphabet: frozenset[str]
    left: Left
    marked: Mapping[str, int]


def _survey(source: Source, tokenizer: Tokenizer | None, report: Report) -> _Found:
    """Read all of a source; without a tokenizer its characters are asked for."""
    own = () if tokenizer is None else end_markers(tokenizer)
    marked = dict.fromkeys((*own, END_OF_TEXT), 0)
    documents = characters = reported = 0
    different: set[str] = set()
    left = Left()
    for piece in source.pieces(left):
        documents += piece.ends
        characters += len(piece.text)
        if tokenizer is None:
            different.update(piece.text)
        for marker in marked:
            marked[marker] += piece.text.count(marker)
        if characters >= reported + PIECE:
            reported = characters
            report(Prepared(documents, characters, None, 0))
    if not characters:
        raise DataError(f"data {source.name}: expected text, got none")
    return _Found(source.name, documents, characters, frozenset(different), left, marked)


# ---- the split -------------------------------------------------------------------------------


def _allot(
    source: Source, found: _Found, validation: float, seed: int
) -> Iterator[tuple[int, Piece]]:
    """Return the pieces of a source, each with 0 if it is to train on, 1 if for validation."""
    if found.documents == 1:
        train = count_to_train(found.characters, validation, "characters", found.name)
        return _by_characters(source.pieces(), train)
    train = count_to_train(found.documents, validation, "documents", found.name)
    chosen = choose(found.documents, found.documents - train, seed)
    return _by_documents(source.pieces(), chosen)


def _by_characters(pieces: Iterable[Piece], train: int) -> Iterator[tuple[int, Piece]]:
    """Give the first `train` characters to train on."""
    for text, ends in pieces:
        if train > 0:
            yield 0, Piece(text[:train], False)
        if train < len(text):
            yield 1, Piece(text[max(train, 0) :], ends)
        train -= len(text)


def _by_documents(
    pieces: Iterable[Piece], chosen: Iterator[bool]
) -> Iterator[tuple[int, Piece]]:
    """Give the documents that are chosen for validation, and the others to train on."""
    begins, split = True, 0
    for piece in pieces:
        if begins:
            split = int(next(chosen, False))
        begins = piece.ends
        yield split, piece


# ---- the tokens ------------------------------------------------------------------------------


class _Part(NamedTuple):
    """Pieces of one of the two files, 0 to train on and 1 for validation, and their tokens."""

    split: int
    pieces: Sequence[Piece]
    tokens: NDArray[Any]
    text_bytes: int


def _encode(
    allotted: Iterable[tuple[int, Piece]],
    found: _Found,
    tokenizer: Tokenizer,
    folder: Path,
    report: Report,
) -> None:
    """Write the two token files, if the source still has what was found."""
    around = begin_and_end(tokenizer) if found.documents > 1 else None
    first, last = around or (None, None)
    between = first == last  # one id both ends a document and begins the next
    dtype = dtype_of(tokenizer.vocab_size)

    def encode(split: int, pieces: Sequence[Piece], begins: bool) -> _Part:
        ids: list[int] = []
        for text, ends in pieces:
            if begins and first is not None and not between:
                ids.append(first)
            if not begins and isinstance(tokenizer, FileTokenizer):
                ids += tokenizer.encode_rest(text)
            else:
                ids += tokenizer.encode(text)
            if ends and last is not None:
                ids.append(last)
            begins = ends
        text_bytes = sum(len(piece.text.encode()) for piece in pieces)
        return _Part(split, pieces, np.array(ids, dtype), text_bytes)

    characters = documents = 0
    with ExitStack() as stack:
        files = (folder / TRAIN_FILE, folder / VAL_FILE)
        writers = [stack.enter_context(TokenWriter(file, tokenizer)) for file in files]
        notes = (found.left.count, found.left.first, *max(found.marked.items(), key=_second))
        report(Prepared(found.documents, 0, found.characters, 0, *notes))
        for writer in writers:
            writer.write(np.array([first] if between and first is not None else [], dtype), 0)
        whole = allotted if tokenizer.in_pieces else _joined(allotted, tokenizer)
        for part in _in_order(encode, _batches(whole)):
            writers[part.split].write(part.tokens, part.text_bytes)
            characters += sum(len(piece.text) for piece in part.pieces)
            documents += sum(piece.ends for piece in part.pieces)
            tokens = sum(writer.count for writer in writers)
            report(Prepared(found.documents, characters, found.characters, tokens, *notes))
        if (characters, documents) != (found.characters, found.documents):
            raise DataError(f"data {found.name}: changed while it was read; try again")
        for writer in writers:
            writer.finish()


def _second(item: tuple[str, int]) -> int:
    return item[1]


def _joined(
    allotted: Iterable[tuple[int, Piece]], tokenizer: Tokenizer
) -> Iterator[tuple[int, Piece]]:
    """Yield documents, or what of one is in either file, in pieces that the tokenizer allows."""
    parts: tuple[list[str], list[str]] = ([], [])
    sizes, wanted = [0, 0], [PIECE, PIECE]
    for split, (text, ends) in allotted:
        parts[split].append(text)
        sizes[split] += len(text)
        if sizes[split] < wanted[split] and not ends:
            continue
        held = "".join(parts[split])
        while place := _place(held, tokenizer):
            yield split, Piece(held[:place], False)
            held = held[place:]
        if ends:
            yield split, Piece(held, True)
        parts[split][:] = [] if ends else [held]
        sizes[split] = 0 if ends else len(held)
        wanted[split] = max(PIECE, 2 * sizes[split])
    for split, rest in enumerate(parts):
        if rest:
            yield split, Piece("".join(rest), False)


def _place(text: str, tokenizer: Tokenizer) -> int:
    """Return where a piece of at least PIECE characters may end; 0 if nowhere."""
    if len(text) <= PIECE or not isinstance(tokenizer, FileTokenizer):
        return 0
    places = (match.end() for match in _CANDIDATE.finditer(text, PIECE - 1))
    found = (place for place in islice(places, _CANDIDATES) if tokenizer.parts_at(text, place))
    return next(found, 0)


class _Batch(NamedTuple):
    """Work for a thread: pieces of one of the two files, of which the first begins a document."""

    split: int
    pieces: list[Piece]
    begins: bool


def _batches(allotted: Iterable[tuple[int, Piece]]) -> Iterator[_Batch]:
    """Yield the pieces of each file in lists of about PIECE characters."""
    waiting: tuple[list[Piece], list[Piece]] = ([], [])
    sizes, begins = [0, 0], [True, True]
    for split, piece in allotted:
        waiting[split].append(piece)
        sizes[split] += len(piece.text)
        if sizes[split] >= PIECE:
            yield _Batch(split, waiting[split].copy(), begins[split])
            begins[split] = piece.ends
            waiting[split].clear()
            sizes[split] = 0
    for split, pieces in enumerate(waiting):
        yield _Batch(split, pieces, begins[split])


def _in_order(
    encode: Callable[[int, list[Piece], bool], _Part], batches: Iterable[_Batch]
) -> Iterator[_Part]:
    """Yield what `encode` makes of each batch, in order; threads are a few batches ahead."""
    threads = min(os.cpu_count() or 1, _MAX_THREADS)
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[_Part]] = deque()
        try:
            for batch in batches:
                ahead.append(pool.submit(encode, *batch))
                if len(ahead) > 2 * threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
