"""The checkpoint that a user named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

from pygpt.errors import CheckpointError, ConfigError
from pygpt.training.run_folder import best_in


@contextmanager
def told_to_prepare(checkpoint: str) -> Iterator[None]:
    """Within the block an error about data of another tokenizer says how to prepare others."""
    try:
        yield
    except ConfigError as error:
        if error.name != "tokenizer" or "another" not in error.problem:
            raise
        how = f"prepare the text with this one: pygpt prepare TEXT --tokenizer {checkpoint}"
        raise ConfigError(error.name, f"{error.problem}; {how} --out DATA") from error


def tokenizer_of(where: str) -> str:
    """Return what `load_tokenizer` takes: of a run its best model's folder, else what was named."""
    return os.fspath(best_in(Path(where))) if os.path.isdir(where) else where


def find_checkpoint(source: str) -> str:
    """Return what `GPT.from_pretrained` takes: of a run its best model, else what was named.

    Raises:
        CheckpointError: the run has none; or there is no such folder, but one of a name like it
            beside it, so that it cannot be a name on the hub.
    """
    path = Path(source)
    in_runs = path.parts[:1] == ("runs",) and len(path.parts) > 1
    if os.path.lexists(source):
        return os.fspath(best_in(path))
    near = []
    if path.parent != Path() and path.parent.is_dir():
        near = get_close_matches(path.name, sorted(os.listdir(path.parent)), 1)
        near = [os.fspath(path.parent / name) for name in near]
        if not near:
            has = ", ".join(sorted(os.listdir(path.parent))[:9]) or "nothing"
            raise CheckpointError(
                f"model {source}: there is no such folder; {path.parent} has {has}"
            )
    elif in_runs:
        raise CheckpointError(f"model {source}: there is no such folder")
    elif path.parent == Path() and Path("runs", source).is_dir():
        near = [os.path.join("runs", source)]
    if near:
        raise CheckpointError(f"model {source}: there is no such folder; did you mean {near[0]}?")
    return source
