"""Times the sides: checks first, then turns that alternate."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.generate.bandwidth import MemoryReader
from benchmarks.generate.check import (
    LOGITS,
    ROUNDED,
    TABLE,
    check_greedy,
    compare_logits,
    equal_tokens,
)
from benchmarks.generate.llama_cpp_side import gguf_file
from benchmarks.generate.workload import Workload
from benchmarks.harness.measure import ratios, turns
from benchmarks.harness.peer import Peer, WorkerError, environment
from benchmarks.harness.worker import UnavailableError

MAKE = "benchmarks.generate.side:make_side"
WEIGHT_BITS = {  # in the blocks, and of the output matrix; 32 otherwise
    "pygpt-bfloat16": (16, 16),
    "pygpt-int8": (8, 8),
    "pygpt-int4": (5, 8),  # with a scale of 32 bits for every 32
    "ctranslate2-int8": (8, 8),
    "llama.cpp-bfloat16": (16, 16),
    "llama.cpp-q8_0": (8.5, 8.5),  # with a scale of 16 bits for every 32
    "llama.cpp-q4_0": (4.5, 4.5),
    "openvino-bfloat16": (16, 16),
    "openvino-int8": (8, 8),
}
ROUND_BOTH = {  # sides that round what weights are multiplied by, too, so that no logits come twice
    "ctranslate2-int8": ROUNDED,
    "llama.cpp": TABLE,
    "llama.cpp-bfloat16": ROUNDED,
    "llama.cpp-q8_0": ROUNDED,
    "llama.cpp-q4_0": ROUNDED,
    "openvino-bfloat16": ROUNDED,
    "openvino-int8": ROUNDED,
}


@dataclass
class Result:
    """Mutable: what one side did.

    Attributes:
        logits_apart: from the first float32 side, as a part of the largest; from pygpt on the same
            file for llama.cpp; None for other sides with rounded weights.
        equal_tokens: greedy ones before the first that differs from the first side's.
        bytes_per_token: of the weights that a step reads.
        generate_s: the continuations, one by one.
        read_bytes_per_s: at which memory was read around each: the mean of just before and after.
        prefill_s: reading the long prompt, up to its first new token.
        batch_s: number of sequences -> continuing that many, one by one.
        forward_s: one forward of as many tokens, with the loss.
    """

    name: str
    description: str
    logits_apart: float | None = None
    equal_tokens: int = 0
    bytes_per_token: int = 0
    generate_s: list[float] = field(default_factory=list)
    read_bytes_per_s: list[float] = field(default_factory=list)
    prefill_s: list[float] = field(default_factory=list)
    batch_s: dict[int, list[float]] = field(default_factory=dict)
    forward_s: list[float] = field(default_factory=list)
    peak_bytes: int = 0


def measure(
    work: Workload, sides: Sequence[str], threads: int, scratch: Path, note: Callable[[str], None]
) -> list[Result]:
    """Run the sides, one computing at a time; a note says why one is left out.

    The rate at which a virtual machine reads memory may be another from second to second, so it is
    measured around each continuation.

    Raises:
        WorkerError: a side failed, or none is left.
        DisagreementError: a side does other work than the first one.
    """
    folder = scratch / "model"
    work.make_folder(folder)
    with ExitStack() as stack:
        reader = stack.enter_context(MemoryReader(threads))
        peers = []
        for name in sides:
            note(f"{name}: loads, and is compared")
            variables, arguments = environment(name, threads, scratch), (name, folder, threads)
            try:
                peer = stack.enter_context(Peer(name, MAKE, arguments, variables))
            except UnavailableError as error:
                note(f"{name}: left out: {error}")
                continue
            peers.append((peer, Result(name, peer.description)))
        if not peers:
            raise WorkerError("no side is left")
        _check(work, peers, folder)
        for counts, (peer, result) in turns(peers, work.warm_up, work.rounds, note):
            _turn(work, peer, result if counts else Result("", ""), reader)
        for peer, result in peers:
            result.peak_bytes = peer.peak_bytes
    return [result for _, result in peers]


def _check(work: Workload, peers: Sequence[tuple[Peer, Result]], folder: Path) -> None:
    """Compare the sides before anything counts; also the first, cold continuation of each."""
    prompt = work.tokens(work.prompt)
    first = next((peer for peer, _ in peers if peer.label not in WEIGHT_BITS), None)
    expected = None if first is None else first.ask("logits", prompt)
    tokens: list[int] = []
    for peer, result in peers:
        name = result.name
        blocks, head = WEIGHT_BITS.get(name, (32, 32))
        result.bytes_per_token = int(work.blocks_read * blocks + work.head_read * head) // 8
        if name.startswith("llama.cpp"):
            same = _same_file_logits(gguf_file(folder, name.partition("-")[2] or "float32"), prompt)
        else:
            same = expected if name in ROUND_BOTH or name not in WEIGHT_BITS else None
        if same is not None:
            bound = ROUND_BOTH.get(name, LOGITS)
            result.logits_apart = compare_logits(name, peer.ask("logits", prompt), same, bound)
        _, mine = peer.ask("generate", prompt, work.new)
        tokens = tokens or mine
        result.equal_tokens = equal_tokens(mine, tokens)
        if name not in ROUND_BOTH:
            _check_tokens(work, peer, mine)


def _same_file_logits(path: Path, prompt: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the logits, (T, V), of pygpt in float32 with the rounded weights of a GGUF file."""
    with Peer("pygpt", MAKE, ("pygpt", path, 1)) as pygpt:
        logits: NDArray[np.float32] = pygpt.ask("logits", prompt)
    return logits


def _check_tokens(work: Workload, peer: Peer, made: list[int]) -> None:
    """Compare greedy tokens, of one sequence and of two, with logits without a cache."""
    prompt, prompts = work.tokens(work.prompt), work.prompts(2)
    _, both = peer.ask("generate_many", prompts, work.batch_new)
    for row, new in ((prompt, made), *zip(prompts, both, strict=True)):
        check_greedy(peer.label, row, new, peer.ask("logits", np.append(row, new)))


def _turn(work: Workload, peer: Peer, result: Result, reader: MemoryReader) -> None:
    before = reader.bytes_per_s()
    result.generate_s.append(peer.ask("generate", work.tokens(work.prompt), work.new)[0])
    result.read_bytes_per_s.append((before + reader.bytes_per_s()) / 2)
    result.prefill_s.append(peer.ask("generate", work.tokens(work.prefill), 1)[0])
    for count in work.batches:
        seconds, _ = peer.ask("generate_many", work.prompts(count), work.batch_new)
        result.batch_s.setdefault(count, []).append(seconds)
    result.forward_s.append(peer.ask("forward", work.tokens(work.prefill + 1))[0])


def tokens_per_s(work: Workload, result: Result) -> float:
    """Return new tokens a second, in the median turn."""
    return work.new / statistics.median(result.generate_s)


def batch_tokens_per_s(work: Workload, result: Result, count: int) -> float:
    """Return new tokens a second of so many sequences together, in the median turn."""
    return count * work.batch_new / statistics.median(result.batch_s[count])


def times(result: Result, other: Result) -> list[float]:
    """Return how many times as fast as the other this side generated, turn by turn."""
    return ratios(other.generate_s, result.generate_s)


def shares(work: Workload, result: Result) -> list[float]:
    """Return, turn by turn, the part of the rate at which memory is read that its weights were."""
    pairs = zip(result.generate_s, result.read_bytes_per_s, strict=True)
    return [work.new * result.bytes_per_token / seconds / rate for seconds, rate in pairs]
