"""Runs that are killed at random moments and resumed: do they end as if they had not been?

`python -m tests.support.killed_runs 50` kills 50 times; the tests do it less often.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from pygpt import Trainer
from pygpt.files.checksums import verify_checksums
from pygpt.training.trainer import FILES
from tests.support import training_runs as runs
from tests.support.processes import completed, started

ROOT = Path(__file__).parents[2]
MOST_STEPS = 37  # of a process before it is killed
MOST_SECONDS = 0.03  # after the last of them: several steps, or a checkpoint


def train(folder: Path | None, steps: int) -> dict[str, object]:
    """Train, and go on where the folder's run is; return the weights' digest and the best."""
    options = runs.config(max_iters=steps, checkpoint_interval=10, eval_interval=17)
    with runs.model() as model:
        trainer = Trainer(model, runs.Data(), options, run=folder, resume=folder is not None)
        trainer.fit()
        assert trainer.best is not None
        weights = runs.digest(model.parameters())
        return {"weights": weights, "step": trainer.best.step, "loss": trainer.best.loss}


def kill_and_resume(folder: Path, kills: int, seed: int = 1) -> int:
    """Kill a run so many times, then let it end; raise AssertionError if anything was lost.

    Returns:
        How many of the kills came while a checkpoint was being written.
    """
    steps = kills * MOST_STEPS + 20
    rng = random.Random(seed)
    command = [sys.executable, "-m", "tests.support.killed_runs", str(folder), str(steps)]
    half_written = 0
    for kill in range(kills):
        with started(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            _wait(folder, process, rng.randint(0, MOST_STEPS))
            time.sleep(rng.uniform(0, MOST_SECONDS))
            assert process.poll() is None, f"the run ended before kill {kill + 1}"
            process.kill()
        half_written += any(name.startswith(".step-") for name in os.listdir(folder))
        if os.path.lexists(folder / "last"):
            verify_checksums(folder / "last", FILES)
    last = completed(command, cwd=ROOT)
    assert last.returncode == 0, last.stderr
    ended = json.loads(last.stdout)
    assert ended == train(None, steps)
    assert runs.saved(folder / "last") == ended["weights"]
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, steps + 1))
    assert not [name for name in os.listdir(folder) if name.startswith(".")]
    return half_written


def _wait(folder: Path, process: subprocess.Popen[str], steps: int) -> None:
    """Return when the process has done so many steps."""
    path = folder / "metrics.jsonl"
    before, deadline = _changed(path), time.monotonic() + 60
    while _changed(path) == before:  # it opens the file when it begins or resumes
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    begun = path.read_bytes().count(b"\n")
    while path.read_bytes().count(b"\n") < begun + steps:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def main(arguments: list[str]) -> None:
    """Train in a folder, or kill such a process so many times."""
    if len(arguments) == 2:
        print(json.dumps(train(Path(arguments[0]), int(arguments[1]))))
        return
    kills = int(arguments[0])
    with TemporaryDirectory() as folder:
        half_written = kill_and_resume(Path(folder) / "run", kills)
    print(
        f"killed {kills} times, {half_written} of them while a checkpoint was being written: "
        "the weights are those of a run that was not"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
