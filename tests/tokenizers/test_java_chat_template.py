"""Java's chat templates against Jinja's own answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jbridge import JavaError, jvm, translate
from pygpt import CharTokenizer, TokenError
from pygpt.tokenizers.chat_template import ChatForm

TOKENIZER = CharTokenizer("".join(map(chr, [*range(9, 0x180), 0x1F404])))
MESSAGES = [
    {"role": "system", "content": "Be brief.\n", "n": 3, "x": [1, 2.5, "a", None, True]},
    {"role": "user", "content": "  Où est <the> \"river\"? 🐄 don't \n"},
    {"role": "assistant", "content": "a,b,,c", "tool_calls": [{"name": "f", "in": {"k": "v"}}]},
]
SAME = [
    # blanks around tags
    "a\n  {% if true %}\n  b  \n  {% endif %}\nc\n\n",
    "a  {%- if true -%}  b  {%- endif -%}  c{# x #}\n d {#- y -#} e",
    "x {%+ if true %}\n y{%+ endif %}\n z",
    "{{ 'a' -}}  \n b {{- 'c' }}\n{% set a = 1 %}\n\n{{ a }}",
    # operators
    "{{ 1 + 2 * 3 - 4 // 3 % 2 ** 3 }} {{ 7 / 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 3 ** 2 }}",
    "{{ 1 ~ 'a' ~ none ~ true ~ [1, 'b'] ~ {'k': 'it\\'s'} }} {{ 'a' * 3 }} {{ [1] + [2] }}",
    "{{ 1 < 2 < 3 }} {{ 3 > 2 == true }} {{ 'b' in 'abc' }} {{ 1 not in [1] }} {{ not 1 in [2] }}",
    "{{ 1 == 1.0 }} {{ 'a' != 'b' }} {{ none == false }} {{ 1 and 0 or 'x' }} {{ [] or none }}",
    "{{ 'yes' if messages else 'no' }} {{ 'yes' if false }} {{ 1 if 0 else 2 if 0 else 3 }}",
    "{{ -3|abs }} {{ (1, 2)[1] }} {{ 'a' 'b' }} {{ 'x\\ty\\u00e9' }} {{ 3.0 }} {{ 1.50 }}",
    # parts
    "{{ messages[-1].role }} {{ messages[1:]|length }} {{ messages[::-1][0]['role'] }}",
    "{{ 'déjà🐄vu'[4] }} {{ 'déjà🐄vu'[-2:] }} {{ 'abcdef'[1:5:2] }} {{ 'abc'[::-1] }}",
    "{{ messages[9] }}|{{ messages[0].none_such }}|{{ nothing }}|{{ messages[0]['n'] }}",
    "{{ messages[0].get('n') }} {{ messages[0].get('q', 'r') }} {{ messages[0].get('q') }}",
    "{% for k, v in messages[1].items() %}{{ k }}={{ v|trim }};{% endfor %}",
    "{% for k in messages[2] %}{{ loop.index }}{{ k }} {% endfor %}{{ messages[2].tool_calls[0] }}",
    # statements
    "{% for m in messages if m.role != 'user' %}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}"
    "{{ loop.revindex }}{{ loop.length }}{{ loop.cycle('a', 'b') }}{% else %}none{% endfor %}",
    "{% for m in [] %}x{% else %}none{% endfor %}{% for c in 'ab' %}{{ c }}.{% endfor %}",
    "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i > 4 %}{% break %}"
    "{% endif %}{{ i }}{% endfor %}{{ range(3, 10, 3)|list }}",
    "{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(n=0, s='') %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
    "{% set ns.s = ns.s + m.role[0] %}{% endfor %}{{ ns.n }}{{ ns.s }}",
    "{% set a, b = 1, 2 %}{{ b }}{{ a }}{% set t %}in {{ a }}{% endset %}{{ t|upper }}",
    "{% macro m(a, b='x', c=none) %}[{{ a }}{{ b }}{{ c is none }}]{% endmacro %}"
    "{{ m(1) }}{{ m(1, c=2) }}{{ m(a=1, b=2) }}{{ m() }}",
    "{% macro r(x) %}{% if x is mapping %}{% for k, v in x.items() %}{{ k }}:{{ r(v) }} "
    "{% endfor %}{% else %}{{ x }}{% endif %}{% endmacro %}{{ r({'a': {'b': 1}, 'c': 2}) }}",
    "{% if 0 %}a{% elif 1 %}b{% else %}c{% endif %}{% if 0 %}{% elif 0 %}{% else %}d{% endif %}",
    "{% generation %}said{% endgeneration %}",
    # tests
    "{{ x is defined }} {{ messages is defined }} {{ none is none }} {{ 'a' is string }}"
    "{{ {} is mapping }} {{ [] is iterable }} {{ 'a' is sequence }} {{ 1 is number }}"
    "{{ 3 is odd }} {{ 4 is even }} {{ 6 is divisibleby 3 }} {{ true is boolean }}"
    "{{ 1 is not true }}"
    "{{ true is true }} {{ 1 is eq 1 }} {{ 1 is in [1] }} {{ 2.0 is float }} {{ 1 is integer }}",
    # filters and methods
    "{{ messages[0].x|tojson }} {{ messages[2]|tojson }} {{ {'a': '\"\\n'}|tojson(indent=2) }}",
    "{{ ' a b '|trim }}|{{ 'aXb'|upper }}|{{ 'aXb'|lower }}|{{ 'it is'|title }}|"
    "{{ 'aB'|capitalize }}",
    "{{ [1, 2, 3]|join(', ') }} {{ 'abc'|join('-') }}"
    "{{ messages|map(attribute='role')|join(' ') }}",
    "{{ messages|selectattr('role', 'equalto', 'user')|list|length }}"
    "{{ messages|rejectattr('tool_calls')|list|length }} {{ [1, 0, 2]|select|list }}"
    "{{ [1, 2, 3]|select('odd')|list }} {{ ['a', 'b']|map('upper')|join }}",
    "{{ x|default('d') }} {{ ''|default('d') }} {{ ''|default('d', true) }} {{ none|d('q') }}",
    "{{ [3, 1, 2]|sort|first }} {{ [3, 1, 2]|last }} {{ [1, 1, 2]|unique|list }} {{ 'ab'|reverse }}"
    "{{ [1, 2]|reverse|list }} {{ [1, 2]|sum }} {{ [4, 2]|min }}{{ [4, 2]|max }}",
    "{{ '3'|int + 1 }} {{ 'x'|int }} {{ '2.5'|float }} {{ 2.567|round(1) }} {{ 3|string + 'x' }}",
    "{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2, true) }}|{{ '<a&\"b\">'|e }}|"
    "{{ 'a-a'|replace('a', 'b') }}",
    "{{ messages[1].content.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ ' a'.lstrip() }}|"
    "{{ 'a '.rstrip() }}|"
    "{{ messages[2].content.split(',') }}|{{ ' a  b '.split() }}|{{ 'a,b,c'.split(',', 1) }}",
    "{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'aba'.replace('a', 'x', 1) }}"
    "{{ 'a1'.upper() }} {{ 'abab'.find('b') }} {{ 'abab'.count('ab') }} {{ '-'.join(['a', 'b']) }}"
    "{{ 'hello wORLD'.title() }} {{ 'a</t>b'.split('</t>')[-1].lstrip('\\n') }}"
    "{{ '12'.isdigit() }}",
    "{{ messages[0].x }} {{ messages[0].x|string|length }} {{ dict(a=1).a }}"
    "{{ {'a': 1}.items()|list|length }}",
]  # fmt: skip
REFUSED = [
    "{% for m in messages %}",
    "{{ 'a' + 1 }}",
    "{{ nothing.more }}",
    "{{ nothing() }}",
    "{{ messages[0].none_such.x }}",
    "{{ raise_exception('no, thanks') }}",
    "{{ 1 / 0 }}",
    "{{ messages.append(1) }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ none|length }}",
    "{{ 'a'|nosuch }}",
    "{{ 1 is nosuch }}",
    "{% nosuch %}",
    "{{ ( }}",
    "{{ 'a' if }}",
    "{% for x in 3 %}{% endfor %}",
]
SAID = [REFUSED[i] for i in (1, 2, 5)]  # these in the same words


def _java(template: str) -> str:
    values: dict[str, Any] = {"messages": MESSAGES, "add_generation_prompt": True, "tools": None}
    values |= {"bos_token": "<|bos|>", "eos_token": "<|bos|>"}
    given = jvm.java_class("org.pygpt.text.Json").parseObject(json.dumps(values))
    return str(jvm.java_class("org.pygpt.chat.ChatTemplate")(template).render(given))


@pytest.mark.parametrize("template", SAME)
def test_java_renders_as_jinja_does(template: str) -> None:
    assert _java(template) == ChatForm(TOKENIZER, template).render(MESSAGES)


@pytest.mark.parametrize("template", REFUSED)
def test_java_refuses_what_jinja_refuses(template: str) -> None:
    with pytest.raises(TokenError) as python:
        ChatForm(TOKENIZER, template).render(MESSAGES)
    with pytest.raises(JavaError, match="^chat template: .") as java, translate():
        _java(template)
    if template in SAID:
        assert str(java.value).partition("\n")[0] == str(python.value)
