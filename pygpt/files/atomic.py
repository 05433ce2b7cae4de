"""Files and folders that are there as a whole or not at all, and never in another's place."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pygpt.errors import OutputError
from pygpt.files.lock import FileLock

_LOCK, _NEW, _OLD = "lock", "new", "old"  # what is in a hidden folder of `folder_beside`


def check_new(path: Path) -> None:
    """Raise an OutputError if `write_new` cannot write this file; leave nothing behind."""
    _check_free(path)
    folder = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    staged = folder / _beside(path).name
    with _writing(path):
        staged.touch(exist_ok=False)
        staged.unlink()


def write_new(
    path: Path, data: bytes | Iterable[bytes], overwrite: bool = False
) -> None:
    """Write a file: beside its place first, then renamed; an `OutputError` if that cannot be.

    Folders above it are made.

    Args:
        data: all of it, or one part after another.
        overwrite: whether a file that is there is replaced.
    """
    if not overwrite:
        _check_free(path)
    staged = _beside(path)
    with _writing(path), _folders(path.parent):
        try:
            write_synced(staged, [data] if isinstance(data, bytes) else data)
            (os.replace if overwrite else os.rename)(staged, path)
        finally:
            staged.unlink(missing_ok=True)
        sync_folder(path.parent)


def write_synced(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file, one part after another, and wait until the disk has it."""
    with path.open("wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    """Wait until the disk has a file that was written."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the folder's entries last through a crash, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def folder_beside(target: Path) -> Iterator[Path]:
    """A new folder on the target's disk, which is removed at the end if it is still there.

    It lies in a hidden folder beside the target, under a lock that dies with this process. What
    processes that were killed left beside this target is removed first. Folders above the target
    are made, and if the block fails removed again.

    Raises:
        OutputError: it cannot be made, or an OSError came out of the block.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(_folders(target.parent))
            _remove_left_over(target)
            hidden = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
            stack.callback(shutil.rmtree, hidden, ignore_errors=True)
            stack.callback(FileLock(hidden / _LOCK, f"output folder {target}").close)
            staged = hidden / _NEW
            staged.mkdir()
            yield staged
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"output folder {target}: cannot be written: {reason}") from error


@contextmanager
def _folders(path: Path) -> Iterator[None]:
    """Make a folder and those above it; if the block fails, remove those that were not there."""
    new = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from error
    try:
        yield
    except BaseException:
        with suppress(OSError):  # there is something else in it
            for folder in new:
                folder.rmdir()
        raise


def _remove_left_over(target: Path) -> None:
    """Remove hidden folders of `folder_beside` that no process holds.

    One that was killed within `replace_folder` may have moved the target into it: that goes back.
    """
    ours = re.compile(rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}")  # as mkdtemp names them
    for name in filter(ours.fullmatch, os.listdir(target.parent)):
        hidden = target.with_name(name)
        try:
            names = {*os.listdir(hidden)}
            if _LOCK not in names or not names <= {_LOCK, _NEW, _OLD}:
                continue  # somebody else's
            lock = FileLock(hidden / _LOCK, f"output folder {target}")
        except (OSError, OutputError):  # a file; or another process still writes
            continue
        if not lock.held:  # which cannot be known here
            lock.close()
            continue
        if _OLD in names and not os.path.lexists(target):
            os.rename(hidden / _OLD, target)
        shutil.rmtree(hidden / _NEW, ignore_errors=True)
        lock.close()
        shutil.rmtree(hidden, ignore_errors=True)


def free_or_ours(folder: Path, kind: str, is_ours: Callable[[Path], bool]) -> Path:
    """Return the real path to write a folder to, once it is known to be free or ours.

    Args:
        kind: what it will be, for the message of an `OutputError`.
        is_ours: whether what is there may be replaced; an OSError means no.
    """
    target = Path(os.path.realpath(folder))
    try:
        allowed = not os.path.lexists(target) or is_ours(target)
    except OSError:
        allowed = False
    if not allowed:
        raise OutputError(
            f"output folder {folder}: exists and is no {kind} that pygpt wrote; "
            "choose another name, or remove it"
        )
    return target


def replace_folder(target: Path, staged: Path) -> None:
    """Put a folder of `folder_beside` in the target's place, as a whole.

    If the process is killed between two renames, the folder that was there lies in the hidden one,
    and the next `folder_beside` puts it back.

    Raises:
        OSError: it cannot be; the target is as it was.
    """
    sync_folder(staged)
    if not target.exists():
        os.rename(staged, target)
    else:
        aside = staged.with_name(_OLD)
        os.rename(target, aside)
        try:
            os.rename(staged, target)
        except BaseException:
            os.rename(aside, target)
            raise
        shutil.rmtree(aside)
    sync_folder(target.parent)


def _check_free(path: Path) -> None:
    if os.path.lexists(path):
        raise OutputError(f"output file {path}: exists; choose another name, or remove it")


def _beside(path: Path) -> Path:
    return path.parent / f".{path.name}.{secrets.token_hex(4)}"


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"output file {path}: cannot be written: {reason}") from error
