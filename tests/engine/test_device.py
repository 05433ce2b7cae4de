"""A device that the host cannot reach, and jars without ND4J, each in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import jbridge
from jbridge.jvm import find_jars

Python = Callable[..., "subprocess.CompletedProcess[str]"]
SOURCES = ("tensor/GuardedDevice.java", "backends/GuardedBackend.java")

# Everything that reads or writes weights, and what comes of it.
LIFE = """
import json, random, sys
import numpy as np
from pygpt import GPT, CharTokenizer, GPTConfig, PygptError
from pygpt.names.protocol import draw_weights

CONFIG = GPTConfig(block_size=7, vocab_size=5, n_layer=2, n_head=3, n_embd=12, dropout=0.1)
IDS = np.arange(14).reshape(2, 7) % 5
TARGETS = (IDS + 2) % 5

def life(backend, folder):
    out = {}
    options = {"seed": 3, "backend": backend, "dtype": "float32", "threads": 2}
    tokenizer = CharTokenizer("abcd")
    with GPT(CONFIG, tokenizer=tokenizer, **options) as model, model.training(2) as training:
        held = model.parameters()["wte.weight"]
        out["losses"] = [training.step(IDS, TARGETS, 0.01) for _ in range(3)]
        out["held"] = held.tolist()
        held[1] = 0.5  # changes the model
        training.accumulate(IDS, TARGETS)
        training.flat_gradient[:] *= 2
        out["norm"] = training.update(0.01)
        out["gradients"] = [g.tolist() for g in training.gradients().values()]
        out["moments"] = [m.tolist() for both in training.moments() for m in both.values()]
        del held
        out["loss"] = model.loss(IDS, TARGETS)
        out["logits"] = model.logits(IDS).tolist()
        out["attention"] = model.attention(IDS).tolist()
        out["text"] = model.generate("ab", max_new_tokens=5, seed=1)
        model.save_pretrained(folder)
    with GPT(GPTConfig.microgpt(7, 5, 1, 3, 12), **options) as model:
        draw_weights(model, random.Random(1))
        out["drawn"] = [w.tolist() for w in model.parameters().values()]
    with GPT.from_pretrained(folder, backend=backend, dtype="float32", threads=2) as model:
        out["loaded"] = [w.tolist() for w in model.parameters().values()]
        model.quantize("int8")
        out["quantized"] = model.logits(IDS).tolist()
    return out
"""


def jars_folder(folder: Path, without: str = "none of them") -> Path:
    """Return a folder of this tree's jars, but those whose name begins with `without`."""
    folder.mkdir()
    for jar in find_jars():
        if not jar.name.startswith(without):
            (folder / jar.name).symlink_to(jar.resolve())
    return folder


@pytest.fixture(scope="module")
def guarded_jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All jars, and one with the backends of java/src/test on a device of their own."""
    top = tmp_path_factory.mktemp("guarded")
    tests = Path(__file__).parents[2] / "java" / "src" / "test"
    jars, classes = jars_folder(top / "jars"), top / "classes"
    tools = jbridge.find_jdk().home / "bin"
    sources = [tests / "java" / "org" / "pygpt" / name for name in SOURCES]
    subprocess.run(
        [tools / "javac", "-d", classes, "-cp", jars / "pygpt-engine.jar", *sources], check=True
    )
    shutil.copytree(tests / "resources", classes, dirs_exist_ok=True)
    subprocess.run(
        [tools / "jar", "cf", jars / "guarded.jar", "-C", classes, "."], check=True
    )
    return jars


@pytest.mark.skipif(sys.platform == "win32", reason="its memory comes from mmap")
def test_a_model_lives_where_the_host_reaches_nothing(guarded_jars: Path, python: Python) -> None:
    code = f"{LIFE}\nprint(json.dumps([life(b, b) for b in sys.argv[1:]]))"
    backends = ("cpu", "guarded-cpu", "plain", "guarded-plain")
    result = python("-c", code, *backends, PYGPT_JARS=str(guarded_jars))
    assert result.returncode == 0, result.stderr
    cpu, guarded_cpu, plain, guarded_plain = json.loads(result.stdout)
    for expected, got in ((cpu, guarded_cpu), (plain, guarded_plain)):
        assert list(expected) == list(got)
        for what, values in expected.items():
            assert got[what] == values, what


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_that_nobody_reaches_is_freed(python: Python, tmp_path: Path) -> None:
    jars = jars_folder(tmp_path / "jars", "nd4j-")
    code = """
import time
from pathlib import Path
import jbridge, pygpt.engine
host = jbridge.java_class("org.pygpt.tensor.HostDevice").host()
collect = jbridge.java_class("java.lang.System").gc
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
before, deadline = resident(), time.monotonic() + 20
for _ in range(20):
    host.allocate(1 << 25)
while resident() - before > 5 << 25 and time.monotonic() < deadline:
    collect()
    time.sleep(0.05)
assert resident() - before <= 5 << 25, resident() - before
"""
    result = python("-c", code, PYGPT_JARS=str(jars))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("without", ["nd4j-native", "nd4j-"])
def test_cpu_needs_no_nd4j(without: str, python: Python, tmp_path: Path) -> None:
    jars, log = jars_folder(tmp_path / "jars", without), tmp_path / "classes.log"
    code = f"""{LIFE}
print(json.dumps(life('cpu', 'saved')), flush=True)
try:
    GPT(CONFIG, backend="nd4j")
except PygptError as error:
    print(error)
"""
    logged = f"-Xlog:class+load:file={log}"
    result = python("-c", code, PYGPT_JARS=str(jars), _JAVA_OPTIONS=logged)
    assert result.returncode == 0, result.stderr
    results, message = result.stdout.splitlines()
    assert json.loads(results)["losses"]
    assert message.startswith("backend: expected cpu where ND4J has no library for this machine")
    loaded = log.read_text()
    cpu, _, _ = loaded.partition("org.pygpt.kernels.nd4j.Nd4jKernels ")
    assert "org.pygpt.train.Training " in cpu and " org.nd4j." not in cpu
