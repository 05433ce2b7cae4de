"""Java's model folders beside Python's: each architecture, and which configurations they refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jbridge
from jbridge import JavaError
from pygpt import CharTokenizer, CheckpointError, GPTConfig
from pygpt.checkpoints import folder as checkpoint
from pygpt.model.presets import PRESETS
from tests.reference.frozen import GOLDEN, GPT2_TINY, LLAMA_TINY, Frozen

CASES = sorted(path.stem for path in (GOLDEN / "gpt").glob("*.npz"))
CONFIGS = {case: GPTConfig(**asdict(Frozen(case).config)) for case in CASES} | {
    "gpt2_tiny": GPTConfig(**asdict(GPT2_TINY)),
    "llama_tiny": GPTConfig(**asdict(LLAMA_TINY)),
    # the fewest tensors that there can be, and numbers that are written with an exponent
    "bare": GPTConfig(
        *(3, 5, 1, 1, 2),
        *(0.1, False, "rmsnorm", "relu2", True),
        *(1, 7, False, 1e-300, False, False, "rotary", 1e16),
    ),
}
BASE = GPTConfig(block_size=3, vocab_size=4, n_layer=2, n_head=3, n_embd=15)


def _weights(config: GPTConfig) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    shapes = config.weight_shapes().items()
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes}


def _save(folder: Path, config: GPTConfig, tokenizer: CharTokenizer) -> None:
    """Write the format that Java reads."""
    checkpoint.save(folder, config, _weights(config), tokenizer=tokenizer, format="pygpt")


def _java_config(config: GPTConfig) -> Any:
    text = json.dumps(config.to_dict())
    return jbridge.java_class("org.pygpt.model.GPTConfig").ofJson(text)


@pytest.fixture
def arena() -> Iterator[Any]:
    """How long the weights that Java reads stay mapped."""
    with jbridge.java_class("java.lang.foreign.Arena").ofConfined() as arena:
        yield arena


def _path(path: Path) -> Any:
    return jbridge.java_class("java.nio.file.Path").of(str(path))


@pytest.mark.parametrize("case", CONFIGS)
def test_java_copies_a_folder(case: str, arena: Any, tmp_path: Path) -> None:
    config = CONFIGS[case]
    bos = len(case) % 2 == 1
    tokenizer = CharTokenizer("".join(map(chr, range(0xE9, 0xE9 + config.vocab_size - bos))), bos)
    _save(tmp_path / "python", config, tokenizer)
    folders = jbridge.java_class("org.pygpt.files.ModelFolder")
    saved = folders.load(_path(tmp_path / "python"), arena)
    assert bool(saved.config().equals(_java_config(config)))
    arrays = jbridge.java_class("java.util.TreeMap")(saved.weights())
    folders.save(_path(tmp_path / "java"), saved.config(), saved.tokenizer(), arrays)
    python, java = tmp_path / "python", tmp_path / "java"
    assert json.loads((java / "config.json").read_bytes()) == json.loads(
        (python / "config.json").read_bytes()
    )
    weights = (python / "model.safetensors").read_bytes()
    assert (java / "model.safetensors").read_bytes() == weights
    with checkpoint.opened(tmp_path / "java") as read:
        assert (read.config, read.tokenizer) == (config, tokenizer)


@pytest.mark.parametrize("config", [*CONFIGS.values(), *map(GPTConfig.preset, PRESETS)])
def test_java_has_the_same_shapes(config: GPTConfig) -> None:
    table = jbridge.java_class("org.pygpt.model.LayoutTable").of(_java_config(config))
    java = table.layout().shapes().entrySet()
    shapes = [(str(e.getKey()), tuple(int(n) for n in e.getValue())) for e in java]
    assert shapes == list(config.weight_shapes().items())
    assert int(table.tensorCount()) == config.num_tensors
    assert int(str(table.count())) == config.num_parameters


WRONG: list[tuple[str, Any]] = [
    *((field.name, ...) for field in fields(GPTConfig)),  # missing
    *((field.name, [None]) for field in fields(GPTConfig)),
    *((field.name, "it's") for field in fields(GPTConfig)),
    *((field.name, True) for field in fields(GPTConfig) if field.type != "bool"),
    *((field.name, 2**31) for field in fields(GPTConfig) if field.type == "int"),
    *((field.name, -(10**20)) for field in fields(GPTConfig) if field.type == "int"),
    *((field.name, 1.0) for field in fields(GPTConfig) if field.type == "int"),
    *((field.name, -1e-7) for field in fields(GPTConfig) if field.type == "float"),
    *((field.name, 10**400) for field in fields(GPTConfig) if field.type == "float"),
    *((field.name, 0) for field in fields(GPTConfig)),
    *((field.name, 1) for field in fields(GPTConfig)),
    *((field.name, 7) for field in fields(GPTConfig)),
    ("n_heads", 3),
    ("positions", "rotary"),
    ("n_layer", 2**31 - 1),
    ("characters", 5),
    ("characters", ["a", {"b": 1e-7}]),
    ("characters", "ba"),
    ("characters", ""),
    ("characters", "\ud800"),
    ("characters", "abcdefg"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_java_refuses_the_same_configs(
    name: str, value: Any, arena: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    _save(folder, BASE, CharTokenizer("abc"))
    values = json.loads((folder / "config.json").read_text()) | {name: value}
    kept = {key: item for key, item in values.items() if item is not ...}
    (folder / "config.json").write_text(json.dumps(kept))
    folders = jbridge.java_class("org.pygpt.files.ModelFolder")
    try:
        with checkpoint.opened(folder) as saved:
            expected: Any = saved.config
    except CheckpointError as error:
        file = str(error).removeprefix(f"model folder {folder}: ").partition(": ")[0]
        with pytest.raises(JavaError) as caught, jbridge.translate():
            folders.load(_path(folder), arena)
        message = str(caught.value)
        assert message.startswith(f"FileException: model folder {folder}: {file}: ")
        assert "\n" not in message
    else:
        assert bool(folders.load(_path(folder), arena).config().equals(_java_config(expected)))
