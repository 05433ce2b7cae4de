"""Text that comes token by token: whole characters, and an end at stop strings."""

from __future__ import annotations

import codecs


class TextStream:
    """Mutable: the text that tokens spell, up to the first stop string.

    Text is ready when no later token can change it: a character when its last byte is there, and
    what may be the beginning of a stop string when it has turned out to be none. Which stop string
    is the first does not depend on how the text is cut into tokens: the one that is complete first,
    and of those that end together the longest.

    Args:
        stops: texts that end it; they do not belong to it.

    Attributes:
        stopped: whether a stop string has ended it.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = [stop.encode() for stop in stops]
        self._held = b""  # the longest end of the text that is the beginning of a stop string
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._ready: list[str] = []
        self.stopped = False

    def add(self, token: bytes) -> None:
        """Add the bytes of one token, unless the text has ended."""
        if self.stopped:
            return
        text = self._held + token
        begins = [(text.find(stop), stop) for stop in self._stops]
        found = [(begin + len(stop), begin) for begin, stop in begins if begin >= 0]
        if found:
            self.stopped = True
            end, self._held = min(found)[1], b""
        else:
            begun = (stop[:n] for stop in self._stops for n in range(1, len(stop)))
            end = len(text) - max(map(len, filter(text.endswith, begun)), default=0)
            self._held = text[end:]
        self._ready.append(self._decoder.decode(text[:end], final=self.stopped))

    def end(self) -> None:
        """Let what was held back be text: no more tokens come."""
        self._ready.append(self._decoder.decode(self._held, final=True))
        self._held = b""

    def take(self) -> str:
        """Return the text that has become ready since the last call."""
        text = "".join(self._ready)
        self._ready.clear()
        return text
