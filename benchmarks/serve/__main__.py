"""One client and several of `pygpt serve`: `make bench-serve`.

    python -m benchmarks.serve [--clients N ...] [--rounds N] [--sides NAME ...]

A GPT-2 of 124 million random weights is served by a process of its own, on loopback. So many
clients at a time each ask for 64 tokens after a prompt of 16, streamed; sides and numbers of
clients take turns, there and back again, and the first turns do not count. Then, beside 4 clients
whose answers run, a client asks with a prompt of 1,000 tokens and just after it one with a
prompt of 4: how long each waits for its first token.

Sides are pygpt with rounded and with float32 weights.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import numpy as np
from rich.table import Table

from benchmarks.generate.workload import GPT2_124M, SEED
from benchmarks.harness.check import DisagreementError
from benchmarks.harness.command import exit_status, make_console, make_note, new_file
from benchmarks.harness.report import machine, spread, write
from benchmarks.serve.sides import SIDES, Side

PROMPT, NEW = 16, 64
LONG, SHORT, BESIDE = 1000, 4, 4
WORDS = GPT2_124M.vocab_size


class Answer(NamedTuple):
    """When a client's first token came, and its last, in seconds; and how many came."""

    first_s: float
    end_s: float
    tokens: int


async def ask(side: Side, client: httpx2.AsyncClient, prompt: int, new: int, seed: int) -> Answer:
    """Ask for tokens after a random prompt."""
    ids = np.random.default_rng(seed).integers(WORDS, size=prompt).tolist()
    body = {
        "prompt": ids, "max_tokens": new, "temperature": 0, "ignore_eos": True, "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    began, first, tokens = time.perf_counter(), 0.0, 0
    async with client.stream("POST", "/v1/completions", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if not line.startswith("data: {"):
                continue
            first = first or time.perf_counter() - began
            usage = json.loads(line.removeprefix("data: ")).get("usage") or {}
            tokens = usage.get("completion_tokens", tokens)
    if tokens != new:
        raise DisagreementError(f"{side.name}: expected {new} tokens, got {tokens}")
    return Answer(first, time.perf_counter() - began, tokens)


async def turn(side: Side, clients: int, seed: int) -> tuple[float, list[float]]:
    """Return tokens a second of so many clients together, and their waits for the first one."""
    async with httpx2.AsyncClient(base_url=side.address, timeout=600) as client:
        began = time.perf_counter()
        asked = [ask(side, client, PROMPT, NEW, seed + i) for i in range(clients)]
        answers = await asyncio.gather(*asked)
        total = sum(answer.tokens for answer in answers)
        return total / (time.perf_counter() - began), [answer.first_s for answer in answers]


async def long_and_short(side: Side, seed: int) -> tuple[float, float]:
    """Return the waits for a first token after a long prompt, and a short one behind it."""
    async with httpx2.AsyncClient(base_url=side.address, timeout=600) as client:
        asked = [ask(side, client, PROMPT, 256, seed + i) for i in range(BESIDE)]
        others = [asyncio.create_task(each) for each in asked]
        await asyncio.sleep(1)
        long = asyncio.create_task(ask(side, client, LONG, 4, seed + 100))
        await asyncio.sleep(0.05)
        short = await ask(side, client, SHORT, 4, seed + 200)
        long_answer = await long
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return long_answer.first_s, short.first_s


def measure(
    sides: Sequence[Side], counts: Sequence[int], rounds: int, note: Callable[[str], None]
) -> dict[str, Any]:
    """Return what came of all turns: of each side and number of clients."""
    found: dict[str, Any] = {
        side.name: {str(count): {"tokens_per_s": [], "first_s": []} for count in counts}
        for side in sides
    }
    waits: dict[str, Any] = {side.name: [] for side in sides}
    pairs = [(side, count) for side in sides for count in counts]
    for round in range(rounds + 1):
        for side, count in pairs if round % 2 else reversed(pairs):
            rate, firsts = asyncio.run(turn(side, count, 1000 * round + 10 * count))
            note(f"{side.name}, {count} clients: {rate:.1f} tokens/s")
            if round:
                found[side.name][str(count)]["tokens_per_s"].append(rate)
                found[side.name][str(count)]["first_s"] += firsts
        for side in sides:
            if round:
                waits[side.name].append(asyncio.run(long_and_short(side, 7000 * round)))
    return {"turns": found, "long_and_short_first_s": waits}


def table(found: dict[str, Any]) -> Table:
    """Return the rates and waits."""
    shown = Table("side", "clients", "tokens/s", "beside the first number", "first token, ms")
    for name, counts in found["turns"].items():
        first = next(iter(counts.values()))["tokens_per_s"]
        for count, turns in counts.items():
            rates = turns["tokens_per_s"]
            times = [mine / one for mine, one in zip(rates, first, strict=True)]
            waits = [1000 * value for value in turns["first_s"]]
            shown.add_row(name, count, spread(rates, ".1f"), spread(times, ".2f"),
                          spread(waits, ".0f"))  # fmt: skip
    beside = f"prompt of {LONG:,}, beside {BESIDE}", f"prompt of {SHORT} behind it"
    for name, pairs in found["long_and_short_first_s"].items():
        for i, what in enumerate(beside):
            shown.add_row(name, what, "", "", spread([1000 * pair[i] for pair in pairs], ".0f"))
    return shown


def run(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for; print the table, then the file's path."""
    parser = argparse.ArgumentParser(prog="benchmarks.serve", description="Clients of pygpt serve.")
    add = parser.add_argument
    add("--clients", type=int, nargs="+", default=[1, 8, 32], metavar="N", help="1 8 32")
    add("--rounds", type=int, default=3, metavar="N", help="turns that count, default: 3")
    add("--sides", nargs="+", choices=SIDES, default=["pygpt-int8"], metavar="NAME",
        help=f"{' '.join(SIDES)}; default: pygpt-int8")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="default: build/bench/serve-TIME.json")
    options = parser.parse_args(arguments)
    path = new_file(parser, options.json, "serve")
    report = {"machine": machine(2)}
    note = make_note(report["machine"]["load"])
    with tempfile.TemporaryDirectory(prefix="bench-serve-") as scratch, ExitStack() as stack:
        folder = Path(scratch) / "gpt2"
        _make(folder)
        sides = [stack.enter_context(SIDES[name](folder)) for name in options.sides]
        found = measure(sides, options.clients, options.rounds, note)
    make_console().print(table(found))
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
