"""Search by meaning: pieces of a text, their vectors, prompts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import pygpt
from pygpt import KeyedVectors, SearchIndex
from pygpt.cli import main as cli
from pygpt.errors import ConfigError, DataError, ShapeError
from pygpt.vectors.chunks import Chunk, all_chunks, chunks
from pygpt.vectors.search import model_embedding, word_embedding

TEXT = (
    "The king sat on the throne. He wore a crown, and all bowed.\n\n"
    "The fisherman mended his nets! His boat lay on the shore.\n\n"
    "A baker kneads dough at night; in the morning there is bread.\n"
)
# royal, sea, bread
MEANINGS = {
    "king": (1, 0, 0), "queen": (1, 0.1, 0), "throne": (1, 0, 0), "crown": (0.9, 0, 0.1),
    "fisherman": (0, 1, 0), "boat": (0, 1, 0.1), "ship": (0, 1, 0), "nets": (0.1, 1, 0),
    "baker": (0, 0, 1), "dough": (0, 0.1, 1), "bread": (0, 0, 1), "flour": (0.1, 0, 1),
}  # fmt: skip


def _vectors() -> KeyedVectors:
    return KeyedVectors(MEANINGS, np.array([*MEANINGS.values()]))


def _index() -> SearchIndex:
    pieces = all_chunks([("tale", TEXT)], size=14, overlap=0)
    return SearchIndex(pieces, word_embedding(_vectors(), [piece.text for piece in pieces]))


def test_pieces_are_whole_sentences_with_their_places() -> None:
    pieces = [*chunks(TEXT, "tale", size=14, overlap=7)]
    begins = ["The king", "He wore ", "The fish", "A baker "]
    assert [piece.text[:8] for piece in pieces] == begins
    for piece in pieces:
        assert piece.text == TEXT[piece.start : piece.end]
        assert len(piece.text.split()) <= 14
    # nothing but blanks is lost, and a sentence that is too long is cut
    parts = [piece.text.split() for piece in chunks(TEXT, size=4, overlap=0)]
    assert sum(parts, []) == TEXT.split() and max(map(len, parts)) == 4
    assert [*chunks(" \n ")] == []
    with pytest.raises(ConfigError, match="overlap: expected 0 to 3, got 4"):
        next(chunks(TEXT, size=4, overlap=4))


def test_the_nearest_piece_needs_no_common_word() -> None:
    index = _index()
    found = {"the queen": "The king", "a ship?": "The fish", "Flour": "A baker"}
    for question, begin in found.items():
        best, second = index.search(question, n=2)
        assert best.chunk.text.startswith(begin) and best.cosine > 0.9 > second.cosine
    with pytest.raises(DataError, match="expected words that have a vector, got 'xyz'"):
        index.search("xyz")


def test_a_prompt_has_as_many_pieces_as_fit() -> None:
    index = _index()
    prompt = index.prompt("Who mends nets?", n=2)
    assert prompt.startswith("The fisherman mended") and prompt.count("\n\n") == 2
    assert prompt.endswith("\n\nQuestion: Who mends nets?\nAnswer:")
    template = "{passages}|{question}"
    short = index.prompt("nets?", 3, fits=lambda text: len(text) < 110, template=template)
    assert short == "The fisherman mended his nets! His boat lay on the shore.|nets?"
    with pytest.raises(ConfigError, match="make them shorter"):
        index.prompt("nets?", fits=lambda text: False)


def test_a_models_vectors_are_those_of_the_endpoint() -> None:
    tokenizer = pygpt.CharTokenizer.train([TEXT])
    config = pygpt.GPTConfig(16, tokenizer.vocab_size, 1, 1, 8)
    with pygpt.GPT(config, tokenizer=tokenizer) as model:
        embed = model_embedding(model)
        short, long = embed(["The king", TEXT[:40]])
        ids = np.array(tokenizer.encode("The king"), np.int32)
        expected = model.hidden_states(ids)[0].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(short, expected, rtol=1e-6, atol=1e-9)
        parts = [model.hidden_states(tokenizer.encode(TEXT[i : i + 16]))[0] for i in (0, 16, 32)]
        parts[2] = model.hidden_states(tokenizer.encode(TEXT[32:40]))[0]
        np.testing.assert_allclose(long, np.concatenate(parts).mean(axis=0), rtol=1e-5, atol=1e-7)
        assert len(SearchIndex(all_chunks([("tale", TEXT)], 14), embed).search("bread")) == 3


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(DataError, match="chunks: expected at least one piece of text"):
        SearchIndex([], lambda texts: np.zeros((len(texts), 2)))
    with pytest.raises(ShapeError, match="a vector for each of 1 texts"):
        SearchIndex([Chunk("a", "", 0, 1)], lambda texts: np.zeros(2))


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, vectors = tmp_path / "tale.txt", tmp_path / "v.txt"
    text.write_text(TEXT, encoding="utf-8")
    _vectors().save_word2vec_format(vectors)
    search = ["search", "a ship", str(text), "--vectors", str(vectors), "--size", "14"]
    assert cli.run([*search, "--overlap", "0", "--top", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["text"].startswith("The fisherman") and found["source"] == str(text)
    assert cli.run([*search, "--overlap", "0", "--top", "1", "--prompt"]) == 0
    assert "Question: a ship\nAnswer:" in capsys.readouterr().out
    assert cli.run(["search", "the king", str(text), "--size", "14", "--top", "1"]) == 0
    assert capsys.readouterr().out.startswith("1. cosine ")  # with vectors of its own
    tokenizer = pygpt.CharTokenizer.train([TEXT + "QnA?:sp"])
    config = pygpt.GPTConfig(256, tokenizer.vocab_size, 1, 1, 8)
    with pygpt.GPT(config, tokenizer=tokenizer) as model:
        model.save_pretrained(tmp_path / "model")
    folder = str(tmp_path / "model")
    assert cli.run([*search, "--answer", folder, "--max-new-tokens", "5"]) == 0
    assert len(capsys.readouterr().out.strip()) <= 5
    assert cli.run(["search", "the king", str(text), "--model", folder, "--size", "14"]) == 0
    assert capsys.readouterr().out.count("cosine") == 3
    assert cli.run([*search, "--top", "0"]) == 2
    assert "--top 0: expected at least 1" in capsys.readouterr().err
