"""A process on a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence

from tests.support.processes import default_signals

LONGEST_S = 60.0  # until something is shown


class Terminal:
    """Mutable: a program whose input and output are a terminal; use it in a `with` block.

    What it shows is read without control sequences, and with one blank for each run of blanks, so
    that the width of the window does not matter.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._ours, self._theirs = pty.openpty()
        self.resize(24, 80)
        name = os.ttyname(self._theirs)  # who begins a session and opens a terminal has it
        opened = ["sh", "-c", f'exec "$0" "$@" < {name} > {name} 2>&1', *command]
        with default_signals():
            self._process = subprocess.Popen(
                opened, start_new_session=True, env=os.environ | {"TERM": "xterm"}
            )
        self._unread = b""  # whole characters and control sequences may come in pieces

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._theirs)
        os.close(self._ours)

    def resize(self, rows: int, columns: int) -> None:
        """Give the window another size, of which the program is told."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        """Send text, with control characters as keys send them."""
        os.write(self._ours, text.encode())

    def until(self, mark: str) -> str:
        """Return what is shown up to a mark at the end of what there is."""
        end = time.monotonic() + LONGEST_S
        while not (shown := _plain(self._unread)).endswith(mark):
            assert time.monotonic() < end, f"expected {mark!r}, got {self._unread!r}"
            if select.select([self._ours], [], [], 0.1)[0]:
                self._unread += os.read(self._ours, 1 << 16)
        self._unread = b""
        return " ".join(shown.split()) + " "

    def ended(self) -> int:
        """Return the exit status of the program, which ends now."""
        return self._process.wait(LONGEST_S)


def _plain(output: bytes) -> str:
    text = output.decode("utf-8", "replace")
    return re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|[=>])", "", text).replace("\r", "")
