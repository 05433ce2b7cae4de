"""What the page shows of a model, computed: by the engine, and a little arithmetic on it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import ConfigError, TokenError
from pygpt.generate.config import GenerateOptions
from pygpt.model.gpt import GPT

Ids = NDArray[np.int32]
Arrays = dict[str, NDArray[Any]]

WINDOW = 64  # positions of a long text that are shown number by number
TILES = 48  # of the small maps of all heads, in each direction
ATTENTION_BYTES = 256 * 2**20  # of the maps that are computed together
TOP = 10
EXAMPLE_TOKENS = 16
LENS_TOP = 5
POINTS = 3000  # tokens of the map of embeddings
PARTS = {  # what a column of the page is a product with -> the weight, in a layer
    "qkv": "attn.c_attn",
    "attention": "attn.c_proj",
    "hidden": "mlp.c_fc",
    "mlp": "mlp.c_proj",
}
LAYER_PARTS = ("norm_1", "qkv", "heads", "attention", "stream_1", "norm_2", "hidden", "active",
               "mlp", "stream_2")  # fmt: skip


def example(model: GPT) -> str:
    """Return a short text that the model makes by itself, to begin with; empty if it makes none."""
    tokenizer = model.tokenizer
    if tokenizer is None:
        return ""
    try:
        start = tokenizer.encode("\n") if tokenizer.bos is None else [tokenizer.bos]
    except TokenError:  # a tokenizer of characters that has no line ends
        return ""
    count = min(EXAMPLE_TOKENS, model.config.block_size - len(start) - 1)
    if count < 1:
        return ""
    made = model.generate(np.array(start, np.int32), count, temperature=0.8, seed=1)[len(start) :]
    known: list[int] = []
    for token in map(int, made):
        if token == tokenizer.bos or token >= tokenizer.vocab_size:
            break
        known.append(token)
    return tokenizer.decode_bytes(known).decode("utf-8", "ignore").strip()


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probabilities of each row, in double precision."""
    wide = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    rows: NDArray[np.float64] = wide / wide.sum(axis=-1, keepdims=True)
    return rows


def likeliest(probabilities: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the ids of the largest of each row, largest first; the lowest id among equals."""
    count = min(count, probabilities.shape[-1])
    order = np.argsort(-probabilities, axis=-1, kind="stable")
    return order[..., :count]


def flow(model: GPT, ids: Ids, layer: int, scales: NDArray[np.float64] | None) -> Arrays:
    """Return all numbers of one layer, of the last positions, and of what is around it.

    Args:
        layer: 0 to L - 1.
        scales: see `Probe.forward`.
    """
    T = len(ids)
    first = max(0, T - WINDOW)
    weights = model.parameters()
    arrays: Arrays = {"ids": ids, "wte": weights["wte.weight"][ids[first:]]}
    if "wpe.weight" in weights:
        arrays["wpe"] = weights["wpe.weight"][first:T]
    with model.probe(T, (layer, layer + 1)) as probe:
        probe.forward(ids, None, scales)
        arrays["embedding"] = probe["embedding"][first:]
        before = "embedding" if layer == 0 else f"h.{layer - 1}.stream_2"
        arrays["before"] = probe[before][first:]
        for part in LAYER_PARTS:
            arrays[part] = probe[f"h.{layer}.{part}"][first:]
        maps = probe[f"h.{layer}.probabilities"]
        arrays["probabilities"] = maps[:, first:, first:]
        arrays["earlier"] = maps[:, first:, :first].sum(axis=-1)  # (H, T - first)
        arrays["final"] = probe["final"][first:]
        logits = probe.logits()[first:]
    probabilities = softmax(logits)
    top = likeliest(probabilities, TOP)
    arrays["top"] = top
    arrays["top_logits"] = np.take_along_axis(logits, top, -1)
    arrays["top_probabilities"] = np.take_along_axis(probabilities, top, -1)
    return arrays


def column(model: GPT, part: str, layer: int, index: int) -> Arrays:
    """Return the weights that a number of a layer is a product with, and its bias.

    Args:
        part: one of `PARTS`; `norm_1`, `norm_2`, `final`: the gain and the bias of an element;
            `logits`: the row of the output matrix for token `index`.
    Raises:
        ConfigError: there is no such column.
    """
    weights = model.parameters()
    if part in PARTS:
        name = f"h.{layer}.{PARTS[part]}"
        matrix = weights[f"{name}.weight"]
        values = matrix[:, _checked(index, matrix.shape[1])]
    elif part == "logits":
        name = "wte" if model.config.tie_weights else "lm_head"
        matrix = weights[f"{name}.weight"]
        values = matrix[_checked(index, len(matrix))]
        name = "lm_head"
    else:
        norms = {"norm_1": f"h.{layer}.ln_1", "norm_2": f"h.{layer}.ln_2", "final": "ln_f"}
        if part not in norms:
            expected = ", ".join([*PARTS, *norms, "logits"])
            raise ConfigError("part", f"expected one of {expected}, got {part!r}")
        name = norms[part]
        gain = weights.get(f"{name}.weight")
        _checked(index, model.config.n_embd)
        values = np.ones(1) if gain is None else gain[index : index + 1]
    bias = weights.get(f"{name}.bias")
    arrays: Arrays = {"weights": values}
    if bias is not None:
        arrays["bias"] = bias[index : index + 1]
    return arrays


def _checked(index: int, count: int) -> int:
    if not 0 <= index < count:
        raise ConfigError("column", f"expected 0 to {count - 1}, got {index}")
    return index


def all_heads(model: GPT, ids: Ids) -> Arrays:
    """Return the attention of every head, small: the largest of each tile; (L, H, tiles, tiles)."""
    T = len(ids)
    L, H = model.config.n_layer, model.config.n_head
    at_once = max(1, ATTENTION_BYTES // (8 * H * T * T))
    maps: list[NDArray[Any]] = []
    for first in range(0, L, at_once):
        end = min(first + at_once, L)
        with model.probe(T, (first, end)) as probe:
            probe.forward(ids)
            maps += [_tiled(probe[f"h.{layer}.probabilities"]) for layer in range(first, end)]
    return {"maps": np.stack(maps)}


def _tiled(maps: NDArray[Any]) -> NDArray[Any]:
    T = maps.shape[-1]
    if T <= TILES:
        return maps
    starts = np.arange(TILES) * T // TILES
    rows = np.maximum.reduceat(maps, starts, axis=-1)
    tiled: NDArray[Any] = np.maximum.reduceat(rows, starts, axis=-2)
    return tiled


def one_head(model: GPT, ids: Ids, layer: int, head: int) -> Arrays:
    """Return the attention of one head, (T, T)."""
    _checked(head, model.config.n_head)
    with model.probe(len(ids), (layer, layer + 1)) as probe:
        probe.forward(ids)
        return {"map": probe[f"h.{layer}.probabilities"][head]}


def places(layers: int) -> list[str]:
    """Return where the stream is read by the lens, in order."""
    between = [f"h.{layer}.stream_{half}" for layer in range(layers) for half in (1, 2)]
    return ["embedding", *between]


def lens(model: GPT, ids: Ids) -> Arrays:
    """Return what the model would say at each place of its stream, of the last positions.

    Returns:
        `top` and `probabilities`, (places, positions, k), the likeliest tokens; `entropy`, in nats,
        and `next`, the probability of the token that comes, (places, positions); of the last
        position there is none: NaN.
    """
    T = len(ids)
    first = max(0, T - WINDOW)
    found: dict[str, list[NDArray[Any]]] = {}
    after = ids[first + 1 :]
    with model.probe(T, (0, 0)) as probe:
        probe.forward(ids)
        for place in places(model.config.n_layer):
            rows = softmax(probe.lens(place, first))
            top = likeliest(rows, LENS_TOP)
            logs = np.log(np.maximum(rows, 1e-300))
            following = np.append(rows[np.arange(len(after)), after], math.nan)
            for name, values in {
                "top": top,
                "probabilities": np.take_along_axis(rows, top, -1),
                "entropy": -(rows * logs).sum(axis=-1),
                "next": following,
            }.items():
                found.setdefault(name, []).append(values)
    return {name: np.stack(values) for name, values in found.items()}


def _targets(ids: Ids) -> Ids:
    return np.append(ids[1:], -1).astype(np.int32)


def ablate(model: GPT, ids: Ids, scales: NDArray[np.float64]) -> dict[str, Any]:
    """Return loss and next token with parts of the model scaled, beside those of the whole."""
    answer: dict[str, Any] = {}
    with model.probe(len(ids), (0, 0)) as probe:
        rows = []
        for name, used in (("whole", None), ("part", scales)):
            loss = probe.forward(ids, _targets(ids), used)
            row = softmax(probe.logits()[-1])
            answer[name] = {"loss": loss if len(ids) > 1 else None}
            rows.append(row)
    shown = likeliest(rows[0], TOP).tolist()
    shown += [token for token in likeliest(rows[1], TOP).tolist() if token not in shown]
    for name, row in zip(("whole", "part"), rows, strict=True):
        answer[name]["probabilities"] = row[shown].tolist()
    return answer | {"tokens": shown}


def rank_layer(model: GPT, ids: Ids, layer: int) -> list[float]:
    """Return how much larger the loss is without each part of a layer: heads, attention, MLP."""
    L, H = model.config.n_layer, model.config.n_head
    changes = []
    with model.probe(len(ids), (0, 0)) as probe:
        whole = probe.forward(ids, _targets(ids))
        for part in range(H + 2):
            scales = np.ones((L, H + 2))
            scales[layer, part] = 0
            changes.append(probe.forward(ids, _targets(ids), scales) - whole)
    return changes


def sample(
    model: GPT, ids: NDArray[Any], count: int, options: GenerateOptions
) -> dict[str, Any]:
    """Return the likeliest next tokens, by the model and as they are drawn, and drawn ones.

    Args:
        count: how many to draw.
        options: with a seed.
    """
    before = softmax(model.logits(ids)[0, -1])
    after = model.next_probabilities(ids, **options)
    options["slide"] = True  # where the text fills the context
    drawn = model.generate(ids, count, **options)
    shown = likeliest(before, 2 * TOP).tolist()
    return {
        "tokens": shown,
        "before": before[shown].tolist(),
        "after": after[shown].tolist(),
        "left": int(np.count_nonzero(after)),
        "drawn": drawn[len(ids) :].tolist(),
    }


def embedding_map(model: GPT) -> tuple[Arrays, list[float]]:
    """Return the first tokens on the axes along which their vectors differ most.

    Returns:
        `points`, (n, 3), and which share of the variance each axis has. The sign of an axis is that
        of its largest component, so that the picture does not flip between two looks.
    """
    table = model.parameters()["wte.weight"]
    wide = table.astype(np.float64)
    centred = wide - wide.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)  # (C, C), ascending
    axes = vectors[:, ::-1][:, :3]
    largest = np.argmax(np.abs(axes), axis=0)
    axes = axes * np.sign(axes[largest, np.arange(axes.shape[1])])
    total = float(values.sum()) or 1.0
    points = centred[:POINTS] @ axes
    if points.shape[1] < 3:
        points = np.pad(points, ((0, 0), (0, 3 - points.shape[1])))
    return {"points": points}, [float(value) / total for value in values[::-1][:3]]


def scales_of(model: GPT, numbers: Iterable[float] | None) -> NDArray[np.float64] | None:
    """Return scales as a probe wants them; None for none.

    Raises:
        ConfigError: there are more or fewer.
    """
    if numbers is None:
        return None
    L, H = model.config.n_layer, model.config.n_head
    array = np.array([*numbers], np.float64)
    if array.size != L * (H + 2):
        raise ConfigError("scales", f"expected {L * (H + 2)} numbers, got {array.size}")
    return array.reshape(L, H + 2)
