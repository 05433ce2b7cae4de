"""Frozen answers of `transformers` on folders that pygpt wrote: written.npz.

    python -m tests.golden.make_written     (needs torch and transformers; 5.24.0 made it)

For each case the file has the logits that `AutoModelForCausalLM` gives, and the SHA-256 of the
files that it read, so that a test without transformers knows that it has written the same ones.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np

from pygpt import GPT, GPTConfig
from pygpt.tokenizers.protocol import SpecialIds
from tests.reference.gpt import Params

TARGET = Path(__file__).parent / "written.npz"
IDS = np.random.default_rng(5).integers(0, 29, (2, 11))
SPECIAL_IDS = SpecialIds(bos=3, eos=(5, 7), pad=2)
FILES = ("config.json", "generation_config.json", "model.safetensors")
_LLAMA = {"norm": "rmsnorm", "activation": "swiglu", "positions": "rotary", "bias": False}


def _config(**fields: object) -> GPTConfig:
    return GPTConfig(**{"block_size": 11, "vocab_size": 29, "n_layer": 2, **fields})


CASES = {
    "gelu": _config(n_head=3, n_embd=21, dropout=0.1),
    "gelu_exact_large_eps": _config(n_head=3, n_embd=21, activation="gelu_exact", norm_eps=0.01),
    "relu_untied": _config(n_head=1, n_embd=13, activation="relu", tie_weights=False, n_inner=37),
    "relu2": _config(n_head=1, n_embd=13, activation="relu2"),
    "llama": _config(
        n_head=6, n_embd=36, n_kv_head=2, n_inner=37, tie_weights=False, rope_theta=777.5, **_LLAMA
    ),
    "llama_tied_biases": _config(
        n_head=5, n_embd=30, n_kv_head=1, n_inner=41, norm_eps=1e-4, **_LLAMA | {"bias": True}
    ),
}


def weights_of(config: GPTConfig) -> Params:
    """Weights that are the same everywhere: multiples of 1/128."""
    rng = np.random.default_rng(7)
    shapes = config.weight_shapes().items()
    return {name: rng.integers(-90, 91, shape) / 128 for name, shape in shapes}


def write(case: str, folder: Path, backend: str = "cpu") -> GPT:
    """Write the folder of a case; return the model."""
    model = GPT(CASES[case], backend=backend, seed=None)
    for name, weight in weights_of(CASES[case]).items():
        model.parameters()[name][:] = weight
    model.special_ids = SPECIAL_IDS
    model.save_pretrained(folder)
    return model


def digest(folder: Path) -> str:
    """SHA-256 of the folder's files."""
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in FILES)).hexdigest()


def main() -> None:
    """Write the file."""
    import torch
    from transformers import AutoModelForCausalLM

    answers = {}
    with tempfile.TemporaryDirectory() as top:
        for case in CASES:
            folder = Path(top, case)
            write(case, folder).close()
            model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
            assert not any(report.values()), report
            with torch.no_grad():
                answers[f"logits:{case}"] = model.eval()(torch.tensor(IDS)).logits.numpy()
            answers[f"sha256:{case}"] = np.array(digest(folder))
    np.savez(TARGET, **answers)


if __name__ == "__main__":
    main()
