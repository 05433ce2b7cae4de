"""The options of a server, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from pygpt.errors import ConfigError
from pygpt.fields import Checked, option, size

PORT = 8000


@dataclass(frozen=True)
class ServeConfig(Checked):
    """Immutable: where a server listens, to whom it answers, and how much it takes on.

    Raises:
        ConfigError: a value that is not allowed, or an address that others reach without a key.
    """

    host: str = option("127.0.0.1", "the address to listen on; the default is for this machine")
    port: int = option(PORT, "the port to listen on; 0 takes a free one", minimum=0, maximum=65535)
    name: str | None = option(None, "the model's name for clients; by default its folder's")
    api_key: str | None = option(None, "a key that clients must give, as `Bearer KEY`")
    no_key: bool = option(False, "let others reach it without a key, on an address that is theirs")
    allow_host: tuple[str, ...] = option(
        (), "a name that clients may call this machine, beside localhost and addresses"
    )
    cors_origin: tuple[str, ...] = option(
        (), "an origin whose pages in a browser may ask, such as http://localhost:3000"
    )
    parallel: int = size(32, "the most sequences that are continued at once; others wait")
    max_queue: int = size(64, "the most sequences that wait; beyond them the answer is 503", 0)
    exact: bool = option(
        False, "give every request the bits that it would get alone; long prompts stop the others"
    )

    def _check_together(self) -> None:
        if self.parallel > 32:
            raise ConfigError("parallel", f"expected at most 32, got {self.parallel}")
        for name in ("api_key", "host", "name"):
            value = getattr(self, name)
            if value is not None and not value.strip():
                raise ConfigError(name, f"expected text, got {value!r}")
        if not (is_loopback(self.host) or self.api_key or self.no_key):
            problem = f"expected a key, since others can reach {self.host}; or no_key"
            raise ConfigError("api_key", problem)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    if host == "localhost":
        return True
    return is_address(host) and ip_address(host).is_loopback


def is_address(host: str) -> bool:
    """Return whether this is an address in numbers, which no page can have a name lead to."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
