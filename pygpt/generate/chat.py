"""A conversation with a model that was fine-tuned on prompts and answers, or on chats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Unpack

from pygpt.errors import ConfigError
from pygpt.fields import from_dict
from pygpt.generate.config import GenerateConfig, GenerateOptions
from pygpt.tokenizers.chat_template import ChatForm

if TYPE_CHECKING:
    from pygpt.model.gpt import GPT

LONGEST_ANSWER = 256  # tokens, unless max_new_tokens says otherwise


class Conversation:
    """Mutable: what was said, as messages, and the options of the next answer.

    The model reads it in the form that its folder has, a chat template, or else as in the pairs
    that it was fine-tuned on: prompt and answer each encoded by itself, with what ends a text after
    each answer. Of what is too long the model sees the end.

        chat = pygpt.Conversation(model, remembers=True, temperature=0.8)
        print("".join(chat.answer("What is a monad?")))

    Args:
        model: with a tokenizer; stays the caller's.
        remembers: whether the model sees what was said before; else each prompt stands alone.
        system: what the model is told at the beginning; None for nothing.
        max_new_tokens: most tokens of an answer; None for 256, or half the context if that is less.
        options: fields of `GenerateConfig`.
    Attributes:
        form: how the model reads a conversation.
    Raises:
        ConfigError: an option that is not allowed, or a model without a tokenizer.
        TokenError: a chat template that cannot be used.
    """

    def __init__(
        self,
        model: GPT,
        *,
        remembers: bool = False,
        system: str | None = None,
        max_new_tokens: int | None = None,
        **options: Unpack[GenerateOptions],
    ) -> None:
        if model.tokenizer is None:
            raise ConfigError("tokenizer", "expected one, since there is text; got none")
        self._model = model
        self._remembers = remembers
        self.form = ChatForm(model.tokenizer, model.chat_template, model.special_ids)
        self._beginning: list[dict[str, str]] = []
        if system is not None:
            self._beginning.append({"role": "system", "content": system})
        longest = min(LONGEST_ANSWER, model.config.block_size // 2) or 1
        self._options: dict[str, Any] = {
            "max_new_tokens": longest if max_new_tokens is None else max_new_tokens,
            "truncate": True,
            "stop_tokens": self.form.ends,
        }
        self._strips = model.tokenizer.strips
        self._said: list[dict[str, str]] = []
        self.set(**options)

    def answer(self, prompt: str) -> Iterator[str]:
        """Yield the answer, piece by piece; where it is left, it counts as said so far.

        Raises:
            TokenError: a character that the tokenizer lacks, or the chat template refuses it.
        """
        asked = [*self._said, {"role": "user", "content": prompt}]
        ids = self.form.prompt([*self._beginning, *asked])
        said = ""
        try:
            for piece in self._model.stream(ids, **self._options):
                shown = piece if said else piece.removeprefix(" " * self._strips)
                said += shown
                if shown:
                    yield shown
        finally:
            if self._remembers:
                self._said = [*asked, {"role": "assistant", "content": said}]

    def reset(self) -> None:
        """Forget what was said."""
        self._said = []

    def set(self, **options: Unpack[GenerateOptions]) -> None:
        """Set options of the answers to come.

        Raises:
            ConfigError: a value that is not allowed; no option has changed.
        """
        changed = self._options | options
        from_dict(GenerateConfig, changed)
        self._options = changed
