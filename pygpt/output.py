"""Files and folders that are there as a whole or not at all, and never in another's place."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pygpt.errors import OutputError


def check_new(path: Path) -> None:
    """Check that `write_new` can write this file; nothing is left behind.

    Raises:
        OutputError: it exists, or its folder does not take new files.
    """
    _check_free(path)
    staged = _beside(path)
    try:
        staged.touch(exist_ok=False)
        staged.unlink()
    except (OSError, ValueError) as error:
        raise _failure(path, error) from error


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet: beside its place first, then renamed.

    Raises:
        OutputError: it exists, or it cannot be written.
    """
    _check_free(path)
    staged = _beside(path)
    try:
        try:
            write_synced(staged, [data])
            os.rename(staged, path)
        finally:
            staged.unlink(missing_ok=True)
        sync_folder(path.parent)
    except (OSError, ValueError) as error:
        raise _failure(path, error) from error


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
    """A new folder beside the target, which is removed at the end if it is still there.

    Raises:
        OutputError: it cannot be made, or an OSError came out of the block.
    """
    staged: Path | None = None
    try:
        staged = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        yield staged
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"output folder {target}: cannot be written: {reason}") from error
    finally:
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)


def replace_folder(target: Path, staged: Path) -> None:
    """Put a folder of `folder_beside` in the target's place; at any moment one of them is there.

    Raises:
        OSError: it cannot be; the target is as it was.
    """
    sync_folder(staged)
    staged.chmod(0o777 & ~_umask())
    if not target.exists():
        os.rename(staged, target)
    else:
        aside = staged.with_name(staged.name + ".old")
        os.rename(target, aside)
        try:
            os.rename(staged, target)
        except BaseException:
            os.rename(aside, target)
            raise
        shutil.rmtree(aside)
    sync_folder(target.parent)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _check_free(path: Path) -> None:
    if os.path.lexists(path):
        raise OutputError(f"output file {path}: exists; choose another name, or remove it")


def _beside(path: Path) -> Path:
    return path.parent / f".{path.name}.{secrets.token_hex(4)}"


def _failure(path: Path, error: OSError | ValueError) -> OutputError:
    reason = getattr(error, "strerror", None) or error
    return OutputError(f"output file {path}: cannot be written: {reason}")
