"""A config.json of a family, to fields of `GPTConfig`: what the row of families.json says.

Java's `org.pygpt.files.FamilyReader` reads the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pygpt.checkpoints.families.family import Family
from pygpt.checkpoints.translate import (
    Values,
    biases,
    read_rope,
    read_scaling,
    read_windows,
    rope_of,
    types_of,
    value_of,
)
from pygpt.errors import ConfigError

Fields = dict[str, Any]
"""Fields of `GPTConfig`."""

_MOST_LAYERS = 1 << 20  # of a list that is made of their number
_ROPE_KEYS = ("rope_parameters", "rope_scaling", "rope_theta", "partial_rotary_factor")


def keys_of(row: Family) -> set[str]:
    """Return all keys of a config.json that a family knows."""
    keys = {*row.keys.values(), *row.aliases, *row.older.values(), *row.only, *row.same, *row.also}
    keys |= {row.activation["key"], *row.dropout["keys"]}
    asked = [*row.numbers.values(), *row.choices.values(), *(row.biases or {}).values()]
    if row.rope is not None:
        keys |= {*_ROPE_KEYS, *(row.rope.get(name, "") for name in ("theta_key", "partial_key"))}
        asked.append(row.rope.get("local"))
    if row.window is not None:
        named = "attention_types" if row.window["layers"] == "attention_types" else "layer_types"
        keys |= {row.window["key"], row.window.get("used", ""), named}
        asked.append(row.window.get("by"))
    if row.unrotated is not None:
        keys.add(row.unrotated["layers"])
        asked.append(row.unrotated.get("by"))
    return keys | {one["key"] for one in asked if isinstance(one, dict) and one["key"]}


def read_fields(row: Family, values: Values, fields: Fields) -> Fields:
    """Return the fields that several keys say together.

    Args:
        fields: those that are known so far, the sizes among them.
    Raises:
        ConfigError: under its key: what the engine cannot do, or a value that is not allowed.
    """
    for key, field in row.same.items():
        if values.get(key) not in (None, fields[field]):
            expected = f"expected {row.keys[field]} = {fields[field]}, as the engine has"
            raise ConfigError(key, f"{expected}, got {values[key]!r}")
    read: Fields = {"dropout": _dropout(row, values)}
    if row.biases is not None:
        read |= biases(**{part: _flag(values, says) for part, says in row.biases.items()})
    if row.rope is not None:
        read |= _rope(row.rope, values, fields)
    for field, number in row.numbers.items():
        read[field] = _number(values, **number)
    for field, choice in row.choices.items():
        chosen = values.get(choice["key"], choice["default"])
        if not isinstance(chosen, bool | None):
            raise ConfigError(choice["key"], f"expected true or false, got {chosen!r}")
        read[field] = choice["yes" if chosen else "no"]
    if row.scaled_embedding:
        read["embedding_scale"] = float(fields["n_embd"]) ** 0.5
    read |= _layers(row, values, fields, read)
    return read | (_SPECIAL[row.special](values) if row.special else {})


def _flag(values: Values, says: Any) -> Any:
    return value_of(values, **says) if isinstance(says, dict) else says


def _dropout(row: Family, values: Values) -> Any:
    first, *others = (values.get(key, row.dropout["default"]) for key in row.dropout["keys"])
    return first if all(other == first for other in others) else 0.0


def _number(values: Values, key: str, default: Any, **taken: str) -> Any:
    """Return a number under a key, in the way that it is taken."""
    way, value = taken.get("as"), values.get(key, default)
    if way == "cap":
        return value or 0.0
    if way == "even":
        if type(value) is not int or value % 2 or value < 2:
            raise ConfigError(key, f"expected an even number from 2 on, got {value!r}")
    elif way is not None:
        value = default if value is None else value
        if not isinstance(value, int | float) or not value > 0:
            raise ConfigError(key, f"expected a number above 0, got {value!r}")
        return 1 / value if way == "inverse" else value**-0.5
    return value


# ---- rotary positions ------------------------------------------------------------------------


def _rope(rope: dict[str, Any] | Any, values: Values, fields: Fields) -> Fields:
    if "local" in rope:
        return _rope_by_kind(rope, values, fields)
    given = {name: rope[name] for name in ("theta", "partial", "theta_key", "partial_key")
             if name in rope}  # fmt: skip
    read = read_rope(values, fields, **given)
    if rope.get("even") and read["rotary_dim"] % 2:  # for which transformers has no meaning here
        problem = f"expected an even number of rotated columns, got {read['rotary_dim']}"
        raise ConfigError("partial_rotary_factor", problem)
    if rope.get("unscaled") and read["rope_scaling"]:  # transformers takes yarn for longrope here
        kind = read["rope_scaling"][0]
        raise ConfigError("rope_type", f"expected 'default', as the engine has, got {kind!r}")
    return read


def _rope_by_kind(rope: dict[str, Any], values: Values, fields: Fields) -> Fields:
    """Return the fields where layers with a window have rotary parameters of their own."""
    parameters = values.get("rope_parameters") or {}
    if not isinstance(parameters, dict):
        raise ConfigError("rope_parameters", f"expected an object, got {parameters!r}")
    for key in parameters.keys() - {"full_attention", "sliding_attention"}:
        raise ConfigError("rope_parameters", f"expected no {key} beside those of layer types")
    full, local = (
        rope_of({"rope_parameters": parameters.get(f"{kind}_attention")})
        for kind in ("full", "sliding")
    )
    full = {**full, **rope_of({"rope_scaling": values.get("rope_scaling")})}
    if read_scaling(local, values, fields, False):
        problem = "expected rope_type 'default' in sliding_attention, as the engine has"
        raise ConfigError("rope_parameters", problem)
    read = {
        "positions": "rotary",
        "rope_theta": full.get("rope_theta", values.get("rope_theta", rope["theta"])),
        "rope_scaling": read_scaling(full, values, fields, False),
    }
    other = rope["local"]
    theta = local.get("rope_theta", values.get(other["key"], other["default"]))
    is_same = theta == read["rope_theta"] and not read["rope_scaling"]
    return read | {"local_rope_theta": 0.0 if is_same else theta}


# ---- layers of different kinds ---------------------------------------------------------------


def _layers(row: Family, values: Values, fields: Fields, read: Fields) -> Fields:
    """Return the fields for windows, and for layers without positions."""
    if row.window is None:
        return {}
    count = min(fields["n_layer"], _MOST_LAYERS)
    found: Fields = {}
    rotated = [True] * count
    if row.unrotated is not None and "by" in row.unrotated:
        rotated = _rotated(row.unrotated, values, count)
    used = "used" not in row.window or bool(value_of(values, row.window["used"], False))
    window = values.get(row.window["key"], row.window["default"]) if used else None
    types = _types(row.window, values, fields, rotated, window is not None)
    found |= read_windows(fields, window, types)
    if row.unrotated is not None and "by" not in row.unrotated:
        rotated = [kind == "sliding_attention" and window is not None for kind in types]
    if row.unrotated is not None:
        found["unrotated_layers"] = [i for i in range(count) if not rotated[i]]
    if "local_rope_theta" in read and "window" not in found:
        found["local_rope_theta"] = 0.0  # no layer has those
    return found


def _rotated(unrotated: Any, values: Values, count: int) -> list[bool]:
    interval = _whole(values, **unrotated["by"])
    key = unrotated["layers"]
    usual = [(layer + 1) % interval != 0 for layer in range(count)]
    rotated = value_of(values, key, usual)
    if not isinstance(rotated, list) or len(rotated) < count:
        raise ConfigError(key, f"expected a number for each layer, got {rotated!r}")
    return [bool(one) for one in rotated]


def _types(
    window: Any, values: Values, fields: Fields, rotated: list[bool], has_window: bool
) -> list[str]:
    """Return the kind of each layer, `sliding_attention` or `full_attention`."""
    way = window["layers"]
    if way == "all":
        return ["sliding_attention"] * len(rotated)
    if way == "attention_types":
        return _attention_types(values)
    if way == "unrotated":
        return types_of(values, fields, lambda layer: has_window and not rotated[layer])
    number = _whole(values, **window["by"], least=int(way == "pattern"))
    if way == "pattern":
        return types_of(values, fields, lambda layer: (layer + 1) % number)
    return types_of(values, fields, lambda layer: has_window and layer >= number)


def _whole(values: Values, key: str | None, default: int, least: int = 1) -> int:
    number = default if key is None else value_of(values, key, default)
    if type(number) is not int or number < least:
        raise ConfigError(str(key), f"expected a whole number from {least} on, got {number!r}")
    return number


def _attention_types(values: Values) -> list[str]:
    """Return GPT-Neo's: lists of kinds, each with how often it comes."""
    types = value_of(values, "attention_types", [[["global", "local"], 12]])
    names = {"global": "full_attention", "local": "sliding_attention"}
    try:
        return [names[kind] for block, count in types for _ in range(count) for kind in block]
    except (KeyError, TypeError, ValueError) as error:
        problem = f"expected lists of global and local with a count, got {types!r}"
        raise ConfigError("attention_types", problem) from error


# ---- what one family alone has ---------------------------------------------------------------


def _mpt(values: Values) -> Fields:
    attention = value_of(values, "attn_config", {})
    if not isinstance(attention, dict):
        raise ConfigError("attn_config", f"expected an object, got {attention!r}")
    only: dict[str, Any] = {"alibi": True, "clip_qkv": None, "qk_ln": False, "prefix_lm": False}
    only["attn_type"] = "multihead_attention"
    for key, allowed in only.items():
        if attention.get(key, allowed) != allowed:
            problem = f"{key}: expected {allowed}, as the engine has, got {attention[key]!r}"
            raise ConfigError("attn_config", problem)
    # ALiBi is the usual one whatever alibi_bias_max is, which transformers does not use
    return {"attention_scale": value_of(attention, "softmax_scale", 0.0)}


def _falcon(values: Values) -> Fields:
    new = value_of(values, "new_decoder_architecture", False)
    parallel = value_of(values, "parallel_attn", True)
    norms = value_of(values, "num_ln_in_parallel_attn", 2 if new else 1)
    if not new and norms != 1 or new and not parallel or norms not in (1, 2):
        problem = "expected that of a published model, got another"
        raise ConfigError("num_ln_in_parallel_attn", problem)
    n_kv_head = value_of(values, "num_kv_heads", 0)
    if not new:
        n_kv_head = 1 if value_of(values, "multi_query", True) else 0
    residual = {1: "parallel_one_norm", 2: "parallel"}[norms] if parallel else "serial"
    return {"n_kv_head": n_kv_head, "residual": residual}


_SPECIAL: dict[str, Callable[[Values], Fields]] = {"mpt": _mpt, "falcon": _falcon}
