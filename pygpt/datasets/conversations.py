"""The shapes in which people write down prompts and answers, as conversations.

| a row has | known from |
|---|---|
| `prompt` and `answer`, `completion` or `response`; `question` and `answer` | pygpt, OpenAI, TRL |
| `instruction`, perhaps `input`, and `output` or `response` | Alpaca |
| `conversations` or `conversation`: `from` and `value` | ShareGPT |
| `messages`: `role` and `content` | OpenAI, TRL |

A row may also have `system`, the text that a conversation begins with. A prompt and its completion
may themselves be lists of messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pygpt.datasets.readers import text_of
from pygpt.errors import DataError

_PAIRS = (
    ("prompt", "answer"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("question", "response"),
    ("instruction", "output"),
    ("instruction", "response"),
)
_LISTS = ("messages", "conversations", "conversation")
_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
}


def conversation_of(
    values: Mapping[str, Any],
    where: str,
    prompt_field: str | None = None,
    answer_field: str | None = None,
) -> list[dict[str, str]]:
    """Return the messages of a row, each with `role` and `content`; the last is an answer.

    Args:
        where: file and line, which begin a message of an error.
        prompt_field, answer_field: where prompt and answer are; None to look for them.
    Raises:
        DataError: the row has no such shape, or a text in it is empty or none.
    """
    if prompt_field is None and answer_field is None:
        for name in _LISTS:
            if isinstance(values.get(name), list):
                messages = _messages(values[name], f"{where}: {name}")
                return _checked(_with_system(messages, values), where)
    asked, said = _fields(values, prompt_field, answer_field)
    if isinstance(values.get(asked), list) and isinstance(values.get(said), list):
        both = [_messages(values[name], f"{where}: {name}") for name in (asked, said)]
        return _checked(both[0] + both[1], where)
    prompt, answer = _text(values, asked, where), _text(values, said, where)
    more = values.get("input")
    if asked == "instruction" and isinstance(more, str) and more:
        prompt = f"{prompt}\n\n{more}"
    pair = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return _with_system(pair, values)


def _fields(
    values: Mapping[str, Any], prompt_field: str | None, answer_field: str | None
) -> tuple[str, str]:
    """Return the names of prompt and answer: those given, those found, or pygpt's own."""
    for asked, said in _PAIRS:
        asked, said = prompt_field or asked, answer_field or said
        if asked in values and said in values:
            return asked, said
    return prompt_field or "prompt", answer_field or "answer"


def _text(values: Mapping[str, Any], name: str, where: str) -> str:
    text = text_of(values, name, where)
    if not text:
        raise DataError(f"{where}: {name}: expected text, got an empty one")
    return text


def _with_system(messages: list[dict[str, str]], values: Mapping[str, Any]) -> list[dict[str, str]]:
    system = values.get("system")
    if isinstance(system, str) and system and messages and messages[0]["role"] != "system":
        return [{"role": "system", "content": system}, *messages]
    return messages


def _messages(values: list[Any], where: str) -> list[dict[str, str]]:
    messages = []
    for number, value in enumerate(values, start=1):
        place = f"{where}: message {number}"
        if not isinstance(value, dict):
            raise DataError(f"{place}: expected an object with role and content")
        role = value.get("role", value.get("from"))
        if not isinstance(role, str) or role.lower() not in _ROLES:
            expected = "system, user or assistant (human, gpt)"
            raise DataError(f"{place}: role: expected {expected}, got {role!r}")
        name = "content" if "content" in value or "value" not in value else "value"
        content = value.get(name)
        if isinstance(content, list):  # OpenAI's parts
            parts = [part.get("text") for part in content if isinstance(part, dict)]
            if len(parts) < len(content) or not all(isinstance(part, str) for part in parts):
                raise DataError(f"{place}: {name}: expected parts of text, got others")
            content = "".join(map(str, parts))
        text = text_of({name: content} if name in value else value, name, place)
        messages.append({"role": _ROLES[role.lower()], "content": text})
    return messages


def _checked(messages: list[dict[str, str]], where: str) -> list[dict[str, str]]:
    """Return messages up to the last answer."""
    while messages and messages[-1]["role"] != "assistant":
        messages = messages[:-1]
    if not messages:
        raise DataError(f"{where}: expected an answer of an assistant, got none")
    for message in messages:
        if not message["content"] and message["role"] != "system":
            raise DataError(f"{where}: {message['role']}: expected text, got an empty one")
    if all(message["role"] != "user" for message in messages):
        raise DataError(f"{where}: expected a message of a user, got none")
    return messages
