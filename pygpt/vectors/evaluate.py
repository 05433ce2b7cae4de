"""Sets of questions that say how good word vectors are, in the forms and by the measures of gensim.

Analogies (Mikolov's questions-words.txt): `: section`, then a line `a b c d` for each "a is to b as
c is to d". Pairs (such as WordSim-353): two words and people's rating, with tabs between.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import DataError
from pygpt.files.text import check_file, whole_lines
from pygpt.vectors.statistics import pearson, spearman

_BLOCK = 256  # questions that are asked at once
Question = tuple[str, str, str, str]


@dataclass
class Section:
    """Mutable: questions of one kind, by how they came out.

    Attributes:
        skipped: how many have a word without a vector.
    """

    name: str
    correct: list[Question] = field(default_factory=list)
    incorrect: list[Question] = field(default_factory=list)
    skipped: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as gensim has it."""
        return {"section": self.name, "correct": self.correct, "incorrect": self.incorrect}


def read_analogies(path: str | os.PathLike[str]) -> list[tuple[str, list[Question]]]:
    """Return the sections of a file, each with its name and its questions.

    Raises:
        DataError: there is no such file, or a line is no question.
    """
    found: list[tuple[str, list[Question]]] = []
    for where, line in _lines(path):
        if line.startswith(":"):
            found.append((line[1:].strip(), []))
            continue
        parts = line.split()
        if len(parts) != 4:
            raise DataError(f"{where}: expected `: section` or four words, got {line[:60]!r}")
        if not found:
            found.append(("all", []))
        found[-1][1].append((parts[0], parts[1], parts[2], parts[3]))
    return found


def read_pairs(
    path: str | os.PathLike[str], delimiter: str | None = "\t"
) -> list[tuple[str, str, float]]:
    """Return two words and a rating for each line; those that begin with # are left out.

    Args:
        delimiter: what stands between them; None for any blanks.
    Raises:
        DataError: there is no such file, or a line is no pair.
    """
    found = []
    for where, line in _lines(path):
        if line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split(delimiter)]
        try:
            first, second, rating = parts[:3]
            found.append((first, second, float(rating)))
        except ValueError as error:
            raise DataError(f"{where}: expected two words and a number, got {line!r}") from error
    return found


def is_pairs(path: str | os.PathLike[str]) -> bool:
    """Return whether a file has pairs rather than analogies."""
    for _, line in _lines(path):
        if not line.startswith("#"):
            return not line.startswith(":") and len(line.split()) != 4
    return False


def _lines(path: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    file = Path(path)
    check_file(file)
    for number, line in enumerate(whole_lines(file), start=1):
        if line.strip():
            yield f"{file}, line {number}", line.strip()


# ---- analogies -------------------------------------------------------------------------------


def analogies(
    sections: list[tuple[str, list[Question]]],
    keys: list[str],
    units: NDArray[np.float32],
    fold: Callable[[str], str],
    dummy4unknown: bool,
) -> list[Section]:
    """Return how the questions come out, a section each.

    Args:
        keys: words that may be answers.
        units: (V, C), their vectors of length 1.
        fold: makes alike what counts as the same word.
        dummy4unknown: whether a question with an unknown word counts as a wrong answer.
    """
    folded = [fold(key) for key in keys]
    numbers = {word: i for i, word in reversed([*enumerate(folded)])}  # the first of like ones
    results = []
    for name, questions in sections:
        section = Section(name)
        known: list[Question] = []
        for question in questions:
            one = fold(question[0]), fold(question[1]), fold(question[2]), fold(question[3])
            if all(word in numbers for word in one):
                known.append(one)
            elif dummy4unknown:
                section.incorrect.append(one)
            else:
                section.skipped += 1
        for start in range(0, len(known), _BLOCK):
            block = known[start : start + _BLOCK]
            answers = _answers(block, numbers, folded, units)
            for question, answer in zip(block, answers, strict=True):
                is_right = answer == question[3]
                (section.correct if is_right else section.incorrect).append(question)
        results.append(section)
    return results


def _answers(
    questions: list[Question],
    numbers: Mapping[str, int],
    words: list[str],
    units: NDArray[np.float32],
) -> Iterator[str | None]:
    """Yield the word that is nearest to b - a + c, without these."""
    asked = np.array([[numbers[word] for word in question[:3]] for question in questions])
    sums = units[asked[:, 1]] - units[asked[:, 0]] + units[asked[:, 2]]  # (Q, C)
    cosines = sums @ units.T  # (Q, C) @ (C, V) -> (Q, V)
    np.put_along_axis(cosines, asked, -np.inf, axis=1)
    few = min(8, len(words))
    nearest = np.argpartition(-cosines, few - 1, axis=1)[:, :few]
    for question, row, near in zip(questions, cosines, nearest, strict=True):
        ordered = near[np.argsort(-row[near], kind="stable")]
        found = (words[i] for i in ordered)
        yield next((word for word in found if word not in question[:3]), None)


def accuracy(sections: list[Section]) -> float:
    """Return the share of right answers; 0 if there was no question."""
    correct = sum(len(section.correct) for section in sections)
    count = correct + sum(len(section.incorrect) for section in sections)
    return correct / count if count else 0.0


# ---- pairs -----------------------------------------------------------------------------------

Correlation = tuple[float, float]


def pairs(
    rated: list[tuple[str, str, float]],
    similarity: Callable[[str, str], float | None],
    dummy4unknown: bool,
) -> tuple[Correlation, Correlation, float]:
    """Return how similarities agree with ratings.

    Args:
        similarity: None for a word without a vector.
    Returns:
        Pearson's correlation and Spearman's, each with its p-value, and how many percent of the
        pairs have a word without a vector.
    """
    ours: list[float] = []
    theirs: list[float] = []
    unknown = 0
    for first, second, rating in rated:
        found = similarity(first, second)
        if found is None:
            unknown += 1
            if not dummy4unknown:
                continue
        ours.append(found or 0.0)
        theirs.append(rating)
    share = 100 * unknown / len(rated) if rated else 0.0
    return pearson(theirs, ours), spearman(theirs, ours), share
