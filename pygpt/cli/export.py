"""`python -m pygpt export`: a saved model as a file of llama.cpp's."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pygpt
from pygpt.cli.flags import CHECKPOINT
from pygpt.errors import ConfigError

EXAMPLES = """\
examples:
  python -m pygpt export runs/first first.gguf
  python -m pygpt export gpt2 gpt2.gguf --weights q8_0
"""
WEIGHTS = ("float32", "float16", "bfloat16", "q8_0", "q4_0")


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt export`."""
    parser = commands.add_parser(
        "export",
        help="write a saved model as GGUF, which llama.cpp runs",
        description="Write a saved model, with its tokenizer, as a file that llama.cpp runs.",
        epilog=EXAMPLES,
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT)
    parser.add_argument("out", metavar="FILE.gguf", help="the file to write")
    parser.add_argument(
        "--weights",
        default="float32",
        choices=WEIGHTS,
        help="round its matrices to this format (default: float32)",
    )
    parser.set_defaults(run=export)


def export(arguments: argparse.Namespace) -> None:
    """Check the file's name, then load the model and write it."""
    from pygpt.checkpoints.gguf_models import SUFFIX
    from pygpt.cli.checkpoint import find_checkpoint
    from pygpt.cli.progress import alive
    from pygpt.files.atomic import check_new

    out = Path(arguments.out)
    if out.suffix != SUFFIX:
        raise ConfigError("out", f"expected a name that ends in {SUFFIX}, got {arguments.out}")
    check_new(out)
    source = find_checkpoint(arguments.checkpoint)
    with alive(sys.stderr, False, lambda: f"exporting {source}"):
        with pygpt.GPT.from_pretrained(source) as model:
            if model.adapter is not None:
                model.merge_and_unload()
            model.export_gguf(out, weights=arguments.weights)
    print(f"{out}: {out.stat().st_size / 1e6:,.1f} MB", file=sys.stderr)
