"""A group of torch.distributed: of torchrun, Ray's TorchTrainer, Spark's TorchDistributor."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import ConfigError


class TorchGroup:
    """Mutable: see `Group`; a process group that is there already, of backend gloo.

    Torch's own time-out ends a call that waits for a worker that is gone.

    Args:
        dist: the module torch.distributed.
    """

    def __init__(self, dist: Any) -> None:
        import torch

        self._torch, self._dist = torch, dist
        self.rank, self.size = int(dist.get_rank()), int(dist.get_world_size())
        names: list[Any] = [None] * self.size
        dist.all_gather_object(names, os.uname().nodename)
        self.local_size = names.count(os.uname().nodename)
        self.transport = f"torch {torch.__version__}, {dist.get_backend()}"
        self._is_closed = False

    def alltoall(
        self,
        send: NDArray[Any],
        places: Sequence[int],
        counts: Sequence[int],
        receive: NDArray[Any],
        received: Sequence[int],
    ) -> None:
        requests, at = [], 0
        for worker, length in enumerate(received):
            into = receive[at : at + length]
            at += length
            piece = send[places[worker] : places[worker] + counts[worker]]
            if worker == self.rank:
                into[:] = piece
                continue
            if length:
                requests.append(self._dist.irecv(self._tensor(into), worker))
            if len(piece):
                requests.append(self._dist.isend(self._tensor(piece), worker))
        for request in requests:
            request.wait()

    def allgather(
        self, array: NDArray[Any], places: Sequence[int], counts: Sequence[int]
    ) -> None:
        mine = slice(places[self.rank], places[self.rank] + counts[self.rank])
        requests = []
        for worker, (place, count) in enumerate(zip(places, counts, strict=True)):
            if worker != self.rank:
                if count:
                    into = self._tensor(array[place : place + count])
                    requests.append(self._dist.irecv(into, worker))
                if counts[self.rank]:
                    requests.append(self._dist.isend(self._tensor(array[mine]), worker))
        for request in requests:
            request.wait()

    def broadcast(self, array: NDArray[Any]) -> None:
        self._dist.broadcast(self._tensor(array), 0)

    def _tensor(self, array: NDArray[Any]) -> Any:
        """Return the same bytes as a tensor."""
        return self._torch.from_numpy(array.view(np.uint8))

    def abort(self, problem: str, status: int = 1) -> NoReturn:
        print(f"pygpt: rank {self.rank}: {problem}", file=sys.__stderr__, flush=True)
        os._exit(status)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._dist.barrier()


def torch() -> TorchGroup:
    """Return the group of torch.distributed's process group.

    Raises:
        ConfigError: there is no torch, or no process group.
    """
    try:
        import torch.distributed as dist
    except ImportError as error:
        raise ConfigError("torch", f"expected the package torch; {error}") from error
    if not dist.is_available() or not dist.is_initialized():
        problem = "expected a process group: torchrun, and init_process_group('gloo') before this"
        raise ConfigError("torch", problem)
    return TorchGroup(dist)
