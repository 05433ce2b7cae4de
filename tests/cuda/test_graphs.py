"""Work of backend cuda that comes again is recorded and started as a graph: with the same bits."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

RUN = Callable[..., Any]

STEPS = """
import hashlib, sys
import jbridge, numpy as np
from pygpt import GPT, GPTConfig
jbridge.java_class("java.lang.System").setProperty("pygpt.cuda.graphs", sys.argv[1])
rng = np.random.default_rng(3)
ids, targets = rng.integers(0, 13, (2, 6, 3, 9))
config = GPTConfig(block_size=12, vocab_size=13, n_layer=2, n_head=2, n_embd=16, dropout=0.1)
for seed, dtype in ((1, "float32"), (2, "bfloat16")):
    with GPT(config, seed=seed, backend="cuda") as model:
        with model.training(3, weight_decay=0.1, grad_clip=1.0, dtype=dtype) as training:
            for step in range(6):  # the last is shorter than those before it
                length = 9 if step < 5 else 7
                batch = ids[step, :, :length], targets[step, :, :length]
                print(training.step(*batch, 0.01 / (step + 1)))
        weights = b"".join(weight.tobytes() for weight in model.parameters().values())
        print(hashlib.sha256(weights).hexdigest())
        print(model.generate([1, 2], max_new_tokens=10, seed=5).tolist())
"""


def _steps(python: RUN, fake: Path, options: str, graphs: str = "true") -> tuple[str, int, int]:
    """Return what was computed, and how many graphs were started and nodes of them changed."""
    variables = {"PYGPT_CUDA": str(fake), "PYGPT_FAKE_CUDA": f"count,{options}"}
    result = python("-c", STEPS, graphs, **variables)
    assert result.returncode == 0, result.stderr
    counted = re.search(r"fake CUDA: (\d+) graphs, \d+ nodes, (\d+) changes", result.stderr)
    assert counted, result.stderr
    return result.stdout, int(counted[1]), int(counted[2])


def test_graphs_change_no_bit(python: RUN, fake: Path) -> None:
    """Nor where they are not wanted, cannot be recorded or changed, or threads run otherwise."""
    computed, graphs, changes = _steps(python, fake, "")
    assert graphs > 30 and changes > graphs
    assert _steps(python, fake, "", graphs="false") == (computed, 0, 0)
    assert _steps(python, fake, "graphs=no,order=random") == (computed, 0, 0)
    same, some, none = _steps(python, fake, "graphs=frozen")
    assert same == computed and some < graphs and none == 0
