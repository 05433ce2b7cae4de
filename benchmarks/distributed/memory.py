"""What a worker holds of 124 million parameters: `python -m benchmarks.distributed.memory`.

One step by 1, 2 and 4 workers, 32 tokens for each microbatch; AdamW's moments, and the most memory
that a process had.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from benchmarks.distributed.start import run
from benchmarks.harness.command import exit_status

OPTIONS: dict[str, Any] = {
    "block_size": 32, "batch_size": 4, "gradient_accumulation_steps": 1, "microbatches": 4,
    "threads": 1, "max_iters": 100, "eval_interval": 0, "checkpoint_interval": 0,
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="benchmarks.distributed.memory")
    add = parser.add_argument
    add("--workers", type=int, nargs="+", default=[1, 2, 4], metavar="N", help="1 2 4")
    add("--python", default=sys.executable, metavar="FILE", help="with an mpiexec beside it")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as scratch:
        for count in options.workers:
            job = {
                "recipe": "gpt2", "data": "shakespeare", "options": OPTIONS, "steps": 1,
                "out": f"{scratch}/{count}",
            }  # fmt: skip
            found = run("mpi", count, job, options.python)
            moments = [round(each["moments"] / 1e6, 1) for each in found["memory"]]
            peaks = [round(each["peak"] / 1e9, 2) for each in found["memory"]]
            print(
                f"{found['parameters']:,} parameters, {count} workers: moments {moments} MB, "
                f"processes at most {peaks} GB, weights {found['digest'][:16]}",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(exit_status(main))
