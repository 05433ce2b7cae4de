"""Saved tokenizers: round trips, Hugging Face's side of them, damage of each kind, names."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pygpt import BPETokenizer, CharTokenizer, TokenError, load_tokenizer, read_text
from pygpt.errors import OutputError

GOLDEN = Path(__file__).parents[1] / "golden"
FROZEN = json.loads((GOLDEN / "tokenizers.json").read_text())
TOKENIZERS: dict[str, BPETokenizer | CharTokenizer] = {
    "char": CharTokenizer('\n "\\a\u00e9\U0001f404'),
    "char_without_bos": CharTokenizer("ab", bos=False),
    "gpt2": BPETokenizer.train("abracadabra", 260),
    "cl100k": BPETokenizer.train("low lower lowest\n\n", 261, "cl100k", ("<a>", "\u00e9\u20ac")),
    "no_specials": BPETokenizer.train("", 256, specials=()),
}


@pytest.mark.parametrize("name", TOKENIZERS)
def test_round_trip(name: str, tmp_path: Path) -> None:
    saved, path = TOKENIZERS[name], tmp_path / "tokenizer.json"
    saved.save(path)
    for loaded in (load_tokenizer(tmp_path), load_tokenizer(str(path)), type(saved).load(path)):
        assert loaded == saved and loaded.fingerprint == saved.fingerprint
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    with pytest.raises(OutputError, match="tokenizer.json: exists; "):
        saved.save(path)


def test_published_ones_can_be_saved(tmp_path: Path) -> None:
    saved = load_tokenizer("gpt2")
    saved.save(tmp_path / "gpt2")
    assert load_tokenizer(tmp_path / "gpt2") == saved


@pytest.mark.parametrize("split", ["gpt2", "cl100k"])
def test_hugging_face_reads_ours(split: str) -> None:
    """Frozen: the ids that `tokenizers` gave with the file that this tokenizer writes."""
    tokenizer = BPETokenizer.train(read_text("shakespeare"), 1031, split)
    found = [tokenizer.encode(text, specials=True) for text in FROZEN["texts"]]
    assert found == FROZEN["files"][split]


def test_hugging_face_reads_our_characters() -> None:
    tokenizer = CharTokenizer.train(FROZEN["texts"])
    assert [tokenizer.encode(text) for text in FROZEN["texts"]] == FROZEN["files"]["char"]


def test_we_read_hugging_faces() -> None:
    tokenizer = load_tokenizer(GOLDEN / "hugging_face.json")
    assert tokenizer == BPETokenizer.train(read_text("shakespeare"), 307, "cl100k", ())


def test_we_read_the_form_of_gpt2s_file(tmp_path: Path) -> None:
    """Merges as text, `""` for what is left out, and a step that only trims offsets."""
    TOKENIZERS["gpt2"].save(tmp_path / "tokenizer.json")
    values = json.loads((tmp_path / "tokenizer.json").read_text())
    off = {"continuing_subword_prefix": "", "end_of_word_suffix": "", "unk_token": "<|endoftext|>"}
    values["model"] |= off
    for name in ("byte_fallback", "ignore_merges", "fingerprint"):
        values["model"].pop(name)
    cut = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    values |= {"pre_tokenizer": cut, "decoder": cut, "post_processor": cut}
    (tmp_path / "tokenizer.json").write_text(json.dumps(values))
    assert load_tokenizer(tmp_path) == TOKENIZERS["gpt2"]


def _edit(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Change the JSON and take the fingerprint off, which would show any change."""

    def edit(path: Path) -> None:
        values = json.loads(path.read_text(encoding="utf-8"))
        values["model"].pop("fingerprint")
        change(values)
        path.write_text(json.dumps(values), encoding="utf-8")

    return edit


def _swap(values: dict[str, Any]) -> None:
    merges = values["model"]["merges"]
    merges[0], merges[1] = merges[1], merges[0]


EMPTY_TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [{"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {},
}
IDLE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "template": lambda v: v.update(post_processor=EMPTY_TEMPLATE),
    "templates": lambda v: v.update(
        post_processor={"type": "Sequence", "processors": [EMPTY_TEMPLATE, EMPTY_TEMPLATE]}
    ),
    "normalizers": lambda v: v.update(normalizer={"type": "Sequence", "normalizers": []}),
    "ignore_merges": lambda v: v["model"].update(ignore_merges=True),
}


@pytest.mark.parametrize("case", IDLE)
def test_steps_that_do_nothing(case: str, tmp_path: Path) -> None:
    """transformers writes them when it saves a tokenizer; ours stays what it was."""
    TOKENIZERS["gpt2"].save(tmp_path / "tokenizer.json")
    _edit(IDLE[case])(tmp_path / "tokenizer.json")
    assert load_tokenizer(tmp_path) == TOKENIZERS["gpt2"]


OTHERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "suffix": lambda v: v["model"].update(end_of_word_suffix="</w>"),
    "normalizer": lambda v: v.update(normalizer={"type": "NFC"}),
    "prefix_space": lambda v: v["pre_tokenizer"].update(add_prefix_space=True),
    "other_split": lambda v: v.update(pre_tokenizer={"type": "Whitespace"}),
    "no_byte": lambda v: v["model"]["vocab"].pop("c"),
    "not_spelled": lambda v: v["model"]["vocab"].update({"a b": 300}),
    "not_merged": lambda v: v["model"]["vocab"].update(xyz=300),
    "merge_order": _swap,
    "merge_missing": lambda v: v["model"]["merges"].pop(),
    "added_strips": lambda v: v["added_tokens"][0].update(lstrip=True),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_not_ours_is_read_as_tokenizers_does(case: str, tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    path = tmp_path / "tokenizer.json"
    TOKENIZERS["gpt2"].save(path)
    _edit(OTHERS[case])(path)
    theirs, tokenizer = Tokenizer.from_file(str(path)), load_tokenizer(path)
    for text in ["abracadabra xyz", "cadabra  <|endoftext|> abra", *FROZEN["texts"]]:
        for specials in (False, True):
            theirs.encode_special_tokens = not specials
            expected = theirs.encode(text, add_special_tokens=False).ids
            assert tokenizer.encode(text, specials=specials) == expected


# ---- damage ----------------------------------------------------------------------------------


def _write(data: bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(data)


BYTES_DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda p: p.unlink(), "expected a folder, a file, or one of gpt2, cl100k_base; "),
    "folder": (lambda p: (p.unlink(), p.mkdir()), "json/tokenizer.json: expected a folder, a file"),
    "empty": (_write(b""), "is damaged: Expecting value"),
    "not_json": (_write(b"{"), "is damaged: "),
    "not_utf8": (_write(b'{"\xe9": 1}'), "is damaged: "),
    "deep": (_write(b"[" * 100_000), "is damaged: "),
    "list": (_write(b"[]"), "the file: expected an object, got []"),
    "no_model": (_edit(lambda v: v.pop("model")), "model: expected an object, got None"),
    "unigram": (
        _edit(lambda v: v["model"].update(type="Unigram")),
        "model.type: expected 'BPE', got 'Unigram'",
    ),
    "dropout": (
        _edit(lambda v: v["model"].update(dropout=0.1)),
        "model.dropout: expected none, got 0.1",
    ),
    "post_processor": (
        _edit(lambda v: v.update(post_processor={"type": "Sequence"})),
        "post_processor: expected none, got {'type': 'Sequence'}",
    ),
    "no_vocab": (_edit(lambda v: v["model"].pop("vocab")), "vocab: expected an object, got None"),
    "no_merges": (_edit(lambda v: v["model"].pop("merges")), "merges: expected a list, got None"),
    "id_of_text": (
        _edit(lambda v: v["model"]["vocab"].update(a="1")),
        "model.vocab: 'a': expected a whole number, got '1'",
    ),
    "id_of_bool": (
        _edit(lambda v: v["model"]["vocab"].update(a=True)),
        "model.vocab: 'a': expected a whole number, got True",
    ),
    "id_twice": (
        _edit(lambda v: v["model"]["vocab"].update(a=3)),
        "ranks: expected an id for each token, got 3 for two",
    ),
    "huge_id": (
        _edit(lambda v: v["model"]["vocab"].update(a=2**31)),
        "ranks: expected ids of 0 to 2147483647, got 2147483648",
    ),
    "merge_more": (
        _edit(lambda v: v["model"]["merges"].append("c a")),
        "model.merges: 3: expected None, as the ids have it, got ('c', 'a')",
    ),
    "merge_of_three": (
        _edit(lambda v: v["model"]["merges"].append("c a d")),
        "model.merges: expected pairs, got 'c a d'",
    ),
    "merge_number": (
        _edit(lambda v: v["model"]["merges"].append(7)),
        "model.merges: expected pairs, got 7",
    ),
    "no_added": (_edit(lambda v: v.pop("added_tokens")), "added_tokens: expected a list, got None"),
    "added_text": (
        _edit(lambda v: v.update(added_tokens=["<a>"])),
        "added_tokens: expected tokens that take no blanks beside them, got '<a>'",
    ),
    "added_id": (
        _edit(lambda v: v["added_tokens"][0].update(id="259")),
        "id: expected a whole number, got '259'",
    ),
    "added_other_id": (
        _edit(lambda v: v["added_tokens"][0].update(id=300)),
        "added_tokens: '<|endoftext|>': expected id 259, as in model.vocab, got 300",
    ),
}


def _fails(tokenizer: str, damage: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    TOKENIZERS[tokenizer].save(path)
    damage(path)
    with pytest.raises(TokenError) as caught:
        load_tokenizer(path)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith("tokenizer ") and str(path) in str(caught.value)


@pytest.mark.parametrize("case", BYTES_DAMAGE)
def test_damage(case: str, tmp_path: Path) -> None:
    _fails("gpt2", *BYTES_DAMAGE[case], tmp_path)


CHARACTERS_DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "order": (
        _edit(lambda v: (v["model"].update(vocab={"b": 0, "a": 1}), v.update(added_tokens=[]))),
        "characters: expected different ones in code point order",
    ),
    "gap": (
        _edit(lambda v: v["model"].update(vocab={"a": 0, "b": 2})),
        "added_tokens: expected none, or <|bos|> after the characters, got ",
    ),
    "words": (
        _edit(lambda v: (v["model"].update(vocab={"ab": 0}), v.update(added_tokens=[]))),
        "model.vocab: expected characters, each with its place as its id, got {'ab': 0}",
    ),
    "none": (
        _edit(lambda v: (v["model"].update(vocab={}), v.update(added_tokens=[]))),
        "characters: expected at least one, got none",
    ),
    "merges": (
        _edit(lambda v: v["model"].update(merges=["a b"])),
        "model.merges: expected none, since there is no pre_tokenizer, got [('a', 'b')]",
    ),
    "other_special": (
        _edit(lambda v: v["added_tokens"][0].update(content="<s>")),
        "added_tokens: expected none, or <|bos|> after the characters, got {'<s>': 7}",
    ),
}


@pytest.mark.parametrize("case", CHARACTERS_DAMAGE)
def test_damaged_characters(case: str, tmp_path: Path) -> None:
    _fails("char", *CHARACTERS_DAMAGE[case], tmp_path)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_any_flipped_bit_is_found_or_harmless(name: str, tmp_path: Path) -> None:
    saved, path = TOKENIZERS[name], tmp_path / "tokenizer.json"
    saved.save(path)
    data, rng, refused = path.read_bytes(), random.Random(7), 0
    places = rng.sample(range(len(data)), 397)
    for place in places:
        flipped = bytearray(data)
        flipped[place] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        try:
            assert load_tokenizer(path) == saved  # a blank, say, or a value that we do not use
        except TokenError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > len(places) / 2


def test_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    TOKENIZERS["gpt2"].save(path)
    data = path.read_bytes()
    for length in range(0, len(data) - 2, 97):
        path.write_bytes(data[:length])
        with pytest.raises(TokenError, match=f"^tokenizer file {path}: is damaged: "):
            load_tokenizer(path)


def test_the_other_kind(tmp_path: Path) -> None:
    TOKENIZERS["char"].save(tmp_path / "char.json")
    TOKENIZERS["gpt2"].save(tmp_path / "gpt2.json")
    with pytest.raises(TokenError, match="char.json: expected a tokenizer of merged bytes, got"):
        BPETokenizer.load(tmp_path / "char.json")
    with pytest.raises(TokenError, match="gpt2.json: expected a tokenizer of characters, got one"):
        CharTokenizer.load(tmp_path / "gpt2.json")
    with pytest.raises(TokenError, match="none.json: cannot be read: No such file or directory$"):
        CharTokenizer.load(tmp_path / "none.json")


def test_a_name_before_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gpt2").mkdir()
    TOKENIZERS["char"].save("gpt2/tokenizer.json")
    assert load_tokenizer("gpt2").vocab_size == 50257
    assert load_tokenizer("./gpt2") == TOKENIZERS["char"]
