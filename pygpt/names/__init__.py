"""The protocol of `python -m pygpt names`: karpathy's microgpt.py, bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pygpt.names.protocol import NamesRun, draw_weights, learning_rates

__all__ = ["NamesRun", "draw_weights", "learning_rates"]


def __getattr__(name: str) -> Any:
    """Import the protocol, and NumPy with it, when one of its names is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'pygpt.names' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("pygpt.names.protocol"), name)
