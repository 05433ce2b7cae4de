"""A side in a process of its own: it answers calls of its methods, and waits between them.

`python -m benchmarks.harness.worker` reads pickles on stdin and answers each with one on stdout.
The first names the function that makes the side, "module:function", and has its arguments; its
answer is the side's description. Each later one has a method's name and arguments. An answer is
("value", what was returned), ("unavailable", why) or ("error", what was raised).
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO


class UnavailableError(Exception):
    """This machine lacks what the side needs; the message says what, and what to do."""


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Make the side and answer until the questions end."""

    def answer(kind: str, value: Any) -> None:
        pickle.dump((kind, value), answers)
        answers.flush()

    calls = _read(questions)
    try:
        path, arguments = next(calls)
        module, _, function = path.partition(":")
        side = getattr(import_module(module), function)(*arguments)
        answer("value", side.description)
        for method, arguments in calls:
            answer("value", getattr(side, method)(*arguments))
    except UnavailableError as error:
        answer("unavailable", str(error))
    except Exception as error:
        answer("error", f"{type(error).__name__}: {error}")
        raise


def _read(questions: BinaryIO) -> Iterator[tuple[str, tuple[Any, ...]]]:
    while True:
        try:
            yield pickle.load(questions)
        except EOFError:
            return


if __name__ == "__main__":
    # Whatever a library prints must not get between the answers: it goes to stderr.
    own_stdout = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # Not this module's `serve`: it would know another UnavailableError than the sides.
    import_module("benchmarks.harness.worker").serve(sys.stdin.buffer, own_stdout)
