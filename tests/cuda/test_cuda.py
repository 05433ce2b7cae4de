"""Backend cuda on the fake of its libraries, from the command line and from Python."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NAMES = ["names", "--steps", "12", "--samples", "3", "--backend"]
RUN = Callable[..., Any]


def _losses(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"loss (\d+\.\d+)", text)]


@pytest.fixture(scope="module")
def on_cpu(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the command prints on backend cpu."""
    import sys

    folder = tmp_path_factory.mktemp("cpu")
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "pygpt", *NAMES, "cpu"]
    result = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return result.stdout + result.stderr


@pytest.mark.parametrize("order", ["ascending", "descending", "random"])
def test_names_in_three_orders(order: str, on_cpu: str, pygpt_on_cuda: RUN) -> None:
    """The order in which threads and blocks run changes no bit."""
    result = pygpt_on_cuda(*NAMES, "cuda", options=f"order={order}")
    assert result.returncode == 0, result.stderr
    assert "backend cuda: CUDA on Fake GPU 0 (sm_90)" in result.stderr
    assert _losses(result.stderr) == _losses(on_cpu)  # four digits
    assert on_cpu.startswith(result.stdout) and result.stdout.count("\n") == 3


NO_CUDA = "pygpt: error: backend cuda: "


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("driver=12040", "expected a driver for CUDA 13.0, got one for 12.4: install driver 580"),
        ("devices=0", "no NVIDIA card that the driver can see; use backend cpu"),
        ("capability=70", "expected a card of compute capability 7.5 or newer, got Fake GPU 0"),
    ],
)
def test_what_cannot_be_used_is_named(options: str, message: str, pygpt_on_cuda: RUN) -> None:
    result = pygpt_on_cuda(*NAMES, "cuda", options=options)
    assert result.returncode == 1
    assert result.stderr.startswith(NO_CUDA + message), result.stderr
    assert result.stderr.count("\n") == 1


def test_no_driver(python: RUN) -> None:
    result = python("-m", "pygpt", *NAMES, "cuda", PYGPT_CUDA="")
    expected = "no NVIDIA driver here (libcuda.so.1 is not found); use backend cpu\n"
    assert (result.returncode, result.stderr) == (1, NO_CUDA + expected)


MISSING = """
import jbridge
from pygpt import GPT, GPTConfig, PygptError
jbridge.java_class("java.lang.System").setProperty("pygpt.cuda.path", "")
try:
    GPT(GPTConfig.microgpt(2, 3, 1, 1, 2), backend="cuda")
except PygptError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["libcublasLt.so.13", "libnvrtc.so.13"])
def test_a_missing_library(name: str, python: RUN, fake: Path, tmp_path: Path) -> None:
    """Each of the two, with the command that installs it."""
    folder = tmp_path / "only"
    folder.mkdir()
    for there in {"libcuda.so.1", "libcublasLt.so.13", "libnvrtc.so.13"} - {name}:
        (folder / there).symlink_to(fake / "libfake.so")
    result = python("-c", MISSING, PYGPT_CUDA=str(folder))
    found = f"backend cuda: {name} is not found in [{folder}] and the system's folders"
    assert found + ": pip install 'pygpt[cuda]'\n" in result.stdout, result.stderr
    assert result.stdout.count("\n") == 1


def test_kernels_that_do_not_compile(pygpt_on_cuda: RUN) -> None:
    """The compiler's first error, with its file; of a card that nothing is kept for."""
    result = pygpt_on_cuda(*NAMES, "cuda", options="capability=121,compile=no")
    error = 'norm.cu(17): error: identifier "rms" is undefined'
    assert result.returncode == 1
    assert result.stderr == f"{NO_CUDA}the kernels do not compile: {error}\n"


def test_a_failed_launch_names_the_kernel(pygpt_on_cuda: RUN, tmp_path: Path) -> None:
    arguments = [*NAMES, "cuda", "--out", "model", "--quiet"]
    result = pygpt_on_cuda(*arguments, options="fail=cross_entropy")
    failed = "cuda: cross_entropy failed with CUDA_ERROR_LAUNCH_FAILED on Fake GPU 0"
    expected = f"pygpt: error: {failed}; start the process again\n"
    assert (result.returncode, result.stderr) == (1, expected)
    assert not (tmp_path / "model").exists()


FAILS = """
import jbridge
from pygpt import DeviceError, GPT, GPTConfig
jbridge.java_class("java.lang.System").setProperty("pygpt.cuda.sync", "{sync}")
with GPT(GPTConfig.microgpt(2, 3, 1, 1, 2), backend="cuda") as model:
    for calls in (lambda: model.loss([[1]], [[2]]), lambda: model.logits([[1]])):
        try:
            calls()
        except DeviceError as error:
            print(error)
"""


@pytest.mark.parametrize(("sync", "what"), [("false", "waiting"), ("true", "activation")])
def test_a_kernel_that_fails_later(sync: str, what: str, python: RUN, fake: Path) -> None:
    """The wait finds it, or with pygpt.cuda.sync the kernel; every later call says the same."""
    variables = {"PYGPT_CUDA": str(fake), "PYGPT_FAKE_CUDA": "late=activation"}
    result = python("-c", FAILS.format(sync=sync), **variables)
    message = f"cuda: {what} failed with CUDA_ERROR_LAUNCH_FAILED on Fake GPU 0"
    assert result.stdout.splitlines() == 2 * [f"{message}; start the process again"], result.stderr


@pytest.mark.parametrize(
    ("free", "message"),
    [
        (33_000_000, "out of memory: Fake GPU 0: 33,554,432 bytes were asked for, and 33,0"),
        (34_000_000, r"a model of these sizes needs at least \S+ GB of memory and 0.00 GB are "
         r"available of the 0.03 GB of Fake GPU 0; choose smaller sizes, or end other programs"),
    ],
    ids=["asked", "needed"],
)  # fmt: skip
def test_too_little_memory(free: int, message: str, pygpt_on_cuda: RUN) -> None:
    wide = [*NAMES, "cuda", "--quiet", "--n-embd", "256"]
    result = pygpt_on_cuda(*wide, options=f"memory={free}")
    assert result.returncode == 1, result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    assert re.match(f"pygpt: error: {message}", result.stderr), result.stderr


def test_training_and_generation(pygpt_on_cuda: RUN, tmp_path: Path) -> None:
    """A run on the card goes on elsewhere; what it saved gives the same text there."""
    Path(tmp_path, "words.txt").write_text("to be or not to be that is the question\n" * 40)
    sizes = ["--n-layer", "1", "--n-head", "2", "--n-embd", "16", "--block-size", "16"]
    more = ["--batch-size", "4", "--dropout", "0.1", "--quiet"]
    train = ["train", "shakespeare-char", "--data", "words.txt", "--out", "run", *sizes, *more]
    result = pygpt_on_cuda(*train, "--max-iters", "10", "--backend", "cuda")
    assert result.returncode == 0, result.stderr
    generate = ["generate", "run", "--prompt", "to be", "--max-new-tokens", "20", "--seed", "3"]
    texts = [pygpt_on_cuda(*generate, "--backend", name).stdout for name in ("cuda", "cpu")]
    assert texts[0] and texts[0] == texts[1]
    result = pygpt_on_cuda(*train, "--resume", "--max-iters", "12", "--backend", "cpu")
    assert result.returncode == 0, result.stderr
