"""The exceptions of pygpt; each message is one line: what was expected, what came, what to do."""

from __future__ import annotations


class PygptError(Exception):
    """Anything that pygpt or its engine refuses; below it is `pygpt.engine.EngineError`, too."""


class ConfigError(PygptError, ValueError):
    """An option or a size that is not allowed.

    Attributes:
        name: the field it is about, such as `n_embd`.
        problem: what was expected and what came.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def about(self, name: str) -> str:
        """Return the message with another word for the field, such as its flag."""
        between = " " if self.problem.startswith("does not") else ": "
        return f"{name}{between}{self.problem}"

    def __str__(self) -> str:
        return self.about(self.name)


class DataError(PygptError):
    """Text, token files or pairs that cannot be used, or the state of a sampler."""


class TokenError(PygptError, ValueError):
    """A character or an id that the vocabulary lacks; a tokenizer that is invalid or unreadable."""


class ShapeError(PygptError, ValueError):
    """An array of the wrong shape, or a sequence of the wrong length."""


class TooLargeError(PygptError, MemoryError):
    """A model that does not fit into the memory there is."""


class ClosedError(PygptError):
    """A model that was used after it was closed."""


class DeviceError(PygptError):
    """A graphics card that failed while it computed; the process has to be started again."""


class OutputError(PygptError):
    """A file or folder that cannot be written."""


class CheckpointError(PygptError):
    """A model folder that is missing, damaged, or of a model that the engine does not have."""
