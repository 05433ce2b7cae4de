"""Generating here and beside transformers, CTranslate2, llama.cpp, OpenVINO: `make bench-generate`.

    python -m benchmarks.generate [--sides NAME ...] [--rounds N] [--warm-up N] [--threads N]
                                  [--json FILE]

A GPT-2 of 124 million random weights, saved by pygpt as a folder that all sides load:

    transformers      Hugging Face's `generate` with its cache, PyTorch eager, float32
    pygpt             this project, float32
    pygpt-bfloat16    its matrices rounded to bfloat16
    pygpt-int8        its matrices rounded to int8
    pygpt-int4        to int4 in groups of 32, the embedding to int8
    ctranslate2       CTranslate2, float32
    ctranslate2-int8  its matrices and what they are multiplied by rounded to int8
    llama.cpp         a GGUF file that pygpt wrote, float32, keys and values too
    llama.cpp-bfloat16, llama.cpp-q8_0, llama.cpp-q4_0
                      files of those kinds of matrices, all of them, keys and values float16
    openvino          a graph of the same weights, float32, keys and values too
    openvino-bfloat16, openvino-int8
                      products in bfloat16, of matrices as they are or rounded to int8

all on two threads, greedily. Each is a process of its own, which waits unless it is asked. What is
not installed is left out with a line that says so: llama.cpp comes with `llama-cpp-python`, which
compiles it for the processor, so that it is in no extra of pygpt. First the sides are compared:
logits of the float32 ones to 1e-4 of the largest, and every greedy token with the logits that the
same side computes without a cache. Of sides that round what weights are multiplied by, so that
sums in another order become other logits, only the logits are: ctranslate2-int8's and rounding
OpenVINO's to 5 % of the largest, llama.cpp's to 0.2 % (its activation function is a table of
float16 numbers) and with rounded weights to 5 %, both of what pygpt computes in float32 from the
same file. What disagrees fails the benchmark. Then the sides take turns, there
and back again: 256 new tokens after a prompt of 16 (the whole call is timed), 64 new tokens of 8
and of 32 sequences together, a prompt of 1,000 up to its first new token (prefill), and a forward
of 1,000 tokens with its loss, which is what training runs forward. The first turns do not count.

Just before and just after each 256 tokens as many threads read a gigabyte of memory nine times.
What every weight once a token comes to is compared with the mean of the two median rates: a rate
that memory had then, though not for all of the time, so that it may be passed. (The rate of a
virtual machine may double or halve within seconds.) The JSON file has every turn. Linux only.

`python -m benchmarks.generate.perplexity` says what rounding costs in perplexity.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.generate.measure import measure
from benchmarks.generate.report import as_json, table
from benchmarks.generate.side import SIDES
from benchmarks.generate.workload import GPT2_124M
from benchmarks.harness.command import exit_status, make_console, make_note, new_file
from benchmarks.harness.report import machine, write

TABLE_WIDTH = 120  # where the output is no terminal


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.generate",
        description="Generating here, in transformers, CTranslate2, llama.cpp and OpenVINO.",
    )
    parser.add_argument(
        "--sides", nargs="+", choices=SIDES, default=SIDES, metavar="NAME", help=" ".join(SIDES)
    )
    parser.add_argument(
        "--rounds", type=int, default=GPT2_124M.rounds, metavar="N",
        help=f"turns that count, default: {GPT2_124M.rounds}",
    )  # fmt: skip
    parser.add_argument(
        "--warm-up", type=int, default=GPT2_124M.warm_up, metavar="N",
        help=f"turns before them, default: {GPT2_124M.warm_up}",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="default: 2")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="default: build/bench/generate-TIME.json"
    )
    return parser


def run(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for; print the table, then the file's path.

    Raises:
        WorkerError: a side failed.
        DisagreementError: a side did other work.
    """
    parser = make_parser()
    options = parser.parse_args(arguments)
    path = new_file(parser, options.json, "generate")
    if options.rounds < 1:
        parser.error(f"--rounds: expected at least 1, got {options.rounds}")
    if options.warm_up < 0:
        parser.error(f"--warm-up: expected at least 0, got {options.warm_up}")
    work = replace(GPT2_124M, rounds=options.rounds, warm_up=options.warm_up)
    report = {"machine": machine(options.threads)}
    note = make_note(report["machine"]["load"])
    with tempfile.TemporaryDirectory(prefix="bench-generate-") as scratch:
        results = measure(work, options.sides, options.threads, Path(scratch), note)
    make_console(TABLE_WIDTH).print(table(work, results))
    write(path, report | {"generate": as_json(work, results)})
    note(f"every turn is in {path}")


def main() -> int:
    """Run the command line; return the exit status."""
    return exit_status(run)


if __name__ == "__main__":
    sys.exit(main())
