"""The numbers of ggml's tensors: plain ones, and blocks of 32 with a scale.

    Q8_0    a float16 scale d, 32 of int8: d * q
    Q4_0    a float16 scale d, 16 bytes whose lower halves are the first 16 and whose upper halves
            the last 16 of the block: d * (q - 8)

https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-quants.c rounds them; so does the
package `gguf`, whose bits these are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.engine.arrays import rounded_to_bfloat16

BLOCK = 32  # numbers of one block


@dataclass(frozen=True)
class Kind:
    """Immutable: how a kind of tensors has its numbers.

    Attributes:
        number: ggml's for this kind.
        items: numbers of a unit.
        unit_bytes: that such a unit takes.
    """

    number: int
    items: int
    unit_bytes: int

    def row_bytes(self, columns: int) -> int:
        """Return the size of a row, whose columns are whole units."""
        return columns // self.items * self.unit_bytes


KINDS = {
    "F32": Kind(0, 1, 4),
    "F16": Kind(1, 1, 2),
    "Q4_0": Kind(2, BLOCK, 18),
    "Q8_0": Kind(8, BLOCK, 34),
    "BF16": Kind(30, 1, 2),
}
OTHERS = {
    3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K",
    14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL",
    21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip
"""ggml's number of a kind that is not read -> its name."""


def decode(kind: str, rows: int, data: bytes) -> NDArray[Any]:
    """Return the numbers of some rows: (rows, columns), float32 or float16."""
    if kind == "F32":
        return np.frombuffer(data, "<f4").reshape(rows, -1)
    if kind == "F16":
        return np.frombuffer(data, "<f2").reshape(rows, -1)
    if kind == "BF16":
        wide = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return wide.view(np.float32).reshape(rows, -1)
    blocks = np.frombuffer(data, np.uint8).reshape(-1, KINDS[kind].unit_bytes)
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    if kind == "Q8_0":
        return (blocks[:, 2:].view(np.int8) * scales).reshape(rows, -1)
    halves = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
    return ((halves.astype(np.int8) - np.int8(8)) * scales).reshape(rows, -1)


def encode(kind: str, numbers: NDArray[Any]) -> bytes:
    """Return numbers, (rows, columns), rounded to a kind; columns are whole units."""
    floats = np.ascontiguousarray(numbers, dtype="<f4")
    if kind == "F32":
        return floats.tobytes()
    if kind == "F16":
        with np.errstate(over="ignore"):  # to infinity, as elsewhere
            return floats.astype("<f2").tobytes()
    if kind == "BF16":
        return rounded_to_bfloat16(floats).tobytes()
    blocks = floats.reshape(-1, BLOCK)
    return (_q8_0(blocks) if kind == "Q8_0" else _q4_0(blocks)).tobytes()


def _q8_0(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    scales = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)
    scaled = blocks * _inverse(scales)
    whole = np.trunc(scaled + np.copysign(np.float32(0.5), scaled))  # halves away from 0
    return _joined(scales, whole.astype(np.int8).view(np.uint8))


def _q4_0(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    largest = np.abs(blocks).argmax(axis=1)[:, None]
    scales = np.take_along_axis(blocks, largest, axis=1) / np.float32(-8)
    scaled = blocks.astype(np.float64) * _inverse(scales) + 8.5
    halves = np.trunc(scaled).clip(0, 15).astype(np.uint8)
    return _joined(scales, halves[:, : BLOCK // 2] | halves[:, BLOCK // 2 :] << 4)


def _inverse(scales: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.divide(1, scales, out=np.zeros_like(scales), where=scales != 0)


def _joined(scales: NDArray[np.float32], items: NDArray[Any]) -> NDArray[np.uint8]:
    with np.errstate(over="ignore"):
        rounded = scales.astype("<f2").view(np.uint8)
    return np.concatenate([rounded, items], axis=1)
