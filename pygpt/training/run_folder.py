"""A run's folder: checkpoints that are there as a whole or not at all, under a lock.

    run/lock                held by the process that trains
    run/metrics.jsonl       one record a step
    run/data/               token files, where `pygpt train` made them for this run
    run/begun.json          what `pygpt train` began with, until there is a checkpoint, which has it
    run/step-00000250/      a checkpoint: model.safetensors, config.json, tokenizer.json,
                            training.safetensors, SHA256SUMS
    run/probe/              small looks at the model at each evaluation, where they were asked for
    run/last, run/best      links to checkpoints

A checkpoint is written beside its place, flushed to the disk and renamed; then the links are
renamed into theirs; only then do older ones go. So there is a whole one at every moment.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from pygpt.errors import CheckpointError, OutputError
from pygpt.files.atomic import folder_beside, replace_folder, sync_folder
from pygpt.files.checksums import verify_checksums, write_checksums
from pygpt.files.lock import FileLock

LAST, BEST = "last", "best"
LOCK_FILE = "lock"
METRICS_FILE = "metrics.jsonl"
BEGUN_FILE = "begun.json"
DATA = "data"
_STEP = re.compile(r"step-(\d{8,})")
_LEFT_OVER = re.compile(rf"\.({_STEP.pattern}|{LAST}|{BEST})\..*")


class RunFolder:
    """Mutable: holds a run's folder, new or with checkpoints, until `close`.

    Raises:
        OutputError: another process holds it, it is no run's, or it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.realpath(path))
        self._what = f"run folder {path}"
        try:
            check_run(Path(path))
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.path / LOCK_FILE, self._what)
            for name in os.listdir(self.path):
                if _LEFT_OVER.fullmatch(name):  # by a process that was killed
                    self._remove(name)
            sync_folder(self.path.parent)
        except OSError as error:
            raise self._failure(error) from error

    def steps(self) -> list[int]:
        """Return the steps after which there is a checkpoint, in order."""
        return steps_in(self.path)

    def write(self, step: int, best: int | None, keep: int, fill: Callable[[Path], None]) -> Path:
        """Write a checkpoint; then remove all but the `keep` newest and the best.

        Args:
            step: after which it is.
            best: the step of the best one, if there is one; it may be this one.
            fill: writes the files into a folder, synced; SHA256SUMS is added.
        Raises:
            OutputError: it cannot be written; all others are as they were.
        """
        target = _folder(self.path, step)
        with folder_beside(target) as staged:
            fill(staged)
            write_checksums(staged)
            replace_folder(target, staged)
        try:
            self.point(step, best)
            (self.path / BEGUN_FILE).unlink(missing_ok=True)
            steps = self.steps()
            for old in set(steps[:-keep]) - {best, step}:
                name = _folder(self.path, old).name
                doomed = f".{name}.{secrets.token_hex(4)}"
                os.rename(self.path / name, self.path / doomed)  # never half a checkpoint
                self._remove(doomed)
        except OSError as error:
            raise self._failure(error) from error
        return target

    def point(self, last: int, best: int | None) -> None:
        """Make the links `last` and `best`; where the system allows no links there are none.

        Raises:
            OSError: they cannot be written.
        """
        for name, step in ((LAST, last), (BEST, best)):
            link = self.path / name
            if step is None or not _folder(self.path, step).is_dir():
                link.unlink(missing_ok=True)
                continue
            staged = self.path / f".{name}.{secrets.token_hex(4)}"
            try:
                os.symlink(_folder(self.path, step).name, staged, target_is_directory=True)
            except OSError:
                if os.name != "nt":  # Windows asks for a right that few users have
                    raise
                continue
            os.replace(staged, link)
        sync_folder(self.path)

    def _remove(self, name: str) -> None:
        path = self.path / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(f"{self._what}: cannot be written: {error.strerror or error}")

    def close(self) -> None:
        """Let another process have the folder; a second call does nothing."""
        self._lock.close()


# ---- without a lock --------------------------------------------------------------------------


def check_run(path: Path) -> None:
    """Check that a folder is a run's, or can become one: it is empty, or not there.

    Raises:
        OutputError: it is something else, or cannot be read.
    """
    try:
        names = os.listdir(path) if os.path.isdir(path) else []
    except OSError as error:
        raise OutputError(f"run folder {path}: cannot be written: {error.strerror}") from error
    if names and LOCK_FILE not in names:
        raise OutputError(f"run folder {path}: exists and is no run of pygpt; choose another name")


def check_unused(run: Path) -> None:
    """Check that a run's folder has no checkpoints.

    Raises:
        OutputError: it has.
    """
    steps = steps_in(run)
    if steps:
        raise OutputError(
            f"run folder {run}: has a run of {steps[-1]} steps; resume it, or choose another folder"
        )


def has_begun(run: Path) -> bool:
    """Whether a folder has the data or the records of a run."""
    metrics = run / METRICS_FILE
    return (run / DATA).exists() or (metrics.is_file() and metrics.stat().st_size > 0)


def steps_in(run: Path) -> list[int]:
    """Return the steps after which a run has a checkpoint, in order."""
    found = (_STEP.fullmatch(entry.name) for entry in os.scandir(run) if entry.is_dir())
    return sorted(int(match[1]) for match in found if match)


def newest_in(run: Path, names: Sequence[str], others: Sequence[str] = ()) -> Path | None:
    """Return the newest checkpoint, these files of which are intact; None if there is none.

    Args:
        others: files that count instead in a checkpoint that has the first of them.
    Raises:
        CheckpointError: it is damaged; the message names the newest that is not.
    """
    damage: CheckpointError | None = None
    for step in reversed(steps_in(run)):
        folder = _folder(run, step)
        try:
            is_other = bool(others) and (folder / others[0]).is_file()
            verify_checksums(folder, others if is_other else names)
        except CheckpointError as error:
            damage = damage or error
            continue
        if damage is None:
            return folder
        raise CheckpointError(
            f"{damage}; {folder.name} is intact: remove what is newer to go on from there"
        ) from damage
    if damage is not None:
        raise CheckpointError(f"{damage}; there is no other that is intact") from damage
    return None


def last_in(run: Path) -> Path:
    """Return a run's last checkpoint.

    Raises:
        CheckpointError: it has none.
    """
    steps = steps_in(run)
    if not steps:
        raise CheckpointError(f"run folder {run}: expected checkpoints, got none yet")
    return _folder(run, steps[-1])


def best_in(path: Path) -> Path:
    """Return a run's best checkpoint, or its last if it has no best; of any other path the path.

    Raises:
        CheckpointError: the run has none.
    """
    if not (path / LOCK_FILE).is_file():
        return path
    return path / BEST if (path / BEST).is_dir() else last_in(path)


def data_of(path: Path) -> Path | None:
    """Return the token files that `pygpt train` made for a run, or for that of a checkpoint."""
    for run in (path, path.parent):
        if (run / LOCK_FILE).is_file() and (run / DATA).is_dir():
            return run / DATA
    return None


def _folder(run: Path, step: int) -> Path:
    return run / f"step-{step:08}"
