"""Fine-tuning data as people have it: shapes, fields, several turns, what is left out or cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pygpt import CharTokenizer, DataError, Pairs
from pygpt.datasets.conversations import conversation_of
from pygpt.tokenizers.chat_template import ChatForm

TOKENIZER = CharTokenizer("".join(map(chr, range(10, 127))))
END = TOKENIZER.bos
PAIR = [{"role": "user", "content": "up?"}, {"role": "assistant", "content": "down"}]
SYSTEM = [{"role": "system", "content": "brief"}]
CHATML = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }};{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
SHAPES: dict[str, tuple[dict[str, Any], list[dict[str, str]]]] = {
    "pygpt": ({"prompt": "up?", "answer": "down"}, PAIR),
    "openai": ({"prompt": "up?", "completion": "down"}, PAIR),
    "response": ({"prompt": "up?", "response": "down", "id": 3}, PAIR),
    "question": ({"question": "up?", "answer": "down"}, PAIR),
    "alpaca": ({"instruction": "up?", "input": "", "output": "down"}, PAIR),
    "alpaca_input": (
        {"instruction": "turn", "input": "up", "output": "down"},
        [{"role": "user", "content": "turn\n\nup"}, PAIR[1]],
    ),
    "sharegpt": (
        {"conversations": [{"from": "human", "value": "up?"}, {"from": "gpt", "value": "down"}]},
        PAIR,
    ),
    "messages": ({"messages": [*SYSTEM, *PAIR, *PAIR]}, [*SYSTEM, *PAIR, *PAIR]),
    "system": ({"system": "brief", "conversation": PAIR}, [*SYSTEM, *PAIR]),
    "open": ({"messages": [*PAIR, PAIR[0]]}, PAIR),
    "parts": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "up?"}]}, PAIR[1]]},
        PAIR,
    ),
    "trl": ({"prompt": [PAIR[0]], "completion": [PAIR[1]]}, PAIR),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str) -> None:
    values, expected = SHAPES[name]
    assert conversation_of(values, "here") == expected


def test_fields_by_name() -> None:
    values = {"q": "up?", "a": "down", "prompt": "no", "answer": "no"}
    assert conversation_of(values, "here", "q", "a") == PAIR
    with pytest.raises(DataError, match="^here: expected a field 'b', got 'q', 'a', 'prompt', 'an"):
        conversation_of(values, "here", "q", "b")


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([PAIR[0]], "expected an answer of an assistant, got none"),
        ([PAIR[1]], "expected a message of a user, got none"),
        ([{"role": "tool", "content": "x"}], "messages: message 1: role: expected system, user or"),
        ([PAIR[0], {"role": "assistant", "content": ""}], "assistant: expected text, got an em"),
        ([PAIR[0], {"role": "assistant"}], "messages: message 2: expected a field 'content', got"),
        ([{"role": "user", "content": [{"type": "image"}]}], "message 1: content: expected parts"),
        (["up?"], "messages: message 1: expected an object with role and content"),
    ],
)
def test_what_is_no_conversation(messages: list[Any], problem: str) -> None:
    with pytest.raises(DataError, match=f"^here: .*{problem}|^here: {problem}"):
        conversation_of({"messages": messages}, "here")


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _scored(pairs: Pairs) -> str:
    """What is scored of all pairs, with | for the end of a text."""
    shown = [i for i in pairs.targets.tolist() if i >= 0]
    return "".join("|" if i == END else TOKENIZER.decode([i]) for i in shown)


def test_several_turns(tmp_path: Path) -> None:
    """Each answer is scored, with its end; in a template also, and nothing else."""
    path = _write(tmp_path / "a.jsonl", [{"messages": [*SYSTEM, *PAIR, *PAIR]}])
    pairs = Pairs.read(path, TOKENIZER, 100)
    text = "briefup?down|up?down"
    assert [i for i in pairs.ids.tolist() if i != END] == TOKENIZER.encode(text.replace("|", ""))
    assert _scored(pairs) == "down|down|"
    form = ChatForm(TOKENIZER, CHATML)
    pairs = Pairs.read(path, TOKENIZER, 100, form=form)
    assert "".join("|" if i == END else TOKENIZER.decode([i]) for i in pairs.ids.tolist()) == (
        "<system>brief;<user>up?;<assistant>down;|<user>up?;<assistant>down;"
    ).replace(";|", ";")
    assert _scored(pairs) == "down;down;|"


def test_a_template_that_forgets(tmp_path: Path) -> None:
    """Where the template changes what was said before, the last answer alone is scored."""
    template = (
        "{% for m in messages %}{% if m['role'] == 'user' or loop.last %}{{ m['content'] }}"
        "{% endif %}{% endfor %}"
    )
    messages = [*PAIR, {"role": "user", "content": "up!"}, {"role": "assistant", "content": "ok"}]
    scored = ChatForm(TOKENIZER, template).scored(messages)
    assert TOKENIZER.decode(scored.ids[:-1]) == "up?up!ok" and scored.ids[-1] == END
    assert scored.scored == [False] * 6 + [True] * 3


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"prompt": "up?", "answer": "down"} for _ in range(6)]
    rows[1] = {"prompt": "up?", "answer": ""}
    rows[3] = {"prompt": "up?", "answer": "down" * 5}
    rows[4] = {"prompt": "caf\u00e9", "answer": "no"}
    rows.append({"prompt": "upup" * 5, "answer": "down"})
    path = _write(tmp_path / "a.jsonl", rows)
    with pytest.raises(DataError) as caught:
        Pairs.read(path, TOKENIZER, 13)
    assert str(caught.value) == (
        f"data file {path}: line 2: answer: expected text, got an empty one; "
        "2 more of 7 do not fit either; --skip leaves them out"
    )
    pairs = Pairs.read(path, TOKENIZER, 13, skip=True)
    assert len(pairs) == 4
    assert pairs.notes == (
        f"left out 3 of 7 pairs that do not fit, the first: data file {path}: line 2: answer: "
        "expected text, got an empty one",
        "1 of 4 prompts are longer than the context has room for and lose their beginning, the "
        f"first: data file {path}: line 7",
    )
    assert pairs.split(0.5)[0].notes == pairs.notes
    with pytest.raises(DataError, match="expected pairs, got none; data file .*: line 1: answer"):
        Pairs.read(_write(tmp_path / "b.jsonl", rows[1:2]), TOKENIZER, 13, skip=True)
