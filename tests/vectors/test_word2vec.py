"""Word vectors: what the planted corpus has, the same bits, gensim's answers and files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pygpt import KeyedVectors, Word2Vec
from pygpt.cli import main as cli
from pygpt.errors import ConfigError, DataError, OutputError, ShapeError, TokenError
from pygpt.vectors import planted
from pygpt.vectors.statistics import pearson, spearman
from pygpt.vectors.words import LONGEST_SENTENCE, numbered, sentences, words

GOLDEN = Path(__file__).parents[1] / "golden" / "word_vectors"
ROUNDING = 2e-6  # of cosines in float32, whose products are summed in other orders


@pytest.fixture(scope="module")
def gensim() -> Any:
    return json.loads((GOLDEN / "gensim.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def vectors() -> KeyedVectors:
    return KeyedVectors.load_word2vec_format(GOLDEN / "gensim.txt")


# ---- training --------------------------------------------------------------------------------


@pytest.mark.parametrize("sg", [1, 0])
def test_planted_analogies_are_found(sg: int, tmp_path: Path) -> None:
    questions = tmp_path / "questions.txt"
    questions.write_text(planted.questions_text(), encoding="utf-8")
    model = Word2Vec([*planted.sentences()], sg=sg, vector_size=32, epochs=10, sample=0.0)
    share, sections = model.wv.evaluate_word_analogies(questions)
    assert [len(one["correct"]) + len(one["incorrect"]) for one in sections] == [90, 90, 90, 270]
    assert share >= 0.95
    assert model.wv.most_similar(["king", "woman"], ["man"], topn=1)[0][0] == "queen"


@pytest.mark.parametrize("sg", [1, 0])
def test_the_same_seed_gives_the_same_bits(sg: int) -> None:
    text = [*planted.sentences(800)]
    options: dict[str, Any] = {"sg": sg, "vector_size": 20, "epochs": 2, "min_count": 1}
    model = Word2Vec(text, **options)
    for workers in (1, 2):
        again = Word2Vec(text, workers=workers, **options)
        np.testing.assert_array_equal(again.wv.vectors, model.wv.vectors)
        np.testing.assert_array_equal(again.syn1neg, model.syn1neg)
    assert not np.array_equal(Word2Vec(text, seed=2, **options).wv.vectors, model.wv.vectors)
    three = [Word2Vec(text, workers=3, **options).wv.vectors for _ in range(2)]
    np.testing.assert_array_equal(*three)


def test_training_goes_on_and_shows_how_far_it_is() -> None:
    text = [*planted.sentences(300)]
    model = Word2Vec(vector_size=8, min_count=1)
    with pytest.raises(ConfigError, match="vocabulary: expected one: call build_vocab"):
        model.train(text)
    model.build_vocab(text)
    first = model.wv.vectors.copy()
    seen: list[tuple[int, int]] = []
    model.train(text, epochs=3, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3 * 5 * 300, 3 * 5 * 300)
    after = model.wv.vectors
    model.train(text, epochs=1, start_alpha=1e-3, end_alpha=1e-3)
    moves = [np.abs(b - a).max() for a, b in ((first, after), (after, model.wv.vectors))]
    assert moves[0] > 3 * moves[1] > 0
    assert model.wv.counts == sorted(model.wv.counts or [], reverse=True)
    assert model.wv.get_vecattr(model.wv.index_to_key[0], "count") == model.wv.counts[0]


def test_what_cannot_be_trained_is_refused() -> None:
    def iterator() -> Iterator[list[str]]:
        yield ["a", "b"]

    with pytest.raises(ConfigError, match="twice, such as a list; got an iterator"):
        Word2Vec(iterator())
    with pytest.raises(DataError, match="expected lists of words, got the text 'to be'"):
        Word2Vec(["to be"])
    with pytest.raises(DataError, match="at least min_count = 5 times, got none among 2 words"):
        Word2Vec([["a", "b"]])
    with pytest.raises(ConfigError, match="vector_size: expected at least 1, got 0"):
        Word2Vec(vector_size=0)
    with pytest.raises(ConfigError, match="min_alpha: expected at most alpha = 0.025, got 0.1"):
        Word2Vec(min_alpha=0.1)
    with pytest.raises(ConfigError, match="did you mean vector_size"):
        Word2Vec(vectors_size=10)  # type: ignore[call-arg]


def test_text_becomes_words_and_numbers() -> None:
    assert words("Don’t stop: naïve, 2nd-rate!") == ["don’t", "stop", "naïve", "2nd", "rate"]
    assert [*sentences(["The cat\n\n- -\nsat"], cased=True)] == [["The", "cat"], ["sat"]]
    long = ["a"] * (2 * LONGEST_SENTENCE + 1)
    ids, ends = numbered([["b", "a", "x"], ["x"], long, ["b"]], {"a": 0, "b": 1})
    assert ids[:2].tolist() == [1, 0] and len(ids) == 2 + len(long) + 1
    n = LONGEST_SENTENCE
    assert ends.tolist() == [2, 2 + n, 2 + 2 * n, 3 + 2 * n, 4 + 2 * n]


# ---- gensim's answers ------------------------------------------------------------------------


def _check(found: list[tuple[str, float]], expected: list[list[Any]]) -> None:
    assert [word for word, _ in found] == [word for word, _ in expected]
    assert [c for _, c in found] == pytest.approx([c for _, c in expected], abs=ROUNDING)


def test_similar_words_are_gensims(vectors: KeyedVectors, gensim: Any) -> None:
    _check(vectors.most_similar(["King", "woman"], ["man"], topn=5), gensim["most_similar"])
    weighted = vectors.most_similar([("paris", 2.0), "the"], ["rome"], topn=4)
    _check(weighted, gensim["weighted"])
    _check(vectors.similar_by_vector(vectors["rome"] + vectors["é"], 3), gensim["by_vector"])
    _check(vectors.most_similar("the", topn=3, restrict_vocab=5), gensim["restricted"])
    assert vectors.similarity("man", "東京") == pytest.approx(gensim["similarity"], abs=ROUNDING)
    similarity = vectors.n_similarity(["man", "the"], ["rome", "é", "naïve"])
    assert similarity == pytest.approx(gensim["n_similarity"], abs=ROUNDING)
    assert vectors.doesnt_match(["paris", "berlin", "rome", "the"]) == gensim["doesnt_match"]


def test_evaluations_are_gensims(vectors: KeyedVectors, gensim: Any) -> None:
    kinds = [(fold, dummy) for fold in (True, False) for dummy in (True, False)]
    for (fold, dummy), (score, expected) in zip(kinds, gensim["analogies"], strict=True):
        got, sections = vectors.evaluate_word_analogies(
            GOLDEN / "questions.txt", case_insensitive=fold, dummy4unknown=dummy
        )
        assert got == pytest.approx(score)
        for ours, theirs in zip(sections, expected, strict=True):
            assert ours["section"] == theirs["section"]
            for kind in ("correct", "incorrect"):
                assert sorted(map(list, ours[kind])) == sorted(theirs[kind])
    for dummy, expected in zip((True, False), gensim["pairs"], strict=True):
        found = vectors.evaluate_word_pairs(GOLDEN / "pairs.tsv", dummy4unknown=dummy)
        for ours, theirs in zip(found, expected, strict=True):
            assert ours == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("n", [3, 8, 200])
def test_correlations_are_scipys(n: int) -> None:
    rng = np.random.default_rng(n)
    x = rng.integers(0, 2 * n, n)
    y = x + rng.normal(0, n, n)
    for ours, theirs in ((pearson, stats.pearsonr), (spearman, stats.spearmanr)):
        answer = theirs(x, y)
        expected = (answer.statistic, answer.pvalue)
        assert ours(x, y) == pytest.approx(expected, rel=1e-9, abs=1e-7)
    assert np.isnan(pearson([1, 1, 1], x[:3])).all()


# ---- files -----------------------------------------------------------------------------------


def test_files_are_gensims(vectors: KeyedVectors, tmp_path: Path) -> None:
    binary = KeyedVectors.load_word2vec_format(GOLDEN / "gensim.bin", binary=True)
    assert binary.index_to_key == vectors.index_to_key
    np.testing.assert_array_equal(binary.vectors, vectors.vectors)
    for name in ("gensim.txt", "gensim.bin"):
        vectors.save_word2vec_format(tmp_path / name, binary=name.endswith(".bin"))
        assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes()
    with pytest.raises(OutputError, match=r"gensim\.txt: exists"):
        vectors.save_word2vec_format(tmp_path / "gensim.txt")
    few = KeyedVectors.load_word2vec_format(GOLDEN / "gensim.bin", binary=True, limit=2)
    assert few.index_to_key == ["the", "King"]


def test_counts_and_other_forms(tmp_path: Path) -> None:
    counted = KeyedVectors(["a", "b"], np.eye(2), [7, 3])
    counted.save_word2vec_format(tmp_path / "v.txt", fvocab=tmp_path / "vocab.txt")
    again = KeyedVectors.load_word2vec_format(tmp_path / "v.txt", fvocab=tmp_path / "vocab.txt")
    assert again.counts == [7, 3] and "a" in again and len(again) == 2
    glove = tmp_path / "glove.txt"  # no first line
    glove.write_text("a 1 0\nb 0.5 -2e-1\n", encoding="utf-8")
    assert KeyedVectors.load_word2vec_format(glove)["b"].tolist() == pytest.approx([0.5, -0.2])
    newlines = tmp_path / "word2vec.bin"  # word2vec.c ends each vector with a line end
    row = np.array([1, 2], "<f4").tobytes()
    newlines.write_bytes(b"2 2\na " + row + b"\nb " + row + b"\n")
    found = KeyedVectors.load_word2vec_format(newlines, binary=True)
    assert found.index_to_key == ["a", "b"] and found["b"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("data", "binary", "message"),
    [
        (b"3 2\na 1 2\n", False, "expected 3 words, got 1"),
        (b"1 2\na 1 x\n", False, "line 2: could not convert"),
        (b"1 2\na 1\n", False, "line 2: expected a word and 2 numbers, got 1"),
        (b"2 1\na 1\na 2\n", False, "expected each word once, got 'a' twice"),
        (b"1 2\na \0\0", True, "ends within the vector of 'a'"),
        (b"1 1\nabcdefg", True, "expected a word and a blank"),
        (b"hello\n", True, "expected the number of words and the size"),
        (b"1 9999999\na ", True, "ends within the first vector"),
        (b"", False, "expected a word and its numbers"),
    ],
)
def test_a_damaged_file_is_named(
    data: bytes, binary: bool, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "v"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        KeyedVectors.load_word2vec_format(path, binary=binary)


def test_what_cannot_be_asked_is_refused(vectors: KeyedVectors, tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="expected one of the 14 that have a vector, got 'x'"):
        vectors.most_similar("x")
    with pytest.raises(ConfigError, match="positive: expected at least one word"):
        vectors.most_similar()
    with pytest.raises(ConfigError, match="topn: expected at least 1, got 0"):
        vectors.most_similar("the", topn=0)
    with pytest.raises(ShapeError, match=r"expected \(7,\), got \(3,\)"):
        vectors.similar_by_vector(np.zeros(3))
    with pytest.raises(ShapeError, match="expected a row a word"):
        KeyedVectors(["a", "a"], np.zeros((2, 2)))
    with pytest.raises(OutputError, match="the word 'new york', which has a blank"):
        KeyedVectors(["new york"], np.zeros((1, 2))).save_word2vec_format(tmp_path / "v")
    (tmp_path / "q").write_text("a b c\n", encoding="utf-8")
    with pytest.raises(DataError, match="q, line 1: expected `: section` or four words"):
        vectors.evaluate_word_analogies(tmp_path / "q")


# ---- the command -----------------------------------------------------------------------------


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "v.bin")
    options = ["--sg", "1", "--epochs", "3", "--vector-size", "24", "--quiet"]
    assert cli.run(["vectors", "train", "planted", "--out", out, *options]) == 0
    assert capsys.readouterr().out == f"{out}: 215 words, vectors of 24 numbers\n"
    assert cli.run(["vectors", "train", "planted", "--out", out, *options]) == 1
    assert "exists" in capsys.readouterr().err
    assert cli.run(["vectors", "analogy", out, "man", "king", "woman", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0][0] == "queen"
    assert cli.run(["vectors", "similar", out, "king", "--minus", "man", "--topn", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    text = str(GOLDEN / "gensim.txt")
    assert cli.run(["vectors", "evaluate", text, str(GOLDEN / "pairs.tsv"), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) >= {"pearson", "spearman"}
    assert cli.run(["vectors", "similar", out, "kingdom"]) == 1
    assert "got 'kingdom'" in capsys.readouterr().err
