"""Where text ends and begins: ids of the model's files, ids that spell nothing, sliding."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pygpt import GPT, BPETokenizer, CharTokenizer, Conversation, GPTConfig, ShapeError
from pygpt.tokenizers.protocol import SpecialIds

SIZES = {"block_size": 17, "n_layer": 2, "n_head": 2, "n_embd": 14}


def make(V: int, tokenizer: Any = None, **changes: Any) -> GPT:
    model = GPT(GPTConfig(**{**SIZES, **changes}, vocab_size=V))
    rng = np.random.default_rng(7)
    for weight in model.parameters().values():
        weight[:] += 0.3 * rng.standard_normal(weight.shape)
    model.tokenizer = tokenizer
    return model


@pytest.fixture
def model() -> Iterator[GPT]:
    with make(23) as made:
        yield made


# ---- ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_list", [False, True])
def test_ids_of_the_files_end_a_text(tmp_path: Path, as_list: bool) -> None:
    with make(23) as made:
        free = made.generate([3, 4], 12, temperature=0).tolist()
        made.save_pretrained(tmp_path / "model")
    end = free[5]
    path = tmp_path / "model" / "generation_config.json"
    values = {"eos_token_id": [22, end] if as_list else end, "pad_token_id": 0}
    path.write_text(json.dumps(values))
    with GPT.from_pretrained(tmp_path / "model") as model:
        first = free.index(end, 2)
        assert model.generate([3, 4], 12, temperature=0).tolist() == free[: first + 1]
        assert model.continuations([3, 4], 12, temperature=0)[0].stopped
        both = model.generate([[3, 4], [5, 6]], 12, temperature=0)
        assert both[0, first + 1 :].tolist() == [0] * (both.shape[1] - first - 1)
        with model.generator() as generator:
            request = generator.submit([3, 4], 12, temperature=0)
            while generator.advance():
                pass
            assert request.tokens().tolist() == free[2 : first + 1]
        assert len(model.generate([3, 4], 12, temperature=0, stop_tokens=())) == 14


def test_ends_beyond_the_vocabulary_are_passed_over(model: GPT) -> None:
    """Tiny models made by transformers have GPT-2's 50256 in their configuration."""
    model.special_ids = SpecialIds(50256, (50256,), 50256)
    assert len(model.generate([3], 5, seed=1)) <= 6


def test_ends_are_written_for_others(tmp_path: Path) -> None:
    tokenizer = BPETokenizer.train("to be or not to be", 263)
    with make(263, tokenizer) as made:
        made.save_pretrained(tmp_path / "bytes")
    for name in ("generation_config.json", "config.json"):
        values = json.loads((tmp_path / "bytes" / name).read_text())
        assert values["eos_token_id"] == values["bos_token_id"] == 262
    config = json.loads((tmp_path / "bytes" / "tokenizer_config.json").read_text())
    assert config["eos_token"] == config["bos_token"] == "<|endoftext|>"
    with GPT.from_pretrained(tmp_path / "bytes") as model:
        assert model.special_ids.eos == (262,) and model.tokenizer == tokenizer
    characters = CharTokenizer("abcdefg")
    with make(8, characters) as made:
        made.save_pretrained(tmp_path / "characters", format="huggingface")
    values = json.loads((tmp_path / "characters" / "generation_config.json").read_text())
    assert values["eos_token_id"] == 7


# ---- ids that spell nothing ------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["cpu", "nd4j", "plain"])
def test_ids_that_spell_nothing_are_never_drawn(backend: str) -> None:
    """A padded vocabulary, and holes; what is left keeps the ratios of its probabilities."""
    tokenizer = CharTokenizer("abcdefg")
    config = GPTConfig(**SIZES, vocab_size=31)
    options: list[dict[str, Any]] = [
        {"temperature": 5.0}, {"temperature": 0}, {"top_k": 40}, {"top_p": 0.99, "min_p": 0.001},
        {"repetition_penalty": 3.0, "temperature": 2.0},
    ]  # fmt: skip
    with GPT(config, backend=backend) as model:
        model.tokenizer = tokenizer
        for seed in range(20):
            for one in options:
                ids = model.generate([0, 1], 15, seed=seed, stop_tokens=(), **one)
                assert ids.max() <= 7
        assert set("".join(model.stream("ab", 15, seed=2, temperature=9.0))) <= set("abcdefg")


def test_holes(tmp_path: Path) -> None:
    ranks = {bytes([i]): i for i in range(256)}
    tokenizer = BPETokenizer(ranks, {"<|endoftext|>": 270})
    assert list(tokenizer.unused) == [*range(256, 270)]
    with make(300, tokenizer) as model:
        drawn = model.generate([5], 16, seed=1, temperature=20.0, stop_tokens=()).tolist()
        for seed in range(60):
            drawn += model.generate([5], 16, seed=seed, temperature=20.0, stop_tokens=()).tolist()
        assert not {*drawn} & {*range(256, 270), *range(271, 300)} and 270 in drawn


def test_the_probabilities_stay_the_models(model: GPT) -> None:
    logits = np.float64(model.logits([3, 4])[0, -1])
    expected = logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
    model.tokenizer = CharTokenizer("abcdefghij")
    (found,) = model.continuations([3, 4], 1, temperature=0)
    assert int(found.ids[0]) == logits[:11].argmax()
    np.testing.assert_allclose(found.log_probabilities, expected[found.ids], atol=1e-4)


# ---- longer than the context -----------------------------------------------------------------


def _cropped(model: GPT, ids: list[int], new: int) -> list[int]:
    """As nanoGPT generates: the last block_size tokens, each time anew."""
    ids = list(ids)
    for _ in range(new):
        ids.append(int(model.logits(np.array(ids[-17:]))[0, -1].argmax()))
    return ids


@pytest.mark.parametrize("backend", ["cpu", "nd4j", "plain"])
def test_the_context_slides(backend: str) -> None:
    with make(23) as model:
        expected = {n: _cropped(model, [*range(n)], 41) for n in (1, 5, 17, 22)}
        weights = {name: weight.copy() for name, weight in model.parameters().items()}
    with GPT(GPTConfig(**SIZES, vocab_size=23), backend=backend) as model:
        for name, weight in model.parameters().items():
            weight[:] = weights[name]
        model.weights_changed()
        for n, ids in expected.items():
            found = model.generate([*range(n)], 41, temperature=0, slide=True)
            assert found.tolist() == ids


def test_the_context_slides_beside_others(model: GPT) -> None:
    prompts = [[*range(n)] for n in (3, 11, 16, 2, 17)]
    expected = [model.generate(p, 33, seed=i, slide=True).tolist() for i, p in enumerate(prompts)]
    with model.generator() as generator:
        requests = [
            generator.submit(p, 33, seed=i, slide=True) for i, p in enumerate(prompts)
        ]
        short = generator.submit([3, 4], 9, temperature=0)
        while generator.advance():
            pass
        for prompt, request, ids in zip(prompts, requests, expected, strict=True):
            assert [*prompt, *request.tokens().tolist()] == ids
        assert short.tokens().tolist() == model.generate([3, 4], 9, temperature=0).tolist()[2:]
    with pytest.raises(ShapeError, match="at most block_size = 17 tokens, got 2 [+] 33"):
        model.generate([1, 2], 33)


# ---- from nothing ----------------------------------------------------------------------------


def test_from_nothing() -> None:
    with make(8, CharTokenizer("abcdefg")) as model:
        expected = model.generate([7], 9, temperature=0, stop_tokens=())
        text = model.generate("", 9, temperature=0, stop_tokens=())
        assert text == "".join("" if i == 7 else "abcdefg"[i] for i in expected[1:].tolist())
        assert model.generate("<|bos|>", 9, temperature=0, specials=True, stop_tokens=()) == (
            "<|bos|>" + text
        )


def test_special_tokens_in_a_prompt() -> None:
    tokenizer = BPETokenizer.train("low lower", 262)
    with make(262, tokenizer, block_size=40) as model:
        for specials in (False, True):
            ids = tokenizer.encode("<|endoftext|>low", specials)
            text = model.generate("<|endoftext|>low", 4, temperature=0, specials=specials)
            found = model.generate(ids, 4, temperature=0)
            new = [i for i in found.tolist()[len(ids) :] if i != 261]
            assert text == "<|endoftext|>low" + tokenizer.decode(new)


# ---- conversations ---------------------------------------------------------------------------


def test_a_conversation_in_a_template() -> None:
    tokenizer = CharTokenizer("".join(map(chr, range(10, 127))))
    with make(118, tokenizer, block_size=90) as model:
        model.chat_template = (
            "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }};{% endfor %}"
            "{% if add_generation_prompt %}<assistant>{% endif %}"
        )
        chat = Conversation(model, remembers=True, system="s", temperature=0, max_new_tokens=7)
        prompt = tokenizer.encode("<system>s;<user>up?;<assistant>")
        expected = model.generate(prompt, 7, temperature=0).tolist()[len(prompt) :]
        said = "".join(chat.answer("up?"))
        assert said == tokenizer.decode([i for i in expected if i != tokenizer.bos])
        prompt = tokenizer.encode(f"<system>s;<user>up?;<assistant>{said};<user>and?;<assistant>")
        expected = model.generate(prompt, 7, temperature=0).tolist()[len(prompt) :]
        assert "".join(chat.answer("and?")) == tokenizer.decode(
            [i for i in expected if i != tokenizer.bos]
        )
