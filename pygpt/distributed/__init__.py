"""Several workers train one model: groups of them, and a step that they divide.

    group.py      what a group can do: the only thing that the rest knows of MPI or torch
    mpi.py        a group of the processes that mpiexec or srun has started, by mpi4py
    gloo.py       a group of torch.distributed, where there is a process group already
    beats.py      who is gone, stopped or cut off
    exchange.py   sums and gathers of flat arrays along a tree, also as bfloat16
    step.py       an update: microbatches, sums along a tree, each worker's part of AdamW
    state.py      moments of all workers in one file, and back
    same.py       what must be the same on all workers
    cost.py       what a step costs, measured before the first
    launch.py     starting workers by mpiexec, and again where one has failed
    processes.py  processes of this machine: which they are, and how they end
"""

from __future__ import annotations

from typing import Any

__all__ = ["mpi", "torch"]


def __getattr__(name: str) -> Any:
    """Import what makes a group when it is first used (PEP 562)."""
    if name == "mpi":
        from pygpt.distributed.mpi import mpi

        return mpi
    if name == "torch":
        from pygpt.distributed.gloo import torch

        return torch
    raise AttributeError(f"module 'pygpt.distributed' has no attribute {name!r}")
