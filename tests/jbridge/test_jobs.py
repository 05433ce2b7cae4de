"""Waiting for Java: polls, failures, Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Works = Callable[..., str]
# On a thread of its own, as a user's Ctrl-C comes from outside: after half a second.
INTERRUPT = (
    "import os, signal, threading, time, jbridge\n"
    "Job = jbridge.java_class('probe.Probe$Job')\n"
    "sent = []\n"
    "def press():\n"
    "    time.sleep(0.5); sent.append(time.monotonic()); os.kill(os.getpid(), signal.SIGINT)\n"
)


def test_waits_and_polls(works: Works) -> None:
    works(
        "import jbridge\n"
        "polls = []\n"
        "job = jbridge.java_class('probe.Probe$Job')(300, False, True); job.start()\n"
        "jbridge.wait(job, lambda: polls.append(1))\n"
        "assert job.awaitMillis(0) and not job.isCancelled() and len(polls) > 2, polls\n"
        "jbridge.wait(job)\n"
    )


def test_failure_arrives_as_a_java_error(works: Works) -> None:
    printed = works(
        "import jbridge\n"
        "job = jbridge.java_class('probe.Probe$Job')(100, True, True); job.start()\n"
        "try: jbridge.wait(job)\n"
        "except jbridge.JavaError as error: print(error, 'Probe.java' in error.java_stack)\n"
    )
    assert printed == "IllegalStateException: the job failed True\n"


@pytest.mark.parametrize("obeys", [True, False])
def test_ctrl_c_is_back_within_half_a_second(works: Works, obeys: bool) -> None:
    printed = works(
        INTERRUPT + f"job = Job(20_000, False, {obeys}); job.start()\n"
        "threading.Thread(target=press, daemon=True).start()\n"
        "try: jbridge.wait(job, lambda: None)\n"
        "except KeyboardInterrupt: print(time.monotonic() - sent[0], job.isCancelled())\n"
    )
    seconds, cancelled = printed.split()
    assert float(seconds) < 0.5
    assert cancelled == "True"


def test_error_in_on_poll_cancels_the_job(works: Works) -> None:
    printed = works(
        "import jbridge\n"
        "job = jbridge.java_class('probe.Probe$Job')(20_000, False, True); job.start()\n"
        "try: jbridge.wait(job, lambda: 1 / 0)\n"
        "except ZeroDivisionError: print(job.isCancelled())\n"
    )
    assert printed == "True\n"
