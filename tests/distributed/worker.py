"""A worker without a model: `python -m tests.distributed.worker raise|stop|fine`."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np

from pygpt.distributed.mpi import mpi

group = mpi()
if group.rank == 0:
    print(group.describe(), file=sys.stderr, flush=True)
for call in range(20):
    if call == 10 and group.rank == 1 and sys.argv[1] == "raise":
        raise ValueError("in call 10")
    if call == 10 and group.rank == 1 and sys.argv[1] == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    numbers = np.zeros(5)
    numbers[2 * group.rank : 2 + 3 * group.rank] = group.rank + 1
    group.allgather(numbers, [0, 2], [2, 3])
    assert numbers.tolist() == [1, 1, 2, 2, 2]
    mine = np.array([10.0, 11, 12]) + 10 * group.rank
    got = np.zeros(2 + 2 * group.rank)
    group.alltoall(mine, [0, 1], [1, 2], got, [1 + group.rank] * 2)
    assert got.tolist() == [[10, 20], [11, 12, 21, 22]][group.rank]
    group.broadcast(mine)
    assert mine.tolist() == [10, 11, 12]
group.close()
