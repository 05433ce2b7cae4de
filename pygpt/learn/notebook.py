"""A lesson as a Jupyter notebook."""

from __future__ import annotations

import doctest
import json
from collections.abc import Iterator
from typing import Any

from pygpt.learn.lesson import Change, Code, Lesson, Prediction, Text

Cell = dict[str, Any]


def notebook(lesson: Lesson) -> str:
    """Return the lesson as the text of an .ipynb file, nbformat 4.5, without outputs."""
    cells = [_markdown(f"# {lesson.number}. {lesson.title}")]
    for part in lesson.parts:
        cells += _cells(part)
    for number, cell in enumerate(cells):
        cell["id"] = f"part-{number}"
    content = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _cells(part: Text | Code | Prediction | Change) -> Iterator[Cell]:
    if isinstance(part, Text):
        yield _markdown(part.markdown)
    elif isinstance(part, Code):
        yield from map(_python, _sources(part.session))
    elif isinstance(part, Prediction):
        yield _markdown(f"**Predict**, before you run the next cell: {part.question}")
    else:
        solution = f"<details><summary>A solution</summary>\n\n```python\n{part.solution}\n```\n"
        yield _markdown(f"**Change**: {part.task}\n\n{solution}\n</details>")
        yield _python("# your change here; run it, then the next cell\n")
        yield _python(
            f"try:\n    print('Right.' if {part.check} else {f'Not yet. {part.hint}'!r})\n"
            f"except NameError as error:\n    print('Not yet:', error)\n"
        )


def _sources(session: str) -> Iterator[str]:
    """Yield cells: each ends with a line that prints something, as only the last one does."""
    source = ""
    for example in doctest.DocTestParser().get_examples(session):
        source += example.source
        if example.want:
            yield source
            source = ""
    if source:
        yield source


def _markdown(text: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _python(source: str) -> Cell:
    cell: Cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    return cell | {"source": source.rstrip("\n")}
