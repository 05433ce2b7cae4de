"""Files that torch.save writes, read without PyTorch and without running what is in them.

Such a file is a zip archive, not compressed: data.pkl, a pickle that says what there is, and the
numbers of each storage in a file of its own. A pickle can name any function of any module. Here it
gets the few that stand for tensors and ordered dictionaries, all of them our own; another name is
refused. https://github.com/pytorch/pytorch/blob/main/torch/serialization.py
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pygpt.checkpoints.safetensors import StoredTensor
from pygpt.errors import CheckpointError

PICKLE_LIMIT_BYTES = 1 << 24
_ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8, "I32": 4, "BOOL": 1, "U8": 1}
_STORAGES = {
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "DoubleStorage": "F64",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "BoolStorage": "BOOL",
    "ByteStorage": "U8",
}
_LOCAL_HEADER_BYTES = 30  # of an entry in the archive, before its name


@dataclass(frozen=True)
class _Storage:
    """Numbers in the file: their dtype, where they begin, and how many there are."""

    dtype: str
    offset: int
    length: int


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Give what a file holds, with a `StoredTensor` for each tensor; open within the block.

    Raises:
        CheckpointError: it is no such file, or damaged, or holds more than tensors, numbers, texts,
            lists and dictionaries; the message says only how.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                (pickled,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
                if archive.getinfo(pickled).file_size > PICKLE_LIMIT_BYTES:
                    raise CheckpointError(f"is damaged: {pickled} is too long")
                reader = _Reader(archive.read(pickled), file, archive, pickled[: -len("data.pkl")])
                content = reader.load()
        except CheckpointError:
            raise
        except zipfile.BadZipFile as error:
            problem = "is no file that torch.save writes today: expected a zip archive"
            raise CheckpointError(f"{problem} ({error})") from error
        except OSError:
            raise
        except Exception as error:  # whatever a damaged pickle makes of Python's reader
            reason = " ".join(str(error).split()) or type(error).__name__
            raise CheckpointError(f"is damaged: {reason}") from error
        yield content


class _Reader(pickle.Unpickler):
    """Python's reader of pickles, with no names but our own."""

    def __init__(
        self, pickled: bytes, file: BinaryIO, archive: zipfile.ZipFile, folder: str
    ) -> None:
        super().__init__(io.BytesIO(pickled))
        self._file = file
        self._archive = archive
        self._folder = folder

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise CheckpointError(f"holds {module}.{name}, which is no tensor and not read")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, length = pid
        if kind != "storage" or dtype not in _ITEM_BYTES or not isinstance(length, int):
            raise CheckpointError(f"is damaged: expected a storage, got {pid!r}")
        entry = self._archive.getinfo(f"{self._folder}data/{key}")
        if entry.compress_type != zipfile.ZIP_STORED:
            raise CheckpointError(f"is damaged: {entry.filename} is compressed")
        if not 0 <= length * _ITEM_BYTES[dtype] <= entry.file_size:
            raise CheckpointError(f"is damaged: {entry.filename} is too short")
        self._file.seek(entry.header_offset)
        header = self._file.read(_LOCAL_HEADER_BYTES)
        names = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        begin = entry.header_offset + _LOCAL_HEADER_BYTES + sum(names)
        return _Storage(dtype, begin, length)

    def _tensor(
        self, storage: _Storage, first: int, shape: tuple[int, ...], strides: Any, *_: Any
    ) -> StoredTensor:
        if not isinstance(storage, _Storage) or any(type(n) is not int for n in (first, *shape)):
            raise CheckpointError("is damaged: expected a tensor of a storage")
        dense = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        if any(n > 1 and s != d for n, s, d in zip(shape, strides, dense, strict=True)):
            raise CheckpointError("has a tensor that does not lie in the order of its rows")
        if first < 0 or min(shape, default=0) < 0 or first + math.prod(shape) > storage.length:
            raise CheckpointError("is damaged: a tensor reaches beyond its storage")
        offset = storage.offset + first * _ITEM_BYTES[storage.dtype]
        return StoredTensor(self._file, storage.dtype, tuple(shape), offset)


def _parameter(tensor: StoredTensor, *_: Any) -> StoredTensor:
    return tensor


def tensors_of(content: Any) -> Mapping[str, StoredTensor]:
    """Return the tensors of a dictionary of them.

    Raises:
        CheckpointError: it is something else.
    """
    if not isinstance(content, dict):
        raise CheckpointError(f"expected a dictionary of tensors, got {type(content).__name__}")
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, StoredTensor):
            raise CheckpointError(f"expected tensors alone, got {name!r}: {type(tensor).__name__}")
    return content
