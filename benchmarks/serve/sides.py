"""The servers that are measured: each is a process of its own, on two threads."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.generate.llama_cpp_side import gguf_file
from benchmarks.harness.peer import WorkerError
from benchmarks.harness.worker import UnavailableError

READY_S = 300.0
THREADS = 2
SEQUENCES = 32  # at a time, as `pygpt serve` has it unless told otherwise
POSITIONS = 1024
OPTIONS = {"ignore_eos": True, "stream_options": {"include_usage": True}}
GREEDY = {"top_k": 1}  # llama.cpp's samplers, in its order, then have one token to look at


@dataclass(frozen=True)
class Side:
    """Immutable: a server that answers.

    Attributes:
        name: as on the command line.
        address: without `/v1`.
        description: the program and its version.
        takes_ids: whether a prompt may be token ids, not text alone.
        options: what its requests say beside OpenAI's common fields.
    """

    name: str
    address: str
    description: str
    takes_ids: bool = True
    options: Mapping[str, Any] = field(default_factory=lambda: OPTIONS)


@contextmanager
def _running(side: Side, command: Sequence[str | Path]) -> Iterator[Side]:
    """Start a server and wait until it answers.

    Raises:
        WorkerError: it ends, or does not answer.
    """
    ends = time.monotonic() + READY_S
    threads = os.environ | {"OMP_NUM_THREADS": str(THREADS), "HF_HUB_OFFLINE": "1"}
    with (
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=stderr, env=threads
        ) as process,
    ):
        try:
            while True:
                try:
                    if httpx2.get(f"{side.address}/health", timeout=5).status_code == 200:
                        break
                except httpx2.HTTPError:
                    pass
                if process.poll() is not None or time.monotonic() > ends:
                    process.kill()
                    stderr.seek(0)
                    raise WorkerError(f"{side.name}: {stderr.read()[-2000:].decode()}")
                time.sleep(0.2)
            yield side
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _pygpt(weights: str, folder: Path) -> AbstractContextManager[Side]:
    port = _free_port()
    command = [sys.executable, "-m", "pygpt", "serve", folder, "--port", str(port)]
    command += ["--weights", weights, "--threads", str(THREADS)]
    side = Side(f"pygpt-{weights}", _address(port), f"pygpt {version('pygpt')}, {weights}")
    return _running(side, command)


def _llama_cpp(weights: str, folder: Path) -> AbstractContextManager[Side]:
    """llama.cpp's server on a GGUF file: `llama-server` if that is on PATH, else xllamacpp's.

    Raises:
        UnavailableError: neither is there.
    """
    program = shutil.which("llama-server")
    if program is None and find_spec("xllamacpp") is None:
        raise UnavailableError(
            "neither llama-server on PATH, built for this processor, nor the package xllamacpp, "
            "whose wheel is for any (pip install xllamacpp==2026.10.11549)"
        )
    path, port = gguf_file(folder, weights), _free_port()
    if not path.exists():
        export = [sys.executable, "-m", "pygpt", "export", folder, path, "--weights", weights]
        subprocess.run(export, check=True, stderr=subprocess.DEVNULL)
    if program is None:
        what = f"llama.cpp of xllamacpp {version('xllamacpp')}, made for any processor"
        numbers = map(str, (port, SEQUENCES, SEQUENCES * POSITIONS, THREADS))
        command = [sys.executable, "-m", "benchmarks.serve.xllamacpp_server", path, *numbers]
    else:
        what, threads = f"llama.cpp's {program}", str(THREADS)
        command = [
            program, "--model", path, "--host", "127.0.0.1", "--port", str(port), "--offline",
            "--parallel", str(SEQUENCES), "--ctx-size", str(SEQUENCES * POSITIONS),
            "--threads", threads, "--threads-batch", threads,
        ]  # fmt: skip
    name, options = f"llama.cpp-{weights}", OPTIONS | GREEDY
    return _running(Side(name, _address(port), f"{what}, {weights}", options=options), command)


def _transformers(is_batching: bool, folder: Path) -> AbstractContextManager[Side]:
    """`transformers serve`; it takes texts, and refuses options that are not OpenAI's.

    Raises:
        UnavailableError: transformers, PyTorch, FastAPI or accelerate is missing.
    """
    try:
        what = f"transformers {version('transformers')} serve, PyTorch {version('torch')}"
        for package in ("fastapi", "accelerate"):
            version(package)
    except PackageNotFoundError as error:
        needed = f"{error}: pip install 'transformers[serving]' torch accelerate"
        raise UnavailableError(needed) from error
    port = _free_port()
    main = "from transformers.cli.transformers import main; main()"
    command = [
        sys.executable, "-c", main, "serve", folder, "--device", "cpu",
        "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    name, how = "transformers", "one request after another"
    if is_batching:  # its caches would take 60 % of the machine's memory
        command += ["--continuous-batching", "--cb-max-memory-percent", "0.1"]
        name, how = "transformers-batching", "continuous batching"
    description = f"{what}, float32, {how}"
    return _running(Side(name, _address(port), description, takes_ids=False, options={}), command)


SIDES: dict[str, Callable[[Path], AbstractContextManager[Side]]] = {
    **{f"pygpt-{weights}": partial(_pygpt, weights)
       for weights in ("int8", "int4", "bfloat16", "float32")},
    **{f"llama.cpp-{weights}": partial(_llama_cpp, weights)
       for weights in ("q8_0", "q4_0", "bfloat16", "float32")},
    "transformers": partial(_transformers, False),
    "transformers-batching": partial(_transformers, True),
}  # fmt: skip
