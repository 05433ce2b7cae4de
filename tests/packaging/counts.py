"""Prints how many tests pytest and JUnit ran; exits 1 for one failed or skipped, or an empty suite.

Usage: python tests/packaging/counts.py PYTEST_FOLDER JUNIT_FOLDER
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple


class Counts(NamedTuple):
    """Outcomes of one suite; an error counts as a failure."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0


def read(reports: list[Path]) -> Counts:
    """Return the sum of the reports, in the XML form that JUnit introduced and pytest has too."""
    total = Counts()
    for report in reports:
        for suite in ET.parse(report).getroot().iter("testsuite"):
            tests, *bad, skipped = (
                int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")
            )
            one = Counts(tests - sum(bad) - skipped, sum(bad), skipped)
            total = Counts(*(a + b for a, b in zip(total, one, strict=True)))
    return total


def main(pytest_folder: str, junit_folder: str) -> int:
    """Print one line for each suite and their sum; return the exit status."""
    suites = {
        "pytest": read(sorted(Path(pytest_folder).glob("*.xml"))),
        "JUnit": read(sorted(Path(junit_folder).glob("TEST-*.xml"))),
    }
    for name, counts in suites.items():
        print(f"{name}: {counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    passed, failed, skipped = (sum(column) for column in zip(*suites.values(), strict=True))
    problems = [f"{name} ran no test" for name, counts in suites.items() if not sum(counts)]
    if skipped:
        problems.append(f"{skipped} skipped: a test that cannot run here has to be made to")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
