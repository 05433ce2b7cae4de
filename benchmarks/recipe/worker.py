"""One side in a process of its own: trains the recipe, then prints what it did as one line of JSON.

`python -m benchmarks.recipe.worker SIDE DATA STEPS THREADS`
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from importlib import import_module

from benchmarks.recipe.recipe import options
from pygpt import Dataset


def main() -> None:
    """Train, and print."""
    # Whatever a library prints must not get into the answer: it goes to stderr.
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    name, data, steps, threads = sys.argv[1:]
    side = import_module(f"benchmarks.recipe.{name}_side")
    outcome = side.train(Dataset.load(data), options(int(steps)), int(threads))
    print(json.dumps(asdict(outcome)), file=answer, flush=True)


if __name__ == "__main__":
    main()
