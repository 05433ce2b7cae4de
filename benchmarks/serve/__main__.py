"""One client and several of `pygpt serve`: `make bench-serve`.

    python -m benchmarks.serve [--clients N ...] [--rounds N] [--weights FORMAT]

A GPT-2 of 124 million random weights is served by a process of its own, on loopback. So many
clients at a time each ask for 64 tokens after a prompt of 16, streamed; numbers of clients take
turns, there and back again, and the first turns do not count. Then, beside 4 clients whose answers
run, a client asks with a prompt of 1,000 tokens and just after it one with a prompt of 4: how long
each waits for its first token.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import numpy as np
from rich.table import Table

from benchmarks.generate.workload import GPT2_124M, SEED
from benchmarks.harness.command import exit_status, make_console, make_note, new_file
from benchmarks.harness.report import machine, spread, write

PROMPT, NEW = 16, 64
LONG, SHORT, BESIDE = 1000, 4, 4
WORDS = GPT2_124M.vocab_size


class Answer(NamedTuple):
    """When a client's first token came, and its last, in seconds; and how many came."""

    first_s: float
    end_s: float
    tokens: int


async def ask(client: httpx2.AsyncClient, prompt: int, new: int, seed: int) -> Answer:
    """Ask for tokens after a random prompt."""
    ids = np.random.default_rng(seed).integers(WORDS, size=prompt).tolist()
    body = {
        "prompt": ids, "max_tokens": new, "temperature": 0, "ignore_eos": True, "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    began, first, last = time.perf_counter(), 0.0, b""
    async with client.stream("POST", "/v1/completions", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                first = first or time.perf_counter() - began
                last = line.encode()
    tokens = int(last.rpartition(b'"completion_tokens":')[2].partition(b",")[0])
    return Answer(first, time.perf_counter() - began, tokens)


async def turn(address: str, clients: int, seed: int) -> tuple[float, list[float]]:
    """Return tokens a second of so many clients together, and their waits for the first one."""
    async with httpx2.AsyncClient(base_url=address, timeout=600) as client:
        began = time.perf_counter()
        asked = [ask(client, PROMPT, NEW, seed + i) for i in range(clients)]
        answers = await asyncio.gather(*asked)
        total = sum(answer.tokens for answer in answers)
        return total / (time.perf_counter() - began), [answer.first_s for answer in answers]


async def long_and_short(address: str, seed: int) -> tuple[float, float]:
    """Return the waits for a first token after a long prompt, and a short one behind it."""
    async with httpx2.AsyncClient(base_url=address, timeout=600) as client:
        others = [asyncio.create_task(ask(client, PROMPT, 256, seed + i)) for i in range(BESIDE)]
        await asyncio.sleep(1)
        long = asyncio.create_task(ask(client, LONG, 4, seed + 100))
        await asyncio.sleep(0.05)
        short = await ask(client, SHORT, 4, seed + 200)
        long_answer = await long
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return long_answer.first_s, short.first_s


@contextmanager
def served(folder: Path, weights: str) -> Iterator[str]:
    """Give the address of a server of a model."""
    command = [sys.executable, "-m", "pygpt", "serve", folder, "--port", "0", "--weights", weights]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield line.partition(" answers at ")[2].partition("/v1")[0]
        finally:
            process.terminate()


def measure(address: str, counts: Sequence[int], rounds: int) -> dict[str, Any]:
    """Return what came of all turns."""
    found: dict[str, Any] = {str(count): {"tokens_per_s": [], "first_s": []} for count in counts}
    waits = []
    for round in range(rounds + 1):
        order = counts if round % 2 else list(reversed(counts))
        for count in order:
            rate, firsts = asyncio.run(turn(address, count, 1000 * round + 10 * count))
            if round:
                found[str(count)]["tokens_per_s"].append(rate)
                found[str(count)]["first_s"] += firsts
        if round:
            waits.append(asyncio.run(long_and_short(address, 7000 * round)))
    return found | {"long_and_short_first_s": waits}


def table(counts: Sequence[int], found: dict[str, Any]) -> Table:
    """Return the rates and waits."""
    shown = Table("clients", "tokens/s", "first token, ms")
    for count in counts:
        turns = found[str(count)]
        firsts = [1000 * value for value in turns["first_s"]]
        shown.add_row(str(count), spread(turns["tokens_per_s"], ".1f"), spread(firsts, ".0f"))
    beside = f"prompt of {LONG:,}, beside {BESIDE}", f"prompt of {SHORT} behind it"
    for i, what in enumerate(beside):
        waits = [1000 * pair[i] for pair in found["long_and_short_first_s"]]
        shown.add_row(what, "", spread(waits, ".0f"))
    return shown


def run(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for; print the table, then the file's path."""
    parser = argparse.ArgumentParser(prog="benchmarks.serve", description="Clients of pygpt serve.")
    add = parser.add_argument
    add("--clients", type=int, nargs="+", default=[1, 8, 32], metavar="N", help="1 8 32")
    add("--rounds", type=int, default=3, metavar="N", help="turns that count, default: 3")
    add("--weights", default="int8", metavar="FORMAT", help="default: int8")
    add("--json", type=Path, metavar="FILE", help="default: build/bench/serve-TIME.json")
    options = parser.parse_args(arguments)
    path = new_file(parser, options.json, "serve")
    report = {"machine": machine(0), "weights": options.weights}
    note = make_note(report["machine"]["load"])
    with tempfile.TemporaryDirectory(prefix="bench-serve-") as scratch:
        folder = Path(scratch) / "gpt2"
        _make(folder)
        with served(folder, options.weights) as address:
            found = measure(address, options.clients, options.rounds)
    make_console().print(table(options.clients, found))
    write(path, report | {"serve": found})
    note(f"every turn is in {path}")


def _make(folder: Path) -> None:
    from pygpt import GPT, GPTConfig, load_tokenizer

    size = GPT2_124M
    config = GPTConfig(size.block_size, size.vocab_size, size.n_layer, size.n_head, size.n_embd)
    with GPT(config, seed=SEED, tokenizer=load_tokenizer("gpt2")) as model:
        model.save_pretrained(folder)


if __name__ == "__main__":
    sys.exit(exit_status(run))
