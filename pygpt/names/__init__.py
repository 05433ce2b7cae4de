"""The protocol of `python -m pygpt names`: karpathy's microgpt.py, bit for bit."""

from pygpt.names.protocol import NamesRun, draw_weights, learning_rates

__all__ = ["NamesRun", "draw_weights", "learning_rates"]
