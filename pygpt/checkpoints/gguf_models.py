"""Models in GGUF files: GPT-2's and Llama's architecture, to ours and back.

Metadata become the keys of a config.json of the same family, so that the checks of those count
here too. llama.cpp rotates neighbouring columns where transformers rotates halves, so that Llama's
queries and keys lie in another order; its Llama has no biases or all, and its GPT-2 has all.
https://github.com/ggml-org/llama.cpp/blob/master/docs/development/HOWTO-add-model.md
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.checkpoints import ggml, gguf, huggingface, layouts
from pygpt.checkpoints.families import FAMILIES, Family
from pygpt.checkpoints.families.family import GPT2_DROPOUTS
from pygpt.checkpoints.safetensors import Place
from pygpt.errors import CheckpointError, ConfigError, TokenError
from pygpt.files.atomic import write_new
from pygpt.model.config import GPTConfig
from pygpt.tokenizers import gguf as tokenizers
from pygpt.tokenizers.load import AnyTokenizer
from pygpt.tokenizers.protocol import SpecialIds, Tokenizer, with_roles

SUFFIX = ".gguf"
FORMATS = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "q8_0": "Q8_0", "q4_0": "Q4_0"}
"""How users name the kinds of matrices -> ggml's names."""

_FILE_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7, "BF16": 32}
_HEAD, _FREQUENCIES = "output.weight", "rope_freqs.weight"
_OUTER = {
    "wte.weight": "token_embd.weight",
    "wpe.weight": "position_embd.weight",
    "ln_f.weight": "output_norm.weight",
    "ln_f.bias": "output_norm.bias",
}
_MODULES: dict[str, str | tuple[str, ...]] = {
    "ln_1": "attn_norm",
    "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm",
    "mlp.c_proj": "ffn_down",
}


def _row(family: str, order: str, **modules: str | tuple[str, ...]) -> Family:
    """Return a row of a table as that of families: where the tensors lie."""
    qkv, fc = modules["qkv"], modules["fc"]
    return replace(
        FAMILIES[family],
        outer=_OUTER,
        modules={**_MODULES, "attn.c_attn": qkv, "mlp.c_fc": fc},
        prefix="",
        head="output",
        layer="blk.{}.",
        is_conv=False,
        order=order,
    )


ROWS = {
    "gpt2": _row("gpt2", "halves", qkv="attn_qkv", fc="ffn_up"),
    "llama": _row(
        "llama", "pairs", qkv=("attn_q", "attn_k", "attn_v"), fc=("ffn_gate", "ffn_up")
    ),
}
_SIZES = {  # key of config.json, for both architectures -> key of the metadata, without its prefix
    "gpt2": {
        "n_positions": "context_length",
        "n_embd": "embedding_length",
        "n_layer": "block_count",
        "n_head": "attention.head_count",
        "n_inner": "feed_forward_length",
        "layer_norm_epsilon": "attention.layer_norm_epsilon",
    },
    "llama": {
        "max_position_embeddings": "context_length",
        "hidden_size": "embedding_length",
        "num_hidden_layers": "block_count",
        "num_attention_heads": "attention.head_count",
        "num_key_value_heads": "attention.head_count_kv",
        "intermediate_size": "feed_forward_length",
        "rms_norm_eps": "attention.layer_norm_rms_epsilon",
        "head_dim": "attention.key_length",
    },
}
# How Llama 3.1 and 3.2 scale rotary frequencies; a file has but the factors that follow.
_LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
_LLAMA3_CONTEXT = 8192


# ---- reading ---------------------------------------------------------------------------------


@contextmanager
def opened(
    path: Path,
) -> Iterator[tuple[GPTConfig, Mapping[str, Any], dict[str, Place], dict[str, gguf.GgufTensor]]]:
    """Give configuration, metadata, places and tensors of a file, which is open within the block.

    Raises:
        CheckpointError: it is missing, damaged, or a model that the engine does not have.
    """
    where = f"model file {path}"
    try:
        with gguf.opened(path) as (metadata, tensors):
            config, places = _model(metadata, tensors)
            yield config, metadata, places, tensors
    except CheckpointError as error:
        separator = " " if str(error).startswith(("is ", "has ", "holds ")) else ": "
        raise CheckpointError(f"{where}{separator}{error}") from error
    except (ConfigError, TokenError) as error:
        raise CheckpointError(f"{where}: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{where}: cannot be read: {error}") from error


def _model(
    metadata: Mapping[str, Any], tensors: dict[str, gguf.GgufTensor]
) -> tuple[GPTConfig, dict[str, Place]]:
    architecture = metadata.get("general.architecture")
    if architecture not in ROWS:
        expected = f"general.architecture: expected {' or '.join(ROWS)}"
        raise CheckpointError(f"{expected}, got {architecture!r}")
    embedding = tensors.get("token_embd.weight")
    if embedding is None or len(embedding.shape) != 2:
        raise CheckpointError("tensor token_embd.weight is missing, or no matrix")
    values: dict[str, Any] = {"model_type": architecture, "vocab_size": embedding.shape[0]}
    for key, name in _SIZES[architecture].items():
        found = metadata.get(f"{architecture}.{name}")
        if found is not None:
            values[key] = found
    values["tie_word_embeddings"] = _HEAD not in tensors
    if architecture == "llama":
        values |= _llama(metadata, tensors, values)
    else:
        values |= dict.fromkeys(GPT2_DROPOUTS, 0.0)
    config = huggingface.read_config(values)
    if len(tensors) < config.n_layer:  # before a list that n_layer makes endless
        raise CheckpointError(f"expected {config.num_tensors} tensors, got {len(tensors)}")
    return config, layouts.layout_of(config, ROWS[architecture])


def _llama(
    metadata: Mapping[str, Any],
    tensors: dict[str, gguf.GgufTensor],
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the keys of a Llama's config.json that are more than sizes; takes the factors of
    frequencies away from the tensors."""
    for key in ("expert_count", "attention.sliding_window"):
        if metadata.get(f"llama.{key}"):
            raise CheckpointError(f"llama.{key}: expected none, as the engine has")
    D = values.get("head_dim")
    if D is None:
        sizes = values.get("hidden_size"), values.get("num_attention_heads")
        if any(type(size) is not int or size < 1 for size in sizes):
            raise CheckpointError("embedding_length and attention.head_count: expected numbers")
        D = sizes[0] // sizes[1]  # type: ignore[operator]
    for key in ("rope.dimension_count", "attention.value_length"):
        found = metadata.get(f"llama.{key}", D)
        if found != D:
            raise CheckpointError(f"llama.{key}: expected the head size {D}, got {found!r}")
    theta = metadata.get("llama.rope.freq_base", 1e4)
    factors = tensors.pop(_FREQUENCIES, None)
    scaling = _scaling(metadata)
    if factors is not None:
        scaling = _llama3(factors, D, theta)
    return {
        "hidden_act": "silu",
        "rope_theta": theta,
        "rope_scaling": scaling,
        "attention_bias": "blk.0.attn_q.bias" in tensors,
        "mlp_bias": "blk.0.ffn_up.bias" in tensors,
    }


def _scaling(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = metadata.get("llama.rope.scaling.type", "none")
    factor = metadata.get("llama.rope.scaling.factor", metadata.get("llama.rope.scale_linear"))
    if kind == "none" or (kind == "linear" and factor in (None, 1.0)):
        return None
    if kind != "linear":
        raise CheckpointError(f"llama.rope.scaling.type: expected none or linear, got {kind!r}")
    return {"rope_type": "linear", "factor": factor}


def _llama3(tensor: gguf.GgufTensor, D: int, theta: Any) -> dict[str, Any]:
    """Return the scaling that gives these factors, if it is one of Llama 3's."""
    factors = next(block for _, block in tensor.numbers()).astype(np.float64)
    scaling = {"rope_type": "llama3", "factor": round(float(factors.max()), 4), **_LLAMA3}
    scaling["original_max_position_embeddings"] = _LLAMA3_CONTEXT
    is_theta = isinstance(theta, int | float) and theta > 1
    expected = _factors(scaling, D, theta) if is_theta else np.zeros(0)
    if expected.shape != factors.shape or not np.allclose(factors, expected, rtol=1e-4):
        raise CheckpointError(f"tensor {_FREQUENCIES}: expected Llama 3's factors, got others")
    return scaling


def _factors(scaling: Mapping[str, Any], D: int, theta: float) -> NDArray[np.float64]:
    """Return what Llama 3's scaling divides each frequency by: (D / 2,)."""
    frequencies = theta ** (-np.arange(0, D, 2, dtype=np.float64) / D)
    waves = scaling["original_max_position_embeddings"] * frequencies / (2 * np.pi)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    smooth = np.clip((waves - low) / (high - low), 0, 1)
    result: NDArray[np.float64] = 1 / ((1 - smooth) / scaling["factor"] + smooth)
    return result


def read_tokenizer(
    path: Path, metadata: Mapping[str, Any], config: GPTConfig
) -> tuple[AnyTokenizer | None, str | None]:
    """Return the tokenizer, if there is one; or a warning why it is of no use, given."""
    try:
        tokenizer = tokenizers.read(metadata)
        if tokenizer is None or tokenizer.vocab_size <= config.vocab_size:
            return tokenizer, None
        size = f"{tokenizer.vocab_size} ids, more than the model's {config.vocab_size}"
        problem = f"tokenizer of {path}: has {size}"
    except TokenError as error:
        problem = f"tokenizer of {path}: {error}"
    warnings.warn(f"{problem}; the model takes ids alone, no text", stacklevel=7)
    return None, problem


# ---- writing ---------------------------------------------------------------------------------


def write(
    path: Path,
    config: GPTConfig,
    weights: Mapping[str, NDArray[Any]],
    *,
    kind: str = "float32",
    tokenizer: Tokenizer | None = None,
    special_ids: SpecialIds,
    chat_template: str | None = None,
) -> None:
    """Write a new file, with its matrices in one of `FORMATS`.

    Vectors and learned positions stay float32; a matrix whose rows are no multiple of 32 becomes
    float16 where blocks were asked for, as llama.cpp has it.

    Raises:
        ConfigError: an unknown kind, or llama.cpp has no such architecture here.
        TokenError: GGUF has no form for the tokenizer.
        OutputError: the file exists, or cannot be written.
    """
    if kind not in FORMATS:
        raise ConfigError("weights", f"expected one of {', '.join(FORMATS)}, got {kind!r}")
    full, architecture = _as_llama_cpp(config)
    filled = {
        name: weights[name] if name in weights else np.zeros(shape, np.float32)
        for name, shape in full.weight_shapes().items()
    }
    shapes = full.weight_shapes()
    tensors = {}
    for name, place in layouts.layout_of(full, ROWS[architecture]).items():
        shape = place.shape_of(shapes[place.name])
        ours = _kind_of(FORMATS[kind], name, shape)
        tensors[name] = gguf.NewTensor(ours, shape, _part(place, filled))
    metadata = _metadata(full, architecture, FORMATS[kind], path.stem)
    factors = _written_factors(full)
    if factors is not None:
        tensors[_FREQUENCIES] = gguf.NewTensor("F32", factors.shape, lambda: factors)
    if tokenizer is not None:
        ids = with_roles(special_ids, tokenizer)
        metadata |= tokenizers.as_metadata(tokenizer, config.vocab_size, ids)
    else:
        metadata[f"{tokenizers.PREFIX}model"] = "none"
        metadata[f"{architecture}.vocab_size"] = config.vocab_size
    if chat_template is not None:
        metadata[tokenizers.CHAT_TEMPLATE] = chat_template
    write_new(path, gguf.encode(metadata, tensors))


def _as_llama_cpp(config: GPTConfig) -> tuple[GPTConfig, str]:
    """Return an equal architecture as llama.cpp has it, and its name there.

    A GPT-2 without biases has zeros for them.
    """
    if config.family == "mistral" and not config.window:
        config = replace(config, family="")
    if config.norm == "layernorm" and not config.family:
        config = replace(config, bias=True, bias_except=())
    try:
        family = huggingface.family_for(config)
    except ConfigError as error:
        raise ConfigError(error.name, f"{error.problem}; GGUF is written of those") from error
    if family not in ROWS:
        expected = f"expected {' or '.join(ROWS)}, which GGUF is written of"
        raise ConfigError("family", f"{expected}, got {family!r}")
    if config.has_bias("qkv") != config.has_bias("proj"):
        raise ConfigError("bias_except", "expected attention with all biases or none for GGUF")
    if config.rope_scaling and config.rope_scaling[0] not in ("linear", "llama3"):
        expected = "expected none, linear or llama3, which GGUF is written of"
        raise ConfigError("rope_scaling", f"{expected}, got {config.rope_scaling[0]}")
    return config, family


def _kind_of(kind: str, name: str, shape: tuple[int, ...]) -> str:
    if len(shape) == 1 or name == _OUTER["wpe.weight"]:
        return "F32"
    return "F16" if shape[-1] % ggml.KINDS[kind].items else kind


def _part(place: Place, weights: Mapping[str, NDArray[Any]]) -> Callable[[], NDArray[Any]]:
    return lambda: place.part(weights)


def _metadata(config: GPTConfig, architecture: str, kind: str, name: str) -> dict[str, Any]:
    values = huggingface.config_as_json(config, architecture, SpecialIds())
    found: dict[str, Any] = {
        "general.architecture": architecture,
        "general.type": "model",
        "general.name": name,
        "general.file_type": _FILE_TYPES[kind],
        "general.quantization_version": 2,
    }
    for key, theirs in _SIZES[architecture].items():
        found[f"{architecture}.{theirs}"] = values[key]
    if architecture == "llama":
        found["llama.attention.value_length"] = config.head_size
        found["llama.rope.dimension_count"] = config.head_size
        found["llama.rope.freq_base"] = float(config.rope_theta)
        found["llama.vocab_size"] = config.vocab_size
        scaling = values.get("rope_scaling") or {}
        if scaling.get("rope_type") == "linear":
            found["llama.rope.scaling.type"] = "linear"
            found["llama.rope.scaling.factor"] = float(scaling["factor"])
    return found


def _written_factors(config: GPTConfig) -> NDArray[Any] | None:
    """Return the factors that llama.cpp divides rotary frequencies by, where it needs them."""
    if not config.rope_scaling or config.rope_scaling[0] != "llama3":
        return None
    pairs = (word.partition("=") for word in config.rope_scaling[1:])
    scaling = {name: float(number) for name, _, number in pairs}
    scaling.setdefault("original_max_position_embeddings", float(config.block_size))
    return _factors(scaling, config.head_size, config.rope_theta).astype(np.float32)
