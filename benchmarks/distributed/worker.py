"""One of several workers that train: `worker.py JOB`, a JSON object, by mpiexec or torchrun.

It gets ready, and begins when there is the file that `begins_with` names, if that is given. Worker
0 prints a line of JSON for it, or for each of its `jobs`: what the steps took, and a digest of the
weights. A job of `numbers` has no model: what moving so many of them would cost is measured.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import pygpt
from pygpt.distributed.cost import measure
from pygpt.distributed.exchange import CHUNK
from pygpt.distributed.group import Alone, Group, gather_objects
from pygpt.training.run import open_run


@contextmanager
def group_of(transport: str) -> Iterator[Group]:
    """Give the group of the workers that were started with this one."""
    if transport == "gloo":
        import torch.distributed as dist

        dist.init_process_group("gloo")
        group: Group = pygpt.distributed.torch()
        yield group
        group.close()
        dist.destroy_process_group()
    elif transport == "none":
        yield Alone()
    else:
        group = pygpt.distributed.mpi()
        yield group
        group.close()


def resident(what: str) -> int:
    """Return bytes of this process: `VmRSS` now, `VmHWM` at most."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return 1024 * int(line.split()[1])
    return 0


def digest(model: pygpt.GPT) -> str:
    """Return a digest of all weights."""
    found = hashlib.sha256()
    for name, weight in sorted(model.parameters().items()):
        found.update(name.encode() + np.ascontiguousarray(weight).data)
    return found.hexdigest()


def train(job: dict[str, Any], group: Group) -> dict[str, Any]:
    """Train as the job says; return what worker 0 prints."""
    more = {"out": job["out"], "data": job.get("data"), "resume": job.get("resume", False)}
    with open_run(job["recipe"], job["options"], group=group, **more) as run:
        trainer = run.trainer
        assert trainer is not None
        while "begins_with" in job and not Path(job["begins_with"]).exists():
            time.sleep(0.01)
        cost = trainer.measure() if job.get("measures") else None
        shards = [trainer._training._shard_of(moment).length() for moment in "mv"]
        moments = int(sum(shards)) * np.dtype(run.model.dtype).itemsize
        seconds, spent = [], []
        for _ in range(job.get("steps", run.config.max_iters)):
            began = time.perf_counter()
            if next(trainer, None) is None:
                break
            seconds.append(time.perf_counter() - began)
            spent.append(trainer.spent)
        mine = {"moments": moments, "resident": resident("VmRSS"), "peak": resident("VmHWM")}
        return {
            "workers": group.size, "transport": group.transport, "steps": trainer.step,
            "seconds": seconds, "digest": digest(run.model),
            "spent": [s and [s.compute_s, s.waiting_s, s.communication_s] for s in spent],
            "cost": None if cost is None else {**vars(cost), "step_s": cost.communication_s},
            "memory": gather_objects(group, mine), "parameters": run.model.num_parameters,
        }  # fmt: skip


def move(job: dict[str, Any], group: Group) -> dict[str, Any]:
    """Measure what the job says between the workers; return what worker 0 prints."""
    return vars(measure(group, job["numbers"], job["item_bytes"], CHUNK))


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    with group_of(asked["transport"]) as workers:
        for each in asked.get("jobs", [asked]):
            result = (move if "numbers" in each else train)(each, workers)
            if workers.rank == 0:
                print(json.dumps(result), flush=True)
