"""The JVM's start: flags, signals, forks, LAPACK. Each case is a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

from tests.jbridge.conftest import USE
from tests.support.processes import started

Works = Callable[..., str]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_import_starts_nothing(works: Works) -> None:
    works(
        "import sys, jbridge; dir(jbridge); jbridge.find_jdk(); jbridge.JavaError; "
        "assert not {'jpype', 'numpy'} & set(sys.modules), 'too much is imported'"
    )


def test_starts_once_and_quietly_with_our_flags(works: Works) -> None:
    printed = works(
        "import jbridge\n"
        "first = jbridge.start()\n"
        "assert jbridge.start() is first and jbridge.find_jdk() == first.jdk\n"
        "property = jbridge.java_class('probe.Probe').property\n"
        "for name in ('java.specification.version', 'file.encoding',\n"
        "             'org.bytedeco.javacpp.maxphysicalbytes'):\n"
        "    print(property(name))\n"
        "print(int(str(property('org.bytedeco.javacpp.maxbytes'))) > 2**30)\n"
        "print(jbridge.java_class('jdk.incubator.vector.FloatVector').SPECIES_PREFERRED is None)\n"
    )
    feature, *rest = printed.split()
    assert int(feature) >= 25
    assert rest == ["UTF-8", "0", "True", "False"]


def test_other_lines_on_stderr_pass(run: Run) -> None:
    result = run(
        "import os\nfrom jbridge.quiet import UNWANTED, without_incubator_notice\n"
        "with without_incubator_notice():\n"
        "    os.write(2, UNWANTED + b'x\\nkept\\n')\n"
        "os.write(2, b'after\\n')\n"
    )
    assert (result.returncode, result.stderr) == (0, "kept\nafter\n")


def test_starts_with_stderr_closed(works: Works) -> None:
    assert works("import os; os.close(2); import jbridge; jbridge.start(); print('up')") == "up\n"


def test_starts_from_a_folder_with_any_name(
    run: Run, probe_jars: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "jars für ΔJ"
    folder.mkdir()
    (folder / "probe.jar").write_bytes((probe_jars / "probe.jar").read_bytes())
    code = "import jbridge; print(jbridge.java_class('probe.Probe').collect())"
    result = run(code, PYGPT_JARS=str(folder))
    assert (result.returncode, result.stdout, result.stderr) == (0, "0\n", "")


def test_second_start_must_agree_with_the_first(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.jar").touch()
    result = run(
        "import jbridge, pathlib, sys\n"
        "first = jbridge.start(options=('-Da=b',))\n"
        "assert jbridge.start() is jbridge.start(options=('-Da=b',)) is first\n"
        "for call in ({'options': ('-Dc=d',)}, {'jars': pathlib.Path(sys.argv[1])}):\n"
        "    try: jbridge.start(**call)\n"
        "    except jbridge.JvmStartError as error: print(error)\n",
        str(tmp_path),
    )
    assert result.returncode == 0, result
    assert "runs without -Dc=d" in result.stdout and f"not of {tmp_path}" in result.stdout


def test_a_jvm_of_somebody_else_is_refused_with_what_to_do(works: Works) -> None:
    printed = works(
        "import jbridge, jpype\n"
        "options = ['--enable-native-access=ALL-UNNAMED']\n"
        "jpype.startJVM(*options, jvmpath=str(jbridge.find_jdk().libjvm), convertStrings=False)\n"
        "try:\n    jbridge.start()\n"
        "except jbridge.JvmStartError as error:\n    print(error)\n"
        "print(jpype.java.util.ArrayList().size())\n"
    )
    first, second = printed.splitlines()
    assert first.startswith("this process has a JVM already, which jbridge did not start")
    assert "call jbridge.start(), or make the first model, before jpype.startJVM" in first
    assert second == "0"  # which goes on


def test_bad_option_is_an_error_with_its_name(run: Run) -> None:
    result = run(
        "import jbridge\n"
        "try: jbridge.start(options=('-XX:NoSuchFlag=1',))\n"
        "except jbridge.JvmStartError as error: print(error)\n"
    )
    assert result.returncode == 0 and "does not start" in result.stdout
    assert "NoSuchFlag" in result.stdout + result.stderr


def test_lapack_on_the_main_thread(works: Works) -> None:
    """Without -Xss8m this is a segmentation fault."""
    printed = works(
        "import numpy, jbridge\n"
        "jbridge.start()\n"
        "matrix = numpy.random.default_rng(1).normal(size=(200, 200))\n"
        "print(abs(numpy.linalg.inv(matrix) @ matrix - numpy.eye(200)).max() < 1e-9)\n"
    )
    assert printed == "True\n"


def terminated(environment: dict[str, str], code: str) -> tuple[int, str, str]:
    """Send SIGTERM to a process once it has printed `ready`."""
    with started([sys.executable, "-c", USE + code], env=environment, stderr=PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        printed, complaint = process.communicate(timeout=30)
    return process.returncode, printed, complaint


def test_sigterm_unwinds(environment: dict[str, str]) -> None:
    code = (
        "import atexit, time, jbridge\n"
        "atexit.register(print, 'atexit')\n"
        "jbridge.start()\n"
        "try:\n    print('ready'); time.sleep(20)\n"
        "finally: print('finally')\n"
    )
    assert terminated(environment, code) == (143, "finally\natexit\n", "")


def test_sigterm_in_a_job_unwinds_and_cancels_it(environment: dict[str, str]) -> None:
    code = (
        "import jbridge\n"
        "job = jbridge.java_class('probe.Probe$Job')(20_000, False, True); job.start()\n"
        "print('ready')\n"
        "try: jbridge.wait(job)\n"
        "finally: print(job.isCancelled())\n"
    )
    assert terminated(environment, code) == (143, "True\n", "")


def test_somebody_s_sigterm_handler_stays(environment: dict[str, str]) -> None:
    code = (
        "import signal, sys, time, jbridge\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "jbridge.start(); print('ready'); time.sleep(20)\n"
    )
    assert terminated(environment, code) == (7, "", "")


def test_sigterm_without_a_handler_ends_the_process(environment: dict[str, str]) -> None:
    """When the JVM was started on another thread no handler can be installed."""
    code = (
        "import threading, time, jbridge\n"
        "thread = threading.Thread(target=jbridge.start); thread.start(); thread.join()\n"
        "print('ready'); time.sleep(20)\n"
    )
    assert terminated(environment, code) == (-signal.SIGTERM, "", "")


def test_forked_child_is_told(works: Works) -> None:
    printed = works(
        "import multiprocessing, warnings, jbridge\n"
        "warnings.simplefilter('ignore')\n"
        "def child(queue):\n"
        "    for call in (jbridge.start, lambda: jbridge.java_class('probe.Probe'),\n"
        "                 lambda: jbridge.view(None, 64, (1,), 'f4'),\n"
        "                 lambda: jbridge.wait(None)):\n"
        "        try: call()\n"
        "        except jbridge.ForkedProcessError as error: queue.put('spawn' in str(error))\n"
        "jbridge.start()\n"
        "context = multiprocessing.get_context('fork')\n"
        "queue = context.SimpleQueue()\n"
        "worker = context.Process(target=child, args=(queue,)); worker.start(); worker.join(20)\n"
        "print(worker.exitcode, [queue.get() for _ in range(4)])\n"
    )
    assert printed == "0 [True, True, True, True]\n"


def test_forked_child_can_exit(works: Works) -> None:
    """JPype's atexit function waits for Java threads that the child does not have."""
    printed = works(
        "import os, sys, warnings, jbridge\n"
        "warnings.simplefilter('ignore')\n"
        "jbridge.start()\n"
        "child = os.fork()\n"
        "if child == 0: sys.exit(5)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert printed == "5\n"


def test_exceptions_keep_their_java_stack(works: Works) -> None:
    printed = works(
        "import jbridge\n"
        "Probe = jbridge.java_class('probe.Probe')\n"
        "for method, kind in ((Probe.throwArgument, ValueError),\n"
        "                     (Probe.throwMemory, MemoryError),\n"
        "                     (Probe.throwState, jbridge.JBridgeError)):\n"
        "    try:\n"
        "        with jbridge.translate(): method()\n"
        "    except jbridge.JavaError as error:\n"
        "        assert isinstance(error, kind) and 'Probe.java' in error.java_stack\n"
        "        assert error.__notes__ == [error.java_stack]\n"
        "        print(type(error).__name__, error.java_class, error, sep=' | ')\n"
        "        cause = 'Caused by: java.lang.RuntimeException: the cause' in error.java_stack\n"
        "print(cause)\n"
    )
    assert printed.splitlines() == [
        "JavaValueError | java.lang.IllegalArgumentException "
        "| n_head: expected a divisor of 10, got 3",
        "JavaMemoryError | java.lang.OutOfMemoryError | Java heap space",
        "JavaError | java.lang.IllegalStateException | IllegalStateException: closed: "
        "RuntimeException: the cause",
        "True",
    ]
