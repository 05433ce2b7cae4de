"""Java's tokenizers give the ids that Python's give, text for text, and take them back."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jbridge
from pygpt import BPETokenizer, CharTokenizer, load_tokenizer, read_text
from pygpt.tokenizers.pretokenize import SPLITS
from pygpt.tokenizers.protocol import begin_and_end
from tests.golden.make_tokenizers import TEXTS
from tests.reference import tiktoken_files
from tests.tokenizers.families import OWN, PACKAGE, lines

BYTE_LEVEL = (
    "gpt2", "llama3", "qwen2", "smollm", "pythia", "phi2", "tekken", "roberta", "several", "course"
)  # fmt: skip
PIECES = ("llama2", "phi3", "legacy", "mistral", "metaspace", "gemma")
LINES = lines(509)


def random_texts(count: int) -> list[str]:
    """Return texts of assigned characters of all planes, beside blanks, digits and contractions."""
    rng = random.Random(7)
    planes = [(0x20, 0x7F), (0, 0x250), (0x250, 0x3000), (0x3000, 0xD800), (0x1F300, 0x1FB00)]
    often = [" ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "don't", "1234", "<|endoftext|>", "a"]
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(rng.randrange(12)):
            if rng.random() < 0.4:
                parts.append(rng.choice(often))
            else:
                first, last = rng.choice(planes)
                parts.append(chr(rng.randrange(first, last)) * rng.choice([1, 1, 2]))
        texts.append("".join(parts))
    return texts


RANDOM = random_texts(500)


@pytest.fixture(scope="module")
def java() -> Callable[[str | Path], Any]:
    """What loads a tokenizer in Java."""
    files = jbridge.java_class("org.pygpt.files.TokenizerFiles")
    return lambda where: files.load(str(where))


def ids(array: Any) -> list[int]:
    """Return Java's int[] as a list: by its memory, since an object for each int takes long."""
    return np.asarray(array, np.int32).tolist()  # type: ignore[no-any-return]


def check(java: Any, python: Any, texts: list[str]) -> None:
    """Compare ids, with special tokens and without, and what they spell."""
    for text in texts:
        for specials in (False, True):
            expected = list(python.encode(text, specials))
            assert ids(java.encode(text, specials)) == expected, ascii(text)
        assert bytes(java.decodeBytes(expected)) == python.decode_bytes(expected), ascii(text)


def check_all(java: Any, python: Any) -> None:
    """Compare two tokenizers and what they do with random texts and a book."""
    assert java.vocabSize() == python.vocab_size
    assert list(java.unused()) == list(python.unused)
    assert list(java.prefix()) == list(python.prefix)
    assert dict(java.specials()) == dict(python.specials)
    around = begin_and_end(python)
    ends = [role.getAsInt() if role.isPresent() else None for role in (java.begin(), java.end())]
    assert ends == [*(around or (None, None))]
    check(java, python, [*TEXTS, *LINES, *RANDOM])
    book = read_text("shakespeare")
    assert np.array_equal(ids(java.encode(book)), python.encode(book))


@pytest.mark.parametrize("name", ["gpt2", "cl100k_base"])
def test_published(java: Callable[[str], Any], name: str) -> None:
    check_all(java(name), load_tokenizer(name))


def test_o200k(java: Callable[[str], Any]) -> None:
    tokenizer, theirs = java("o200k_base"), tiktoken_files.encoding("o200k_base")
    assert tokenizer.vocabSize() == theirs.n_vocab
    for text in [*TEXTS, *LINES, *RANDOM]:
        found = ids(tokenizer.encode(text, True))
        assert found == theirs.encode(text, allowed_special="all"), ascii(text)
        assert tokenizer.decode(found) == text
        assert ids(tokenizer.encode(text)) == theirs.encode_ordinary(text), ascii(text)


@pytest.mark.parametrize("split", SPLITS)
def test_trained_here(java: Callable[[Path], Any], split: str, tmp_path: Path) -> None:
    tokenizer = BPETokenizer.train(read_text("shakespeare"), 1031, split)
    tokenizer.save(tmp_path / "tokenizer.json")
    check_all(java(tmp_path), tokenizer)


@pytest.mark.parametrize("bos", [False, True])
def test_characters(java: Callable[[Path], Any], bos: bool, tmp_path: Path) -> None:
    texts = [text for text in RANDOM if bos or "<|bos|>" not in text]
    tokenizer = CharTokenizer("".join(sorted({*"".join(texts), *"<|bos|>"})), bos=bos)
    tokenizer.save(tmp_path / "tokenizer.json")
    found = java(tmp_path)
    assert found.vocabSize() == tokenizer.vocab_size
    assert [found.encode("a<|bos|>b", True).length, tokenizer.bos] == (
        [3, len(tokenizer.characters)] if bos else [9, None]
    )
    for text in RANDOM:
        assert ids(found.encode(text)) == tokenizer.encode(text), ascii(text)
        assert found.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("name", BYTE_LEVEL)
def test_of_others(java: Callable[[Path], Any], name: str, tmp_path: Path) -> None:
    OWN[name]().save(str(tmp_path / "tokenizer.json"))
    check_all(java(tmp_path), load_tokenizer(tmp_path))


@pytest.mark.parametrize("name", PIECES)
def test_from_sentence_piece(java: Callable[[Path], Any], name: str, tmp_path: Path) -> None:
    OWN[name]().save(str(tmp_path / "tokenizer.json"))
    found, python = java(tmp_path), load_tokenizer(tmp_path)
    assert (found.vocabSize(), found.strips()) == (python.vocab_size, python.strips)
    assert (list(found.unused()), list(found.prefix())) == (list(python.unused), [*python.prefix])
    check(found, python, [*TEXTS, *LINES, *RANDOM])
    given = python.encode("  So be it")
    assert found.decode(given) == python.decode(given)


@pytest.mark.parametrize(("begin", "end"), [("<|begin_of_text|>", "<|eot_id|>"), ("x", "y")])
def test_ends_are_named_beside_it(
    java: Callable[[Path], Any], begin: str, end: str, tmp_path: Path
) -> None:
    """They may be ordinary tokens."""
    OWN["llama3"]().save(str(tmp_path / "tokenizer.json"))
    roles = {"bos_token": begin, "eos_token": {"content": end}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(roles))
    tokenizer, python = java(tmp_path), load_tokenizer(tmp_path)
    assert (tokenizer.begin().getAsInt(), tokenizer.end().getAsInt()) == (python.bos, python.eos)
    python.save(tmp_path / "again.json")
    (tmp_path / "tokenizer_config.json").unlink()
    again = java(tmp_path / "again.json")
    assert (again.begin().getAsInt(), again.end().getAsInt()) == (python.bos, python.eos)


@pytest.mark.parametrize("name", ["suffixed", "unigram", "word_piece"])
def test_what_java_lacks_is_refused(
    java: Callable[[Path], Any], name: str, tmp_path: Path
) -> None:
    (OWN | PACKAGE)[name]().save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(Exception, match=r"tokenizer file .*: (decoder|model\.\w+): expected"):
        java(tmp_path)


def test_vocabulary_and_merges(java: Callable[[Path], Any], tmp_path: Path) -> None:
    values = json.loads(read_golden())
    (tmp_path / "vocab.json").write_text(json.dumps(values["model"]["vocab"]))
    merges = [merge if isinstance(merge, str) else " ".join(merge)
              for merge in values["model"]["merges"]]  # fmt: skip
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    for name in ("GPT2Tokenizer", "Qwen2TokenizerFast"):
        config = {"tokenizer_class": name, "eos_token": "<|endoftext|>"}
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
        found, expected = java(tmp_path), load_tokenizer(tmp_path)
        check(found, expected, [*TEXTS, *RANDOM[:200]])


def read_golden() -> str:
    """Return a tokenizer.json of GPT-2's kind."""
    return (Path(__file__).parents[1] / "golden/hugging_face.json").read_text(encoding="utf-8")
