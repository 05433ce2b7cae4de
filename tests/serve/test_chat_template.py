"""`/v1/chat/completions` of a model with a chat template: the tokens of a `Conversation`."""

from __future__ import annotations

import httpx2
import numpy as np

from pygpt import GPT, CharTokenizer, Conversation, GPTConfig
from tests.serve.conftest import running

TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }};{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def test_is_what_a_conversation_gives() -> None:
    tokenizer = CharTokenizer("".join(map(chr, range(32, 127))))
    config = GPTConfig(vocab_size=96, block_size=120, n_layer=1, n_head=2, n_embd=32)
    with GPT(config, tokenizer=tokenizer) as model:
        rng = np.random.default_rng(7)
        for weight in model.parameters().values():
            weight[:] += 0.3 * rng.standard_normal(weight.shape)
        model.chat_template = TEMPLATE
        chat = Conversation(model, system="be brief", temperature=0, max_new_tokens=9)
        expected = "".join(chat.answer("up?"))
        messages = [
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": "up?"},
        ]
        body = {"messages": messages, "temperature": 0, "max_tokens": 9}
        with running(model) as server:
            url = f"{server.address}/v1/chat/completions"
            answer = httpx2.post(url, json=body, timeout=60).json()
            assert answer["choices"][0]["message"]["content"] == expected
            prompt = tokenizer.encode("<system>be brief;<user>up?;<assistant>")
            assert answer["usage"]["prompt_tokens"] == len(prompt)
            refused = httpx2.post(url, json=body | {"messages": messages[:1]}, timeout=60)
            assert refused.status_code == 400
