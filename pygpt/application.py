"""What pygpt hands to jbridge: where its jars and JVM flags are."""

from __future__ import annotations

from pathlib import Path

from jbridge.application import Application

APPLICATION = Application(
    name="pygpt",
    flags=Path(__file__).absolute().parent / "data" / "java.flags",
    how_to_get_jars="run `make names` in pygpt's source tree, or install pygpt again with pip",
)
