"""GPT-2 in OpenVINO: Intel's engine for its processors, float32, bfloat16 or int8.

The graph is built weight by weight by OpenVINO's Python interface, as its converters build one of
`transformers`: keys and values are state, which its CPU plugin joins with attention; int8 weights
have a scale for each output, and what they are multiplied by is rounded as the plugin sees fit.
https://docs.openvino.ai/2025/openvino-workflow-generative/inference-with-optimum-intel.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.generate.side import cross_entropy
from benchmarks.harness.worker import UnavailableError
from pygpt import GPT, GPTConfig

NEEDED = "pip install openvino==2026.4.1"
PRECISION = {"float32": "f32", "bfloat16": "bf16", "int8": "bf16"}  # of products and states

Array = NDArray[np.float32]
Ids = NDArray[np.int64]


def make_side(folder: Path, threads: int, weights: str) -> OpenVinoSide:
    """Return OpenVINO on the model of a folder.

    Raises:
        UnavailableError: it is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise UnavailableError(f"{error}; {NEEDED}") from error
    return OpenVinoSide(openvino, folder, threads, weights)


class OpenVinoSide:
    """Mutable: OpenVINO, its weights float32, bfloat16 or int8. See `side.Side`."""

    def __init__(self, openvino: Any, folder: Path, threads: int, weights: str) -> None:
        precision = PRECISION[weights]
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": precision,
            "KV_CACHE_PRECISION": precision,
        }
        with GPT.from_pretrained(folder) as model:
            graph = _Graph(openvino, model.config, model.parameters(), weights == "int8")
            self._last, self._every = [
                openvino.Core().compile_model(graph.build(every), "CPU", options)
                .create_infer_request()
                for every in (False, True)
            ]  # fmt: skip
        self.description = f"OpenVINO {openvino.__version__}, {weights}, {precision}"

    def generate(self, prompt: Ids, new: int) -> tuple[float, list[int]]:
        seconds, made = self.generate_many(prompt[None], new)
        return seconds, made[0]

    def generate_many(self, prompts: Ids, new: int) -> tuple[float, list[list[int]]]:
        length = prompts.shape[1]
        began = time.perf_counter()
        self._last.reset_state()
        made = [_run(self._last, prompts, 0)[:, 0].argmax(axis=1)]
        for position in range(length, length + new - 1):
            made.append(_run(self._last, made[-1][:, None], position)[:, 0].argmax(axis=1))
        seconds = time.perf_counter() - began
        rows: list[list[int]] = np.stack(made, axis=1).tolist()
        return seconds, rows

    def forward(self, ids: Ids) -> tuple[float, float]:
        began = time.perf_counter()
        loss = cross_entropy(self.logits(ids[:-1]), ids[1:])
        return time.perf_counter() - began, loss

    def logits(self, ids: Ids) -> Array:
        self._every.reset_state()
        return _run(self._every, ids[None], 0)[0].copy()


def _run(request: Any, ids: Ids, position: int) -> Array:
    """Return the logits, (B, 1 or T, V), good until the next call."""
    B, T = ids.shape
    inputs = {
        "ids": np.ascontiguousarray(ids),
        "positions": np.arange(position, position + T),
        "beam_idx": np.arange(B, dtype=np.int32),
    }
    logits: Array = request.infer(inputs, share_inputs=True, share_outputs=True)[0]
    return logits


class _Graph:
    """Builds GPT-2; Python's floats and lists become constants."""

    def __init__(
        self, openvino: Any, config: GPTConfig, weights: Mapping[str, NDArray[Any]], int8: bool
    ) -> None:
        from openvino import opset13

        self._api, self._ops = openvino, opset13
        self._config, self._weights, self._int8 = config, weights, int8

    def build(self, every: bool) -> Any:
        """Return the model: ids (B, T), positions (T,), beam_idx (B,) -> logits (B, 1 or T, V)."""
        ops, config = self._ops, self._config
        ids = ops.parameter([-1, -1], np.int64, name="ids")
        positions = ops.parameter([-1], np.int64, name="positions")
        beams = ops.parameter([-1], np.int32, name="beam_idx")
        for node in (ids, positions, beams):
            node.output(0).set_names({node.get_friendly_name()})
        table = self._matrix(self._weights["wte.weight"])
        x = ops.gather(table, ids, 0)
        x = ops.add(x, ops.gather(self._vector("wpe.weight"), positions, 0))
        mask = self._mask(positions)
        empty = self._empty(ids)
        states: list[Any] = []
        for layer in range(config.n_layer):
            block = f"h.{layer}"
            attended = self._attention(
                self._norm(x, f"{block}.ln_1"), f"{block}.attn", mask, empty, beams, states
            )
            x = ops.add(x, attended)
            hidden = self._linear(self._norm(x, f"{block}.ln_2"), f"{block}.mlp.c_fc")
            x = ops.add(x, self._linear(ops.gelu(hidden, "tanh"), f"{block}.mlp.c_proj"))
        if not every:
            x = ops.gather(x, np.array([-1]), 1)
        logits = ops.matmul(self._norm(x, "ln_f"), table, False, True)
        return self._api.Model([ops.result(logits)], states, [ids, positions, beams], "gpt2")

    def _attention(
        self, x: Any, name: str, mask: Any, empty: Any, beams: Any, states: list[Any]
    ) -> Any:
        ops, C, H = self._ops, self._config.n_embd, self._config.n_head
        parts = ops.split(self._linear(x, f"{name}.c_attn"), 2, 3)
        shape, order = np.array([0, 0, H, C // H]), np.array([0, 2, 1, 3])
        heads = [
            ops.transpose(ops.reshape(part, shape, True), order) for part in parts.outputs()
        ]
        any_length = self._api.PartialShape([-1, H, -1, C // H])
        for i, kind in ((1, "keys"), (2, "values")):
            variable = f"{name}.{kind}"
            state = ops.read_value(empty, variable, self._api.Type.f32, any_length)
            past = ops.gather(state, beams, 0)
            heads[i] = ops.concat([past, heads[i]], 2)
            states.append(ops.assign(heads[i], variable))
        mixed = ops.scaled_dot_product_attention(*heads, mask)
        rows = ops.reshape(ops.transpose(mixed, order), np.array([0, 0, C]), True)
        return self._linear(rows, f"{name}.c_proj")

    def _mask(self, positions: Any) -> Any:
        """Return (1, 1, T, S): 0 for what a position sees, else minus infinity."""
        ops = self._ops
        one = np.array(1, np.int64)
        end = ops.add(ops.gather(positions, np.array(-1), 0), one)
        keys = ops.range(np.array(0, np.int64), end, one, "i64")
        seen = ops.less_equal(ops.unsqueeze(keys, 0), ops.unsqueeze(positions, 1))
        mask = ops.select(seen, np.float32(0), np.float32(-np.inf))
        return ops.unsqueeze(mask, np.array([0, 1]))

    def _empty(self, ids: Any) -> Any:
        """Return (B, H, 0, D), from which states begin."""
        ops, H = self._ops, self._config.n_head
        batch = ops.gather(ops.shape_of(ids), np.array([0]), 0)
        rest = np.array([H, 0, self._config.n_embd // H])
        return ops.broadcast(np.float32(0), ops.concat([batch, rest], 0))

    def _norm(self, x: Any, name: str) -> Any:
        ops = self._ops
        unit = ops.mvn(x, np.array([-1]), True, self._config.norm_eps, "inside_sqrt")
        scaled = ops.multiply(unit, self._vector(f"{name}.weight"))
        return ops.add(scaled, self._vector(f"{name}.bias"))

    def _linear(self, x: Any, name: str) -> Any:
        matrix = self._matrix(self._weights[f"{name}.weight"].T)
        return self._ops.add(
            self._ops.matmul(x, matrix, False, True), self._vector(f"{name}.bias")
        )

    def _vector(self, name: str) -> Any:
        return self._ops.constant(np.array(self._weights[name], np.float32))

    def _matrix(self, weights: NDArray[Any]) -> Any:
        """Return (out, in), of rounded numbers and a scale for each output if they are int8."""
        ops, rows = self._ops, np.array(weights, np.float32, order="C")
        if not self._int8:
            return ops.constant(rows)
        scales = np.abs(rows).max(axis=1, keepdims=True) / 127
        whole = ops.constant(np.rint(rows / scales).astype(np.int8))
        return ops.multiply(ops.convert(whole, "f32"), ops.constant(scales))
