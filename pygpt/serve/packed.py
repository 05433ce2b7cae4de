"""Arrays as one message: a header of JSON, then the numbers as they are.

    4 bytes     the header's length, little-endian; a multiple of 4
    header      {"meta": {...}, "arrays": [{"name", "shape", "dtype"}, ...]}, filled up with blanks
    numbers     of one array after another: float32 or int32, little-endian
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

CONTENT_TYPE = "application/x-pygpt-arrays"


def packed(meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays and what there is to say about them as one message.

    Args:
        arrays: integers become int32, other numbers float32.
    """
    parts: list[bytes] = []
    about: list[dict[str, Any]] = []
    for name, array in arrays.items():
        dtype = "i4" if np.issubdtype(array.dtype, np.integer) else "f4"
        about.append({"name": name, "shape": array.shape, "dtype": dtype})
        parts.append(np.ascontiguousarray(array, f"<{dtype}").tobytes())
    header = msgspec.json.encode({"meta": meta, "arrays": about})
    header += b" " * (-len(header) % 4)
    return b"".join([len(header).to_bytes(4, "little"), header, *parts])


def json_answer(value: Any) -> Response:
    """Return an answer in JSON."""
    return Response(msgspec.json.encode(value), media_type="application/json")


def arrays_answer(meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Response:
    """Return an answer of arrays."""
    return Response(packed(meta, arrays), media_type=CONTENT_TYPE)
