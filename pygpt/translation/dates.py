"""Dates as people write them."""

from __future__ import annotations

import random
from datetime import date, timedelta

FIRST, LAST = date(1900, 1, 1), date(2099, 12, 31)
MONTHS = (
    *("January February March April May June July August").split(),
    *("September October November December").split(),
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_FORMS = (
    "{day} {month} {year}",
    "{month} {day}, {year}",
    "{weekday}, {month} {day}, {year}",
    "{weekday} {day} {month} {year}",
    "the {ordinal} of {month}, {year}",
    "{day} {short} {year}",
    "{short} {day}, {year}",
    "{day:02}.{number:02}.{year}",
    "{day}.{number}.{year}",
    "{year}/{number:02}/{day:02}",
)


def drawn(rng: random.Random) -> date:
    """Return a date from `FIRST` to `LAST`."""
    return FIRST + timedelta(days=rng.randrange((LAST - FIRST).days + 1))


def written(day: date, rng: random.Random) -> str:
    """Return a date in one of many forms, such as `Friday, 7 March 2025` or `07.03.2025`."""
    month = MONTHS[day.month - 1]
    return rng.choice(_FORMS).format(
        day=day.day,
        month=month,
        short=month[:3],
        number=day.month,
        year=day.year,
        weekday=DAYS[day.weekday()],
        ordinal=f"{day.day}{_suffix(day.day)}",
    )


def _suffix(day: int) -> str:
    return "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
