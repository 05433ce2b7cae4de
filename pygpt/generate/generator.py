"""A generator that stays open: prompts join and leave while others are being continued."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pygpt.engine.generation import (
    AT_ONCE,
    EngineGenerator,
    EngineSequence,
    SampledPrompt,
)
from pygpt.engine.model import Model
from pygpt.errors import ConfigError, ShapeError
from pygpt.fields import from_dict
from pygpt.generate.config import SEED_MAX, GenerateConfig, GenerateOptions
from pygpt.generate.prompts import never_tokens, prompt_rows, read_by_model, stop_tokens
from pygpt.generate.text_stream import TextStream
from pygpt.tokenizers.protocol import NO_SPECIAL_IDS, SpecialIds, Tokenizer

PARALLEL = AT_ONCE  # prompts at once, at most: with more, a step's time is arithmetic


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


class Request:
    """Mutable: one prompt that a `Generator` continues.

    Attributes:
        prompt: int32, (T,), as it was given: padding and what is truncated are in it.
        stop_tokens: one of these ends it.
        done: whether nothing more comes; set by the generator's `advance`.
    """

    def __init__(
        self,
        prompt: NDArray[np.int32],
        sequence: EngineSequence,
        stops: tuple[int, ...],
        tokenizer: Tokenizer | None,
        stream: TextStream | None,
    ) -> None:
        self.prompt = prompt
        self.stop_tokens = stops
        self.done = False
        self._sequence = sequence
        self._tokenizer = tokenizer
        self._stream = stream  # None if no text is wanted
        self._spelt = 0  # tokens that are in the stream
        self._failed = False
        self._mutex = threading.Lock()  # for the stream

    def check(self) -> None:
        """Raise what went wrong with this request alone, which has then ended.

        Raises:
            EngineError: the logits were no numbers.
            TooLargeError: there was no memory to read it with.
        """
        if self._failed:
            self._sequence.check()

    def tokens(self, start: int = 0) -> NDArray[np.int64]:
        """Return the new tokens from index `start` on: int64; a copy."""
        return self._sequence.tokens(start)

    def take(self) -> str:
        """Return the new text since the last call: whole characters, nothing of a stop string.

        Raises:
            ConfigError: the prompt was of ids, without stop strings.
            EngineError, TooLargeError: those of `check`, once all text is taken.
        """
        if self._stream is None:
            raise ConfigError("prompt", "expected text, or stop strings, to have text; got ids")
        with self._mutex:
            text = self._stream.take()
        if not text:
            self.check()
        return text

    def continuation(self, start: int = 0) -> Continuation:
        """Return what follows the prompt; its text is what `take` has not returned.

        Args:
            start: index of the first new token that is wanted. While it runs, those that have come
                since may be had one piece after another.
        Errors are those of `check`.
        """
        self.check()
        with self._mutex:
            text = None if self._stream is None else self._stream.take()
            spelt = self._stream is not None and self._stream.stopped
            ids = self.tokens()[: None if self._stream is None else self._spelt]
        stopped = spelt or (len(ids) > 0 and int(ids[-1]) in self.stop_tokens)
        log_probabilities = self._sequence.log_probabilities()[start : len(ids)]
        top_ids, top_values = self._sequence.top(len(ids))
        return Continuation(
            ids[start:], log_probabilities, stopped, top_ids[start:], top_values[start:], text
        )

    def _update(self, ended: bool, failed: bool, length: int) -> None:
        """Spell what is new of so many tokens."""
        with self._mutex:
            if self.done:
                return
            self._failed = failed
            if self._stream is not None and not self._stream.stopped:
                if length > self._spelt:
                    self._spell(self._stream)
                if ended:
                    self._stream.end()
            self.done = ended or (self._stream is not None and self._stream.stopped)

    def _spell(self, stream: TextStream) -> None:
        assert self._tokenizer is not None
        silent = {*self.stop_tokens, self._tokenizer.bos, self._tokenizer.eos}
        for token in self.tokens(self._spelt).tolist():
            stream.add(b"" if token in silent else self._tokenizer.decode_bytes([token]))
            self._spelt += 1
            if stream.stopped:
                self._sequence.end(self._spelt)
                return


class Generator:
    """Mutable: continues many prompts together, each with options of its own. Use a `with` block.

    A request may be submitted at any time, by any thread; it joins those that are running at the
    next step. The model works only inside `advance`. Where the beginning of a prompt equals what
    was read before, and is still there, it is not read again. See docs/generate.md.

        with model.generator() as generator:
            request = generator.submit("Once upon a time", 100, temperature=0.8, seed=1)
            while not request.done:
                generator.advance()
                print(request.take(), end="", flush=True)
            request.check()  # raises what went wrong with it

    Args:
        tokenizer: for text; None if there is only ids.
        parallel: most prompts that are continued at once, 1 to 32; others wait in their order.
        exact: see `GPT.generator`.
        engine: what to use; by default one of its own.
        special_ids: the model's, which say where a text ends beside the tokenizer.
    Raises:
        ConfigError: parallel is out of range.
    """

    def __init__(
        self,
        model: Model,
        tokenizer: Tokenizer | None,
        parallel: int = PARALLEL,
        exact: bool = False,
        engine: EngineGenerator | None = None,
        special_ids: SpecialIds = NO_SPECIAL_IDS,
    ) -> None:
        if not 1 <= parallel <= PARALLEL:
            raise ConfigError("parallel", f"expected 1 to {PARALLEL}, got {parallel}")
        self._config = model.config
        self._tokenizer = tokenizer
        self.special_ids = special_ids
        self._never = never_tokens(model.config, tokenizer)
        self._engine = EngineGenerator(model, parallel, exact) if engine is None else engine
        self._requests: list[Request] = []
        self._mutex = threading.Lock()  # for the list

    def submit(
        self,
        prompt: str | ArrayLike,
        max_new_tokens: int = 50,
        **options: Unpack[GenerateOptions],
    ) -> Request:
        """Put a prompt last in the queue.

        Args:
            prompt: text, or ids: int32 or int64, (T,), each in [0, V).
        Other args and errors are those of `GPT.generate`.
        Raises:
            TooLargeError: its keys and values do not fit into memory.
        """
        config = from_dict(GenerateConfig, {"max_new_tokens": max_new_tokens, **options})
        if not isinstance(prompt, str) and np.ndim(prompt) != 1:
            raise ShapeError(f"prompt: expected text or (T,), got {np.shape(prompt)}")
        rows = prompt_rows(prompt, self._tokenizer, self._config, config.specials)
        return self.submit_rows(rows, config, isinstance(prompt, str))[0]

    def submit_rows(
        self, prompts: Sequence[NDArray[np.int32]], config: GenerateConfig, spells: bool
    ) -> list[Request]:
        """Put prompts last in the queue; prompt b takes the seed plus b.

        Args:
            prompts: int32, (T,), each id in [0, V).
            spells: whether text is wanted.
        Raises:
            ShapeError: nothing but padding, or too long with the tokens to add.
            TokenError: a stop token outside the vocabulary.
            ConfigError: stop strings without a tokenizer; no room for a truncated prompt.
            TooLargeError: the keys and values of one do not fit into memory; none is queued.
        """
        stops = stop_tokens(config, self._config, self._tokenizer, self.special_ids)
        read = read_by_model(prompts, config, self._config.block_size)
        seed = config.seed
        if seed is None:
            seed = random.SystemRandom().randrange(SEED_MAX)
        texts, top_count = tuple(config.stop or ()), config.top_logprobs
        ends = np.array(stops, np.int32)
        sequences = self._engine.submit(
            [
                SampledPrompt(
                    row,
                    config.max_new_tokens,
                    config.sampling,
                    ends,
                    self._never,
                    config.slide,
                    top_count,
                    seed + b,
                    config.lookup,
                )
                for b, row in enumerate(read)
            ]
        )
        added = [
            Request(
                prompt,
                sequence,
                stops,
                self._tokenizer,
                TextStream(texts) if spells or texts else None,
            )
            for prompt, sequence in zip(prompts, sequences, strict=True)
        ]
        with self._mutex:
            self._requests += added
        return added

    def cancel(self, request: Request) -> None:
        """End a request where it is, waiting or running; the next step frees its place."""
        self._engine.cancel([request._sequence])
        self._update([request])

    def cancel_all(self) -> None:
        """End all requests where they are."""
        with self._mutex:
            requests, self._requests = self._requests, []
        self._engine.cancel([request._sequence for request in requests])

    def advance(self, time_ms: int = 0, wanted: Sequence[Request] = ()) -> bool:
        """Run the model once, and more for so long; return whether there are more tokens to add.

        Once is a part of a prompt, or one token of each running request.

        Args:
            wanted: requests that are waited for: this returns when they have ended. By default
                all.
        Raises:
            EngineError: Java failed; what is wrong with one request alone is raised by it.
            KeyboardInterrupt: Ctrl-C; the next call goes on where this one was.
        """
        more = self._engine.advance(time_ms, [request._sequence for request in wanted])
        with self._mutex:
            requests = list(self._requests)
        self._update(requests)
        return more

    def _update(self, requests: list[Request]) -> None:
        progress = self._engine.progress([request._sequence for request in requests])
        for request, (ended, failed, length) in zip(requests, progress.tolist(), strict=True):
            request._update(bool(ended), bool(failed), length)
        with self._mutex:
            self._requests = [request for request in self._requests if not request.done]

    @property
    def queued(self) -> int:
        """Requests that wait for their turn."""
        return self._engine.queued()

    @property
    def running(self) -> int:
        """Requests that are being read or continued."""
        return self._engine.running()

    @property
    def cache_bytes(self) -> int:
        """The size of the keys and values of all requests, ended ones too, that are kept."""
        return self._engine.cache_bytes()

    def forget(self) -> None:
        """Reuse nothing that was read before.

        To be called after writing to arrays of `GPT.parameters`, unless `GPT.weights_changed` is;
        training and `quantize` see to it by themselves.
        """
        self._engine.forget()

    def close(self) -> None:
        """Free the memory; a second call does nothing."""
        self._engine.close()

    def __enter__(self) -> Generator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
