"""Conversations as the tokens of a model: by its chat template, or by pygpt's own form.

A chat template is a text in Jinja's language, which the model's folder has; it is run in Jinja's
sandbox, with the names that transformers gives it. Without one, prompts and answers stand one after
another, each encoded by itself, and what ends a text ends each answer.
https://huggingface.co/docs/transformers/chat_templating
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pygpt.errors import TokenError
from pygpt.tokenizers.protocol import NO_SPECIAL_IDS, SpecialIds, Tokenizer, ends, with_roles

INSTALL = "pip install 'pygpt[chat]'"
PLAIN = (
    "{% for message in messages %}{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
)
"""pygpt's own form as a template."""

_WITH_BOS = "{{ bos_token }}" + PLAIN

Message = Mapping[str, Any]
"""`role` (system, user or assistant) and `content`, which is text."""


class Scored(NamedTuple):
    """A conversation to learn from.

    Attributes:
        ids: of all of it.
        scored: whether each is of an answer, or ends one.
        answer: how many tokens the last answer has, with its end.
    """

    ids: list[int]
    scored: list[bool]
    answer: int


class ChatForm:
    """Immutable: how a model reads a conversation.

    Args:
        tokenizer: the model's.
        template: its chat template; None for pygpt's own form.
        special_ids: the model's.
    Attributes:
        ends: the ids that end an answer.
    Raises:
        TokenError: the template is no such text, or Jinja is not installed.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        template: str | None = None,
        special_ids: SpecialIds = NO_SPECIAL_IDS,
    ) -> None:
        self._tokenizer = tokenizer
        self.ends = ends(special_ids, tokenizer)
        self._end = [*(ends(NO_SPECIAL_IDS, tokenizer) or self.ends)[:1]]
        self._names = special_names(tokenizer, special_ids)
        plain = template is None or template == plain_template(tokenizer)
        self._template = None if plain else _compiled(str(template))
        self.ends += self._turn_end()

    def render(self, messages: Sequence[Message], asks: bool = True, **variables: Any) -> str:
        """Return what the template makes of a conversation.

        Args:
            asks: whether an answer shall follow (`add_generation_prompt` of transformers).
            variables: others that the template knows, such as `tools`.
        Raises:
            TokenError: there is no template, or it refuses the conversation.
        """
        if self._template is None:
            raise TokenError("chat template: expected one, got none")
        values = {"tools": None, "documents": None, **self._names, **variables}
        try:
            return str(
                self._template.render(
                    messages=list(messages), add_generation_prompt=asks, **values
                )
            )
        except Exception as error:  # whatever the template runs into
            raise TokenError(f"chat template: {error}") from error

    def _turn_end(self) -> tuple[int, ...]:
        """Return the special token that the template has after an answer, if it has one."""
        if self._template is None:
            return ()
        asked, answer = {"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}
        try:
            said = self.render([asked, answer], False)
        except TokenError:
            return ()
        after = self._tokenizer.encode(said.rpartition("!")[2].lstrip(" "), True)
        special = {*self._tokenizer.specials.values()} - {self._tokenizer.bos, *self.ends}
        return tuple(i for i in after[:1] if i in special)

    def prompt(self, messages: Sequence[Message], **variables: Any) -> list[int]:
        """Return the ids of a conversation, up to where the next answer begins.

        Raises:
            TokenError: the template refuses it, or a character that the tokenizer lacks.
        """
        if self._template is not None:
            return self._tokenizer.encode(self.render(messages, True, **variables), True)
        ids = [*self._tokenizer.prefix]
        for message in messages:
            ids += self._tokenizer.encode(message["content"])
            ids += self._end if message["role"] == "assistant" else []
        return ids

    def scored(self, messages: Sequence[Message]) -> Scored:
        """Return a conversation, the last message of which is an answer, to learn from."""
        if self._template is None:
            return self._plain(messages)
        ids: list[int] = []
        scored: list[bool] = []
        count = 0
        for i, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            asked = self._tokenizer.encode(self.render(messages[:i]), True)
            said = self._tokenizer.encode(self.render(messages[: i + 1], False), True)
            if asked[: len(ids)] != ids or said[: len(asked)] != asked:
                scored = [False] * len(asked)  # the template changes what was said before
            else:
                scored += [False] * (len(asked) - len(ids))
            answer = said[len(asked) :] if said[: len(asked)] == asked else self._last(message)
            until = next((n for n, one in enumerate(answer, 1) if one in self.ends), None)
            if until is None:
                answer += self._end if i == len(messages) - 1 else []
                until = len(answer)
            ids = asked + answer
            scored += [True] * until + [False] * (len(answer) - until)
            count = until
        return Scored(ids, scored, count)

    def _last(self, message: Message) -> list[int]:
        return self._tokenizer.encode(message["content"])

    def _plain(self, messages: Sequence[Message]) -> Scored:
        ids = [*self._tokenizer.prefix]
        scored = [False] * len(ids)
        count = 0
        for message in messages:
            found = self._tokenizer.encode(message["content"])
            is_answer = message["role"] == "assistant"
            if is_answer:
                found = found + self._end
                count = len(found)
            ids += found
            scored += [is_answer] * len(found)
        return Scored(ids, scored, count)

    @property
    def is_plain(self) -> bool:
        """Whether it is pygpt's own form, which knows prompts and answers alone."""
        return self._template is None


def plain_template(tokenizer: Tokenizer) -> str:
    """Return pygpt's own form as a template, with what the tokenizer puts before a text."""
    return _WITH_BOS if tokenizer.prefix else PLAIN


def special_names(tokenizer: Tokenizer, special_ids: SpecialIds) -> dict[str, str]:
    """Return `bos_token` and the like -> their texts, as templates use them."""
    ids = with_roles(special_ids, tokenizer)
    texts = {i: text for text, i in tokenizer.specials.items()}
    own = tokenizer.eos if tokenizer.eos is not None else next(iter(ids.eos), None)
    found = {"bos": ids.bos, "eos": own, "pad": ids.pad}
    named = {role: i for role, i in found.items() if i is not None}
    return {f"{role}_token": _text_of(tokenizer, i, texts) for role, i in named.items()}


def _text_of(tokenizer: Tokenizer, number: int, specials: Mapping[int, str]) -> str:
    """Return a token's text; that of an end may be ordinary text, such as a line end."""
    if number in specials:
        return specials[number]
    try:
        return tokenizer.decode([number])
    except TokenError:
        return ""


def _compiled(template: str) -> Any:
    """Return Jinja's template, with what transformers has in its own."""
    try:
        from jinja2 import TemplateError
        from jinja2.ext import loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise TokenError(f"chat template: needs the package jinja2: {INSTALL}") from error

    def refuse(message: str) -> None:
        raise TemplateError(message)

    def as_json(
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_generation_tag(), loopcontrols]
    )
    environment.filters["tojson"] = as_json
    environment.globals["dict"] = dict
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    try:
        return environment.from_string(template)
    except TemplateError as error:
        raise TokenError(f"chat template: {error}") from error


def _generation_tag() -> Any:
    """Return the extension for `{% generation %}`, which marks answers and prints what it has."""
    from jinja2 import nodes
    from jinja2.ext import Extension

    class Generation(Extension):
        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    return Generation
