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
import numpy as np
from pygpt import GPT, GPTConfig
config = GPTConfig(block_size=17, vocab_size=31, n_layer=1, n_head=2, n_embd=32, dropout=0.1)
ids, targets = np.random.default_rng(7).integers(0, 31, (2, 3, 17))
def losses(backend):
    with GPT(config, seed=2, backend=backend, dtype="float32") as model:
        with model.training(3, dtype="bfloat16") as training:
            found = [training.step(ids, targets, 0.003)[0] for _ in range(4)]
        return [*found, *(float(w.astype("float64").sum()) for w in model.parameters().values())]
got, again, expected = losses("cuda"), losses("cuda"), losses("plain")
assert got == again
assert got[3] < got[0]
np.testing.assert_allclose(got[:4], expected[:4], rtol=2**-8)
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
    """Losses of some steps beside the plain kernels', and the same bits again."""
    _passes(python, fake, BFLOAT16, "order=random")


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
