"""Where the tensors of a family of Hugging Face's lie in a model of ours.

Their linear layers are (out, in), GPT-2's aside, and what one product makes here (queries, keys,
values; gates, values) are several there, or one in another order. Rotated columns come in halves
here; where a family has pairs, or swaps the halves, its columns are taken in another order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import EllipsisType

import numpy as np
from numpy.typing import NDArray

from pygpt.checkpoints.families import FAMILIES, Family
from pygpt.checkpoints.families.bloom import falcon_fusion
from pygpt.checkpoints.safetensors import Place
from pygpt.model.config import GPTConfig

Columns = slice | NDArray[np.int64] | EllipsisType


def layout(config: GPTConfig, family: str) -> dict[str, Place]:
    """Return name there, with its prefix -> where it lies here."""
    return layout_of(config, FAMILIES[family])


def layout_of(config: GPTConfig, row: Family) -> dict[str, Place]:
    """Return the same of any row of such a table."""
    modules = {**row.modules, **row.renamed.get(config.residual, {})}
    places: dict[str, Place] = {}
    for name in config.weight_shapes():
        found = re.fullmatch(r"h\.(\d+)\.(.*)\.(weight|bias)", name)
        if found is None:
            places |= _outer(row, name)
            continue
        layer, module, kind = found.groups()
        is_norm = module.rpartition(".")[2].startswith(("ln", "q_norm", "k_norm"))
        for theirs, columns, shape in _parts(row, config, module, modules[module]):
            places[f"{row.prefix}{row.layer.format(layer)}{theirs}.{kind}"] = Place(
                name,
                columns,
                transposed=kind == "weight" and not is_norm and not row.is_conv,
                offset=row.gain_offset if is_norm and kind == "weight" else 0.0,
                shape=shape,
            )
    return places


def _outer(row: Family, name: str) -> dict[str, Place]:
    if name.startswith("lm_head."):
        return {name.replace("lm_head", row.head): Place(name)}
    skipped = row.skipped_positions if name == "wpe.weight" else 0
    offset = row.gain_offset if name == "ln_f.weight" else 0.0
    return {row.prefix + row.outer[name]: Place(name, skipped=skipped, offset=offset)}


def _parts(
    row: Family, config: GPTConfig, module: str, theirs: str | tuple[str, ...]
) -> Iterator[tuple[str, Columns, tuple[int, ...] | None]]:
    """Yield the modules there, each with its columns of ours and, for gains, its own shape."""
    D, H, K, F = config.head_size, config.n_head, config.n_kv_head, config.n_inner
    if module == "attn.c_attn" and not row.is_conv:
        yield from _attention(row, config, theirs)
    elif module == "mlp.c_fc" and not isinstance(theirs, str):
        yield theirs[0], slice(0, F), None
        yield theirs[1], slice(F, 2 * F), None
    elif module in ("attn.q_norm", "attn.k_norm"):
        assert isinstance(theirs, str)
        heads = {"head": 1, "heads": H if module == "attn.q_norm" else K}.get(config.qk_norm, 0)
        order = _order(row, config)
        if not heads:  # all heads in a row
            yield theirs, ..., None
        elif config.qk_norm == "head":
            yield theirs, order if row.order != "halves" else ..., None
        elif "{}" in theirs:  # a module for each head
            for head in range(heads):
                yield theirs.format(head), order + head * D, None
        else:
            yield theirs, _of_heads(order, D, range(heads)), (heads, D)
    else:
        assert isinstance(theirs, str)
        yield theirs, ..., None


def _attention(
    row: Family, config: GPTConfig, theirs: str | tuple[str, ...]
) -> Iterator[tuple[str, Columns, tuple[int, ...] | None]]:
    D, H, K = config.head_size, config.n_head, config.n_kv_head
    order, plain = _order(row, config), np.arange(D)
    queries = _of_heads(order, D, range(H))
    keys = _of_heads(order, D, range(H, H + K))
    values = _of_heads(plain, D, range(H + K, H + 2 * K))
    if isinstance(theirs, str):
        fused = falcon_fusion(config) if row.fused == "falcon" else row.fused
        if fused == "rows" and row.order == "halves":
            yield theirs, ..., None
        elif fused == "rows":
            yield theirs, np.concatenate([queries, keys, values]), None
        else:  # queries of a group, its key, its value
            groups = [part.reshape(K, -1) for part in (queries, keys, values)]
            yield theirs, np.concatenate(groups, axis=1).ravel(), None
    elif row.order == "halves":
        for name, first, heads in zip(theirs, (0, H, H + K), (H, K, K), strict=True):
            yield name, slice(first * D, (first + heads) * D), None
    else:
        for name, columns in zip(theirs, (queries, keys, values), strict=True):
            yield name, columns, None


def _of_heads(order: NDArray[np.int64], D: int, heads: range) -> NDArray[np.int64]:
    """Return the columns of some heads, one head after another."""
    return (np.asarray(heads)[:, None] * D + order).ravel()


def _order(row: Family, config: GPTConfig) -> NDArray[np.int64]:
    """Return, for each column of a head there, which one of ours it is."""
    D, R = config.head_size, config.rotary_dim or config.head_size
    columns = np.arange(D)
    if row.order == "pairs" and config.positions == "rotary":
        columns[:R] = np.arange(R).reshape(2, R // 2).T.ravel()
    elif row.order == "swapped":
        columns[:R] = np.roll(columns[:R], -(R // 2))
    return columns


def embedding_name(family: str) -> str:
    """Return the name of the token embedding there, with its prefix."""
    row = FAMILIES[family]
    return row.prefix + row.outer["wte.weight"]
