"""Tokenizers of others: the ids of `tokenizers` on many scripts, ends, files, what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pygpt import BPETokenizer, ConfigError, TokenError, load_tokenizer, prepare
from pygpt.datasets import prepare as preparing
from pygpt.tokenizers.file_tokenizer import FileTokenizer
from tests.tokenizers.families import OWN, PACKAGE, lines

LINES = lines(1009)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Each family by the package, and in a folder by its name."""
    folder = tmp_path_factory.mktemp("families")
    tokenizers = {name: make() for name, make in (OWN | PACKAGE).items()}
    for name, tokenizer in tokenizers.items():
        (folder / name).mkdir()
        tokenizer.save(str(folder / name / "tokenizer.json"))
    return {"folder": folder, **tokenizers}


@pytest.mark.parametrize("name", [*OWN, *PACKAGE])
@pytest.mark.parametrize("specials", [False, True])
def test_ids_are_those_of_the_package(made: dict[str, Any], name: str, specials: bool) -> None:
    tokenizer, theirs = load_tokenizer(made["folder"] / name), made[name]
    theirs.encode_special_tokens = not specials
    expected = theirs.encode_batch(LINES, add_special_tokens=False)
    for line, encoding in zip(LINES, expected, strict=True):
        assert tokenizer.encode(line, specials=specials) == encoding.ids, ascii(line)


@pytest.mark.parametrize("name", sorted(OWN.keys() - {"suffixed", "legacy"}))
def test_text_is_that_of_the_package(made: dict[str, Any], name: str) -> None:
    tokenizer, theirs = load_tokenizer(made["folder"] / name), made[name]
    theirs.encode_special_tokens = True
    encoded = [e.ids for e in theirs.encode_batch(LINES, add_special_tokens=False)]
    expected = theirs.decode_batch(encoded, skip_special_tokens=False)
    for ids, text in zip(encoded, expected, strict=True):
        found = tokenizer.decode(ids)
        if "\ufffd" not in text:  # broken characters: how many signs stand for one may differ
            assert found == text
        pieces = b"".join(tokenizer.decode_bytes([i]) for i in ids)
        assert pieces.decode("utf-8", "replace").removeprefix(" " * tokenizer.strips) == found


@pytest.mark.parametrize("name", ["llama3", "llama2", "mistral", "gemma", "tekken"])
def test_a_template_is_the_prefix(made: dict[str, Any], name: str) -> None:
    tokenizer, theirs = load_tokenizer(made["folder"] / name), made[name]
    theirs.encode_special_tokens = True
    expected = theirs.encode("The river").ids
    assert [*tokenizer.prefix, *tokenizer.encode("The river")] == expected
    assert len(tokenizer.prefix) == 1


def test_a_long_text_without_blanks(made: dict[str, Any]) -> None:
    text = "".join(LINES)[:30_000] + "ab" * 3000
    for name in ("llama2", "mistral", "gpt2", "gemma"):
        theirs = made[name]
        theirs.encode_special_tokens = True
        expected = theirs.encode(text, add_special_tokens=False).ids
        assert load_tokenizer(made["folder"] / name).encode(text) == expected


@pytest.mark.parametrize("name", [*OWN, *PACKAGE])
def test_a_long_text_in_pieces(
    made: dict[str, Any], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One text that is encoded in pieces has the ids of the whole, wherever they end."""
    monkeypatch.setattr(preparing, "PIECE", 211)
    text = "\n".join(LINES[:160]).replace("\0", "")
    (tmp_path / "text").write_text(text, encoding="utf-8", newline="")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    tokenizer = load_tokenizer(made["folder"] / name)
    counts: list[int] = []
    data = prepare(
        tmp_path / "text", tokenizer, tmp_path / "data",
        on_progress=lambda at: counts.append(at.characters),
    )  # fmt: skip
    at = len(text) * 9 // 10
    assert data.train.tokens.tolist() == tokenizer.encode(text[:at])
    assert data.val.tokens.tolist() == tokenizer.encode(text[at:])
    if name in IN_PIECES:
        assert len({*counts}) > 20


IN_PIECES = OWN.keys() - {"suffixed", "legacy", "gpt2"}  # tiktoken runs the last


# ---- where a text begins and ends ------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("tokenizer_config.json", {"bos_token": "<s>", "eos_token": {"content": "</s>"}}),
        ("special_tokens_map.json", {"bos_token": "<s>", "eos_token": "</s>"}),
        ("generation_config.json", {"bos_token_id": 1, "eos_token_id": [2, 1]}),
        ("config.json", {"bos_token_id": 1, "eos_token_id": 2}),
    ],
)
def test_ends_are_named_beside_it(
    made: dict[str, Any], tmp_path: Path, file: str, values: dict[str, Any]
) -> None:
    made["llama2"].save(str(tmp_path / "tokenizer.json"))
    (tmp_path / file).write_text(json.dumps(values))
    tokenizer = load_tokenizer(tmp_path)
    assert isinstance(tokenizer, FileTokenizer)
    assert (tokenizer.bos, tokenizer.eos, tokenizer.pad) == (1, 2, None)
    tokenizer.save(tmp_path / "alone.json")
    again = load_tokenizer(tmp_path / "alone.json")
    assert again == tokenizer and (again.bos, again.eos) == (1, 2)
    theirs = type(made["llama2"]).from_file(str(tmp_path / "alone.json"))  # who read it, too
    theirs.encode_special_tokens = True
    assert theirs.encode(LINES[1], add_special_tokens=False).ids == again.encode(LINES[1])


@pytest.mark.parametrize("name", ["llama2", "gpt2", *PACKAGE])
def test_ends_that_are_no_added_tokens(made: dict[str, Any], tmp_path: Path, name: str) -> None:
    """They are kept, and the file is the same to `tokenizers`."""
    values = json.loads(made[name].to_str())
    vocabulary = values["model"]["vocab"]
    texts = list(vocabulary) if isinstance(vocabulary, dict) else [text for text, _ in vocabulary]
    added = {token["content"] for token in values["added_tokens"]}
    begin, end = [text for text in texts[5:] if text not in added and len(text) < 3][:2]
    made[name].save(str(tmp_path / "tokenizer.json"))
    config = {"bos_token": begin, "eos_token": end}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = load_tokenizer(tmp_path)
    if name == "gpt2":  # whose ends are special tokens
        assert isinstance(tokenizer, BPETokenizer)
        return
    assert isinstance(tokenizer, FileTokenizer)
    expected = tokenizer.ids[begin], tokenizer.ids[end]
    assert (tokenizer.bos, tokenizer.eos) == expected
    tokenizer.save(tmp_path / "alone.json")
    again = load_tokenizer(tmp_path / "alone.json")
    assert again == tokenizer and again.fingerprint == tokenizer.fingerprint
    assert (again.bos, again.eos) == expected
    again.save(tmp_path / "twice.json")
    assert (tmp_path / "twice.json").read_bytes() == (tmp_path / "alone.json").read_bytes()
    theirs = type(made[name]).from_file(str(tmp_path / "alone.json"))
    theirs.encode_special_tokens = made[name].encode_special_tokens = True
    for line in LINES[:50]:
        found = theirs.encode(line, add_special_tokens=False).ids
        assert found == made[name].encode(line, add_special_tokens=False).ids


def test_special_tokens_of_bytes_that_others_name(made: dict[str, Any], tmp_path: Path) -> None:
    """A file like GPT-2's whose end has another name: case of `<s> <pad> </s>`."""
    made["smollm"].save(str(tmp_path / "tokenizer.json"))
    config = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = load_tokenizer(tmp_path)
    assert (tokenizer.bos, tokenizer.eos) == (1, 2)


def test_named_ends_of_bytes_are_kept(tmp_path: Path) -> None:
    """A file that our own byte-level tokenizer reads, but for its ends, stays what it was."""
    theirs = OWN["gpt2"]()
    theirs.add_special_tokens(["<b>", "<c>"])
    begin, end = map(theirs.token_to_id, ("<b>", "<c>"))
    theirs.save(str(tmp_path / "tokenizer.json"))
    config = {"bos_token": "<b>", "eos_token": "<c>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = load_tokenizer(tmp_path)
    (tmp_path / "names.txt").write_text("anna\nben\n")
    data = prepare(tmp_path / "names.txt", tmp_path, tmp_path / "data", lines=True, validation=0.5)
    assert data.tokenizer == tokenizer and data.tokenizer.eos == end
    assert [data.train.tokens[0], data.train.tokens[-1]] == [begin, end]


def test_end_of_text_needs_no_name(made: dict[str, Any], tmp_path: Path) -> None:
    """A file alone, with GPT-2's special token, begins and ends texts with it; Llama's does not."""
    made["smollm"].save(str(tmp_path / "smollm.json"))
    tokenizer = load_tokenizer(tmp_path / "smollm.json")
    assert isinstance(tokenizer, FileTokenizer)
    assert tokenizer.bos == made["smollm"].token_to_id("<|endoftext|>") and tokenizer.eos is None
    made["llama2"].save(str(tmp_path / "llama.json"))
    assert load_tokenizer(tmp_path / "llama.json").bos is None
    (tmp_path / "names.txt").write_text("anna\nben\n")
    data = prepare(tmp_path / "names.txt", tokenizer, tmp_path / "data", lines=True, validation=0.5)
    assert data.tokenizer.bos == tokenizer.bos == data.train.tokens[0]
    with pytest.raises(ConfigError, match=r"say in tokenizer_config.json, .* which of .*<s>, </s>"):
        prepare(tmp_path / "names.txt", tmp_path / "llama.json", tmp_path / "more", lines=True)


# ---- other forms -----------------------------------------------------------------------------


def test_vocabulary_and_merges(made: dict[str, Any], tmp_path: Path) -> None:
    made["gpt2"].model.save(str(tmp_path))
    tokenizer, theirs = load_tokenizer(tmp_path), made["gpt2"]
    theirs.encode_special_tokens = True
    assert tokenizer.eos == 0 == theirs.token_to_id("<|endoftext|>")
    for line in LINES[:97]:
        assert tokenizer.encode(line) == theirs.encode(line, add_special_tokens=False).ids
    (tmp_path / "added_tokens.json").write_text('{"<user>": 1100}')
    assert load_tokenizer(tmp_path).encode("a<user>b")[1:-1] == [1100]
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    with pytest.raises(TokenError, match="tokenizer_class: expected GPT2Tokenizer or Qwen2Toke"):
        load_tokenizer(tmp_path)


def test_added_tokens_that_are_not_special(tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    from pygpt import BPETokenizer

    BPETokenizer.train("low lower lowest", 262).save(tmp_path / "ours.json")
    theirs = Tokenizer.from_file(str(tmp_path / "ours.json"))
    theirs.add_tokens(["<user>", "<bot>"])
    theirs.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_tokenizer(tmp_path)
    text = "<user>low <bot> lowest<|endoftext|>"
    theirs.encode_special_tokens = True
    assert tokenizer.encode(text) == theirs.encode(text).ids
    theirs.encode_special_tokens = False
    assert tokenizer.encode(text, specials=True) == theirs.encode(text).ids
    assert tokenizer.vocab_size == 264


def test_without_the_package(
    made: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    for name in PACKAGE:
        with pytest.raises(TokenError) as caught:
            load_tokenizer(made["folder"] / name)
        assert "\n" not in str(caught.value)
        assert "needs the package tokenizers: pip install 'pygpt[tokenizers]'" in str(caught.value)
    for name in OWN:
        load_tokenizer(made["folder"] / name)


def test_sentence_piece_alone(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(b"\n\x0e\n\x05<unk>")
    with pytest.raises(TokenError, match="there is tokenizer.model alone, which transformers conv"):
        load_tokenizer(tmp_path)


def test_half_a_surrogate_pair(made: dict[str, Any]) -> None:
    with pytest.raises(TokenError, match="half a surrogate pair at 1$"):
        load_tokenizer(made["folder"] / "llama2").encode("a\ud800")


def test_unused_ids(made: dict[str, Any], tmp_path: Path) -> None:
    size = made["llama2"].get_vocab_size()
    values = json.loads(made["llama2"].to_str())
    far = values["added_tokens"][0] | {"id": size + 7, "content": "<far>"}
    values["added_tokens"].append(far)
    (tmp_path / "tokenizer.json").write_text(json.dumps(values))
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.vocab_size == size + 8 and tokenizer.unused == (*range(size, size + 7),)
    with pytest.raises(TokenError, match=f"^ids: expected 0 to {size + 7}, got {size}$"):
        tokenizer.decode([5, size])
