"""nanoGPT's recipe as a benchmark: pygpt's side with a few steps, and what is refused."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.check import DisagreementError
from benchmarks.recipe.__main__ import check
from benchmarks.recipe.recipe import MODEL, first_weights, options
from pygpt import GPTConfig, TrainConfig
from tests.support.processes import completed


def _bench(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.recipe", "--sides", "pygpt", *arguments]
    return completed(command, cwd=root)


def test_it_is_what_pygpt_has_by_default() -> None:
    assert GPTConfig.preset("shakespeare-char") == MODEL
    recipe = options(2000).to_dict()
    different = {k for k, value in TrainConfig().to_dict().items() if recipe[k] != value}
    assert different == {"eval_iters"}  # all of the text, here


def test_first_weights() -> None:
    weights = dict(first_weights())
    assert {name: value.shape for name, value in weights.items()} == MODEL.weight_shapes()
    assert weights["h.0.mlp.c_fc.weight"].std() == pytest.approx(0.02, rel=0.02)
    assert weights["h.3.mlp.c_proj.weight"].std() == pytest.approx(0.02 / 8**0.5, rel=0.02)
    np.testing.assert_array_equal(weights["ln_f.weight"], np.ones(128, np.float32))


def test_other_work_is_found() -> None:
    side = {"side": "a", "step_s": [1.0] * 3, "losses": [4.0, 3.0, 2.0], "grad_norms": [1.0] * 3}
    check(side, side | {"step_s": [9.0] * 3})
    with pytest.raises(DisagreementError, match="^b does other work than .* its loss is"):
        check(side, side | {"side": "b", "losses": [4.0, 3.0, 2.1]})
    with pytest.raises(DisagreementError, match="gradient norm"):
        check(side, side | {"grad_norms": [1.0, 1.1, 1.0]})


@pytest.mark.slow
def test_a_few_steps(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    result = _bench(root, "--steps", "3", "--threads", "1", "--json", str(file))
    assert result.returncode == 0, result.stderr
    written = json.loads(file.read_text(encoding="utf-8"))
    assert written["machine"]["threads"] == 1 and written["recipe"]["max_iters"] == 3
    (side,) = written["sides"]
    assert side["description"].endswith(", 1 threads") and len(side["losses"]) == 3
    assert side["losses"][0] == pytest.approx(math.log(65), abs=0.1)
    ((step, loss),) = side["evaluations"]
    assert step == 3 and loss == pytest.approx(math.log(65), abs=0.1)
    assert 0 < sum(side["step_s"]) < side["loop_s"] < side["process_s"]
    assert f"{loss:.4f} (3)" in result.stdout and "threads: 1" in result.stdout
    again = _bench(root, "--json", str(file))
    assert again.returncode == 2 and f"--json: expected a new file, {file} exists" in again.stderr


def test_bad_numbers(root: Path) -> None:
    for name in ("steps", "threads"):
        result = _bench(root, f"--{name}", "0")
        assert result.returncode == 2 and f"--{name}: expected at least 1, got 0" in result.stderr
