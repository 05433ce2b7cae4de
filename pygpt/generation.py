"""What follows a prompt: options, checks, and ids or text of what Java generates."""

from __future__ import annotations

import codecs
import random
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from pygpt.config import INT_MAX, Checked, GPTConfig, Rule
from pygpt.engine import Engine
from pygpt.errors import ConfigError, ShapeError, TokenError
from pygpt.tokenizers.protocol import Tokenizer

PIECE_MS = 50  # a stream speaks about 20 times a second, or once a token where that takes longer
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
}
_WHOLE = ("max_new_tokens", "top_k", "seed", "pad_token_id")


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

    def __post_init__(self) -> None:
        required = ("max_new_tokens", "repetition_penalty", "temperature")
        for name, rule in _RULES.items():
            value = getattr(self, name)
            if value is None and name not in required:
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

    @property
    def sampling(self) -> tuple[float, int, float, float, float]:
        """The fields of Java's `org.pygpt.infer.Sampling`, in its order."""
        top_k, top_p, min_p = self.top_k or 0, self.top_p or 1.0, self.min_p or 0.0
        return self.temperature, top_k, top_p, min_p, self.repetition_penalty


@dataclass(frozen=True)
class Continuation:
    """Immutable: what follows one prompt.

    Attributes:
        ids: int64, (new,): the new tokens, a stop token included.
        log_probabilities: float64, (new,): what the model itself gives each of them, in nats,
            before temperature and the other options.
        stopped: whether a stop token ended it, rather than max_new_tokens.
    """

    ids: NDArray[np.int64]
    log_probabilities: NDArray[np.float64]
    stopped: bool


class Generation:
    """Mutable: prompts that are being continued. Use it in a `with` block, or exhaust `pieces`.

    Args:
        tokens: int32, (B, T), each in [0, V).
        rank: 1 if the caller gave (T,), else 2.
    Raises:
        ShapeError: nothing but padding, or too long with the tokens to add.
        TokenError: a stop token outside the vocabulary.
    """

    def __init__(
        self,
        engine: Engine,
        model: GPTConfig,
        tokenizer: Tokenizer | None,
        config: GenerateConfig,
        tokens: NDArray[np.int32],
        rank: int,
    ) -> None:
        stops = config.stop_tokens
        if stops is None:
            bos = None if tokenizer is None else tokenizer.bos
            stops = () if bos is None else (bos,)
        wrong = next((token for token in stops if not 0 <= token < model.vocab_size), None)
        if wrong is not None:
            raise TokenError(f"stop_tokens: expected 0 to {model.vocab_size - 1}, got {wrong}")
        prompts = [row[row != config.pad_token_id] for row in tokens]
        lengths = [len(prompt) for prompt in prompts]
        if not min(lengths):
            raise ShapeError("prompt: expected at least one token, got only padding")
        if max(lengths) + config.max_new_tokens > model.block_size:
            got = f"{max(lengths)} + {config.max_new_tokens}"
            raise ShapeError(
                f"prompt: expected with max_new_tokens at most block_size = {model.block_size} "
                f"tokens, got {got}; shorten it or ask for fewer"
            )
        seed = config.seed
        if seed is None:
            seed = random.SystemRandom().randrange(SEED_MAX)
        self._tokens, self._rank = tokens, rank
        self._tokenizer, self._stops, self._pad = tokenizer, stops, config.pad_token_id
        self._engine = engine.generation(
            np.concatenate(prompts),
            np.cumsum([0, *lengths]).astype(np.int32),
            config.max_new_tokens,
            config.sampling,
            np.array(stops, np.int32),
            seed,
        )

    def run(self) -> None:
        """Generate all there is."""
        while self._engine.advance(INT_MAX):
            pass

    def continuations(self) -> list[Continuation]:
        """Return what follows each prompt."""
        rows = [self._engine.tokens(b) for b in range(len(self._tokens))]
        return [
            Continuation(ids, self._engine.log_probabilities(b), int(ids[-1]) in self._stops)
            for b, ids in enumerate(rows)
        ]

    def ids(self) -> NDArray[np.int64]:
        """Return prompts and continuations, int64, of the rank of the prompts."""
        rows = [self._engine.tokens(b) for b in range(len(self._tokens))]
        fill = self._pad if self._pad is not None else next(iter(self._stops), 0)
        longest = max(map(len, rows))
        padded = [np.pad(row, (0, longest - len(row)), constant_values=fill) for row in rows]
        joined = np.concatenate([self._tokens, np.stack(padded)], axis=1)
        return joined[0] if self._rank == 1 else joined

    def text(self) -> str:
        """Return the text that follows the one prompt."""
        return self._bytes(self._engine.tokens(0)).decode("utf-8", "replace")

    def pieces(self) -> Iterator[str]:
        """Yield the text that follows the one prompt, whole characters at a time."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        done, more = 0, True
        with self:
            while more:
                more = self._engine.advance(PIECE_MS)
                ids = self._engine.tokens(0, done)
                done += len(ids)
                piece = decoder.decode(self._bytes(ids), final=not more)
                if piece:
                    yield piece

    def _bytes(self, ids: NDArray[np.int64]) -> bytes:
        """Return the text of ids, of which stop tokens and BOS have none."""
        assert self._tokenizer is not None
        silent = {*self._stops, self._tokenizer.bos}
        return self._tokenizer.decode_bytes(i for i in map(int, ids) if i not in silent)

    def __enter__(self) -> Generation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._engine.close()
