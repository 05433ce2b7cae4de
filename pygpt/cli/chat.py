"""`python -m pygpt chat`: a conversation with a model fine-tuned on prompts and answers."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from pygpt.cli.generate import (
    add_model_flags,
    add_option_flags,
    given_options,
    load_model,
    print_pieces,
)
from pygpt.errors import ConfigError, PygptError
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
    parser.set_defaults(run=chat)


def chat(arguments: argparse.Namespace) -> None:
    """Answer lines until they end or /quit comes."""
    options = given_options(arguments)
    with load_model(arguments) as model:
        conversation = Conversation(
            model, remembers=arguments.remember, system=arguments.system, **options
        )
        if sys.stdin.isatty():
            _on_terminal(conversation)
        else:
            _on_lines(conversation)


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
        raise PygptError(f"{name}: expected one of {', '.join(COMMANDS)}")
    return True


def _option(name: str, value: str) -> GenerateOptions:
    try:
        return {"seed": int(value)} if name == "seed" else {"temperature": float(value)}
    except ValueError:
        raise ConfigError(name, f"expected a number, got {value!r}") from None


def _on_lines(conversation: Conversation) -> None:
    """Answer the lines of a pipe or a file; an error ends it."""
    for data in sys.stdin.buffer:
        line = data.decode("utf-8", "surrogateescape").strip()  # of which the tokenizer refuses
        if line.startswith("/"):
            if not _run_command(conversation, line):
                return
        elif line:
            print_pieces(conversation.answer(line))


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
                print_pieces(conversation.answer(line))
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        except PygptError as error:
            print(f"pygpt: error: {error}", file=sys.stderr)
