"""What a family of models is, and what many of them have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from pygpt.checkpoints.table import TABLE
from pygpt.checkpoints.translate import write_activation, write_rope
from pygpt.model.config import GPTConfig

_MERGED = ("keys", "aliases", "defaults", "fixed", "only", "outer", "modules")
GPT2_DROPOUTS = ("resid_pdrop", "embd_pdrop", "attn_pdrop")

HARMLESS = frozenset(" ".join(TABLE["harmless"]).split())
"""Keys that files have, and that say nothing of what is computed here: of files and classes; of
training and its losses; of generation; of how transformers, and programs around it, run a model."""

HARMLESS_VALUES: dict[str, Any] = TABLE["harmless_values"]
"""Others, with the value that changes nothing."""

NAMES: tuple[str, ...] = tuple(TABLE["families"])
"""The values of `model_type`."""


@dataclass(frozen=True)
class Family:
    """Immutable: how transformers has a family of models; a row of families.json.

    Attributes:
        architecture: its class with an output matrix.
        keys: our field -> the key there.
        aliases: another name of a key -> the key.
        older: our field -> the key that old files have instead.
        defaults: our field -> what a missing key means; others must be there.
        fixed: fields that all its models have.
        only: key -> the one value that the engine has, which is also what a missing key means.
        same: key -> the field that it repeats, where it is there.
        activation: the key, what a missing one means, whether there is a gate, and names that do
            not mean what they mean elsewhere.
        biases: part of a model -> whether it has biases, or the key that says so.
        rope: of rotary positions: what a missing base and part mean, and under which keys they are
            beside the rotary parameters; None where there are none.
        dropout: the keys, of which the first counts if all agree, and what missing ones mean.
        window: of a query's keys: the key with their number, and which layers have it.
        unrotated: which layers are without positions.
        numbers: our field -> the key, what a missing one means, and how it is taken: as it is, or
            `inverse`, `inverse_root`, `cap` (null for none), or `even`.
        choices: our field -> the key of a flag, and what it means.
        scaled_embedding: whether embeddings are multiplied by the root of their width.
        special: what else is read, by a function of this name.
        also: keys that change nothing here, or that such a function looks at.
        outer: our tensors outside of the layers -> theirs.
        modules: our modules in a layer -> theirs; several, where one of ours is made of them.
        renamed: order of the branches -> modules that such models call otherwise.
        prefix: of all names of tensors but the output matrix.
        head: the output matrix.
        layer: before the names in a layer, with `{}` for its number.
        is_conv: whether matrices are (in, out), as GPT-2's.
        fused: how queries, keys and values lie in one matrix: all queries first (`rows`), by head
            (`heads`), or a group of queries with its key and value (`groups`); `falcon` has all.
        order: of the rotated columns of a head: `halves`, `pairs`, or `swapped` halves.
        gain_offset: what is added to a gain there.
        skipped_positions: rows of the position embedding that no token has.
        write: the keys for what `keys` does not say.
    """

    architecture: str
    keys: Mapping[str, str]
    aliases: Mapping[str, str]
    older: Mapping[str, str]
    defaults: Mapping[str, Any]
    fixed: Mapping[str, Any]
    only: Mapping[str, Any]
    same: Mapping[str, str]
    activation: Mapping[str, Any]
    biases: Mapping[str, Any] | None
    rope: Mapping[str, Any] | None
    dropout: Mapping[str, Any]
    window: Mapping[str, Any] | None
    unrotated: Mapping[str, Any] | None
    numbers: Mapping[str, Mapping[str, Any]]
    choices: Mapping[str, Mapping[str, Any]]
    scaled_embedding: bool
    special: str | None
    also: tuple[str, ...]
    outer: Mapping[str, str]
    modules: Mapping[str, str | tuple[str, ...]]
    renamed: Mapping[str, Mapping[str, str]]
    prefix: str
    head: str
    layer: str
    is_conv: bool
    fused: str
    order: str
    gain_offset: float
    skipped_positions: int
    write: Callable[[GPTConfig], dict[str, Any]]


def family(name: str, write: Callable[[GPTConfig], dict[str, Any]]) -> Family:
    """Return the row of a `model_type`, with the function that writes what it reads."""
    row = {**TABLE["usual"], **TABLE["families"][name]}
    values = {field.name: row[field.name] for field in fields(Family) if field.name != "write"}
    for part in _MERGED:
        values[part] = _merged(row[part])
    modules = values["modules"].items()
    values["modules"] = {ours: theirs if isinstance(theirs, str) else tuple(theirs)
                         for ours, theirs in modules}  # fmt: skip
    values["also"] = tuple(row["also"])
    return Family(**values, write=write)


def _merged(items: list[Any]) -> dict[str, Any]:
    """Return one object of several: names of `parts`, objects, and lists of what is left out."""
    merged: dict[str, Any] = {}
    for item in items:
        if isinstance(item, list):
            for name in item:
                del merged[name]
        else:
            merged |= TABLE["parts"][item] if isinstance(item, str) else item
    return merged


def bias_keys(name: str) -> dict[str, str]:
    """Return part of a model -> the key of a family that says whether it has biases."""
    biases = TABLE["families"][name]["biases"].items()
    return {part: says["key"] for part, says in biases if isinstance(says, dict)}


def write_with_bias(config: GPTConfig) -> dict[str, Any]:
    return {
        "attention_bias": config.has_bias("qkv"),
        "hidden_act": write_activation(config, config.family, True),
        **write_rope(config),
        "dropout": config.dropout,
        "pad_token_id": None,
    }
