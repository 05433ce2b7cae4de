"""Documents set apart by a marker, wherever pieces end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pygpt
from pygpt import TrainConfig
from pygpt.datasets.cut import Piece
from pygpt.datasets.separate import separate
from tests.tokenizers.families import OWN, PACKAGE


@given(st.lists(st.sampled_from(["a b", "<|", "|>", "<|end|>", "\n", " ", "x"]), max_size=30),
       st.lists(st.integers(0, 40), max_size=8))  # fmt: skip
def test_documents(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)
    places = sorted({min(place, len(text)) for place in [*cuts, 0, len(text)]})
    pieces = [Piece(text[a:b], b == len(text)) for a, b in zip(places, places[1:], strict=False)]
    expected = [d.strip("\r\n") for d in text.split("<|end|>") if d.strip()]
    found = [*separate(pieces, "<|end|>")]
    assert [piece.text for piece in found] == expected
    assert all(piece.ends for piece in found)


def test_of_several_texts() -> None:
    pieces = [Piece("a-b", True), Piece("c-", False), Piece("d", True)]
    assert [*separate(pieces, "-")] == [Piece(text, True) for text in "abcd"]


@pytest.mark.parametrize("kind", ["llama2", "qwen2", "unigram"])
def test_ends_in_token_files(tmp_path: Path, kind: str) -> None:
    """Each document has what begins and what ends a text; packed rows are whole documents."""
    made = (OWN | PACKAGE)[kind]()
    made.save(str(tmp_path / "tokenizer.json"))
    eos = {"llama2": "</s>", "qwen2": "<|im_end|>", "unigram": "</s>"}[kind]
    bos = {"bos_token": "<s>"} if kind == "llama2" else {}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": eos, **bos}))
    stories = ["the old mills turn", "I'll be there with you", "a story  of two\nlines"] * 5
    (tmp_path / "text").write_text("<|end|>\n".join(f"{story}\n" for story in stories))
    data = pygpt.prepare(tmp_path / "text", tmp_path, tmp_path / "data", separator="<|end|>")
    end = made.token_to_id(eos)
    begin = made.token_to_id("<s>") if bos else None
    found, texts = data.train.tokens.tolist(), []
    if begin is None:
        assert found.pop(0) == end
    while found:
        if begin is not None:
            assert found.pop(0) == begin
        ids = found[: found.index(end)]
        del found[: len(ids) + 1]
        texts.append(ids)
    allowed = [made.encode(story, add_special_tokens=False).ids for story in stories]
    assert len(texts) == 13 and all(ids in allowed for ids in texts)
    streams = data.streams(64, TrainConfig(batch_size=2, batches="packed"))
    rows = next(streams.train)
    assert {end} <= {*rows.targets.ravel().tolist()} and (begin or end) in rows.ids
    assert rows.ids[0, 0] == (end if begin is None else begin)
    for ids, targets in zip(*rows, strict=True):
        scored = int((targets >= 0).sum())
        assert targets[scored - 1] == end and not ids[scored:].any()
        if begin is not None:  # what comes after the end of a document is not to be learnt
            assert begin not in targets.tolist()
