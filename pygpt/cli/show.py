"""`python -m pygpt show`: a model seen from inside, on a page in the browser."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pygpt.cli.flags import add_fields, given_fields
from pygpt.cli.generate import add_model_flags, load_model
from pygpt.cli.serve import model_name, require_packages, serve_model
from pygpt.fields import from_dict
from pygpt.serve.config import ServeConfig

if TYPE_CHECKING:
    from pygpt.model.gpt import GPT
    from pygpt.serve.show import Shown

NAMES = "names"
EXAMPLES = """\
examples:
  python -m pygpt show names                        train the names model in a second, and show it
  python -m pygpt show runs/shakespeare-char
  python -m pygpt show gpt2 --weights int8 --port 0 --no-browser
"""


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt show`."""
    parser = commands.add_parser(
        "show",
        help="show a model from inside, on a page in the browser",
        description="Show a model on a page: its training, every number of a forward pass, its "
        "heads, what it would say at each layer, and what it says without a part of itself. "
        "`names` trains the talk's names model first, which takes a second. Needs the packages "
        "of the endpoint: pip install 'pygpt[serve]'.",
        epilog=EXAMPLES,
    )
    add_model_flags(parser)
    add_fields(parser, ServeConfig)
    parser.add_argument(
        "--no-browser", action="store_true", help="only say the address, and open nothing"
    )
    parser.set_defaults(run=show)


def show(arguments: argparse.Namespace) -> None:
    """Check the options, then load the model and show it until a signal comes."""
    config = from_dict(ServeConfig, given_fields(arguments, ServeConfig))
    name = config.name or model_name(arguments.checkpoint)

    def ready(address: str) -> None:
        print(f"{address}/ shows {name}; Ctrl-C ends it", flush=True)
        if not arguments.no_browser and sys.stdout.isatty():
            webbrowser.open(f"{address}/")

    require_packages("show")
    with _model(arguments) as (model, shown):
        serve_model(model, name, config, arguments.checkpoint, ready, shown)


@contextmanager
def _model(arguments: argparse.Namespace) -> Iterator[tuple[GPT, Shown | None]]:
    """Give the model, that of a checkpoint, or a new one of names, and how that was trained."""
    if arguments.checkpoint != NAMES or os.path.lexists(NAMES) or Path("runs", NAMES).exists():
        with load_model(arguments) as model:
            yield model, None
        return
    import pygpt
    from pygpt.cli.progress import alive
    from pygpt.names.config import NamesConfig
    from pygpt.names.protocol import NamesRun, learning_rates
    from pygpt.serve.live import Past, record_event
    from pygpt.serve.show import Shown

    options = NamesConfig(backend=arguments.backend)
    documents = pygpt.read_documents()
    with NamesRun(options, documents) as run:
        with alive(sys.stderr, False, lambda: "training on names"):
            losses = run.train()
        steps = enumerate(zip(losses, learning_rates(options), strict=True), 1)
        records = [
            record_event(step, {"loss": float(loss), "learning_rate": float(rate)})
            for step, (loss, rate) in steps
        ]
        yield run.model, Shown(None, Past(records), lambda: NamesRun(options, documents).model)
