"""Token ids in a file: a header of 64 bytes, then the ids. All of it little endian.

    offset  bytes  what
         0      8  b"pygpttok"
         8      4  version, 1
        12      4  bytes of a token: 2 if the vocabulary has at most 65,536 ids, else 4
        16      8  number of tokens
        24      8  bytes of the text that they stand for, as UTF-8; separators stand for none
        32     32  SHA-256 that is the fingerprint of the tokenizer
        64         the ids

`numpy.memmap(path, "<u2", "r", offset=64)` reads it.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import DataError
from pygpt.files.checksums import add_to
from pygpt.tokenizers.protocol import Tokenizer

MAGIC = b"pygpttok"
VERSION = 1
_HEADER = struct.Struct("<8sIIQQ32s")
_DTYPES: dict[int, np.dtype[Any]] = {2: np.dtype("<u2"), 4: np.dtype("<u4")}


def dtype_of(vocab_size: int) -> np.dtype[Any]:
    """Return the type that the ids of a vocabulary have in a file."""
    return _DTYPES[2 if vocab_size <= 2**16 else 4]


def is_token_file(path: Path) -> bool:
    """Whether a file begins as token files do."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


@dataclass(frozen=True, eq=False)
class TokenFile:
    """Immutable: a file of tokens, mapped into memory: what is not looked at is not read.

    Attributes:
        path: of the file.
        tokens: uint16 or uint32, (count,); read-only, and shared with the file.
        text_bytes: bytes of the text that the tokens stand for, for bits per byte.
        fingerprint: of the tokenizer.
    """

    path: Path
    tokens: NDArray[Any]
    text_bytes: int
    fingerprint: str

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], tokenizer: Tokenizer | None = None
    ) -> TokenFile:
        """Return the tokens of a file that `pygpt.prepare` wrote.

        Args:
            tokenizer: the one that they shall be of, if any.
        Raises:
            DataError: the file is missing, damaged, or of another tokenizer.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                header, size = file.read(_HEADER.size), os.fstat(file.fileno()).st_size
            count, dtype, text_bytes, fingerprint = _read(path, header, size)
            if tokenizer is not None and tokenizer.fingerprint != fingerprint:
                raise DataError(
                    f"token file {path}: expected tokens of the tokenizer "
                    f"{tokenizer.fingerprint[:12]}…, got {fingerprint[:12]}…; prepare the text "
                    "again, with this tokenizer"
                )
            mapped = np.memmap(path, dtype, "r", _HEADER.size, (count,))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"token file {path}: cannot be read: {reason}") from error
        return cls(path, mapped.view(np.ndarray), text_bytes, fingerprint)

    def __len__(self) -> int:
        return len(self.tokens)

    def add_to(self, digest: Any) -> None:
        """Add the tokenizer and the tokens to a digest of `hashlib`; see `checksums.add_to`."""
        digest.update(f"{self.fingerprint}\n".encode())
        try:
            add_to(digest, self.path, _HEADER.size)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"token file {self.path}: cannot be read: {reason}") from error


def _read(path: Path, header: bytes, size: int) -> tuple[int, np.dtype[Any], int, str]:
    """Return what a header says, once it is known to fit the file."""
    if header[: len(MAGIC)] != MAGIC:
        raise DataError(f"token file {path}: expected a file of `pygpt prepare`, got another kind")
    if len(header) < _HEADER.size:
        raise DataError(f"token file {path}: is damaged: it ends within its header")
    _, version, width, count, text_bytes, sha256 = _HEADER.unpack(header)
    if version != VERSION:
        raise DataError(
            f"token file {path}: expected version {VERSION}, got {version}; prepare the text "
            "again, or use the pygpt that wrote it"
        )
    if width not in _DTYPES:
        raise DataError(
            f"token file {path}: is damaged: expected tokens of 2 or 4 bytes, got {width}"
        )
    if size != _HEADER.size + count * width:
        held = (size - _HEADER.size) / width
        raise DataError(
            f"token file {path}: is damaged: expected {count:,} tokens, as its header says, "
            f"got {held:,.10g}"
        )
    if not count:
        raise DataError(f"token file {path}: expected tokens, got none")
    return count, _DTYPES[width], text_bytes, sha256.hex()


class TokenWriter:
    """Mutable: writes a token file; its header last, so that half a file is none.

    Attributes:
        dtype: uint16 or uint32, little endian: that of the tokens.
        count: of the tokens so far.
        text_bytes: that they stand for.
    Raises:
        OSError: it cannot be written; so do all methods.
    """

    def __init__(self, path: Path, tokenizer: Tokenizer) -> None:
        self.dtype = dtype_of(tokenizer.vocab_size)
        self.count = 0
        self.text_bytes = 0
        self._sha256 = bytes.fromhex(tokenizer.fingerprint)
        self._file = path.open("wb")
        self._file.write(bytes(_HEADER.size))

    def write(self, tokens: NDArray[Any], text_bytes: int) -> None:
        """Append tokens, (count,), and how many bytes of UTF-8 they stand for.

        Raises:
            TypeError: tokens of another type than `dtype`, which might not fit.
        """
        self._file.write(tokens.astype(self.dtype, order="C", casting="equiv").data)
        self.count += len(tokens)
        self.text_bytes += text_bytes

    def finish(self) -> None:
        """Write the header, and wait until the disk has the file."""
        width, counts = self.dtype.itemsize, (self.count, self.text_bytes)
        self._file.seek(0)
        self._file.write(_HEADER.pack(MAGIC, VERSION, width, *counts, self._sha256))
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> TokenWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
