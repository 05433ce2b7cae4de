"""Java reads every family of transformers that Python reads, from the same table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import jbridge
from jbridge import JavaError
from pygpt import GPT, CheckpointError
from pygpt.checkpoints import folder as checkpoint
from tests.checkpoints.test_families import HARMLESS, REFUSED, _edit, _folder
from tests.golden.make_families import CASES, FILE, SEEDS

Params = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def frozen() -> Params:
    with np.load(FILE) as file:
        return dict(file)


@pytest.fixture
def arena() -> Iterator[Any]:
    """How long the weights that Java reads stay mapped."""
    with jbridge.java_class("java.lang.foreign.Arena").ofConfined() as arena:
        yield arena


def _opened(folder: Path, arena: Any) -> Any:
    path = jbridge.java_class("java.nio.file.Path").of(str(folder))
    return jbridge.java_class("org.pygpt.files.PretrainedModel").open(path, arena)


def _config(saved: Any) -> dict[str, Any]:
    """Return what Java read of a config.json, under Python's names."""
    write = jbridge.java_class("org.pygpt.text.Json").write
    return json.loads(str(write(saved.config().values())))  # type: ignore[no-any-return]


@pytest.mark.parametrize("case", CASES)
def test_configuration_and_weights(case: str, frozen: Params, arena: Any, tmp_path: Path) -> None:
    seed = SEEDS[len(case) % len(SEEDS)]
    folder = _folder(frozen, case, seed, tmp_path / "model")
    with GPT.from_pretrained(folder, threads=1) as model:
        expected = {name: weight.copy() for name, weight in model.parameters().items()}
        for weight in model.parameters().values():
            weight[...] = np.nan
        saved = _opened(folder, arena)
        assert _config(saved) == model.config.to_dict()
        saved.copyTo(model.java.weights())
        for name, weight in model.parameters().items():
            np.testing.assert_array_equal(weight, expected[name], err_msg=name)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_the_same_key(name: str, frozen: Params, arena: Any, tmp_path: Path) -> None:
    case, changes, _ = REFUSED[name]
    folder = _folder(frozen, case, 1, tmp_path / "model")
    _edit(folder, **changes)
    with pytest.raises(CheckpointError) as python, checkpoint.opened(folder):
        pass
    with pytest.raises(JavaError) as java, jbridge.translate():
        _opened(folder, arena)
    found = str(java.value).removeprefix("FileException: ")
    assert found.split(": ")[:3] == str(python.value).split(": ")[:3]  # folder, file, key
    assert "\n" not in found


@pytest.mark.parametrize("case", HARMLESS)
def test_what_published_files_have_beside(
    case: str, frozen: Params, arena: Any, tmp_path: Path
) -> None:
    folder = _folder(frozen, case, 1, tmp_path / "model")
    _edit(folder, **HARMLESS[case])
    with checkpoint.opened(folder) as saved:
        assert _config(_opened(folder, arena)) == saved.config.to_dict()


def test_a_tied_embedding_under_the_name_of_the_head(
    frozen: Params, arena: Any, tmp_path: Path
) -> None:
    folder = _folder(frozen, "starcoder2", 1, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    embedding = weights.pop("model.embed_tokens.weight")
    for more in ({}, {"model.embed_tokens.weight": embedding}):
        tensors = weights | {"lm_head.weight": embedding} | more
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        assert int(_opened(folder, arena).config().vocabSize()) == len(embedding)
    tensors["lm_head.weight"] = embedding + np.float32(1)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(JavaError, match="expected the numbers of model.embed_t"):
        with jbridge.translate():
            _opened(folder, arena)


@pytest.mark.parametrize("change", ["missing", "another", "shape"])
def test_other_tensors_are_refused(
    change: str, frozen: Params, arena: Any, tmp_path: Path
) -> None:
    folder = _folder(frozen, "qwen3", 1, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    name = "model.layers.1.self_attn.q_norm.weight"
    if change == "shape":
        weights[name] = weights[name][:-1].copy()
    else:
        weights |= {"model.layers.1.self_attn.q_norm.bias": weights[name]}
        if change == "missing":
            del weights[name]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    problem = {
        "missing": f"tensor {name} is missing",
        "another": "tensor model.layers.1.self_attn.q_norm.bias is not of this model",
        "shape": f"{name}: expected shape ",
    }
    with pytest.raises(JavaError, match=problem[change]), jbridge.translate():
        _opened(folder, arena)
