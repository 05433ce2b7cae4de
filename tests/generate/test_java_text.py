"""Java alone continues text as Python does: the same folders, the same seeds, the same tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import jbridge
from pygpt import GPT, BPETokenizer, CharTokenizer, GPTConfig, read_text
from pygpt.tokenizers.protocol import Tokenizer

TEXT = read_text("shakespeare")[:60_000]
BPE = BPETokenizer.train(TEXT, 401)
SIZES = {"block_size": 67, "n_layer": 2, "n_head": 4, "n_embd": 32}
LLAMA = {
    **{"norm": "rmsnorm", "activation": "swiglu", "positions": "rotary", "bias": False},
    **{"tie_weights": False, "n_kv_head": 2, "n_inner": 56, "embedding_norm": False},
}
QWEN2 = {
    **{"family": "qwen2", "bias": True, "bias_except": ["proj", "mlp"]},
    **{"window": 9, "window_layers": [1]},
}
LLAMA3 = [
    *("llama3", "factor=8.0", "high_freq_factor=4.0", "low_freq_factor=1.0"),
    "original_max_position_embeddings=32.0",
]
MODELS: dict[str, tuple[Tokenizer, dict[str, Any], str]] = {
    "characters": (CharTokenizer.train([TEXT]), {"activation": "relu"}, "pygpt"),
    "characters in a file": (CharTokenizer.train([TEXT]), {}, "huggingface"),
    "byte pairs": (BPE, {"embedding_norm": True}, "pygpt"),
    "gpt2": (BPE, {}, "huggingface"),
    "llama": (BPE, LLAMA, "huggingface"),
    "llama3": (BPE, LLAMA | {"rope_scaling": LLAMA3}, "huggingface"),
    "mistral": (BPE, LLAMA | {"family": "mistral", "window": 7, "head_dim": 6}, "huggingface"),
    "qwen2": (BPE, LLAMA | QWEN2, "huggingface"),
    "qwen3": (BPE, LLAMA | {"family": "qwen3", "qk_norm": "head"}, "huggingface"),
    "smollm3": (BPE, LLAMA | {"family": "smollm3", "unrotated_layers": [1]}, "huggingface"),
    "phi3": (BPE, LLAMA | {"family": "phi3", "rotary_dim": 4, "window": 9}, "huggingface"),
    "padded": (BPE, {"vocab_size": 409}, "huggingface"),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_same_text(name: str, tmp_path: Path) -> None:
    tokenizer, fields, form = MODELS[name]
    options = jbridge.java_class("org.pygpt.GenerateOptions").DEFAULT.withMaxNewTokens(40)
    config = GPTConfig(**{"vocab_size": tokenizer.vocab_size, **SIZES, **fields})
    padded = config.vocab_size != tokenizer.vocab_size
    with GPT(config, tokenizer=None if padded else tokenizer, seed=5) as made:
        for weight in made.parameters().values():
            weight *= 5  # so that tokens differ in probability
        made.save_pretrained(tmp_path / "model", format=form)
    if padded:
        tokenizer.save(tmp_path / "model" / "tokenizer.json")
    with GPT.from_pretrained(tmp_path / "model") as model:
        java = jbridge.java_class("org.pygpt.GPT").load(
            jbridge.java_class("java.nio.file.Path").of(str(tmp_path / "model"))
        )
        for seed, prompt in enumerate(["To be", "KING", " and the ", "O"]):
            expected = model.generate(prompt, 40, temperature=0.9, seed=seed)
            found = java.generate(prompt, options.withTemperature(0.9).withSeed(seed))
            assert str(found) == expected
            stopped = java.generate(prompt, options.withTemperature(0).withStop("e", "th"))
            assert str(stopped) == model.generate(prompt, 40, temperature=0, stop=["e", "th"])
        assert str(java.generate("a" * 80, options.sliding().withSeed(1))) == model.generate(
            "a" * 80, 40, slide=True, seed=1
        )
        with pytest.raises(Exception, match="block_size = 67"):
            java.generate("a b c d e" * 30, options)
        java.close()
