"""`python -m pygpt serve`: a model behind an endpoint that OpenAI's clients talk to."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from pygpt.cli.flags import add_fields, given_fields
from pygpt.cli.generate import add_model_flags, load_model
from pygpt.errors import PygptError
from pygpt.fields import from_dict
from pygpt.serve.config import ServeConfig

EXAMPLES = """\
examples:
  python -m pygpt serve runs/shakespeare-char
  python -m pygpt serve gpt2 --weights int8 --port 0
"""


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt serve`."""
    parser = commands.add_parser(
        "serve",
        help="answer clients of OpenAI's API with a saved model",
        description="Answer clients of OpenAI's API on this machine: completions, chat, "
        "embeddings. Needs its packages: pip install 'pygpt[serve]'.",
        epilog=EXAMPLES,
    )
    add_model_flags(parser)
    add_fields(parser, ServeConfig)
    parser.set_defaults(run=serve)


def serve(arguments: argparse.Namespace) -> None:
    """Check the options, then load the model and answer until a signal comes."""
    config = from_dict(ServeConfig, given_fields(arguments, ServeConfig))
    try:
        from pygpt.serve.server import Server
    except ImportError as error:
        package = str(error.name).partition(".")[0]
        raise PygptError(f"serve: needs {package}: pip install 'pygpt[serve]'") from error
    name = config.name or model_name(arguments.checkpoint)
    with load_model(arguments) as model, Server(model, name, config) as server:
        ready = f"{name} answers at {server.address}/v1; Ctrl-C ends it"
        server.run(lambda: print(ready, flush=True))


def model_name(checkpoint: str) -> str:
    """Return what a checkpoint is called: its folder, or its run's."""
    path = Path(os.path.abspath(checkpoint))
    if path.suffix == ".safetensors":
        path = path.parent
    run = path.parent
    inside = path.name in ("best", "last") or path.name.startswith("step-")
    return (run.name if inside and run.name else path.name) or "pygpt"
