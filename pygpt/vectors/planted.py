"""A corpus that is made here, in which analogies hold by design: what word2vec has to find.

Each word of a pair comes with words that both of the pair have (king and queen: crown, throne) and
with words that all words of its side have (king, prince, uncle: he, his). So a vector is about the
sum of what it shares with its partner and of what its side shares, and king - man + woman is queen.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from pygpt.vectors.evaluate import Question


@dataclass(frozen=True)
class Relation:
    """Immutable: pairs of words that differ in the same way.

    Attributes:
        pairs: the words, one of each side, then what the two share.
        sides: for each side, what all its words share.
    """

    name: str
    pairs: tuple[str, ...]
    sides: tuple[str, str]


RELATIONS = (
    Relation(
        "man-woman",
        (
            "man woman person people adult name", "king queen crown throne palace reign",
            "prince princess heir castle tower court", "boy girl school toys games class",
            "uncle aunt nephew family birthday visit", "actor actress stage film scene theatre",
            "waiter waitress table menu coffee restaurant", "father mother child cradle home baby",
            "wizard witch spell potion magic wand", "hero heroine rescue danger brave story",
        ),
        ("he his him beard sir himself", "she her hers gown lady herself"),
    ),
    Relation(
        "country-capital",
        (
            "france paris seine baguette french louvre",
            "germany berlin spree bread german wall",
            "italy rome tiber pasta italian colosseum", "japan tokyo sushi japanese sakura temple",
            "egypt cairo nile egyptian pyramid desert", "russia moscow kremlin russian tsar snow",
            "england london thames tea english fog", "greece athens olive greek acropolis ruins",
            "spain madrid tapas spanish flamenco prado", "norway oslo fjord norwegian salmon ski",
        ),
        ("country nation border coast flag provinces", "city streets mayor subway square suburbs"),
    ),
    Relation(
        "present-past",
        (
            "walks walked path forest shoes mile", "plays played ball guitar match song",
            "cooks cooked soup kitchen pot dinner", "paints painted wall brush colour picture",
            "opens opened door window lid box", "jumps jumped fence rope puddle high",
            "cleans cleaned floor soap broom dust", "counts counted coins sheep numbers money",
            "calls called phone friend number doctor", "climbs climbed mountain ladder tree cliff",
        ),
        ("now today usually always often everyday", "yesterday ago once formerly before earlier"),
    ),
)  # fmt: skip


def sentences(count: int = 12_000, seed: int = 1) -> Iterator[list[str]]:
    """Yield sentences: a word among two of what it shares with its partner and two of its side."""
    rng = random.Random(seed)
    words = [
        (pair.split()[side], pair.split()[2:], relation.sides[side].split())
        for relation in RELATIONS
        for pair in relation.pairs
        for side in (0, 1)
    ]
    for _ in range(count):
        word, own, shared = rng.choice(words)
        around = rng.sample(own, 2) + rng.sample(shared, 2)
        rng.shuffle(around)
        yield [*around[:2], word, *around[2:]]


def analogies() -> Iterator[tuple[str, list[Question]]]:
    """Yield for each relation its questions: all pairs of pairs."""
    for relation in RELATIONS:
        pairs = [pair.split()[:2] for pair in relation.pairs]
        questions: list[Question] = [
            (a, b, c, d) for a, b in pairs for c, d in pairs if a != c
        ]
        yield relation.name, questions


def questions_text() -> str:
    """Return the questions as a file of `evaluate_word_analogies` has them."""
    lines = []
    for name, questions in analogies():
        lines.append(f": {name}")
        lines += (" ".join(question) for question in questions)
    return "\n".join(lines) + "\n"
