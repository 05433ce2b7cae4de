"""`--show`: the page of a model while it trains, in a thread of its own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pygpt.errors import OutputError
from pygpt.model.gpt import GPT
from pygpt.serve.config import ServeConfig
from pygpt.serve.live import Live
from pygpt.tokenizers.protocol import Tokenizer

JOIN_S = 10.0  # that answers have to end


@contextmanager
def page_of(live: Live, model: GPT, tokenizer: Tokenizer, run: Path) -> Iterator[None]:
    """Within the block a server shows the model; see `require_packages`. It says its address.

    Args:
        tokenizer: of the data; the model's from now on, if it has none.
    """
    from pygpt.serve.server import Server
    from pygpt.serve.show import Shown

    if model.tokenizer is None:
        model.tokenizer = tokenizer
    shown, name = Shown(run, live), run.name or "pygpt"
    server = None
    with suppress(OutputError):  # the port is taken: another will do
        server = Server(model, name, ServeConfig(), shown)
    server = server or Server(model, name, ServeConfig(port=0), shown)
    with server:
        thread = threading.Thread(target=server.run, name="pygpt-page", daemon=True)
        thread.start()
        print(f"{server.address}/ shows the model while it trains", file=sys.stderr, flush=True)
        try:
            yield
        finally:
            server.stop()
            thread.join(JOIN_S)
