"""What follows a prompt: options, checks, and ids or text of what Java generates."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from pygpt.config import INT_MAX, Checked, GPTConfig, Rule
from pygpt.engine import Engine
from pygpt.errors import ConfigError, ShapeError, TokenError
from pygpt.text_stream import TextStream
from pygpt.tokenizers.protocol import Tokenizer

PIECE_MS = 50  # new tokens are looked at so often, or one by one where they take longer
SEED_MAX = 2**62  # a Java long, with room for the number of the sequence

_RULES = {
    "max_new_tokens": Rule("most tokens to add", minimum=1, maximum=INT_MAX),
    "temperature": Rule("divides the logits; 0: the likeliest token", minimum=0),
    "top_k": Rule("choose among so many of the likeliest", minimum=1, maximum=INT_MAX),
    "top_p": Rule("choose among the likeliest of this probability", above=0, maximum=1),
    "min_p": Rule("least probability, as a share of the largest", minimum=0, maximum=1),
    "repetition_penalty": Rule("makes tokens that occurred less likely", above=0),
    "seed": Rule("of the random numbers", minimum=0, maximum=SEED_MAX),
    "pad_token_id": Rule("left out of prompts", minimum=0),
    "top_logprobs": Rule("likeliest tokens to tell of", minimum=0, maximum=INT_MAX),
}
_WHOLE = ("max_new_tokens", "top_k", "seed", "pad_token_id", "top_logprobs")
_REQUIRED = ("max_new_tokens", "repetition_penalty", "temperature", "top_logprobs")


@dataclass(frozen=True)
class GenerateConfig(Checked):
    """Immutable: how a prompt is continued; the order of the options is that of their effect.

    Attributes:
        max_new_tokens: most tokens to add.
        repetition_penalty: divides the positive logits of tokens that occurred, in the prompt too,
            and multiplies the negative ones.
        temperature: divides the logits; 0 takes the likeliest token.
        top_k: choose among so many of the likeliest tokens.
        top_p: choose among the likeliest tokens that together have this probability, in (0, 1].
        min_p: choose among tokens of at least this share of the likeliest one's probability.
        seed: row b takes the numbers of `random.Random(seed + b)`, one a token. Without it,
            every call takes others.
        stop_tokens: a sequence ends after one of these; by default the tokenizer's BOS.
        pad_token_id: tokens of a prompt that the model does not see, nor count as positions.
        stop: texts; a sequence ends with the token that completes one of them, and its text before
            it. What the prompt says does not count.
        top_logprobs: how many of the likeliest tokens `continuations` tells of.
        truncate: a prompt that with max_new_tokens is longer than block_size loses its beginning;
            without it, it is an error.
    Raises:
        ConfigError: a value that cannot be.
    """

    max_new_tokens: int = 50
    repetition_penalty: float = 1.0
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    seed: int | None = None
    stop_tokens: tuple[int, ...] | None = None
    pad_token_id: int | None = None
    stop: tuple[str, ...] | str | None = None
    top_logprobs: int = 0
    truncate: bool = False

    def __post_init__(self) -> None:
        for name, rule in _RULES.items():
            value = getattr(self, name)
            if value is None and name not in _REQUIRED:
                continue
            kinds = (int, np.integer) if name in _WHOLE else (int, float, np.integer, np.floating)
            if not isinstance(value, kinds) or isinstance(value, bool):
                noun = "a whole number" if name in _WHOLE else "a number"
                raise ConfigError(name, f"expected {noun}, got {value!r}")
            value = int(value) if name in _WHOLE else float(value)
            problem = rule.problem(value)
            if problem is not None:
                raise ConfigError(name, problem)
            object.__setattr__(self, name, value)
        if self.stop_tokens is not None:
            tokens = np.atleast_1d(np.asarray(self.stop_tokens or [], dtype=object))
            if not all(isinstance(token, (int, np.integer)) for token in tokens):
                got = f"{self.stop_tokens!r}"
                raise ConfigError("stop_tokens", f"expected whole numbers, got {got}")
            object.__setattr__(self, "stop_tokens", tuple(int(token) for token in tokens))
        if self.stop is not None:
            texts = (self.stop,) if isinstance(self.stop, str) else self.stop
            if not isinstance(texts, Sequence) or not all(isinstance(t, str) and t for t in texts):
                raise ConfigError("stop", f"expected texts that are not empty, got {self.stop!r}")
            object.__setattr__(self, "stop", tuple(texts))
        if not isinstance(self.truncate, bool):
            raise ConfigError("truncate", f"expected true or false, got {self.truncate!r}")

    @property
    def sampling(self) -> tuple[float, int, float, float, float]:
        """The fields of Java's `org.pygpt.infer.Sampling`, in its order."""
        top_k, top_p, min_p = self.top_k or 0, self.top_p or 1.0, self.min_p or 0.0
        return self.temperature, top_k, top_p, min_p, self.repetition_penalty


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
        engine: Engine,
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
        self._engine = engine.generation(
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

    def pieces(self) -> Iterator[str]:
        """Yield the text that follows the one prompt, whole characters at a time."""
        (stream,) = self._streams
        more = True
        with self:
            while more:
                more = self._advance(PIECE_MS)
                if not more:
                    stream.end()
                piece = stream.take()
                if piece:
                    yield piece

    def __enter__(self) -> Generation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._engine.close()
