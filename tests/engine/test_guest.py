"""pygpt in other people's processes: threads that end, forks, exits, memory, environments."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import jbridge
import pygpt
from jbridge import jvm, native
from tests.support.processes import completed

ROOT = Path(jbridge.__file__).parents[1]
HANGS_S = 120.0
BEGIN = "import pygpt\nCONFIG = pygpt.GPTConfig(64, 300, 2, 4, 64)\n"


def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, which is killed if it hangs."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-c", BEGIN + code]
    return completed(command, env=environment, timeout=HANGS_S)


def succeeds(code: str, **variables: str) -> list[str]:
    result = run(code, **variables)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


# ---- start and exit ------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["cpu", "nd4j"])
def test_the_jvm_starts_on_a_thread_that_ends(backend: str) -> None:
    assert succeeds(
        "import asyncio\n"
        "async def main():\n"
        f"    m = await asyncio.to_thread(pygpt.GPT, CONFIG, backend={backend!r})\n"
        "    print(len(await asyncio.to_thread(m.generate, [1], 5)))\n"
        "asyncio.run(main())\n"
        "print('end')"
    ) == ["6", "end"]


def test_a_thread_of_its_own_starts_the_jvm_and_the_main_one_goes_on() -> None:
    assert succeeds(
        "import threading\n"
        "made = []\n"
        "t = threading.Thread(target=lambda: made.append(pygpt.GPT(CONFIG)))\n"
        "t.start(); t.join()\n"
        "print(len(made[0].generate([1], 5)), len(pygpt.GPT(CONFIG).generate([1], 5)))"
    ) == ["6 6"]


def test_sigterm_while_the_program_ends_is_late() -> None:
    assert succeeds(
        "import atexit, os, signal, time\n"
        "def save():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(0.1)\n"
        "    print('saved')\n"
        "model = pygpt.GPT(CONFIG)\n"
        "atexit.register(save)"
    ) == ["saved"]


def test_java_forgets_threads_that_have_ended() -> None:
    before, after = succeeds(
        "import jbridge, threading\n"
        "model = pygpt.GPT(CONFIG)\n"
        "def count(): print(jbridge.java_class('java.lang.Thread').getAllStackTraces().size())\n"
        "model.generate([1], 2)\n"
        "count()\n"
        "for _ in range(50):\n"
        "    thread = threading.Thread(target=model.generate, args=([1], 2))\n"
        "    thread.start(); thread.join()\n"
        "count()"
    )
    assert int(after) < int(before) + 10


@pytest.mark.parametrize("attempt", range(3))
def test_daemon_threads_that_generate_do_not_abort_the_exit(attempt: int) -> None:
    assert succeeds(
        "import threading, time\n"
        "m = pygpt.GPT(CONFIG)\n"
        "def work():\n"
        "    while True: m.generate([1], 20)\n"
        "for _ in range(3): threading.Thread(target=work, daemon=True).start()\n"
        f"time.sleep(0.3 + {attempt} / 30)"
    ) == []


def test_a_late_faulthandler_is_undone() -> None:
    result = run(
        "import faulthandler\n"
        "with pygpt.GPT(CONFIG) as m, m.training(4) as t:\n"
        "    faulthandler.enable()\n"
        "    for _ in range(300): t.step([[1, 2, 3]], [[2, 3, 4]], 1e-3)\n"
        "print(faulthandler.is_enabled())"
    )
    assert (result.returncode, result.stdout) == (0, "False\n")
    assert result.stderr.count("\n") == 1 and "call faulthandler.enable() before" in result.stderr


def test_what_the_jvm_says_as_it_ends_the_process_is_seen() -> None:
    result = run(
        "import threading\n"
        "from jbridge import quiet\n"
        "import os\n"
        "with quiet.without_incubator_notice():\n"
        "    os.write(2, b'Error occurred during initialization of VM\\n')\n"
        "    os._exit(1)\n"
    )
    assert result.returncode == 1
    assert result.stderr == "Error occurred during initialization of VM\n"


# ---- forks ---------------------------------------------------------------------------------------


def test_no_door_of_a_forked_child_reaches_java() -> None:
    lines = succeeds(
        "import os, sys\n"
        "with pygpt.GPT(CONFIG) as m, m.training(1) as t, m.generator() as g:\n"
        "    r = g.submit([1], 3)\n"
        "    if os.fork() == 0:\n"
        "        doors = [\n"
        "            m.ops, lambda: m.memory(1), lambda: m.training(1), lambda: m.description,\n"
        "            lambda: m.quantize('int8'), lambda: m.generate([1], 2),\n"
        "            lambda: m.loss([1], [1]),\n"
        "            lambda: m.logits([1]), lambda: m.attention([1]), m.parameters,\n"
        "            m.generator, m.weights_changed,\n"
        "            lambda: t.step([[1]], [[1]], 0.1), lambda: t.updates,\n"
        "            lambda: t.dropout_key, lambda: t.update(0.1), t.gradients, t.moments,\n"
        "            lambda: t.resume(1, 1), g.advance, lambda: g.queued, lambda: g.running,\n"
        "            lambda: g.cache_bytes, g.forget, lambda: g.submit([1], 3), r.tokens,\n"
        "            lambda: pygpt.GPT(CONFIG)]\n"
        "        for door in doors:\n"
        "            try: print('no error of door', doors.index(door), door())\n"
        "            except Exception as error:\n"
        "                assert type(error).__name__ == 'ForkedProcessError', error\n"
        "        sys.exit(7)  # leaves the blocks: close\n"
        "    print(os.waitstatus_to_exitcode(os.wait()[1]))\n"
        "    print(len(m.generate([1], 5)))"
    )
    assert lines == ["7", "6"]


# ---- memory --------------------------------------------------------------------------------------


def test_models_that_nobody_refers_to_are_freed() -> None:
    first, last = map(
        int,
        succeeds(
            "import resource\n"
            "def grown():\n"
            "    for _ in range(10):\n"
            "        c = pygpt.GPTConfig(64, 5000, 2, 4, 512, tie_weights=False)\n"
            "        m = pygpt.GPT(c, seed=None)\n"
            "        t = m.training(2)\n"
            "        t.step([[1, 2]], [[2, 3]], 1e-3), m.generate([1], 3), m.loss([1], [2])\n"
            "        m.parameters()\n"
            "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10\n"
            "grown(); print(grown())\n"
            "for _ in range(4): grown()\n"
            "print(grown())"
        ),
    )
    assert last - first < 350, (first, last)  # MiB; each training and its model take 200


def test_an_array_outlives_its_model() -> None:
    assert succeeds(
        "import gc, time\n"
        "m = pygpt.GPT(CONFIG)\n"
        "w = m.parameters()['wte.weight']; s = float(w.sum())\n"
        "del m; gc.collect()\n"
        "for _ in range(5): pygpt.GPT(CONFIG, seed=2).generate([1], 3)\n"
        "time.sleep(0.2)\n"
        "print(float(w.sum()) == s)"
    ) == ["True"]


# ---- environments --------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["-Xss512k", "-XX:ThreadStackSize=256"])
def test_a_stack_from_the_environment_is_refused(flag: str) -> None:
    result = run("pygpt.GPT(CONFIG)", _JAVA_OPTIONS=flag)
    assert result.returncode == 1
    assert f"_JAVA_OPTIONS is '{flag}'" in result.stderr.splitlines()[-1]


def test_a_path_that_java_cannot_read_is_refused(tmp_path: Path) -> None:
    jars = tmp_path / "jä rs"
    jars.mkdir()
    for jar in jvm.find_jars():
        (jars / jar.name).symlink_to(jar)
    result = run("pygpt.GPT(CONFIG)", LC_ALL="C", PYGPT_JARS=str(jars))
    assert "set LC_ALL=C.UTF-8" in result.stderr.splitlines()[-1]
    assert succeeds("pygpt.GPT(CONFIG); print(1)", LC_ALL="C.UTF-8", PYGPT_JARS=str(jars)) == ["1"]


def limited(gib: float, code: str) -> subprocess.CompletedProcess[str]:
    size = int(gib * 2**30)
    return run(f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({size}, {size}))\n{code}")


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of Linux")
def test_an_address_space_that_is_too_small_is_refused() -> None:
    result = limited(3.0, "pygpt.GPT(CONFIG)")
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert "the JVM needs 3.5 GiB of address space" in last
    assert "the limit of 3.0 GiB leaves" in last
    assert "ulimit -v" in last


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of Linux")
def test_an_address_space_of_5_gib_is_enough() -> None:
    result = limited(5.0, "print(len(pygpt.GPT(CONFIG).generate([1], 5)))")
    assert (result.returncode, result.stdout) == (0, "6\n")


def test_a_model_is_neither_copied_nor_pickled() -> None:
    with pygpt.GPT(pygpt.GPTConfig(8, 9, 1, 1, 4)) as model, model.training(1) as training:
        for handle, what in ((model, "model"), (training, "training")):
            for make in (copy.copy, copy.deepcopy, pickle.dumps):
                with pytest.raises(TypeError, match=f"^a {what} cannot be copied or pickled"):
                    make(handle)
        assert pickle.loads(pickle.dumps(model.config)) == model.config


@pytest.mark.parametrize("ids", [[[3, 4], [3, 4, 5]], [[3], 4], [[3], []]])
def test_ragged_ids_are_refused(ids: list[object]) -> None:
    with pygpt.GPT(pygpt.GPTConfig(8, 9, 1, 1, 4)) as model:
        for call in (model.logits, model.attention, lambda x: model.loss(x, x)):
            with pytest.raises(pygpt.ShapeError, match="^ids: expected rows of one length, got"):
                call(ids)


def test_workers_of_a_pool_are_terminated_quietly(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(
        "import multiprocessing, pygpt\n"
        "def work(seed):\n"
        "    global model\n"
        "    model = pygpt.GPT(pygpt.GPTConfig(8, 9, 1, 1, 4), seed=seed)\n"
        "    return model.loss([1], [2])\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(2) as pool:\n"
        "        print(len(pool.map(work, range(4))))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = completed([sys.executable, str(script)], env=environment, timeout=HANGS_S)
    assert (result.returncode, result.stdout, result.stderr) == (0, "4\n", "")


def test_a_cache_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert native.cache_folder(str(tmp_path)) == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    assert native.cache_folder() == tmp_path / ".javacpp" / "cache"


def test_without_a_usable_home_the_cache_is_among_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", missing)
    assert native.cache_folder().is_relative_to(tempfile.gettempdir())
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)  # read-only
    assert not native.cache_folder().is_relative_to(tmp_path)
