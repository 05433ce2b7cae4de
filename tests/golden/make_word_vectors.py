"""Freeze gensim's answers about word vectors: files of both forms, similar words, evaluations.

Run where gensim 4.4.0 is installed, from the repository's top:
    python tests/golden/make_word_vectors.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from gensim.models import KeyedVectors

GOLDEN = Path(__file__).parent / "word_vectors"
WORDS = "the King man woman queen paris France berlin Germany é naïve 東京 king rome".split()


def main() -> None:
    """Write vectors as gensim does, and what it says of them."""
    GOLDEN.mkdir(exist_ok=True)
    rng = np.random.default_rng(4)
    vectors = KeyedVectors(7)
    vectors.add_vectors(WORDS, rng.normal(size=(len(WORDS), 7)).astype(np.float32))
    # so that some analogies hold
    for a, b, c, d in (("man", "woman", "King", "queen"), ("France", "paris", "Germany", "berlin")):
        vectors.vectors[vectors.get_index(d)] = (
            vectors.get_vector(c, norm=True)
            - vectors.get_vector(a, norm=True)
            + vectors.get_vector(b, norm=True)
        )
    vectors.fill_norms(force=True)
    vectors.save_word2vec_format(str(GOLDEN / "gensim.txt"), write_header=True)
    vectors.save_word2vec_format(str(GOLDEN / "gensim.bin"), binary=True)
    questions = GOLDEN / "questions.txt"
    questions.write_text(
        ": family\nman woman king queen\nMan Woman King Queen\nking queen man woman\n"
        ": capitals\nfrance paris germany berlin\ngermany berlin france paris\n"
        "france paris italy rome\nrome paris the man\n",
        encoding="utf-8",
    )
    pairs = GOLDEN / "pairs.tsv"
    pairs.write_text(
        "# two words and a rating\nKing\tqueen\t8.5\nman\twoman\t8.3\nparis\tthe\t1.2\n"
        "rome\tberlin\t6.5\nking\tman\t5\nitaly\trome\t7\nfrance\tGERMANY\t6.5\n",
        encoding="utf-8",
    )
    answers: dict[str, Any] = {
        "most_similar": vectors.most_similar(positive=["King", "woman"], negative=["man"], topn=5),
        "weighted": vectors.most_similar(
            positive=[("paris", 2.0), "the"], negative=["rome"], topn=4
        ),
        "by_vector": vectors.similar_by_vector(vectors["rome"] + vectors["é"], topn=3),
        "restricted": vectors.most_similar("the", topn=3, restrict_vocab=5),
        "similarity": vectors.similarity("man", "東京"),
        "n_similarity": vectors.n_similarity(["man", "the"], ["rome", "é", "naïve"]),
        "doesnt_match": vectors.doesnt_match(["paris", "berlin", "rome", "the"]),
        "analogies": [
            _evaluated(vectors, questions, case_insensitive=fold, dummy4unknown=dummy)
            for fold in (True, False)
            for dummy in (True, False)
        ],
        "pairs": [
            _plain(vectors.evaluate_word_pairs(str(pairs), dummy4unknown=dummy))
            for dummy in (True, False)
        ],
    }
    text = json.dumps(_plain(answers), indent=1, ensure_ascii=False)
    (GOLDEN / "gensim.json").write_text(text + "\n", encoding="utf-8")


def _evaluated(vectors: KeyedVectors, questions: Path, **options: bool) -> Any:
    score, sections = vectors.evaluate_word_analogies(str(questions), **options)
    return [score, sections]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "statistic"):
        return [float(value.statistic), float(value.pvalue)]
    return float(value) if isinstance(value, (float, np.floating)) else value


if __name__ == "__main__":
    main()
