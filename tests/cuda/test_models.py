"""Models on the fake of CUDA's libraries: frozen answers, bfloat16, backend auto, the benchmark."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RUN = Callable[..., Any]

FROZEN = """
from tests.model import test_frozen as frozen
frozen.test_agrees_with_hugging_face("hf_gpt2_tiny", frozen.GPT2_TINY, frozen.from_gpt2, "cuda")
frozen.test_agrees_with_hugging_face("hf_llama_tiny", frozen.LLAMA_TINY, frozen.from_llama, "cuda")
frozen.test_gradients_and_training(frozen.CASES[0], "cuda")
"""

BFLOAT16 = """
import os
import numpy as np
from pygpt import GPT, GPTConfig
config = GPTConfig(block_size=17, vocab_size=31, n_layer=1, n_head=2, n_embd=32, dropout=0.1)
ids, targets = np.random.default_rng(7).integers(0, 31, (2, 3, 17))
def losses(backend):
    with GPT(config, seed=2, backend=backend, dtype="float32") as model:
        with model.training(3, dtype="bfloat16") as training:
            found = [training.step(ids, targets, 0.003)[0] for _ in range(4)]
        return found, [w.tobytes() for w in model.parameters().values()]
runs = []
for order in ("ascending", "descending", "random"):
    os.environ["PYGPT_FAKE_CUDA"] = f"order={order}"  # which the fake reads before it runs
    runs.append(losses("cuda"))
assert runs[0] == runs[1] == runs[2]
got, expected = runs[0][0], losses("plain")[0]
assert got[3] < got[0]
np.testing.assert_allclose(got, expected, rtol=2**-8)
"""

DIFFERENCES = """
import numpy as np
from pygpt import GPT, GPTConfig
rng = np.random.default_rng(3)
ids, targets = rng.integers(0, 7, (2, 2, 5))
with GPT(GPTConfig.microgpt(5, 7, 1, 2, 8), seed=2, backend="cuda") as model:
    weights = model.parameters()
    for weight in weights.values():
        weight[...] = rng.normal(0, 0.3, weight.shape)
    with model.training(2) as training:
        training.accumulate(ids, targets)
        gradients = {name: array.copy() for name, array in training.gradients().items()}
    largest = max(np.abs(array).max() for array in gradients.values())
    for name, weight in weights.items():
        for at in zip(*(rng.integers(0, length, 3) for length in weight.shape)):
            kept, losses, places = weight[at], [], []
            for moved in (0.003, -0.003):
                weight[at] = kept + moved
                places.append(float(weight[at]))
                losses.append(model.loss(ids, targets))
            weight[at] = kept
            slope = (losses[0] - losses[1]) / (places[0] - places[1])
            assert abs(slope - gradients[name][at]) < 1e-3 * largest, (name, at, slope)
"""

FROZEN_PARTS = """
from tests.model import test_adapter, test_encoder_decoder
for name in ("gpt2", "llama"):
    test_adapter.test_peft_gives_the_same(name, "cuda")
test_adapter.test_losses_of_rows_and_their_weights("cuda")
for case in ("pre", "post"):
    test_encoder_decoder.test_logits_loss_and_gradients_are_pytorchs(case, "cuda")
"""

AS_ON_CPU = """
import numpy as np
from pygpt import (
    CharTokenizer, Dense, DPOTrainer, EncoderDecoder, EncoderDecoderConfig, GPT, GRPOConfig,
    GRPOTrainer, LoraConfig, Network, PreferencePairs, TrainConfig,
)
from pygpt.preferences.pairs import Text
from pygpt.preferences.rewards import RULES
from pygpt.tokenizers.words import WordTokenizer
from tests.preferences.test_preferences import LETTERS, RUN, SIZES

def preferred(backend):
    \"\"\"What two steps of DPO tell, and two of GRPO on an adapter.\"\"\"
    texts = [[Text.of([7, first, i, 7], 1) for i in range(3)] for first in (0, 1)]
    config = TrainConfig(**RUN | {"max_iters": 2, "batch_size": 2})
    with GPT(SIZES, tokenizer=LETTERS, backend=backend) as model:
        model.parameters()["lm_head.weight"][:] *= 20
        with DPOTrainer(model, PreferencePairs(*texts), config) as trainer:
            records = [record.to_dict() for record in trainer]
        model.add_adapter(LoraConfig(r=2, target_modules=("all-linear",)))
        options = GRPOConfig(num_generations=4, max_completion_length=4)
        with GRPOTrainer(model, RULES["length"], config, options) as trainer:
            records += [record.to_dict() for record in trainer]
    values = [value for record in records for value in record.values()]
    return [value for value in values if isinstance(value, (int, float))]

def translated(backend):
    sizes = dict(source_block_size=5, target_block_size=5, source_vocab_size=4,
                 target_vocab_size=4, n_encoder_layer=1, n_decoder_layer=1, n_head=2, n_embd=8)
    words = WordTokenizer(["-", "one", "two", "uno"])
    with EncoderDecoder(EncoderDecoderConfig(**sizes), source_tokenizer=words, backend=backend,
                        target_tokenizer=CharTokenizer("abc")) as model:
        for weight in model.parameters().values():
            weight *= 5
        targets = model.translate(["one two", "uno", "two - two one"], beams=2)
        maps = model.attention("one two", "ab")
    return [n for t in targets for n in (*t.ids, t.log_probability)] + [*maps.cross.ravel()]

def fitted(backend):
    with Network(2, Dense(5, "tanh"), Dense(1), backend=backend) as network:
        x = np.linspace(-1, 1, 14).reshape(7, 2)
        return network.fit(x, x.sum(1), epochs=5)

for part in (preferred, translated, fitted):
    np.testing.assert_allclose(part("cuda"), part("cpu"), rtol=1e-4, atol=1e-5, err_msg=str(part))
"""

AUTO = """
import logging
from pygpt import GPT, GPTConfig
logging.basicConfig(level=logging.INFO, format="%(message)s")
for width in (16, 640, 1280):
    config = GPTConfig(vocab_size=11, n_layer=2, n_embd=width, n_head=2)
    GPT(config, seed=None, backend="auto").close()
"""


OLD_CARD = """
import numpy as np
import pytest
from pygpt import ConfigError, GPT, GPTConfig
config = GPTConfig(block_size=5, vocab_size=11, n_layer=1, n_head=1, n_embd=128)
ids, targets = np.random.default_rng(7).integers(0, 11, (2, 2, 5))
def norm(backend):
    with GPT(config, seed=2, backend=backend) as model:
        with model.training(2, grad_clip=1.0) as training:
            return training.step(ids, targets, 0.003)[1]
assert abs(norm("cuda") - norm("cpu")) < 1e-5 * norm("cpu")
with GPT(config, backend="cuda") as model:
    with pytest.raises(ConfigError, match="Fake GPU 0 has compute capability 7.5 and bfloat16"):
        model.training(2, dtype="bfloat16")
"""


def _passes(python: RUN, fake: Path, code: str, options: str = "") -> str:
    result = python("-c", code, PYGPT_CUDA=str(fake), PYGPT_FAKE_CUDA=options)
    assert result.returncode == 0, result.stderr
    return str(result.stderr)


def test_frozen_answers(python: RUN, fake: Path) -> None:
    _passes(python, fake, FROZEN)


def test_bfloat16_is_the_references_but_for_rounding(python: RUN, fake: Path) -> None:
    """Losses of some steps beside the plain kernels', and the same bits in three orders."""
    _passes(python, fake, BFLOAT16)


def test_gradients_are_finite_differences(python: RUN, fake: Path) -> None:
    _passes(python, fake, DIFFERENCES)


def test_adapters_and_encoder_decoders(python: RUN, fake: Path) -> None:
    """PEFT's and PyTorch's frozen answers."""
    _passes(python, fake, FROZEN_PARTS)


def test_preferences_translation_and_networks(python: RUN, fake: Path) -> None:
    _passes(python, fake, AS_ON_CPU)


def test_an_old_card_has_wide_heads_and_no_bfloat16(python: RUN, fake: Path) -> None:
    """Tiles fit into its shared memory, which is smaller."""
    _passes(python, fake, OLD_CARD, "capability=75")


def test_auto_takes_a_card_for_large_models_that_fit(python: RUN, fake: Path) -> None:
    said = _passes(python, fake, AUTO, "memory=300000000").splitlines()
    chosen = [line for line in said if line.startswith("backend auto: ")]
    assert len(chosen) == 3, said
    assert chosen[0].endswith("weights are few (cuda from 10,000,000 on)")
    assert chosen[1] == "backend auto: cuda, since a card is there, and the model is large enough"
    assert chosen[2].startswith("backend auto: cpu, since ")
    assert chosen[2].endswith(" bytes are free on the card")


@pytest.mark.parametrize("there", [True, False], ids=["there", "missing"])
def test_info_names_driver_card_and_libraries(python: RUN, fake: Path, there: bool) -> None:
    folder = str(fake) if there else ""
    arguments = ("-m", "jbridge", "--application", "pygpt.application", "info")
    result = python(*arguments, PYGPT_CUDA=folder, PYGPT_FAKE_CUDA="memory=4000000000")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    if there:
        assert "CUDA driver   for CUDA 13.0" in lines
        assert "CUDA card 0   Fake GPU 0, compute capability 9.0, 4.0 GB" in lines
        assert f"cuBLASLt      {fake / 'libcublasLt.so.13'}" in lines
        assert f"NVRTC         {fake / 'libnvrtc.so.13'}" in lines
    else:
        assert "CUDA driver   none (libcuda.so.1 is not found)" in lines
        assert any(line.startswith("cuBLASLt ") for line in lines)


def test_benchmark(python: RUN, fake: Path, tmp_path: Path) -> None:
    """`make bench-cuda` at small sizes: every check passes, and every measurement is a line."""
    arguments = ("-m", "benchmarks.cuda", "--small", "--out", "results.jsonl")
    result = python(*arguments, PYGPT_CUDA=str(fake), PYGPT_FAKE_CUDA="")
    assert result.returncode == 0, result.stdout + result.stderr
    text = Path(tmp_path, "results.jsonl").read_text()
    assert text == result.stdout
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines[-1]["end"] == "0 failures"
    kinds = [next(iter(line)) for line in lines]
    assert all(line["ok"] for line in lines if "check" in line)
    for kind in ("info", "check", "stream", "product", "attention", "training", "generation"):
        assert kind in kinds
