"""A model behind a socket."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import uvicorn

from pygpt.errors import ConfigError, OutputError
from pygpt.model.gpt import GPT
from pygpt.serve.app import make_app
from pygpt.serve.config import ServeConfig
from pygpt.serve.show import Shown

BACKLOG = 1024  # connections that wait to be accepted
GRACE_S = 3  # that answers have to end after a signal


class Server:
    """Mutable: holds a port from its making on. Use a `with` block.

        with Server(model, "names") as server:
            threading.Thread(target=server.run).start()
            client = openai.OpenAI(base_url=f"{server.address}/v1", api_key="none")
            ...
            server.stop()

    Args:
        model: with a tokenizer; stays the caller's, who uses it for nothing else meanwhile.
        name: what clients call it.
        shown: what the page has beside the model; by default nothing.
    Attributes:
        address: such as http://127.0.0.1:8000.
    Raises:
        ConfigError: the model has no tokenizer, or there is no such address.
        OutputError: the port is taken.
    """

    def __init__(
        self,
        model: GPT,
        name: str,
        config: ServeConfig | None = None,
        shown: Shown | None = None,
    ) -> None:
        config = ServeConfig() if config is None else config
        app = make_app(model, name, config, shown)
        self._socket = _listening(config)
        host = f"[{config.host}]" if ":" in config.host else config.host
        self.address = f"http://{host}:{self._socket.getsockname()[1]}"
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # not what clients do wrong
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GRACE_S,
            )
        )

        app.state.stopping = lambda: self._uvicorn.should_exit  # for answers without an end

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Answer until `stop`, SIGINT or SIGTERM, which then go on to their handlers.

        Args:
            on_ready: called once it answers.
        """
        self._uvicorn.on_ready = on_ready
        self._uvicorn.run([self._socket])

    def stop(self) -> None:
        """Let `run` return soon; for any thread."""
        self._uvicorn.should_exit = True

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


class _Uvicorn(uvicorn.Server):
    """Mutable: tells when it answers."""

    on_ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if not self.should_exit:
            self.on_ready()


def _listening(config: ServeConfig) -> socket.socket:
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError("host", f"expected an address of this machine: {error}") from None
    family, *_, address = found[0]
    try:
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        problem = f"cannot listen on {config.host}, port {config.port}: {error.strerror}"
        raise OutputError(f"{problem}; another --port may be free, 0 takes one") from None
