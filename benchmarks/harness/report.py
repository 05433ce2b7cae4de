"""What every report has: the machine, figures with their range, and a file of JSON."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def machine(threads: int) -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "threads": threads,
    }


def processor() -> str:
    """Return the processor's name, with its family where the name says little."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor() or "unknown"
    fields = dict(re.findall(r"^(.*?)\s*: (.*)$", cpuinfo.read_text(), flags=re.MULTILINE))
    name = fields.get("model name", platform.machine())
    return f"{name}, family {fields['cpu family']}" if "cpu family" in fields else name


def spread(values: Sequence[float], form: str, unit: str = "") -> str:
    """Return "median (lowest-highest)"."""
    median = statistics.median(values)
    return f"{median:{form}}{unit} ({min(values):{form}}-{max(values):{form}})"


def write(path: Path, report: dict[str, Any]) -> None:
    """Write the report in place of an earlier state of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".tmp")
    with new.open("w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
