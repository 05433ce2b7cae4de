"""Key/value caches of int8: near float32's, smaller, and refused where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from pygpt import GPT, ConfigError, GPTConfig

CONFIG = GPTConfig(block_size=64, vocab_size=61, n_layer=2, n_head=4, n_kv_head=2, n_embd=64)
PROMPTS = [[1, 2, 3], [5, 8, 13], [60, 0, 7], [11, 11, 11]]
DRIFT = 0.02  # of a log-probability, in nats: numbers of keys and values move by 1/254 of a head's


def test_int8_is_near_float32_alone_and_among_others() -> None:
    with GPT(CONFIG, seed=3) as model:
        exact = model.continuations(PROMPTS, 20, temperature=0)
        model.keep_caches_as("int8")
        near = model.continuations(PROMPTS, 20, temperature=0)
        for prompt, one, other in zip(PROMPTS, exact, near, strict=True):
            same = int(np.argmin(np.append(one.ids == other.ids, False)))
            assert same > 0
            np.testing.assert_allclose(
                other.log_probabilities[:same], one.log_probabilities[:same], atol=DRIFT
            )
            assert np.any(one.log_probabilities != other.log_probabilities)
            (alone,) = model.continuations(prompt, 20, temperature=0)
            np.testing.assert_array_equal(alone.ids, other.ids)
            np.testing.assert_array_equal(alone.log_probabilities, other.log_probabilities)
        model.keep_caches_as("float32")
        for one, again in zip(exact, model.continuations(PROMPTS, 20, temperature=0), strict=True):
            np.testing.assert_array_equal(one.log_probabilities, again.log_probabilities)


def test_int8_takes_less_memory() -> None:
    sizes = {}
    for kv_cache in ("float32", "int8"):
        with GPT(CONFIG) as model:
            model.keep_caches_as(kv_cache)
            with model.generator() as generator:
                generator.submit([1, 2, 3], max_new_tokens=20)
                while generator.advance():
                    pass
                sizes[kv_cache] = generator.cache_bytes
    assert sizes["int8"] * 64 == sizes["float32"] * 20  # heads of 16: 20 bytes in place of 64


def test_what_is_refused() -> None:
    with GPT(CONFIG) as model, pytest.raises(ConfigError, match="kv_cache: expected .* or int8"):
        model.keep_caches_as("int4")
    with GPT(CONFIG, backend="plain") as model:
        model.keep_caches_as("float64")
        with pytest.raises(ConfigError, match="kv_cache: expected float64 on backend plain, got"):
            model.keep_caches_as("int8")
    with pytest.raises(ConfigError, match="kv_cache: expected float32 on backend nd4j, got 'int8'"):
        GPT.from_pretrained("nowhere", backend="nd4j", kv_cache="int8")
