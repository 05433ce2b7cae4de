"""What pygpt hands to jbridge: where its jars and JVM flags are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import jbridge
from jbridge.application import Application

CUDA_LIBRARIES = Path("nvidia", "cu13", "lib")
"""Where NVIDIA's packages have cuBLASLt and NVRTC, in a folder of Python packages."""


def cuda_flags() -> tuple[str, ...]:
    """Return the flag that tells the engine where NVIDIA's packages are; none without them."""
    folders = (Path(folder) / CUDA_LIBRARIES for folder in sys.path if folder)
    found = [str(folder) for folder in folders if folder.is_dir()]
    return (f"-Dpygpt.cuda.path={os.pathsep.join(found)}",) if found else ()


def cuda_info() -> Iterator[tuple[str, str]]:
    """Yield what backend cuda finds here: driver, cards, libraries, each or what is missing."""
    try:
        info = jbridge.java_class("org.pygpt.kernels.cuda.CudaInfo")
    except jbridge.JarsNotFoundError:
        return  # other jars, without the engine
    for entry in info.lines().entrySet():
        yield str(entry.getKey()), str(entry.getValue())


APPLICATION = Application(
    name="pygpt",
    flags=Path(__file__).absolute().parent / "data" / "java.flags",
    how_to_get_jars="run `make names` in pygpt's source tree, or install pygpt again with pip",
    more_flags=cuda_flags,
    more_info=cuda_info,
)
