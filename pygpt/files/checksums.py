"""SHA256SUMS: shows damage in a folder of files; `sha256sum -c SHA256SUMS` reads it too."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pygpt.errors import CheckpointError
from pygpt.files.atomic import write_synced

FILE_NAME = "SHA256SUMS"
_BLOCK, _MOST_BLOCKS = 2**16, 2**12  # of a file's bytes that a fingerprint reads


def add_to(digest: Any, path: Path, start: int = 0) -> None:
    """Add a file's size and its bytes to a digest of `hashlib`.

    Of more than 256 MB it is 4,096 blocks of 64 KB, from all over the file, that are read.

    Args:
        start: the first byte that counts.
    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size - start
        digest.update(f"{size}\n".encode())
        blocks = -(-size // _BLOCK)
        for i in range(min(blocks, _MOST_BLOCKS)):
            block = i if blocks <= _MOST_BLOCKS else i * blocks // _MOST_BLOCKS
            file.seek(start + block * _BLOCK)
            digest.update(file.read(_BLOCK))


def write_checksums(folder: Path) -> None:
    """Write the sums of all files that are in a folder."""
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in sorted(os.listdir(folder))]
    write_synced(folder / FILE_NAME, [line.encode() for line in lines])


def verify_checksums(folder: Path, names: Collection[str]) -> None:
    """Raise a CheckpointError if one of these files is missing, damaged, or without a sum."""
    try:
        lines = (folder / FILE_NAME).read_bytes().decode().splitlines()
        sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        for name in names:
            if _sha256(folder / name) != sums.get(name):
                problem = f"is damaged: its SHA-256 is not that of {FILE_NAME}"
                raise CheckpointError(f"checkpoint {folder}: {name} {problem}")
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise CheckpointError(f"checkpoint {folder}: {missing} is missing") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"checkpoint {folder}: cannot be read: {error}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
