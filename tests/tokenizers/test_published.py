"""gpt2 and cl100k_base: frozen and live answers of tiktoken, what others have printed, damage."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import tiktoken_files

from jbridge import JarsNotFoundError
from jbridge.jvm import find_jars
from pygpt import BPETokenizer, TokenError, load_tokenizer, read_text
from pygpt.tokenizers.published import PUBLISHED

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tokenizers.json").read_text())


@pytest.fixture(scope="module", params=["gpt2", "cl100k_base"])
def both(request: pytest.FixtureRequest) -> tuple[str, BPETokenizer, Any]:
    """A name, our tokenizer of that name, and tiktoken's own."""
    name = request.param
    return name, load_tokenizer(name), tiktoken_files.encoding(name)


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        # https://github.com/openai/tiktoken: the docstrings of Encoding
        ("gpt2", "hello world", [31373, 995]),
        ("gpt2", "<|endoftext|>", [27, 91, 437, 1659, 5239, 91, 29]),
        ("cl100k_base", "hello world", [15339, 1917]),
        # https://github.com/openai/openai-cookbook: How_to_count_tokens_with_tiktoken.ipynb
        ("cl100k_base", "tiktoken is great!", [83, 1609, 5963, 374, 2294, 0]),
        ("gpt2", "antidisestablishmentarianism", [415, 29207, 44390, 3699, 1042]),
        ("cl100k_base", "antidisestablishmentarianism", [519, 85342, 34500, 479, 8997, 2191]),
        ("gpt2", "2 + 2 = 4", [17, 1343, 362, 796, 604]),
        ("cl100k_base", "2 + 2 = 4", [17, 489, 220, 17, 284, 220, 19]),
        (
            "cl100k_base",
            "お誕生日おめでとう",
            [33334, 45918, 243, 21990, 9080, 33334, 62004, 16556, 78699],
        ),
    ],
)
def test_what_others_have_printed(name: str, text: str, ids: list[int]) -> None:
    assert load_tokenizer(name).encode(text) == ids


def test_frozen_answers_of_tiktoken(both: tuple[str, BPETokenizer, Any]) -> None:
    name, ours, _ = both
    assert [ours.encode(text) for text in GOLDEN["texts"]] == GOLDEN["tiktoken"][name]


def test_everything_that_tiktoken_has(both: tuple[str, BPETokenizer, Any]) -> None:
    _, ours, theirs = both
    assert ours.vocab_size == theirs.n_vocab
    assert ours.specials.keys() == theirs.special_tokens_set
    assert ours.bos == theirs.eot_token
    assert list(ours.ranks) == sorted(theirs.token_byte_values(), key=theirs.encode_single_token)
    text = read_text("shakespeare")
    assert ours.encode(text) == theirs.encode_ordinary(text)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8")), st.lists(st.sampled_from([*"a1 .\n'sS"])))
def test_any_text(both: tuple[str, BPETokenizer, Any], text: str, marks: list[str]) -> None:
    _, ours, theirs = both
    specials = "".join(sorted(theirs.special_tokens_set))
    for one in (text, "".join(marks), f"{text}{specials}{text}"):
        assert ours.encode(one) == theirs.encode_ordinary(one)
        assert ours.encode(one, specials=True) == theirs.encode(one, allowed_special="all")


@pytest.fixture
def jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with JTokkit's jar, which the process uses."""
    source = next(jar for jar in find_jars() if jar.name.startswith("jtokkit-"))
    shutil.copy(source, tmp_path / source.name)
    monkeypatch.setenv("PYGPT_JARS", str(tmp_path))
    return tmp_path / source.name


def test_a_changed_file_of_ranks(jars: Path) -> None:
    name = f"com/knuddels/jtokkit/{PUBLISHED['gpt2'].file}"
    with zipfile.ZipFile(jars, "w") as jar:
        jar.writestr(name, b"IQ== 0\n")
    with pytest.raises(TokenError, match="^r50k_base.tiktoken: expected SHA-256 306cd27f.*, got "):
        load_tokenizer("gpt2")
    with pytest.raises(JarsNotFoundError, match="^cannot read com/knuddels/.*cl100k_base.tiktoken"):
        load_tokenizer("cl100k_base")


def test_a_damaged_jar(jars: Path) -> None:
    data = bytearray(jars.read_bytes())
    with zipfile.ZipFile(jars) as jar:
        inside = jar.getinfo(f"com/knuddels/jtokkit/{PUBLISHED['gpt2'].file}").header_offset
    data[inside + 1021] ^= 4
    jars.write_bytes(data)
    with pytest.raises(JarsNotFoundError, match="^cannot read com/knuddels/jtokkit/r50k_base"):
        load_tokenizer("gpt2")
    jars.write_bytes(data[:1021])
    with pytest.raises(JarsNotFoundError, match="^cannot read com/knuddels/jtokkit/r50k_base"):
        load_tokenizer("gpt2")


def test_no_jar(jars: Path) -> None:
    jars.rename(jars.with_name("other-1.0.jar"))
    with pytest.raises(JarsNotFoundError, match="^the folder of jars .* lacks jtokkit; "):
        load_tokenizer("gpt2")


def test_no_jvm(python: Any) -> None:
    code = "import jbridge.jvm, pygpt; pygpt.load_tokenizer('gpt2'); print(jbridge.jvm.started())"
    result = python("-c", code)
    assert (result.stdout, result.stderr) == ("None\n", "")
