"""A conversation with a model that was fine-tuned on prompts and answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Unpack

from pygpt.errors import ConfigError
from pygpt.fields import from_dict
from pygpt.generate.config import GenerateConfig, GenerateOptions

if TYPE_CHECKING:
    from pygpt.model.gpt import GPT

LONGEST_ANSWER = 256  # tokens, unless max_new_tokens says otherwise


class Conversation:
    """Mutable: what was said, as tokens, and the options of the next answer.

    Prompt and answer are encoded each by itself and BOS ends an answer, as in the pairs that the
    model was fine-tuned on. Of what is too long the model sees the end.

        chat = pygpt.Conversation(model, remembers=True, temperature=0.8)
        print("".join(chat.answer("What is a monad?")))

    Args:
        model: with a tokenizer; stays the caller's.
        remembers: whether the model sees what was said before; else each prompt stands alone.
        max_new_tokens: most tokens of an answer; None for 256, or half the context if that is less.
        options: fields of `GenerateConfig`.
    Raises:
        ConfigError: an option that is not allowed, or a model without a tokenizer.
    """

    def __init__(
        self,
        model: GPT,
        *,
        remembers: bool = False,
        max_new_tokens: int | None = None,
        **options: Unpack[GenerateOptions],
    ) -> None:
        if model.tokenizer is None:
            raise ConfigError("tokenizer", "expected one, since there is text; got none")
        self._model = model
        self._tokenizer = model.tokenizer
        self._remembers = remembers
        longest = min(LONGEST_ANSWER, model.config.block_size // 2) or 1
        self._options: dict[str, Any] = {
            "max_new_tokens": longest if max_new_tokens is None else max_new_tokens,
            "truncate": True,
        }
        self._ids: list[int] = []
        self.set(**options)

    def answer(self, prompt: str) -> Iterator[str]:
        """Yield the answer, piece by piece; where it is left, it counts as said so far.

        Raises:
            TokenError: a character that the tokenizer lacks.
        """
        ids = self._ids + self._tokenizer.encode(prompt)
        said = ""
        try:
            for piece in self._model.stream(ids, **self._options):
                said += piece
                yield piece
        finally:
            if self._remembers:
                end = [] if self._tokenizer.bos is None else [self._tokenizer.bos]
                self._ids = [*ids, *self._tokenizer.encode(said), *end]

    def reset(self) -> None:
        """Forget what was said."""
        self._ids = []

    def set(self, **options: Unpack[GenerateOptions]) -> None:
        """Set options of the answers to come.

        Raises:
            ConfigError: a value that is not allowed; no option has changed.
        """
        changed = self._options | options
        from_dict(GenerateConfig, changed)
        self._options = changed
