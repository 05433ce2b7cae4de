"""What follows a prompt: checks, and ids or text of what Java generates."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from pygpt.engine.generation import EngineGeneration
from pygpt.engine.model import Model
from pygpt.errors import ConfigError, ShapeError, TokenError
from pygpt.fields import INT_MAX
from pygpt.generate.config import SEED_MAX, GenerateConfig
from pygpt.generate.text_stream import TextStream
from pygpt.model.config import GPTConfig
from pygpt.tokenizers.protocol import Tokenizer

PIECE_MS = 50  # new tokens are looked at so often, or one by one where they take longer


@dataclass(frozen=True)
class Continuation:
    """Immutable: what follows one prompt.

    Attributes:
        ids: int64, (new,): the new tokens, with the one that ended them: a stop token, or the one
            that completed a stop string.
        log_probabilities: float64, (new,): what the model itself gives each of them, in nats,
            before temperature and the other options.
        stopped: whether a stop token or a stop string ended it, rather than max_new_tokens.
        top_ids: int64, (new, top_logprobs): the likeliest tokens by the model itself in the place
            of each of them, likeliest first.
        top_log_probabilities: float64, (new, top_logprobs): theirs, in nats.
        text: what the tokens spell, up to a stop string; None for a prompt of ids without stop
            strings.
    """

    ids: NDArray[np.int64]
    log_probabilities: NDArray[np.float64]
    stopped: bool
    top_ids: NDArray[np.int64]
    top_log_probabilities: NDArray[np.float64]
    text: str | None


class Generation:
    """Mutable: prompts that are being continued. Use it in a `with` block, or exhaust `pieces`.

    Args:
        prompts: int32 arrays, (T,), each id in [0, V).
        spells: whether text is wanted.
    Raises:
        ShapeError: nothing but padding, or too long with the tokens to add.
        TokenError: a stop token outside the vocabulary.
        ConfigError: stop strings without a tokenizer; no room for a truncated prompt.
    """

    def __init__(
        self,
        engine: Model,
        model: GPTConfig,
        tokenizer: Tokenizer | None,
        config: GenerateConfig,
        prompts: list[NDArray[np.int32]],
        spells: bool,
    ) -> None:
        bos = None if tokenizer is None else tokenizer.bos
        stops = config.stop_tokens
        if stops is None:
            stops = () if bos is None else (bos,)
        wrong = next((token for token in stops if not 0 <= token < model.vocab_size), None)
        if wrong is not None:
            raise TokenError(f"stop_tokens: expected 0 to {model.vocab_size - 1}, got {wrong}")
        texts = tuple(config.stop or ())
        if texts and tokenizer is None:
            raise ConfigError("tokenizer", "expected one, since there are stop strings; got none")
        if config.top_logprobs > model.vocab_size:
            problem = f"expected at most vocab_size = {model.vocab_size}"
            raise ConfigError("top_logprobs", f"{problem}, got {config.top_logprobs}")
        self._prompts, self._config, self._stops = prompts, config, stops
        self._tokenizer, self._silent = tokenizer, {*stops, bos}
        read = self._read_by_model(model.block_size)
        seed = config.seed
        if seed is None:
            seed = random.SystemRandom().randrange(SEED_MAX)
        count = len(prompts) if spells or texts else 0
        self._streams = [TextStream(texts) for _ in range(count)]
        self._spelt = [0] * count  # tokens that are in the streams
        self._engine = EngineGeneration(
            engine,
            np.concatenate(read),
            np.cumsum([0, *map(len, read)]).astype(np.int32),
            config.max_new_tokens,
            config.sampling,
            np.array(stops, np.int32),
            seed,
            config.top_logprobs,
        )

    def _read_by_model(self, block_size: int) -> list[NDArray[np.int32]]:
        """Return the prompts without padding and, if they are truncated, beginnings."""
        new, pad = self._config.max_new_tokens, self._config.pad_token_id
        prompts = [row if pad is None else row[row != pad] for row in self._prompts]
        if not min(map(len, prompts)):
            raise ShapeError("prompt: expected at least one token, got only padding")
        room, longest = block_size - new, max(map(len, prompts))
        if longest <= room:
            return prompts
        if not self._config.truncate:
            raise ShapeError(
                f"prompt: expected with max_new_tokens at most block_size = {block_size} "
                f"tokens, got {longest} + {new}; shorten it, ask for fewer or set truncate"
            )
        if room < 1:
            problem = f"expected less than block_size = {block_size} to leave room for the prompt"
            raise ConfigError("max_new_tokens", f"{problem}, got {new}")
        return [prompt[-room:] for prompt in prompts]

    def run(self) -> None:
        """Generate all there is."""
        while self._advance(PIECE_MS if self._config.stop else INT_MAX):
            pass
        for stream in self._streams:
            stream.end()

    def _advance(self, time_ms: int) -> bool:
        """Generate for a while, and spell what is new; return whether there is more to come."""
        more = self._engine.advance(time_ms)
        if self._streams:
            lengths = self._engine.lengths()
            for b in np.flatnonzero(lengths > self._spelt).tolist():
                self._spell(b)
                self._spelt[b] = int(lengths[b])
        return more

    def _spell(self, b: int) -> None:
        """Add the new tokens of a sequence to its text, and end it at a stop string."""
        assert self._tokenizer is not None
        stream, first = self._streams[b], self._spelt[b]
        for count, token in enumerate(self._engine.tokens(b, first).tolist(), first + 1):
            stream.add(b"" if token in self._silent else self._tokenizer.decode_bytes([token]))
            if stream.stopped:
                self._engine.end(b, count)
                return

    def continuations(self) -> list[Continuation]:
        """Return what follows each prompt."""
        texts = self.texts() if self._streams else [None] * len(self._prompts)
        found = []
        for b, text in enumerate(texts):
            ids = self._engine.tokens(b)
            spelt = bool(self._streams) and self._streams[b].stopped
            stopped = spelt or int(ids[-1]) in self._stops
            log_probabilities = self._engine.log_probabilities(b)
            found.append(
                Continuation(ids, log_probabilities, stopped, *self._engine.top(b), text)
            )
        return found

    def ids(self) -> NDArray[np.int64]:
        """Return prompts, which are equally long, and continuations: int64, (B, T + new)."""
        rows = [self._engine.tokens(b) for b in range(len(self._prompts))]
        pad = self._config.pad_token_id
        fill = pad if pad is not None else next(iter(self._stops), 0)
        longest = max(map(len, rows))
        padded = [np.pad(row, (0, longest - len(row)), constant_values=fill) for row in rows]
        return np.concatenate([np.stack(self._prompts), np.stack(padded)], axis=1)

    def texts(self) -> list[str]:
        """Return the text that follows each prompt, once."""
        return [stream.take() for stream in self._streams]

    def pieces(self) -> Iterator[list[str]]:
        """Yield what is new of the text of each prompt, whole characters at a time."""
        more = True
        with self:
            while more:
                more = self._advance(PIECE_MS)
                if not more:
                    for stream in self._streams:
                        stream.end()
                pieces = [stream.take() for stream in self._streams]
                if any(pieces):
                    yield pieces

    def __enter__(self) -> Generation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._engine.close()
