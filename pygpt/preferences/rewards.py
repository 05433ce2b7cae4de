"""Rewards that are rules: functions of a prompt and an answer."""

from __future__ import annotations

import os
import runpy
from collections.abc import Callable

from pygpt.errors import ConfigError

Reward = Callable[[str, str], float]
"""What an answer is worth: takes prompt and answer as text."""


def ends_in_a(prompt: str, answer: str) -> float:
    """1 for a text that ends in a."""
    return float(answer.endswith("a"))


def ends_in_vowel(prompt: str, answer: str) -> float:
    """1 for a text that ends in a vowel."""
    return float(answer.endswith(("a", "e", "i", "o", "u")))


def length(prompt: str, answer: str) -> float:
    """The number of characters: what a model makes of it shows what a reward is not."""
    return float(len(answer))


RULES: dict[str, Reward] = {
    "ends-in-a": ends_in_a,
    "ends-in-vowel": ends_in_vowel,
    "length": length,
}


def reward_of(where: str) -> Reward:
    """Return a rule by its name, or the function of a Python file, as in rules.py:short.

    Raises:
        ConfigError: there is none.
    """
    if where in RULES:
        return RULES[where]
    path, colon, name = where.rpartition(":")
    if not colon or not os.path.isfile(path):
        known = ", ".join(RULES)
        problem = f"expected one of {known}, or FILE.py:FUNCTION of a file that is there"
        raise ConfigError("reward", f"{problem}, got {where!r}")
    function = runpy.run_path(path).get(name)
    if not callable(function):
        raise ConfigError("reward", f"expected a function called {name} in {path}, got none")
    found: Reward = function
    return found
