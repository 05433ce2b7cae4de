"""A lesson's parts run one after another: shown, asked, checked."""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import re
import sys
import textwrap
from collections.abc import Callable
from typing import Any

from pygpt.learn.lesson import Change, Code, Lesson, Prediction, Text

Say = Callable[[str], None]
Ask = Callable[[str], str]
_FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
_MATCH = doctest.OutputChecker().check_output
_WIDTH = 80  # of text in a terminal
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


class Player:
    """Mutable: runs a lesson in a namespace of its own.

    Attributes:
        wrong: what did not come out as the lesson says: one line for each.

    Args:
        say: shows a text.
        ask: shows a question and returns one line; None where nobody answers: then predictions are
            shown with their answers, and changes with their solutions. EOFError ends the asking.
    """

    def __init__(self, lesson: Lesson, say: Say, ask: Ask | None = None) -> None:
        self.lesson = lesson
        self.wrong: list[str] = []
        self._say, self._ask = say, ask
        self._space: dict[str, Any] = {"__name__": f"lesson_{lesson.number}"}
        self._predicted: tuple[Prediction, str | None] | None = None

    def run(self) -> None:
        """Run all of it."""
        self._say(f"{self.lesson.number}. {self.lesson.title}\n")
        for part in self.lesson.parts:
            if isinstance(part, Text):
                self._say(f"\n{plain(part.markdown)}\n\n")
            elif isinstance(part, Code):
                self._code(part)
                self._verdict()
                self._line("Enter goes on ")
            elif isinstance(part, Prediction):
                self._predict(part)
            else:
                self._change(part)

    def _line(self, question: str) -> str | None:
        """Return what somebody answers, or None: nobody does, from now on."""
        if self._ask is not None:
            try:
                return self._ask(question).strip()
            except EOFError:
                self._ask = None
        return None

    # ---- code ------------------------------------------------------------------------------------

    def _code(self, part: Code) -> None:
        name = f"<lesson {self.lesson.number}>"
        for example in doctest.DocTestParser().get_examples(part.session):
            lines = example.source.rstrip("\n").splitlines()
            marks = [">>> ", *["... "] * (len(lines) - 1)]
            self._say("".join(f"{mark}{line}\n" for mark, line in zip(marks, lines, strict=True)))
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(example.source, name, "single"), self._space)
            got = printed.getvalue()
            self._say(got)
            if not _MATCH(example.want, got, _FLAGS):
                expected = example.want.strip()
                self.wrong.append(f"{lines[0]} printed {got.strip()!r}, not {expected!r}")
        self._say("\n")

    def _value(self, expression: str) -> Any:
        return eval(compile(expression, f"<lesson {self.lesson.number}>", "eval"), self._space)

    # ---- what to predict -------------------------------------------------------------------------

    def _predict(self, part: Prediction) -> None:
        self._say(plain(f"Predict: {part.question}") + "\n")
        self._predicted = part, self._line("your prediction: ")

    def _verdict(self) -> None:
        """Say whether the prediction was right, once the code after it has run."""
        if self._predicted is None:
            return
        (part, reply), self._predicted = self._predicted, None
        answer = self._value(part.answer)
        shown = f"{answer:.4g}" if isinstance(answer, float) else str(answer)
        if reply is None:
            self._say(f"The answer: {shown}\n\n")
        elif is_right(reply, answer, part.within):
            self._say(f"Right: {shown}\n\n")
        else:
            self._say(f"You said {reply or 'nothing'}; it is {shown}.\n\n")

    # ---- what to change --------------------------------------------------------------------------

    def _change(self, part: Change) -> None:
        self._say(plain(f"Change: {part.task}") + "\n")
        while self._ask is not None:
            self._say("Write Python, and an empty line at its end; a ? shows a solution.\n")
            code = self._typed()
            if code in (None, "?"):
                break
            problem = self._tried(str(code), part.check)
            if problem is None:
                self._say("Right.\n\n")
                return
            self._say(f"Not yet{problem}. {part.hint}\n")
        else:
            if self._tried("", part.check) is None:
                self.wrong.append(f"{part.check} is true before the change")
        self._say("A solution:\n" + _indented(part.solution) + "\n")
        problem = self._tried(part.solution, part.check)
        self._say("Checked.\n\n" if problem is None else f"Not right{problem}.\n\n")
        if problem is not None:
            self.wrong.append(f"the solution {part.solution!r} is not right{problem}")

    def _typed(self) -> str | None:
        lines: list[str] = []
        while True:
            line = self._line("... " if lines else ">>> ")
            if line is None or line == "?":
                return line
            if not line and lines:
                return "\n".join(lines)
            lines.append(line)

    def _tried(self, code: str, check: str) -> str | None:
        """Run code as in a console, then the check; return None, or what is wrong after a colon."""
        printed = io.StringIO()
        try:
            tree = ast.parse(code)
            with contextlib.redirect_stdout(printed):
                for statement in tree.body:
                    single = ast.Interactive([statement])
                    exec(compile(single, "<answer>", "single"), self._space)
            right = bool(self._value(check))
        except Exception as error:  # whatever a learner's code raises is an answer to look at
            return f": {type(error).__name__}: {error}"
        finally:
            self._say(printed.getvalue())
        return None if right else ""


def is_right(reply: str, answer: Any, within: float) -> bool:
    """Return whether a reply is the answer: the same word, or a number near enough."""
    if isinstance(answer, bool):
        words = ("yes", "y", "true") if answer else ("no", "n", "false")
        return reply.lower() in words
    if isinstance(answer, int | float):
        try:
            return abs(float(reply.replace(",", ".")) - answer) <= within + 1e-9
        except ValueError:
            return False
    return reply.lower().strip("'\". ") == str(answer).lower()


def plain(markdown: str) -> str:
    """Return Markdown as it reads in a terminal: links without their targets, no marks, filled."""
    blocks = []
    for block in re.split(r"\n{2,}(?![^`]*^```$)", markdown, flags=re.MULTILINE):
        text = _LINK.sub(r"\1", block)
        if text.startswith("```"):
            lines = [f"    {line}" for line in text.splitlines()[1:-1]]
        else:
            text = text.replace("**", "").replace("`", "")
            lines = [textwrap.fill(item, _WIDTH) for item in re.split(r"\n(?=- )", text)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _indented(code: str) -> str:
    return "".join(f"    {line}\n" for line in code.splitlines())


def printed(text: str) -> None:
    """Print a text, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()
