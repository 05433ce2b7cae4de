"""The thread that the model works on, and what clients wait for.

The model's thread runs steps as long as there is work; between two of them it computes what is no
generation: scores of prompts, embeddings. Everything else happens in asyncio's thread: it submits,
cancels and reads what has come, all of which may happen while a step runs.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import PygptError
from pygpt.generate.config import GenerateConfig
from pygpt.generate.generator import Request
from pygpt.model.gpt import GPT
from pygpt.serve.errors import BAD_REQUEST, BUSY, FAILED, ApiError

STEP_MS = 10  # what has come is handed on so often, or after each step where that takes longer
STUCK_S = 60.0  # a step that takes longer has gone wrong
CLOSE_S = 5.0  # that the thread has to end the step it is in
T = TypeVar("T")
Status = Literal["ok", "stuck", "failing", "stopped"]
_log = logging.getLogger("pygpt")


@dataclass(frozen=True)
class State:
    """Immutable: what an engine does; see `Health`."""

    status: Status
    running: int
    queued: int
    free: int
    last_step_age_s: float | None
    cache_bytes: int


@dataclass(eq=False)
class _Task:
    """Mutable: something to compute between two steps."""

    compute: Callable[[], Any]
    future: asyncio.Future[Any]


class Work:
    """Mutable: what one client waits for. Use a `with` block: its end frees all that it takes.

    Made by `Engine.open`; for asyncio's thread.
    """

    def __init__(self, engine: Engine, count: int) -> None:
        self._engine = engine
        self._event = asyncio.Event()
        self._tasks: list[_Task] = []
        self.count = count
        self.requests: list[Request] = []
        self.failure: Exception | None = None

    def submit(self, prompts: list[NDArray[np.int32]], config: GenerateConfig) -> list[Request]:
        """Put prompts into the queue; see `Generator.submit_rows`."""
        added = self._engine.generator.submit_rows(prompts, config, spells=True)
        self.requests += added
        self._engine.wake()
        return added

    async def compute(self, compute: Callable[[], T]) -> T:
        """Return what a function does with the model, between two steps of it."""
        task = _Task(compute, asyncio.get_running_loop().create_future())
        self._tasks.append(task)
        self._engine.add(task)
        result: T = await task.future
        return result

    async def changed(self, timeout_s: float) -> None:
        """Wait until there may be more tokens, or so long.

        Raises:
            ApiError: the model failed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()
        if self.failure is not None:
            raise ApiError(FAILED, f"the model failed: {self.failure}") from self.failure

    @property
    def is_busy(self) -> bool:
        """Whether the model has something to do for it."""
        tasks = any(not task.future.done() for task in self._tasks)
        return tasks or (self.failure is None and any(not r.done for r in self.requests))

    def notify(self, failure: Exception | None = None) -> None:
        """Let `changed` return."""
        self.failure = self.failure or failure
        self._event.set()

    def __enter__(self) -> Work:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free all that it takes; a second call does nothing."""
        for task in self._tasks:
            task.future.cancel()
        self._engine.leave(self)


class Engine:
    """Mutable: a model at work for many clients. `start` it in asyncio's thread.

    Args:
        model: stays the caller's; nobody else generates with it meanwhile.
        parallel: most sequences that are continued at once.
        max_queue: most that wait.
        exact: see `GPT.generator`.
    """

    def __init__(self, model: GPT, parallel: int, max_queue: int, exact: bool) -> None:
        self.generator = model.generator(parallel, exact=exact)
        self.capacity = parallel + max_queue
        self._works: set[Work] = set()
        self._taken = 0  # sequences of these
        self._tasks: deque[_Task] = deque()
        self._wake = threading.Condition()  # guards what follows, and the tasks
        self._more = False  # whether the model has something to do
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="pygpt-serve", daemon=True)
        self._began: float | None = None  # when the step did that runs now
        self._ended: float | None = None  # when the last one did
        self._failing = False
        self._counts = (0, 0, 0)  # running, queued, bytes of caches, after the last step

    # ---- asyncio's thread ----------------------------------------------------------------------

    def start(self) -> None:
        """Start the model's thread, which tells the running event loop what has come."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """End the model's thread, and free its memory."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join, CLOSE_S)
        if not self._thread.is_alive():
            self.generator.close()

    def open(self, count: int) -> Work:
        """Return the work of a client who wants so many sequences.

        Raises:
            ApiError: there is no place for them now (503), or never (400).
        """
        if count > self.capacity:
            message = f"expected at most {self.capacity} sequences (prompts times n), got {count}"
            raise ApiError(BAD_REQUEST, message, "n")
        if not self._thread.is_alive():
            raise ApiError(BUSY, "the model's thread has ended; restart the server")
        if self._taken + count > self.capacity:
            message = f"{self._taken} of {self.capacity} places are taken; try again later"
            raise ApiError(BUSY, message, code="queue_full")
        work = Work(self, count)
        self._works.add(work)
        self._taken += count
        return work

    def leave(self, work: Work) -> None:
        """End what a client waits for; the next step frees its caches."""
        if work not in self._works:
            return
        self._works.remove(work)
        self._taken -= work.count
        for request in work.requests:
            if not request.done:
                self.generator.cancel(request)
        self.wake()

    def add(self, task: _Task) -> None:
        """Put something to compute last in its queue."""
        with self._wake:
            self._tasks.append(task)
            self._wake.notify()

    def wake(self) -> None:
        """Tell the model's thread that there is something to do."""
        with self._wake:
            self._more = True
            self._wake.notify()

    def state(self) -> State:
        """Return what it does, without waiting for it."""
        now, began, ended = time.monotonic(), self._began, self._ended
        running, _, cache_bytes = self._counts
        busy = any(work.is_busy for work in self._works)
        since = began if began is not None else ended
        status: Status = "ok"
        if not self._thread.is_alive():
            status = "stopped"
        elif busy and since is not None and now - since > STUCK_S:
            status = "stuck"
        elif self._failing:
            status = "failing"
        return State(
            status,
            running,
            self.generator.queued,
            self.capacity - self._taken,
            None if ended is None else now - ended,
            cache_bytes,
        )

    def _publish(self, failure: Exception | None = None) -> None:
        for work in self._works:
            work.notify(failure)

    # ---- the model's thread --------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._tasks or self._more or self._closing):
                    self._wake.wait()
                if self._closing:
                    return
                self._more = False
                task = self._tasks.popleft() if self._tasks else None
            self._began = time.monotonic()
            if task is not None:
                self._compute(task)
            self._step()
            self._began, self._ended = None, time.monotonic()

    def _step(self) -> None:
        """Let the model add tokens, and tell those who wait for them."""
        failure: Exception | None = None
        more = False
        try:
            more = self.generator.advance(STEP_MS)
            running = self.generator.running
            self._counts = running, self.generator.queued, self.generator.cache_bytes
        except Exception as error:
            failure = error
            _log.error("the model failed: %s", error)
            self._give_up()
        self._failing = failure is not None
        if more:
            with self._wake:
                self._more = True
        self._tell(self._publish, failure)

    def _give_up(self) -> None:
        """End all sequences, so that the next step begins with none."""
        try:
            self.generator.cancel_all()
        except PygptError as error:
            _log.error("the model cannot be stopped: %s", error)

    def _compute(self, task: _Task) -> None:
        if task.future.cancelled():
            return
        try:
            result, failure = task.compute(), None
        except Exception as error:
            result, failure = None, error
        self._tell(_settle, task.future, result, failure)

    def _tell(self, what: Callable[..., None], *arguments: Any) -> None:
        """Call something in asyncio's thread, unless that has ended."""
        try:
            self._loop.call_soon_threadsafe(what, *arguments)
        except RuntimeError:  # the event loop is closed
            with self._wake:
                self._closing = True


def _settle(future: asyncio.Future[Any], result: Any, failure: Exception | None) -> None:
    if future.done():  # the client has gone
        return
    if failure is None:
        future.set_result(result)
    else:
        future.set_exception(failure)
