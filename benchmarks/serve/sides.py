"""The servers that are measured: each is a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.harness.peer import WorkerError
from pygpt import load_tokenizer

THREADS = 2
READY_S = 300.0

# llama.cpp's server as xllamacpp has it: FILE PORT
LLAMA = """
import sys, time
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port = sys.argv[1], int(sys.argv[2])
params.n_parallel, params.n_ctx = 8, 8 * 512
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(sys.argv[3])
server = xllamacpp.Server(params)
time.sleep(1e9)
"""


@dataclass(frozen=True)
class Side:
    """Immutable: a server that answers.

    Attributes:
        name: as on the command line.
        address: without `/v1`.
        is_ours: whether it takes token ids.
        body: gives the fields of a request for a prompt of token ids.
    """

    name: str
    address: str
    is_ours: bool
    body: Callable[[Sequence[int]], dict[str, Any]]


def _as_text(more: Mapping[str, Any], ids: Sequence[int]) -> dict[str, Any]:
    text = load_tokenizer("gpt2").decode(ids)
    return {"prompt": text, **more}


@contextmanager
def _running(
    name: str, command: Sequence[str | Path], port: int, more: Mapping[str, Any]
) -> Iterator[Side]:
    """Start a server and wait until it answers.

    Raises:
        WorkerError: it ends, or does not answer.
    """
    address, ends = f"http://127.0.0.1:{port}", time.monotonic() + READY_S
    environment = os.environ | {"OMP_NUM_THREADS": str(THREADS), "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    ) as process:
        try:
            while True:
                try:
                    if httpx2.get(f"{address}/health", timeout=5).status_code == 200:
                        break
                except httpx2.HTTPError:
                    pass
                if process.poll() is not None or time.monotonic() > ends:
                    process.kill()
                    assert process.stderr is not None
                    raise WorkerError(f"{name}: {process.stderr.read()[-2000:].decode()}")
                time.sleep(0.2)
            yield Side(name, address, name.startswith("pygpt"), partial(_as_text, more))
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _pygpt(weights: str, folder: Path, python: str) -> AbstractContextManager[Side]:
    port = _free_port()
    command = [sys.executable, "-m", "pygpt", "serve", folder, "--port", str(port)]
    more = {"ignore_eos": True, "stream_options": {"include_usage": True}}
    return _running(f"pygpt-{weights}", [*command, "--weights", weights], port, more)


def _transformers(folder: Path, python: str) -> AbstractContextManager[Side]:
    port = _free_port()
    program = str(Path(python).parent / "transformers")
    command = [program, "serve", str(folder), "--continuous-batching", "--device", "cpu"]
    options = ["--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"]
    return _running("transformers", [*command, *options], port, {"model": str(folder)})


def _llama(kind: str, folder: Path, python: str) -> AbstractContextManager[Side]:
    port, file = _free_port(), folder.with_name(f"{kind}.gguf")
    export = [sys.executable, "-m", "pygpt", "export", folder, file, "--weights", kind]
    subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
    more = {"ignore_eos": True, "cache_prompt": False, "stream_options": {"include_usage": True}}
    command = [python, "-c", LLAMA, file, str(port), str(THREADS)]
    return _running(f"llama.cpp-{kind}", command, port, more)


SIDES: dict[str, Callable[[Path, str], AbstractContextManager[Side]]] = {
    "pygpt-int8": partial(_pygpt, "int8"),
    "pygpt-float32": partial(_pygpt, "float32"),
    "transformers": _transformers,
    "llama.cpp-q8_0": partial(_llama, "q8_0"),
    "llama.cpp-float32": partial(_llama, "float32"),
}
