"""Known models and the recipes that train them: one TOML file each, as `pygpt train` reads them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

PRESETS = (
    "microgpt", "makemore", "shakespeare-char", "shakespeare-muon", "gpt2", "gpt2-medium",
    "gpt2-large", "gpt2-xl",
)  # fmt: skip
"""The names of the files, the smallest model first."""

TABLES = ("model", "train", "data")


@cache
def tables_of(preset: str) -> dict[str, dict[str, Any]]:
    """Return the tables of a preset: what it says itself, and the rest from its own preset."""
    import tomllib

    path = Path(__file__).parent / f"{preset}.toml"
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    base = tables_of(values["preset"]) if "preset" in values else {}
    return {table: {**base.get(table, {}), **values.get(table, {})} for table in TABLES}
