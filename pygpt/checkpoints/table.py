"""families/families.json, which Java reads too: how transformers has its families of models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TABLE: dict[str, Any] = json.loads(
    Path(__file__).parent.joinpath("families", "families.json").read_text(encoding="utf-8")
)
"""The file as it is; families/family.py says what it means."""
