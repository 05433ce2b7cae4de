"""llama.cpp's server as the package xllamacpp has it, in a process of its own.

python -m benchmarks.serve.xllamacpp_server FILE.gguf PORT SEQUENCES CONTEXT THREADS
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

import xllamacpp


def run(arguments: Sequence[str]) -> None:
    """Answer on loopback until a signal comes.

    Args:
        arguments: the file; the port; sequences at a time; tokens of context, of all of them
            together; threads.
    """
    options = xllamacpp.CommonParams()
    options.model.path = arguments[0]
    options.port, options.n_parallel, options.n_ctx, threads = map(int, arguments[1:])
    options.cpuparams.n_threads = options.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(options)
    print(server.listening_address, flush=True)
    signal.sigwait([signal.SIGTERM, signal.SIGINT])


if __name__ == "__main__":
    run(sys.argv[1:])
