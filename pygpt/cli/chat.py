"""`python -m pygpt chat`: a conversation with a model fine-tuned on prompts and answers."""

from __future__ import annotations

import argparse
import codecs
import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

from pygpt.cli.flags import add_encoding
from pygpt.cli.generate import (
    add_model_flags,
    add_option_flags,
    given_options,
    load_model,
    print_pieces,
)
from pygpt.errors import ConfigError, PygptError
from pygpt.files.streams import check_encoding, decoded
from pygpt.generate.chat import Conversation
from pygpt.generate.config import GenerateOptions

EXAMPLES = """\
examples:
  python -m pygpt chat runs/answers
  python -m pygpt chat runs/answers --temperature 0 < questions.txt > answers.txt
"""
COMMANDS = {
    "/help": "show these lines",
    "/reset": "forget what was said, with --remember",
    "/seed N": "set the seed of the answers to come",
    "/temperature X": "0 takes the likeliest token, 1 the model's own probabilities",
    "/quit": "end; so does Ctrl-D. Ctrl-C stops an answer",
}


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt chat`."""
    parser = commands.add_parser(
        "chat",
        help="talk with a fine-tuned model",
        description="Answer one line after another with a model fine-tuned on prompts and answers.",
        epilog=EXAMPLES,
    )
    add_model_flags(parser)
    add_option_flags(parser, without=("truncate", "top_logprobs"))
    parser.add_argument(
        "--remember",
        action="store_true",
        help="the model sees what was said before; without it each line stands alone, as a pair "
        "does while fine-tuning",
    )
    parser.add_argument(
        "--system", metavar="TEXT", help="what the model is told at the beginning of a conversation"
    )
    add_encoding(parser)
    parser.set_defaults(run=chat)


def chat(arguments: argparse.Namespace) -> None:
    """Answer lines until they end or /quit comes."""
    options, encoding = given_options(arguments), arguments.encoding or ""
    check_encoding(encoding)
    with load_model(arguments) as model:
        conversation = Conversation(
            model, remembers=arguments.remember, system=arguments.system, **options
        )
        if sys.stdin.isatty():
            _on_terminal(conversation)
        else:
            _on_lines(conversation, encoding)


def _run_command(conversation: Conversation, line: str) -> bool:
    """Do what a line that begins with a slash says; return whether to go on."""
    name, _, value = line.partition(" ")
    if name == "/quit":
        return False
    if name == "/reset":
        conversation.reset()
    elif name in ("/seed", "/temperature"):
        conversation.set(**_option(name.removeprefix("/"), value.strip()))
    elif name == "/help":
        print("\n".join(f"{command:16} {text}" for command, text in COMMANDS.items()))
    else:
        said = "text that begins with / is given with two of them, //"
        raise PygptError(f"{name}: expected one of {', '.join(COMMANDS)}; {said}")
    return True


def _option(name: str, value: str) -> GenerateOptions:
    try:
        return {"seed": int(value)} if name == "seed" else {"temperature": float(value)}
    except ValueError:
        raise ConfigError(name, f"expected a number, got {value!r}") from None


def _on_lines(conversation: Conversation, encoding: str) -> None:
    """Answer the lines of a pipe or a file; an error ends it."""
    for number, line in enumerate(_lines_of(sys.stdin.buffer, encoding), start=1):
        try:
            if _is_command(line):
                if not _run_command(conversation, line):
                    return
            elif line:
                print_pieces(conversation.answer(_text_of(line)))
        except ConfigError:
            raise  # names its command
        except PygptError as error:
            raise type(error)(f"{error} (line {number} of standard input)") from error


def _is_command(line: str) -> bool:
    return line.startswith("/") and not line.startswith("//")


def _text_of(line: str) -> str:
    return line[1:] if line.startswith("//") else line


def _lines_of(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Yield the lines of standard input, stripped, as they come; when it has ended in an encoding
    that was named, and in UTF-16."""
    first = file.readline()
    if encoding or first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield from map(str.strip, decoded(first + file.read(), encoding).split("\n"))
        return
    for data in chain([first] if first else [], file):  # what is no UTF-8 the tokenizer refuses
        text = decoded(data) if data is first else data.decode("utf-8", "surrogateescape")
        text = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
        yield from map(str.strip, text.split("\n"))


def _on_terminal(conversation: Conversation) -> None:
    """Answer what is typed; after an error or Ctrl-C comes the next line."""
    from prompt_toolkit import PromptSession

    print("/help lists the commands, /quit or Ctrl-D ends")
    session: PromptSession[str] = PromptSession("> ")
    going = True
    while going:
        try:
            line = session.prompt().strip()
            if _is_command(line):
                going = _run_command(conversation, line)
            elif line:
                print_pieces(conversation.answer(_text_of(line)))
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        except PygptError as error:
            print(f"pygpt: error: {error}", file=sys.stderr)
