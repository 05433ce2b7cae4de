"""Parts of a config.json that many families have, to fields of `GPTConfig` and back.

What a missing key means, and which of two spellings counts, is as in transformers 5:
https://github.com/huggingface/transformers, modeling_rope_utils.py and activations.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pygpt.checkpoints.table import TABLE
from pygpt.errors import ConfigError
from pygpt.model.config import BIASED, GATED, GPTConfig, check_scaling

Values = Mapping[str, Any]

# transformers' activation -> ours; those that come first are written.
_ACTIVATIONS: dict[str, str] = TABLE["activations"]
_UNGATED = {ours: function for function, ours in GATED.items()}
_NO_EFFECT = ("rope_type", "type", "rope_theta", "finetuned")  # of rope_parameters, or read apart


def value_of(values: Values, key: str, default: Any) -> Any:
    """Return a value, or what stands for a missing one or null."""
    value = values.get(key)
    return default if value is None else value


# ---- activations -----------------------------------------------------------------------------


def read_activation(
    values: Values, key: str, default: str, gated: bool, means: Mapping[str, str]
) -> str:
    """Return our activation for the one under a key; a `ConfigError` for one that we lack."""
    value = values.get(key, default)
    value = means.get(value, value) if isinstance(value, str) else value
    if not isinstance(value, str) or value not in _ACTIVATIONS:
        raise ConfigError(key, f"expected one of {', '.join(_ACTIVATIONS)}, got {value!r}")
    ours = _ACTIVATIONS[value]
    return GATED[ours] if gated else ours


def write_activation(config: GPTConfig, family: str, gated: bool) -> str:
    """Return transformers' name for the activation."""
    ours = config.activation
    if gated and ours not in _UNGATED:
        expected = f"expected 'swiglu', as Hugging Face's {family} has, or another with a gate"
        raise ConfigError("activation", f"{expected}, got {ours!r}")
    function = _UNGATED[ours] if gated else ours
    for theirs, name in _ACTIVATIONS.items():
        if name == function:
            return theirs
    problem = f"expected another, Hugging Face's {family} has no {ours}"
    raise ConfigError("activation", problem)


# ---- biases ----------------------------------------------------------------------------------


def biases(qkv: bool, **parts: bool) -> dict[str, Any]:
    """Return the fields for biases of queries, keys and values, and of other parts; those that are
    not named have what is usual beside them."""
    for name, value in {"attention bias": qkv, **parts}.items():
        if not isinstance(value, bool):
            raise ConfigError(name, f"expected true or false, got {value!r}")
    usual = {part: qkv and part not in ("qk_norm", "head") for part in BIASED}
    return {
        "bias": qkv,
        "bias_except": [part for part, has in parts.items() if has != usual[part]],
    }


# ---- rotary positions ------------------------------------------------------------------------


def rope_of(values: Values) -> Mapping[str, Any]:
    """Return the object with the rotary parameters, of the two keys that counts."""
    rope = values.get("rope_scaling") or values.get("rope_parameters") or {}
    if not isinstance(rope, dict):
        raise ConfigError("rope_parameters", f"expected an object, got {rope!r}")
    return rope


def read_rope(
    values: Values,
    fields: Values,
    theta: float = 1e4,
    partial: float | None = None,
    theta_key: str = "rope_theta",
    partial_key: str = "partial_rotary_factor",
) -> dict[str, Any]:
    """Return the fields for rotary positions.

    Args:
        fields: sizes of the model.
        theta: what a missing base means.
        partial: what a missing part of the rotated columns means; None where all are rotated.
        theta_key: of the base outside of the rotary parameters.
        partial_key: of the part, likewise.
    """
    rope = rope_of(values)
    found = rope.get("rope_theta", values.get(theta_key, theta))
    read = {"positions": "rotary", "rope_theta": found}
    read["rope_scaling"] = read_scaling(rope, values, fields, partial is not None)
    factor = rope.get("partial_rotary_factor", values.get(partial_key))
    if partial is not None:
        read["rotary_dim"] = rotary_dim(fields, partial if factor is None else factor)
    elif factor not in (None, 1.0):
        problem = f"expected 1.0, as the engine has, got {factor!r}"
        raise ConfigError("partial_rotary_factor", problem)
    return read


def read_scaling(
    rope: Mapping[str, Any], values: Values, fields: Values, partial: bool
) -> list[str]:
    """Return the field `rope_scaling` of rotary parameters."""
    kind = rope.get("rope_type", rope.get("type", "default"))
    numbers = {
        name: number
        for name, number in rope.items()
        if name not in _NO_EFFECT and not (partial and name == "partial_rotary_factor")
    }
    if kind == "default":
        for key in numbers:
            raise ConfigError("rope_parameters", f"expected no {key}, which the engine lacks")
        return []
    context = "original_max_position_embeddings"
    if kind in ("linear", "dynamic"):
        numbers.pop(context, None)  # which transformers passes over
    numbers = {name: number for name, number in numbers.items() if number is not None}
    if kind in ("llama3", "yarn"):
        block_size = fields["block_size"]
        numbers[context] = values.get(context, numbers.get(context, block_size))
        if kind == "yarn" and "factor" not in numbers:
            numbers["factor"] = block_size / numbers[context]
    words = []
    for name, number in numbers.items():
        if not isinstance(number, int | float):
            raise ConfigError(f"rope_parameters: {name}", f"expected a number, got {number!r}")
        words.append(f"{name}={float(number)!r}")
    scaling = [str(kind), *sorted(words)]
    check_scaling(tuple(scaling))
    return scaling


def rotary_dim(fields: Values, factor: Any) -> int:
    """Return how many columns of a head are rotated, of a part of them."""
    if not isinstance(factor, int | float) or not 0 < factor <= 1:
        expected = f"expected a number above 0, at most 1, got {factor!r}"
        raise ConfigError("partial_rotary_factor", expected)
    return int(_head_size(fields) * factor)


def _head_size(fields: Values) -> int:
    head_dim, n_embd, n_head = (fields.get(name) for name in ("head_dim", "n_embd", "n_head"))
    for name, value in (("n_embd", n_embd), ("n_head", n_head)):
        if type(value) is not int or value < 1:
            raise ConfigError(name, f"expected a whole number, got {value!r}")
    return head_dim or n_embd // n_head  # type: ignore[operator, no-any-return]


def write_rope(config: GPTConfig, partial: bool = False) -> dict[str, Any]:
    """Return rotary parameters under the key of transformers 5, and their base and a scaling where
    transformers 4 looks for them."""
    rope: dict[str, Any] = {"rope_theta": config.rope_theta, "rope_type": "default"}
    if partial:
        rope["partial_rotary_factor"] = part_of(config)
    values: dict[str, Any] = {"rope_parameters": rope | write_scaling(config)}
    values["rope_theta"] = config.rope_theta
    if config.rope_scaling:
        values["rope_scaling"] = values["rope_parameters"]
    if partial:
        values["partial_rotary_factor"] = rope["partial_rotary_factor"]
    return values


def write_scaling(config: GPTConfig) -> dict[str, Any]:
    """Return what rotary parameters say of a scaling."""
    if not config.rope_scaling:
        return {}
    kind, *words = config.rope_scaling
    numbers = {name: float(number) for name, _, number in (w.partition("=") for w in words)}
    context = "original_max_position_embeddings"
    written: dict[str, Any] = {"rope_type": kind, **numbers}
    if context in numbers:
        written[context] = int(numbers[context])
    if "truncate" in numbers:
        written["truncate"] = bool(numbers["truncate"])
    return written


def part_of(config: GPTConfig) -> float:
    """Return the part of a head's columns that are rotated, so that its product gives them."""
    columns, D = config.rotary_dim or config.head_size, config.head_size
    factor = columns / D
    return factor if int(D * factor) == columns else (columns + 0.5) / D


# ---- layers of different kinds ---------------------------------------------------------------


def read_windows(fields: Values, window: Any, types: Sequence[str]) -> dict[str, Any]:
    """Return the fields for windows.

    Args:
        window: the number of keys that a query sees; None for all.
        types: of each layer, `sliding_attention` or `full_attention`.
    """
    for kind in types:
        if kind not in ("sliding_attention", "full_attention"):
            expected = "expected sliding_attention or full_attention"
            raise ConfigError("layer_types", f"{expected}, got {kind!r}")
    if len(types) != fields["n_layer"]:
        problem = f"expected one for each of {fields['n_layer']} layers, got {len(types)}"
        raise ConfigError("layer_types", problem)
    layers = [i for i, kind in enumerate(types) if kind == "sliding_attention"]
    if window is None or not layers:
        return {}
    if type(window) is not int or window < 1:
        raise ConfigError("sliding_window", f"expected none, or at least 1, got {window!r}")
    return {"window": window, "window_layers": [] if len(layers) == len(types) else layers}


def types_of(values: Values, fields: Values, sliding: Any) -> list[str]:
    """Return the key `layer_types`, or without it what a function of a layer's number says.

    Args:
        sliding: whether a layer is one with a window.
    """
    types = values.get("layer_types")
    if types is None:
        n_layer = fields["n_layer"] if type(fields["n_layer"]) is int else 0
        names = ("full_attention", "sliding_attention")
        return [names[bool(sliding(layer))] for layer in range(min(n_layer, 1 << 20))]
    if not isinstance(types, list):
        raise ConfigError("layer_types", f"expected a list, got {types!r}")
    return types


def write_types(config: GPTConfig) -> list[str]:
    """Return the key `layer_types`."""
    names = ("full_attention", "sliding_attention")
    return [names[is_windowed(config, layer)] for layer in range(config.n_layer)]


def is_windowed(config: GPTConfig, layer: int) -> bool:
    """Whether a layer has a window."""
    return config.window > 0 and (not config.window_layers or layer in config.window_layers)
