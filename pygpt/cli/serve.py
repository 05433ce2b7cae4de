"""`python -m pygpt serve`: a model behind an endpoint that OpenAI's clients talk to."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pygpt.cli.flags import add_fields, given_fields
from pygpt.cli.generate import add_model_flags, load_model
from pygpt.errors import PygptError
from pygpt.fields import from_dict
from pygpt.serve.config import ServeConfig

if TYPE_CHECKING:
    from pygpt.model.gpt import GPT
    from pygpt.serve.show import Shown

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
    name = config.name or model_name(arguments.checkpoint)

    def ready(address: str) -> None:
        print(f"{name} answers at {address}/v1; Ctrl-C ends it", flush=True)

    require_packages("serve")
    with load_model(arguments) as model:
        serve_model(model, name, config, arguments.checkpoint, ready)


def require_packages(what: str) -> None:
    """Pass if the packages of `pygpt[serve]` are there.

    Raises:
        PygptError: one is missing; `what` begins the message.
    """
    try:
        import pygpt.serve.server  # noqa: F401
    except ImportError as error:
        package = str(error.name).partition(".")[0]
        raise PygptError(f"{what}: needs {package}: pip install 'pygpt[serve]'") from error


def serve_model(
    model: GPT,
    name: str,
    config: ServeConfig,
    checkpoint: str,
    ready: Callable[[str], None],
    shown: Shown | None = None,
) -> None:
    """Answer until a signal comes; see `require_packages`.

    Args:
        checkpoint: where the model is from; the page shows the run that it lies in.
        ready: called with the address.
        shown: what the page has beside the model; None for what its run has.
    """
    from pygpt.serve import show
    from pygpt.serve.live import feed_of, run_of
    from pygpt.serve.server import Server

    if shown is None:
        run = run_of(Path(checkpoint))
        shown = show.Shown(run, feed_of(run))
    with Server(model, name, config, shown) as server:
        server.run(lambda: ready(server.address))


def model_name(checkpoint: str) -> str:
    """Return what a checkpoint is called: its folder, or its run's."""
    path = Path(os.path.abspath(checkpoint))
    if path.suffix == ".safetensors":
        path = path.parent
    run = path.parent
    inside = path.name in ("best", "last") or path.name.startswith("step-")
    return (run.name if inside and run.name else path.name) or "pygpt"
