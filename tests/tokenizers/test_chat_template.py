"""Chat templates: as transformers renders them, as tokens, and what cannot be."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pygpt import CharTokenizer, TokenError
from pygpt.tokenizers.chat_template import PLAIN, ChatForm

FROZEN = json.loads((Path(__file__).parents[1] / "golden" / "chat_templates.json").read_text())
TOKENIZER = CharTokenizer("".join(map(chr, range(10, 127))))
ASKED = {"role": "user", "content": "up?"}
SAID = {"role": "assistant", "content": "down"}


@pytest.mark.parametrize("name", FROZEN["templates"])
def test_is_rendered_as_transformers_does(name: str) -> None:
    form = ChatForm(TOKENIZER, FROZEN["templates"][name])
    compared = 0
    for made in FROZEN["rendered"]:
        if made["template"] != name:
            continue
        messages = FROZEN["conversations"][made["case"]]
        options = FROZEN["names"] | {"tools": made["tools"]}
        if made["text"] is None:
            with pytest.raises(TokenError, match="^chat template: "):
                form.render(messages, made["asks"], **options)
        else:
            assert form.render(messages, made["asks"], **options) == made["text"]
            compared += 1
    assert compared >= 6


def test_our_own_form() -> None:
    """With and without its template the tokens are the same, and Jinja is not needed."""
    for template in (None, PLAIN):
        form = ChatForm(TOKENIZER, template)
        assert form.ends == (TOKENIZER.bos,)
        assert form.prompt([ASKED]) == TOKENIZER.encode("up?")
        expected = [*TOKENIZER.encode("up?down"), TOKENIZER.bos, *TOKENIZER.encode("up?")]
        assert form.prompt([ASKED, SAID, ASKED]) == expected
    other = ChatForm(TOKENIZER, PLAIN + "{# by Jinja #}")
    assert other.prompt([ASKED, SAID, ASKED]) == expected


def test_without_jinja(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    ChatForm(TOKENIZER, PLAIN)
    with pytest.raises(TokenError) as caught:
        ChatForm(TOKENIZER, FROZEN["templates"]["chatml"])
    expected = "chat template: needs the package jinja2: pip install 'pygpt[chat]'"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "template",
    [
        "{% for message in messages %}",
        "{{ messages[0].__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ ''.format.__globals__ }}",
        "{{ raise_exception('no') }}",
        "{{ 1 / 0 }}",
    ],
)
def test_templates_that_may_not(template: str) -> None:
    with pytest.raises(TokenError, match="^chat template: [^\n]*$"):
        form = ChatForm(TOKENIZER, template)
        text = form.render([ASKED])
        raise TokenError(f"chat template: harmless {text}") if not text else AssertionError(text)


def test_the_end_of_a_turn() -> None:
    """A special token that the template has after an answer ends one, whatever the files say."""
    from tests.tokenizers.families import OWN

    values: dict[str, Any] = json.loads(OWN["qwen2"]().to_str())
    from pygpt.tokenizers.file_tokenizer import FileTokenizer

    tokenizer = FileTokenizer(values).with_roles({"eos": 0})
    form = ChatForm(tokenizer, FROZEN["templates"]["chatml"])
    assert form.ends == (0, tokenizer.ids["<|im_end|>"])
    scored = form.scored([ASKED, SAID])
    ids = [i for i, wanted in zip(scored.ids, scored.scored, strict=True) if wanted]
    assert ids == [*tokenizer.encode("down"), tokenizer.ids["<|im_end|>"]]
    assert tokenizer.decode(scored.ids) == form.render([ASKED, SAID], False)
