"""Training by Muon: a run that is interrupted and goes on has the bits of one that is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pygpt import Trainer
from tests.support import training_runs as runs
from tests.support.training_runs import Data, config, digest


def test_a_run_goes_on_bit_by_bit(tmp_path: Path) -> None:
    options = config(max_iters=7, checkpoint_interval=3, eval_interval=0, optimizer="muon")
    with runs.model() as model:
        before = model.parameters()["h.1.mlp.c_fc.weight"].copy()
        list(Trainer(model, Data(), options, run=tmp_path / "whole"))
        assert not np.array_equal(before, model.parameters()["h.1.mlp.c_fc.weight"])
        whole = digest(model.parameters())
    with runs.model() as model:
        with Trainer(model, Data(), options, run=tmp_path / "parts") as trainer:
            for _ in range(5):
                next(trainer)
    with runs.model(seed=7) as model:  # other weights, which the checkpoint replaces
        trainer = Trainer(model, Data(), options, run=tmp_path / "parts", resume=True)
        assert trainer.step == 3
        list(trainer)
        assert digest(model.parameters()) == whole


def test_it_is_another_run_than_by_adamw(tmp_path: Path) -> None:
    weights = []
    for optimizer in ("adamw", "muon"):
        options = config(max_iters=3, checkpoint_interval=0, eval_interval=0, optimizer=optimizer)
        with runs.model() as model:
            list(Trainer(model, Data(), options))
            weights.append(digest(model.parameters()))
    assert weights[0] != weights[1]
