"""One client and several of `pygpt serve` and of other servers: `make bench-serve`.

    python -m benchmarks.serve [--clients N ...] [--rounds N] [--sides NAME ...] [--no-long]

A GPT-2 of 124 million random weights is served by a process of its own, on loopback, on two
threads. So many clients at a time each ask for 64 tokens after a prompt of 16, greedily, streamed,
past the end of the text; sides and numbers of clients take turns, there and back again, and the
first turns do not count. Then, beside 4 clients whose answers run, a client asks with a prompt of
1,000 tokens and just after it one with a prompt of 4: how long each waits for its first token.

    pygpt-int8, pygpt-int4, pygpt-bfloat16, pygpt-float32
    llama.cpp-q8_0, llama.cpp-q4_0, llama.cpp-bfloat16, llama.cpp-float32
                    `llama-server` on the same model as a GGUF file, if that is on PATH, else
                    the server in the package xllamacpp, whose wheel is made for any processor
    transformers, transformers-batching
                    `transformers serve`, float32, as it is and with `--continuous-batching`

What is not installed is left out with a line that says so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
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
from benchmarks.harness.peer import WorkerError
from benchmarks.harness.report import machine, spread, write
from benchmarks.harness.worker import UnavailableError
from benchmarks.serve.sides import SIDES, THREADS, Side
from pygpt import GPT, GPTConfig, load_tokenizer

PROMPT, NEW = 16, 64
LONG, SHORT, BESIDE = 1000, 4, 4


class Answer(NamedTuple):
    """When a client's first token came, and its last, in seconds; and how many came."""

    first_s: float
    end_s: float
    tokens: int


class Prompts:
    """Immutable: random prompts of whole words, each a token, so that texts are the same tokens."""

    def __init__(self) -> None:
        self._tokenizer = load_tokenizer("gpt2")
        texts = ((i, self._tokenizer.decode([i])) for i in range(GPT2_124M.vocab_size))
        self._words = [i for i, text in texts if re.fullmatch(" [a-z]{3,}", text)]

    def make(self, tokens: int, seed: int) -> tuple[list[int], str]:
        """Return so many token ids, and their text.

        Raises:
            DisagreementError: the text has other tokens.
        """
        ids = np.random.default_rng(seed).choice(self._words, size=tokens).tolist()
        text = self._tokenizer.decode(ids)
        if self._tokenizer.encode(text) != ids:
            raise DisagreementError(f"seed {seed}: the text of {tokens} tokens has others")
        return ids, text


async def ask(
    side: Side, client: httpx2.AsyncClient, prompt: tuple[list[int], str], new: int
) -> Answer:
    """Ask for tokens after a prompt."""
    ids, text = prompt
    body = {
        "prompt": ids if side.takes_ids else text, "max_tokens": new, "temperature": 0,
        "stream": True, **side.options,
    }  # fmt: skip
    began, first, tokens = time.perf_counter(), 0.0, 0
    async with client.stream("POST", "/v1/completions", json=body) as answer:
        if answer.status_code != 200:
            raise WorkerError(f"{side.name}: {(await answer.aread())[:500].decode()}")
        async for line in answer.aiter_lines():
            if not line.startswith("data: {"):
                continue
            first = first or time.perf_counter() - began
            usage = json.loads(line.removeprefix("data: ")).get("usage") or {}
            tokens = usage.get("completion_tokens", tokens)
    if tokens != new:
        raise DisagreementError(f"{side.name}: expected {new} tokens, got {tokens}")
    return Answer(first, time.perf_counter() - began, tokens)


async def turn(side: Side, prompts: Prompts, clients: int, seed: int) -> tuple[float, list[float]]:
    """Return tokens a second of so many clients together, and their waits for the first one."""
    async with httpx2.AsyncClient(base_url=side.address, timeout=600) as client:
        asked = [ask(side, client, prompts.make(PROMPT, seed + i), NEW) for i in range(clients)]
        began = time.perf_counter()
        answers = await asyncio.gather(*asked)
        total = sum(answer.tokens for answer in answers)
        return total / (time.perf_counter() - began), [answer.first_s for answer in answers]


async def long_and_short(side: Side, prompts: Prompts, seed: int) -> tuple[float, float]:
    """Return the waits for a first token after a long prompt, and a short one behind it."""
    async with httpx2.AsyncClient(base_url=side.address, timeout=600) as client:
        asked = [ask(side, client, prompts.make(PROMPT, seed + i), 256) for i in range(BESIDE)]
        others = [asyncio.create_task(each) for each in asked]
        await asyncio.sleep(1)
        long = asyncio.create_task(ask(side, client, prompts.make(LONG, seed + 100), 4))
        await asyncio.sleep(0.05)
        short = await ask(side, client, prompts.make(SHORT, seed + 200), 4)
        long_answer = await long
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return long_answer.first_s, short.first_s


def measure(
    sides: Sequence[Side],
    counts: Sequence[int],
    rounds: int,
    has_long: bool,
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Return what came of all turns: of each side and number of clients.

    Args:
        has_long: whether the prompt of 1,000 tokens is asked for, too.
    """
    prompts = Prompts()
    found: dict[str, Any] = {
        side.name: {str(count): {"tokens_per_s": [], "first_s": []} for count in counts}
        for side in sides
    }
    waits: dict[str, Any] = {side.name: [] for side in sides if has_long}
    pairs = [(side, count) for side in sides for count in counts]
    for round in range(rounds + 1):
        for side, count in pairs if round % 2 else reversed(pairs):
            rate, firsts = asyncio.run(turn(side, prompts, count, 1000 * round + 10 * count))
            note(f"{side.name}, {count} clients: {rate:.1f} tokens/s")
            if round:
                found[side.name][str(count)]["tokens_per_s"].append(rate)
                found[side.name][str(count)]["first_s"] += firsts
        for side in sides if round and has_long else ():
            waits[side.name].append(asyncio.run(long_and_short(side, prompts, 7000 * round)))
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
    """Measure what the command line asks for; print the table, then the file's path.

    Raises:
        WorkerError: a side failed, or none is left.
        DisagreementError: a side made fewer tokens than it was asked for.
    """
    parser = argparse.ArgumentParser(prog="benchmarks.serve", description="Clients of servers.")
    add = parser.add_argument
    add("--clients", type=int, nargs="+", default=[1, 8, 32], metavar="N", help="1 8 32")
    add("--rounds", type=int, default=3, metavar="N", help="turns that count, default: 3")
    add("--sides", nargs="+", choices=SIDES, default=["pygpt-int8"], metavar="NAME",
        help=f"{' '.join(SIDES)}; default: pygpt-int8")  # fmt: skip
    add("--no-long", action="store_true", help="leave out the prompt of 1,000 tokens")
    add("--json", type=Path, metavar="FILE", help="default: build/bench/serve-TIME.json")
    options = parser.parse_args(arguments)
    path = new_file(parser, options.json, "serve")
    report = {"machine": machine(THREADS)}
    note = make_note(report["machine"]["load"])
    with tempfile.TemporaryDirectory(prefix="bench-serve-") as scratch, ExitStack() as stack:
        folder = Path(scratch) / "gpt2"
        _make(folder)
        sides = []
        for name in options.sides:
            try:
                sides.append(stack.enter_context(SIDES[name](folder)))
                note(f"{name}: {sides[-1].description}")
            except UnavailableError as error:
                note(f"{name}: left out: {error}")
        if not sides:
            raise WorkerError("no side is left")
        found = measure(sides, options.clients, options.rounds, not options.no_long, note)
    make_console().print(table(found))
    programs = {side.name: side.description for side in sides}
    write(path, report | {"programs": programs, "serve": found})
    note(f"every turn is in {path}")


def _make(folder: Path) -> None:
    size = GPT2_124M
    config = GPTConfig(size.block_size, size.vocab_size, size.n_layer, size.n_head, size.n_embd)
    with GPT(config, seed=SEED, tokenizer=load_tokenizer("gpt2")) as model:
        model.save_pretrained(folder)


if __name__ == "__main__":
    sys.exit(exit_status(run))
