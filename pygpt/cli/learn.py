"""`python -m pygpt learn`: lessons that run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pygpt.cli.flags import UsageError
from pygpt.errors import DataError

EXAMPLES = """\
examples:
  python -m pygpt learn                    what lessons there are
  python -m pygpt learn 1                  the first one: read, predict, change
  python -m pygpt learn attention --answers
  python -m pygpt learn --notebooks lessons
"""


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt learn`."""
    parser = commands.add_parser(
        "learn",
        help="lessons that run: from a line to attention, a GPT and what is done with one",
        description="Read a lesson while it runs: predict what comes out, change something.",
        epilog=EXAMPLES,
    )
    parser.add_argument("lesson", nargs="?", metavar="LESSON", help="its number or name")
    parser.add_argument(
        "--answers",
        action="store_true",
        help="ask nothing: show the answers, and check that all comes out as the lesson says; this "
        "is what happens where input or output is no terminal",
    )
    parser.add_argument(
        "--notebooks", metavar="DIR", help="write all lessons there as Jupyter notebooks"
    )
    parser.set_defaults(run=learn)


def learn(arguments: argparse.Namespace) -> None:
    """List the lessons, run one, or write notebooks."""
    from pygpt.learn.lesson import find, lessons

    found = lessons()
    if arguments.notebooks is not None:
        if arguments.lesson is not None or arguments.answers:
            raise UsageError("--notebooks goes without a lesson: it writes all of them")
        _write(Path(arguments.notebooks))
    elif arguments.lesson is None:
        if arguments.answers:
            raise UsageError("--answers goes with a lesson; `python -m pygpt learn` lists them")
        for lesson in found:
            print(f"{lesson.number:3}  {lesson.name:16}{lesson.title}")
    else:
        _run(find(arguments.lesson, found), arguments.answers)


def _run(lesson: Any, answers: bool) -> None:
    from pygpt.learn.play import Player, printed

    asks = sys.stdin.isatty() and sys.stdout.isatty() and not answers
    player = Player(lesson, printed, input if asks else None)
    player.run()
    if player.wrong and not asks:  # what somebody has changed may come out otherwise
        raise DataError(f"lesson {lesson.number}: {'; '.join(player.wrong)}")


def _write(folder: Path) -> None:
    from pygpt.files.atomic import check_new, write_new
    from pygpt.learn.lesson import lessons
    from pygpt.learn.notebook import notebook

    files = {folder / f"{each.number:02}-{each.name}.ipynb": each for each in lessons()}
    for path in files:
        check_new(path)
    for path, lesson in files.items():
        write_new(path, notebook(lesson).encode())
        print(path)
