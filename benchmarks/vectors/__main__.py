"""Word vectors beside gensim: `python -m benchmarks.vectors FILE...`.

The same sentences, options and number of threads; both sides take turns, each from sentences in
memory with the vocabulary counted, so that what is timed is `train` alone: words of the vocabulary
times passes, a second. Then both are trained with five seeds, and what they say of analogies and of
pairs that people rated is compared. It needs gensim, which brings questions-words.txt and
wordsim353.tsv, beside pygpt.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import gensim.models
from gensim.test.utils import datapath

from pygpt import Word2Vec
from pygpt.vectors.words import sentences

PAIRS, ANALOGIES = datapath("wordsim353.tsv"), datapath("questions-words.txt")


def main() -> None:
    """Print speeds and measures of both sides."""
    parser = argparse.ArgumentParser(prog="benchmarks.vectors", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="text, each line a sentence")
    parser.add_argument("--sg", type=int, default=1)
    parser.add_argument("--vector-size", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--seeds", type=int, default=0, help="seeds whose vectors are compared")
    arguments = parser.parse_args()
    text = [*sentences(path.read_text("utf-8", "replace") for path in arguments.files)]
    options = {
        name: getattr(arguments, name) for name in ("sg", "vector_size", "epochs", "workers")
    }
    sides = {"gensim": gensim.models.Word2Vec, "pygpt": Word2Vec}
    words = sum(map(len, text))
    print(f"{words:,} words, {len(text):,} sentences, {options}", flush=True)
    if arguments.rounds:
        _speed(sides, text, options, arguments.rounds)
    if arguments.seeds:
        _measures(sides, text, options, arguments.seeds)


def _speed(
    sides: dict[str, Any], text: list[list[str]], options: dict[str, Any], rounds: int
) -> None:
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):  # the first one warms up
        for name, make in sides.items():
            model = make(**options)
            model.build_vocab(text)
            count = sum(model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key)
            began = time.perf_counter()
            if name == "gensim":
                model.train(text, total_examples=model.corpus_count, epochs=model.epochs)
            else:
                model.train(text)
            seconds = time.perf_counter() - began
            rate = count * options["epochs"] / seconds
            print(f"  turn {turn} {name:8}{rate:12,.0f} words/s", flush=True)
            if turn:
                rates[name].append(rate)
    ratios = [b / a for a, b in zip(rates["gensim"], rates["pygpt"], strict=True)]
    for name, found in rates.items():
        print(f"{name:8}{statistics.median(found):12,.0f} words/s, median of {rounds}")
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")


def _measures(
    sides: dict[str, Any], text: list[list[str]], options: dict[str, Any], seeds: int
) -> None:
    for name, make in sides.items():
        found: dict[str, list[float]] = {"Spearman": [], "Pearson": [], "analogies": []}
        for seed in range(1, seeds + 1):
            vectors = make(text, seed=seed, **options).wv
            pearson, spearman, _ = vectors.evaluate_word_pairs(PAIRS)
            found["Pearson"].append(float(pearson[0]))
            found["Spearman"].append(float(spearman[0]))
            found["analogies"].append(vectors.evaluate_word_analogies(ANALOGIES)[0])
        shown = (
            f"{what} {statistics.mean(v):.4f} +- {statistics.stdev(v):.4f}"
            for what, v in found.items()
        )
        print(f"{name:8}{', '.join(shown)} ({seeds} seeds)", flush=True)


if __name__ == "__main__":
    main()
