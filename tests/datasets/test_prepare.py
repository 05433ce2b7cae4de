"""Datasets: their tokens, the split, BOS between documents, and nothing lost when it goes wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygpt import (
    BPETokenizer,
    CharTokenizer,
    ConfigError,
    DataError,
    Dataset,
    TokenError,
    load_tokenizer,
    prepare,
    read_documents,
    read_text,
)
from pygpt.datasets import prepare as preparing
from pygpt.datasets import readers
from pygpt.datasets.cut import cut
from pygpt.datasets.prepare import Prepared
from pygpt.datasets.validation import choose, count_to_train
from pygpt.errors import OutputError

DOCUMENTS = ["one two", "th\u00e9e", "\U0001f404", "five\n\nsix " * 30, "seven", "8", "9", "ten a"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of 17 characters, so that many are on their way through the threads."""
    monkeypatch.setattr(readers, "cut", partial(cut, size=17, longest=100))
    monkeypatch.setattr(preparing, "PIECE", 17)


def _documents(folder: str = "top") -> None:
    """Write the documents, one a file."""
    Path(folder).mkdir()
    for number, text in enumerate(DOCUMENTS):
        Path(folder, f"{number}.txt").write_text(text)


def _decoded(tokens: Any, tokenizer: BPETokenizer | CharTokenizer) -> list[str]:
    """Return the documents between BOS and BOS."""
    ends = np.flatnonzero(tokens == tokenizer.bos)
    assert (ends[0], ends[-1]) == (0, len(tokens) - 1)
    return [tokenizer.decode(tokens[a + 1 : b].tolist()) for a, b in pairwise(ends)]


# ---- one text --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        # https://github.com/karpathy/nanoGPT: data/shakespeare_char/readme.md, data/shakespeare/
        ("char", (1003854, 111540)),
        ("gpt2", (301966, 36059)),
    ],
)
def test_shakespeare_as_in_nanogpt(name: str, counts: tuple[int, int]) -> None:
    dataset = prepare("shakespeare", name, "out")
    assert (len(dataset.train), len(dataset.val)) == counts
    assert (dataset.train.text_bytes, dataset.val.text_bytes) == (1003854, 111540)
    text, tokenizer = read_text("shakespeare"), dataset.tokenizer
    if name == "char":
        assert tokenizer == CharTokenizer.train([text], bos=False)
    else:
        assert tokenizer == load_tokenizer(name)
    np.testing.assert_array_equal(dataset.train.tokens, tokenizer.encode(text[:1003854]))
    np.testing.assert_array_equal(dataset.val.tokens, tokenizer.encode(text[1003854:]))
    assert sorted(os.listdir("out")) == ["tokenizer.json", "train.bin", "val.bin"]
    again = Dataset.load("out")
    assert again.tokenizer == tokenizer and again.train.tokens.dtype == np.uint16
    np.testing.assert_array_equal(again.val.tokens, dataset.val.tokens)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("validation", [0.001, 0.3, 0.5, 0.9, 0.999])
def test_one_text_in_many_pieces(validation: float) -> None:
    text = read_text("shakespeare")[:9973].replace("e", "\u00e9")
    Path("text").write_text(text, newline="")
    tokenizer = BPETokenizer.train(text, 600, "cl100k")
    dataset = prepare("text", tokenizer, "out", validation)
    end = 9973 - {0.001: 10, 0.3: 2992, 0.5: 4987, 0.9: 8976, 0.999: 9964}[validation]
    np.testing.assert_array_equal(dataset.train.tokens, tokenizer.encode(text[:end]))
    np.testing.assert_array_equal(dataset.val.tokens, tokenizer.encode(text[end:]))
    assert dataset.train.text_bytes == len(text[:end].encode())
    assert dataset.val.text_bytes == len(text[end:].encode())


def test_a_vocabulary_of_four_bytes() -> None:
    trained = BPETokenizer.train("low lower lowest", 260)
    tokenizer = BPETokenizer(trained.ranks, {"<|endoftext|>": 2**16})
    Path("lines").write_text("low\nlower\n")
    dataset = prepare("lines", tokenizer, "out", 0.5, lines=True)
    for file in (dataset.train, dataset.val):
        assert file.tokens.dtype == np.uint32 and (file.tokens[[0, -1]] == 2**16).all()
    decoded = [_decoded(file.tokens, tokenizer) for file in (dataset.train, dataset.val)]
    assert sorted(decoded) == [["low"], ["lower"]]


def test_one_document_is_one_text() -> None:
    """However it came: no BOS, and the last part is for validation."""
    Path("one.jsonl").write_text('{"text": "abcabcabca"}\n')
    Path("top").mkdir()
    Path("top/one.txt").write_text("abcabcabca")
    for source in ("one.jsonl", "top"):
        dataset = prepare(source, "char", "out")
        assert dataset.tokenizer == CharTokenizer("abc", bos=False)
        assert dataset.train.tokens.tolist() == [0, 1, 2] * 3
        assert dataset.val.tokens.tolist() == [0]


# ---- many documents --------------------------------------------------------------------------


def test_names() -> None:
    dataset, documents = prepare("names", "char", "out"), read_documents()
    assert dataset.tokenizer == CharTokenizer.train(documents)
    train = _decoded(dataset.train.tokens, dataset.tokenizer)
    val = _decoded(dataset.val.tokens, dataset.tokenizer)
    assert (len(train), len(val)) == (28829, 3204)  # a tenth of 32,033, rounded up
    assert sorted(train + val) == sorted(documents)
    assert dataset.val.text_bytes == sum(map(len, val))


def test_the_choice_is_from_everywhere_and_the_order_stays() -> None:
    Path("lines").write_text("\n".join(map(str, range(7001))))
    dataset = prepare("lines", "char", "out", 0.2, lines=True)
    files = (dataset.train, dataset.val)
    parts = [_decoded(file.tokens, dataset.tokenizer) for file in files]
    train, val = (list(map(int, part)) for part in parts)
    assert train == sorted({*range(7001)} - {*val}) and val == sorted(val) and len(val) == 1401
    spread = np.histogram(val, 7, (0, 7001))[0]
    assert spread.min() > 150 and spread.max() < 250  # 200 each, ± 4 deviations of 12.6


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_documents_of_any_length(kind: str) -> None:
    _documents()
    tokenizer = "char" if kind == "char" else BPETokenizer.train(DOCUMENTS, 263)
    dataset = prepare("top", tokenizer, "out", validation=0.4)
    train = _decoded(dataset.train.tokens, dataset.tokenizer)
    val = _decoded(dataset.val.tokens, dataset.tokenizer)
    assert len(val) == 4 and [text for text in DOCUMENTS if text in train] == train
    assert [text for text in DOCUMENTS if text not in train] == val
    encode, bos = dataset.tokenizer.encode, dataset.tokenizer.bos
    expected = [[bos], *([*encode(text), bos] for text in train)]
    assert dataset.train.tokens.tolist() == [i for ids in expected for i in ids]
    assert dataset.train.text_bytes == sum(len(text.encode()) for text in train)


def test_the_seed_decides_the_choice() -> None:
    _documents()
    chosen: list[list[str]] = []
    for seed in (1, 1, 2, 3, -4):
        dataset = prepare("top", "char", "out", 0.3, seed)
        chosen.append(_decoded(dataset.val.tokens, dataset.tokenizer))
    assert chosen[0] == chosen[1] and len({*map(tuple, chosen)}) > 2


def test_lines_and_fields() -> None:
    Path("lines").write_text("ab\n\n ba \n")
    Path("texts.jsonl").write_text('{"body": "ab"}\n{"body": "ba"}\n')
    for dataset in (
        prepare("lines", "char", "out", lines=True),
        prepare("texts.jsonl", "char", "out", field="body"),
    ):
        both = sorted([dataset.train.tokens.tolist(), dataset.val.tokens.tolist()])
        assert both == [[2, 0, 1, 2], [2, 1, 0, 2]]
    assert prepare("lines", "char", "out").tokenizer == CharTokenizer("\n ab", bos=False)


@given(st.integers(2, 500), st.integers(1, 999), st.integers())
def test_the_split_of_documents(count: int, thousandths: int, seed: int) -> None:
    validation = thousandths / 1000
    wanted = -(-count * thousandths // 1000)  # rounded up
    if wanted == count:
        problem = f"^data x: expected documents enough to split, got {count}; a validation split "
        with pytest.raises(DataError, match=problem):
            count_to_train(count, validation, "documents", "x")
        return
    assert count_to_train(count, validation, "documents", "x") == count - wanted
    chosen = list(choose(count, wanted, seed))
    assert (len(chosen), sum(chosen)) == (count, wanted)


def test_every_choice_is_as_likely() -> None:
    found = [tuple(choose(4, 2, seed)) for seed in range(6000)]
    counts = [found.count(one) for one in {*found}]
    assert len(counts) == 6 and 870 < min(counts) and max(counts) < 1130  # 1000 ± 4.5 * 29


def test_progress() -> None:
    seen: list[Prepared] = []
    dataset = prepare("shakespeare", "char", "out", on_progress=seen.append)
    counted = [at for at in seen if at.of is None]
    encoded = seen[len(counted) :]
    assert len(counted) == 4 and all(at.documents == at.tokens == 0 for at in counted)
    assert all((at.documents, at.of) == (1, 1115394) for at in encoded) and len(encoded) > 5
    assert (encoded[0].characters, encoded[0].tokens) == (0, 0)
    assert encoded[-1].characters == encoded[-1].tokens == 1115394
    for part in (counted, encoded):
        assert part == sorted(part, key=lambda at: (at.characters, at.tokens))
    assert len(dataset.train) + len(dataset.val) == 1115394


# ---- what is wrong ---------------------------------------------------------------------------


def _tree() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def _refuses(kind: type[Exception], message: str, *arguments: Any, **options: Any) -> None:
    """It must raise this, and leave the folder as it was."""
    before, names = _tree(), sorted(map(str, Path().rglob("*")))
    with pytest.raises(kind) as caught:
        prepare(*arguments, **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert _tree() == before and sorted(map(str, Path().rglob("*"))) == names


@pytest.fixture(params=["new", "old"])
def out(request: pytest.FixtureRequest) -> Iterator[str]:
    """A folder that is not there, or a dataset, which must not be lost."""
    if request.param == "old":
        prepare("names", "char", "old")
    yield request.param


def test_bad_sources(out: str) -> None:
    Path("empty").write_text("")
    Path("blank").write_text(" \n\n")
    Path("one").write_text("a")
    Path("binary").write_bytes(b"good\n" * 9 + b"\0")
    Path("late.jsonl").write_text('{"text": "a"}\n' * 9 + "{}\n")
    Path("top").mkdir()
    Path("top/a").write_text("")
    _refuses(DataError, "data file none: there is no such file", "none", "char", out)
    _refuses(DataError, "data empty: expected text, got none", "empty", "char", out)
    _refuses(DataError, "data top: expected text, got none", "top", "char", out)
    _refuses(DataError, "data blank: expected text, got none", "blank", "char", out, lines=True)
    _refuses(DataError, "binary file (a zero byte at offset 45)", "binary", "gpt2", out)
    _refuses(DataError, "late.jsonl: line 10: expected a field", "late.jsonl", "gpt2", out)
    one = "data one: expected characters enough to split, got 1; a validation split of 0.1 leaves"
    _refuses(DataError, one, "one", "char", out)
    two = "data lines: expected documents enough to split, got 2; a validation split of 0.6 leaves"
    Path("lines").write_text("a\nb\n")
    _refuses(DataError, two, "lines", "char", out, 0.6, lines=True)


def test_bad_options(out: str) -> None:
    for validation in (0, 1, -0.1, 1.5, float("nan"), float("inf")):
        message = f"validation: expected more than 0 and less than 1, got {validation}"
        _refuses(ConfigError, message, "names", "char", out, validation)
    _refuses(ConfigError, "field: expected JSON-lines", "names", "char", out, field="text")
    Path("a.jsonl").write_text("{}")
    _refuses(ConfigError, "lines: expected text", "a.jsonl", "char", out, lines=True)
    _refuses(TokenError, "tokenizer gpt3: expected a folder", "names", "gpt3", out)
    lacks = CharTokenizer("abc")
    _refuses(TokenError, "text: expected known characters, got 'e'", "names", lacks, out)
    plain = CharTokenizer.train(read_documents(), bos=False)
    message = "tokenizer: expected one with BOS, to be between 32,033 documents, got one without"
    _refuses(ConfigError, message, "names", plain, out)


def test_what_is_not_ours_is_kept() -> None:
    Path("file").write_text("keep me")
    Path("folder").mkdir()
    prepare("names", "char", "more")
    Path("more/notes").write_text("keep me")
    prepare("names", "char", "other")
    Path("other/val.bin").write_bytes(b"keep me")
    for name in ("file", "folder", "more", "other", "."):
        message = f"output folder {name}: exists and is no dataset that pygpt wrote; choose another"
        _refuses(OutputError, message, "names", "char", name)
    _refuses(OutputError, "cannot be written: Not a directory", "names", "char", "file/out")


def test_ours_is_replaced() -> None:
    prepare("names", "char", "out")
    held = Dataset.load("out")
    before = held.train.tokens.copy()
    dataset = prepare("shakespeare", "char", "out")
    assert (len(dataset.train), os.listdir()) == (1003854, ["out"])
    np.testing.assert_array_equal(held.train.tokens, before)  # who reads the old one, goes on


def test_a_folder_within_the_source() -> None:
    _documents()
    Path("link").symlink_to("top")
    for out in ("top/out", "link/out", "top/../top/out"):
        message = f"out: expected a folder outside of the source, got {out}"
        _refuses(ConfigError, message, "top", "char", out)
    Path("names").mkdir()
    prepare("names", "char", "names/out")  # not the source, though it has its name


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("change", ["longer", "shorter", "gone", "binary"])
def test_a_source_that_changes(change: str, out: str) -> None:
    """After it was counted: what was counted is not what is encoded."""
    Path("words").write_text("word " * 99)

    def edit(at: Prepared) -> None:
        if at.of is not None and at.characters == 0:
            if change == "gone":
                Path("words").unlink()
            else:
                new = {"longer": "word " * 100, "shorter": "word " * 98, "binary": "\0"}[change]
                Path("words").write_text(new)

    message = {
        "gone": "data file words: cannot be read: No such file or directory",
        "binary": "data file words: expected text, got a binary file",
    }.get(change, "data words: changed while it was read; try again")
    others = {*os.listdir()} - {"words"}
    with pytest.raises(DataError) as caught:
        prepare("words", "char", out, on_progress=edit)
    assert message in str(caught.value)
    assert {*os.listdir()} - {"words"} == others


@pytest.mark.parametrize("fails", ["fsync", "rename"])
def test_a_full_disk(fails: str, out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, fails, full)
    _refuses(OutputError, "cannot be written: No space left on device", "names", "char", out)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_interrupted(error: type[BaseException], out: str) -> None:
    Path("words").write_text("word " * 999)

    def interrupt(at: Prepared) -> None:
        if at.of is not None and at.characters > 500:
            raise error

    before = _tree()
    with pytest.raises(error):
        prepare("words", "char", out, on_progress=interrupt)
    assert _tree() == before and not list(Path().glob(".*"))


def test_damaged_datasets() -> None:
    for kind, message, name, content in [
        (DataError, "dataset folder none: does not exist; `pygpt prepare` makes one", None, b""),
        (TokenError, "tokenizer.json: expected a folder, a file", "tokenizer.json", None),
        (TokenError, "tokenizer.json: is damaged", "tokenizer.json", b"{"),
        (DataError, "token file out/val.bin: cannot be read: No such file", "val.bin", None),
        (DataError, "token file out/train.bin: expected a file of", "train.bin", b"text"),
    ]:
        prepare("names", "char", "out")
        if name is not None and content is None:
            Path("out", name).unlink()
        elif name is not None:
            Path("out", name).write_bytes(content or b"")
        with pytest.raises(kind) as caught:
            Dataset.load("none" if name is None else "out")
        assert message in str(caught.value)
        for file in Path("out").iterdir():
            file.unlink()
        Path("out").rmdir()
    Path("file").write_text("")
    with pytest.raises(DataError, match="^dataset folder file: is no folder; "):
        Dataset.load("file")


def test_a_tokenizer_that_was_exchanged() -> None:
    prepare("names", "char", "out")
    Path("out/tokenizer.json").unlink()
    CharTokenizer("ab").save("out/tokenizer.json")
    with pytest.raises(DataError, match="train.bin: expected tokens of the tokenizer [0-9a-f]{12}"):
        Dataset.load("out")
