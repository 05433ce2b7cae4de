"""What follows prompts that are given together: ids, or text piece by piece."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pygpt.engine.freeing import later
from pygpt.generate.config import GenerateConfig
from pygpt.generate.generator import Continuation, Generator

PIECE_MS = 50  # new tokens are looked at so often, or one by one where they take longer


class Generation:
    """Mutable: prompts that are being continued. Use it in a `with` block, or exhaust `pieces`.

    Args:
        generator: for these prompts alone, on an engine that threads may share; closed with this.
        prompts: int32 arrays, (T,), each id in [0, V).
        spells: whether text is wanted.
    Errors are those of `Generator.submit_rows`.
    """

    def __init__(
        self,
        generator: Generator,
        config: GenerateConfig,
        prompts: list[NDArray[np.int32]],
        spells: bool,
    ) -> None:
        self._generator = generator
        self._config = config
        self._requests = generator.submit_rows(prompts, config, spells)
        self._abandoned = weakref.finalize(self, later, generator.cancel_all)
        self._abandoned.atexit = False

    def run(self) -> None:
        """Generate all there is."""
        while self._advance():
            pass

    def _advance(self) -> bool:
        """Generate for a while, then let other threads; return whether there is more to come."""
        more = self._generator.advance(PIECE_MS, self._requests)
        for request in self._requests:
            request.check()
        return more

    def continuations(self) -> list[Continuation]:
        """Return what follows each prompt."""
        return [request.continuation() for request in self._requests]

    def ids(self) -> NDArray[np.int64]:
        """Return prompts, which are equally long, and continuations: int64, (B, T + new)."""
        rows = [request.tokens() for request in self._requests]
        pads = self._config.pad_token_id, self._generator.special_ids.pad
        fills = [*(pad for pad in pads if pad is not None), *self._requests[0].stop_tokens, 0]
        longest = max(map(len, rows))
        padded = [np.pad(row, (0, longest - len(row)), constant_values=fills[0]) for row in rows]
        prompts = np.stack([request.prompt for request in self._requests])
        return np.concatenate([prompts, np.stack(padded)], axis=1)

    def texts(self) -> list[str]:
        """Return the text that has become ready of each since the last call."""
        return [request.take() for request in self._requests]

    def pieces(self) -> Iterator[list[str]]:
        """Yield what is new of the text of each prompt, whole characters at a time."""
        more = True
        with self:
            while more:
                more = self._advance()
                pieces = self.texts()
                if any(pieces):
                    yield pieces

    def __enter__(self) -> Generation:
        return self

    def __exit__(self, *_: object) -> None:
        self._abandoned.detach()
        self._generator.cancel_all()
        self._generator.close()
