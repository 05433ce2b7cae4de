"""Whole numbers below a million in words."""

from __future__ import annotations

LIMIT = 1_000_000

_ENGLISH = (
    *("zero one two three four five six seven eight nine ten eleven twelve thirteen").split(),
    *("fourteen fifteen sixteen seventeen eighteen nineteen").split(),
)
_ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_GERMAN = (
    *("null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn").split(),
    *("vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn").split(),
)
_GERMAN_TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()


def english(n: int) -> str:
    """Return a number as English words, `three hundred forty-two`: American, without `and`.

    Args:
        n: 0 to 999,999.
    """
    if n < len(_ENGLISH):
        return _ENGLISH[n]
    if n < 100:
        tens, ones = _ENGLISH_TENS[n // 10 - 2], n % 10
        return f"{tens}-{_ENGLISH[ones]}" if ones else tens
    size, word = (1000, "thousand") if n >= 1000 else (100, "hundred")
    rest = f" {english(n % size)}" if n % size else ""
    return f"{english(n // size)} {word}{rest}"


def german(n: int) -> str:
    """Return a number as one German word, `dreihundertzweiundvierzig`.

    Args:
        n: 0 to 999,999.
    """
    return _german(n) + ("s" if n % 100 == 1 else "")


def _german(n: int) -> str:
    """Return a number as it is before another word: `ein`, not `eins`."""
    if n < len(_GERMAN):
        return _GERMAN[n]
    if n < 100:
        tens, ones = _GERMAN_TENS[n // 10 - 2], n % 10
        return f"{_GERMAN[ones]}und{tens}" if ones else tens
    size, word = (1000, "tausend") if n >= 1000 else (100, "hundert")
    return _german(n // size) + word + (_german(n % size) if n % size else "")
