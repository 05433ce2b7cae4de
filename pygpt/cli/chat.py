"""`python -m pygpt chat`: a conversation with a model fine-tuned on prompts and answers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pygpt.cli.generate import (
    add_model_flags,
    add_option_flags,
    given_options,
    load_model,
)
from pygpt.errors import ConfigError, PygptError
from pygpt.fields import from_dict
from pygpt.generate.config import GenerateConfig

if TYPE_CHECKING:
    from pygpt.model.gpt import GPT

EXAMPLES = """\
examples:
  python -m pygpt chat runs/answers
  python -m pygpt chat runs/answers --temperature 0 < questions.txt > answers.txt
"""
COMMANDS = {
    "/help": "show these lines",
    "/reset": "forget what was said, with --remember",
    "/seed N": "of the answers from here on",
    "/temperature X": "0 takes the likeliest token, 1 the model's own chances",
    "/quit": "end; so does Ctrl-D. Ctrl-C stops an answer",
}
LONGEST_ANSWER = 256  # tokens, unless --max-new-tokens says otherwise


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt chat`."""
    parser = commands.add_parser(
        "chat",
        help="talk with a fine-tuned model",
        description="Answer one line after another with a model fine-tuned on prompts and answers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_model_flags(parser)
    add_option_flags(parser, without=("truncate", "top_logprobs"))
    parser.add_argument(
        "--remember",
        action="store_true",
        help="the model sees what was said before; without it each line stands alone, as a pair "
        "does while fine-tuning",
    )
    parser.set_defaults(run=chat)


def chat(arguments: argparse.Namespace) -> None:
    """Answer lines until they end or /quit comes."""
    options = given_options(arguments)
    with load_model(arguments) as model:
        conversation = Conversation(model, options, arguments.remember)
        if sys.stdin.isatty():
            _on_terminal(conversation)
        else:
            _on_lines(conversation)


class Conversation:
    """Mutable: what was said, as tokens, and the options of the next answer.

    Prompt and answer are encoded each by itself and BOS ends an answer, as in the pairs that the
    model was fine-tuned on. Of what is too long the model sees the end.

    Args:
        remembers: whether the model sees what was said before; else each prompt stands alone.
    """

    def __init__(self, model: GPT, options: dict[str, Any], remembers: bool) -> None:
        assert model.tokenizer is not None
        self._model = model
        self._tokenizer = model.tokenizer
        longest = min(LONGEST_ANSWER, model.config.block_size // 2) or 1
        self._options = {"max_new_tokens": longest} | options
        self._remembers = remembers
        self._ids: list[int] = []

    def answer(self, prompt: str) -> Iterator[str]:
        """Yield the answer, piece by piece; where it is left, it counts as said so far.

        Raises:
            TokenError: a character that the tokenizer lacks.
        """
        ids = self._ids + self._tokenizer.encode(prompt)
        said = ""
        try:
            for piece in self._model.stream(ids, truncate=True, **self._options):
                said += piece
                yield piece
        finally:
            if self._remembers:
                end = [] if self._tokenizer.bos is None else [self._tokenizer.bos]
                self._ids = [*ids, *self._tokenizer.encode(said), *end]

    def reset(self) -> None:
        """Forget what was said."""
        self._ids = []

    def set(self, name: str, value: str) -> None:
        """Set an option of the answers to come.

        Raises:
            ConfigError: a value that cannot be.
        """
        try:
            number = int(value) if name == "seed" else float(value)
        except ValueError:
            raise ConfigError(name, f"expected a number, got {value!r}") from None
        options = self._options | {name: number}
        from_dict(GenerateConfig, options)
        self._options = options


def _run_command(conversation: Conversation, line: str) -> bool:
    """Do what a line that begins with a slash says; return whether to go on."""
    name, _, value = line.partition(" ")
    if name == "/quit":
        return False
    if name == "/reset":
        conversation.reset()
    elif name in ("/seed", "/temperature"):
        conversation.set(name.removeprefix("/"), value.strip())
    elif name == "/help":
        print("\n".join(f"{command:16} {text}" for command, text in COMMANDS.items()))
    else:
        raise PygptError(f"{name}: expected one of {', '.join(COMMANDS)}")
    return True


def _print_answer(conversation: Conversation, line: str) -> None:
    try:
        for piece in conversation.answer(line):
            print(piece, end="", flush=True)
    finally:
        print(flush=True)


def _on_lines(conversation: Conversation) -> None:
    """Answer the lines of a pipe or a file; an error ends it."""
    for data in sys.stdin.buffer:
        line = data.decode("utf-8", "surrogateescape").strip()  # of which the tokenizer refuses
        if line.startswith("/"):
            if not _run_command(conversation, line):
                return
        elif line:
            _print_answer(conversation, line)


def _on_terminal(conversation: Conversation) -> None:
    """Answer what is typed; after an error or Ctrl-C comes the next line."""
    from prompt_toolkit import PromptSession

    print("/help lists the commands, /quit or Ctrl-D ends")
    session: PromptSession[str] = PromptSession("> ")
    going = True
    while going:
        try:
            line = session.prompt().strip()
            if line.startswith("/"):
                going = _run_command(conversation, line)
            elif line:
                _print_answer(conversation, line)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        except PygptError as error:
            print(f"pygpt: error: {error}", file=sys.stderr)
