"""The kernels of backend cuda: planted faults are found, and NVRTC compiles all for three cards."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pygpt.application import CUDA_LIBRARIES

ROOT = Path(__file__).parents[2]
KERNELS = ROOT / "java" / "src" / "main" / "resources" / "org" / "pygpt" / "kernels" / "cuda"
COMPILER = ROOT / "java/src/main/java/org/pygpt/kernels/cuda/Compiler.java"
MOST_STATIC_SHARED = 48 << 10
REGISTERS = 65536  # of a multiprocessor; a block has at most 256 threads


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of java/src/test/cpp/planted.cpp."""
    program = tmp_path_factory.mktemp("planted") / "planted"
    sources = ROOT / "java" / "src" / "test" / "cpp"
    command = ["g++", "-std=c++20", "-O1", "-Wno-unknown-pragmas", f"-I{sources}", f"-I{KERNELS}"]
    subprocess.run([*command, "-o", program, sources / "planted.cpp"], check=True)
    return program


@pytest.mark.parametrize(
    ("fault", "orders", "message"),
    [
        ("host-access", 3, ""),
        ("missing-wait", 3, ""),
        ("no_barrier", 2, ""),  # in one order every neighbour has written by chance
        ("divergent", 3, "kernel planted_divergent: a barrier that 24 of 64 threads miss, line 12"),
        ("out_of_bounds", 3, ""),
    ],
)
def test_planted_faults_are_found(planted: Path, fault: str, orders: int, message: str) -> None:
    found = 0
    for order in ("ascending", "descending", "random"):
        environment = {"PYGPT_FAKE_CUDA": f"order={order}"}
        command = [planted, fault]
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        found += result.returncode != 0
        assert message in result.stderr
    assert found >= orders


def _compiled(architecture: str) -> str:
    """Compile the kernels by NVRTC for a card; return what the assembler says of each."""
    folders = [Path(path) / CUDA_LIBRARIES for path in sys.path]
    folder = next(folder for folder in folders if folder.is_dir())
    nvrtc = ctypes.CDLL(str(folder / "libnvrtc.so.13"))
    listed = re.search(r"SOURCES =\s+List\.of\((.*?)\);", COMPILER.read_text(), re.DOTALL)
    assert listed
    names = re.findall(r'"(.*?)"', listed[1])
    source = "".join(f'#line 1 "{name}"\n' + (KERNELS / name).read_text() for name in names)
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"pygpt.cu", 0, None, None)
    options = (f"--gpu-architecture={architecture}", "--std=c++17", "--ptxas-options=-v")
    array = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    status = nvrtc.nvrtcCompileProgram(program, len(options), array)
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    text = log.value.decode()
    assert status == 0, text
    return text


@pytest.mark.skipif(sys.platform != "linux", reason="NVRTC's package is for Linux")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100"])
def test_nvrtc_compiles_all(architecture: str) -> None:
    log = _compiled(architecture)
    sources = "".join(path.read_text() for path in KERNELS.glob("*.cu"))
    kernels = re.findall(r"^KERNEL (?:__launch_bounds__\([^)]*\) )?(\w+)", sources, re.MULTILINE)
    parts = re.finditer(r"entry function '(\w+)'.*?(?=Compiling|\Z)", log, re.DOTALL)
    entries = {part[1]: part[0] for part in parts}
    assert set(entries) == set(kernels)
    for name, said in entries.items():
        assert not re.search(r"[1-9]\d* bytes spill", said), f"{name}: {said}"
        assert 256 * int(re.findall(r"Used (\d+) registers", said)[0]) <= REGISTERS, name
        shared = re.findall(r"(\d+) bytes smem", said)
        assert not shared or int(shared[0]) <= MOST_STATIC_SHARED, name
