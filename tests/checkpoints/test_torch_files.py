"""Files of torch.save: read without PyTorch, and nothing in them is run."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from pygpt import GPT, CheckpointError, GPTConfig
from pygpt.checkpoints import folder as checkpoint
from tests.reference.frozen import GOLDEN

Params = dict[str, np.ndarray]
_KINDS = {"f4": "FloatStorage", "f2": "HalfStorage", "f8": "DoubleStorage"}


class _Global:
    """A name in a pickle."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Tensor:
    def __init__(self, array: np.ndarray, key: str, strides: tuple[int, ...] | None = None) -> None:
        self.array, self.key = array, key
        self.strides = strides or tuple(s // array.itemsize for s in array.strides)

    def __reduce__(self) -> Any:
        storage = _Storage(self)
        arguments = (storage, 0, self.array.shape, self.strides, False, OrderedDict())
        return _Global("torch._utils", "_rebuild_tensor_v2"), arguments


class _Storage:
    def __init__(self, tensor: _Tensor) -> None:
        self.tensor = tensor


class _Pickler(pickle._Pickler):  # type: ignore[name-defined]  # Python's own, which can be led
    dispatch = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, _Storage):
            return None
        array = value.tensor.array
        kind = _Global("torch", _KINDS[array.dtype.str[1:]])
        return "storage", kind, value.tensor.key, "cpu", array.size

    def save_named(self, value: _Global) -> None:
        self.write(b"c" + value.module.encode() + b"\n" + value.name.encode() + b"\n")

    dispatch[_Global] = save_named


# Python's pickler asks whether what it reduces with can be called
_Global.__call__ = lambda *_: None  # type: ignore[attr-defined]


def _write(path: Path, content: Any, tensors: list[_Tensor], **options: Any) -> None:
    """Write a file as torch.save does."""
    stream = io.BytesIO()
    _Pickler(stream, protocol=2).dump(content)
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("archive/data.pkl", stream.getvalue())
        for tensor in tensors:
            archive.writestr(f"archive/data/{tensor.key}", tensor.array.tobytes())


def _tensors(arrays: Params) -> dict[str, _Tensor]:
    return {name: _Tensor(array, str(i)) for i, (name, array) in enumerate(arrays.items())}


@pytest.fixture(params=["hf_gpt2_tiny", "hf_llama_tiny"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of transformers' with a pickle in the place of safetensors."""
    folder = Path(shutil.copytree(GOLDEN / request.param, tmp_path / request.param))
    tensors = _tensors(load_file(folder / "model.safetensors"))
    _write(folder / "pytorch_model.bin", OrderedDict(tensors), list(tensors.values()))
    return folder


def _load(source: Path) -> Params:
    with GPT.from_pretrained(source) as model:
        return {name: np.array(weight) for name, weight in model.parameters().items()}


def test_a_pickle_has_the_same_weights(folder: Path) -> None:
    expected = _load(folder)
    (folder / "model.safetensors").unlink()
    actual = _load(folder)
    for name, weight in expected.items():
        np.testing.assert_array_equal(actual[name], weight, err_msg=name)


def test_shards(folder: Path) -> None:
    expected = _load(folder)
    arrays = load_file(folder / "model.safetensors")
    homes = {}
    for shard in range(2):
        file = f"pytorch_model-0000{shard + 1}-of-00002.bin"
        tensors = _tensors({name: arrays[name] for name in sorted(arrays)[shard::2]})
        _write(folder / file, tensors, list(tensors.values()))
        homes |= dict.fromkeys(tensors, file)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": homes}))
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").unlink()
    for name, weight in _load(folder).items():
        np.testing.assert_array_equal(weight, expected[name], err_msg=name)


def _checkpoint(path: Path, prefix: str = "", **arguments: Any) -> Params:
    """Write a ckpt.pt as nanoGPT does; return our weights of it."""
    sizes = {"block_size": 7, "vocab_size": 11, "n_layer": 2, "n_head": 3, "n_embd": 12}
    config = GPTConfig(**sizes, bias=arguments.get("bias", True), activation="gelu_exact")
    rng = np.random.default_rng(1)
    weights = {n: rng.normal(size=s).astype("f4") for n, s in config.weight_shapes().items()}
    arrays = {}
    for name, weight in weights.items():
        is_matrix = weight.ndim == 2 and name.startswith("h.")
        array = np.ascontiguousarray(weight.T if is_matrix else weight)
        arrays[f"{prefix}transformer.{name}"] = array
    tensors = _tensors(arrays)
    head = tensors[f"{prefix}transformer.wte.weight"]
    content = {
        "model": OrderedDict({**tensors, f"{prefix}lm_head.weight": head}),
        "optimizer": {"state": {0: {"step": 3}}, "param_groups": [{"lr": 1e-3, "betas": (0.9, 1)}]},
        "model_args": {**sizes, "dropout": 0.0, "bias": True, **arguments},
        "iter_num": 5,
        "config": {"dataset": "x", "compile": True},
    }
    _write(path, content, list(tensors.values()))
    return weights


@pytest.mark.parametrize("prefix", ["", "_orig_mod."])
@pytest.mark.parametrize("bias", [True, False])
def test_nanogpt(bias: bool, prefix: str, tmp_path: Path) -> None:
    expected = _checkpoint(tmp_path / "ckpt.pt", prefix, bias=bias)
    actual = _load(tmp_path / "ckpt.pt")
    assert actual.keys() == expected.keys()
    for name, weight in expected.items():
        np.testing.assert_array_equal(actual[name], weight, err_msg=name)


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("numpy", "dtype")],
)
def test_nothing_is_run(folder: Path, module: str, name: str) -> None:
    (folder / "model.safetensors").unlink()
    _write(folder / "pytorch_model.bin", {"a": _Call(_Global(module, name))}, [])
    message = f"holds {module}.{name}, which is no tensor"
    with pytest.raises(CheckpointError, match=message) as caught:
        _load(folder)
    assert "python -c 'from transformers import" in str(caught.value)


class _Call:
    def __init__(self, function: _Global) -> None:
        self.function = function

    def __reduce__(self) -> Any:
        return self.function, ("touch run",)


def test_damage(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    path = folder / "pytorch_model.bin"
    whole = path.read_bytes()
    array = np.ones((2, 3), "f4")
    for content, message in [
        (b"", "is no file that torch.save writes today"),
        (whole[: len(whole) // 2], "is no file that torch.save writes today"),
    ]:
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=message):
            _load(folder)
    for tensor, message in [
        (_Tensor(array, "0", (1, 2)), "does not lie in the order of its rows"),
        (_Tensor(np.ones((2, 3), "f8"), "0"), "expected .* tensors, got 1"),
    ]:
        _write(path, {"a": tensor}, [tensor])
        with pytest.raises(CheckpointError, match=message):
            _load(folder)
    _write(path, [1, 2], [])
    with pytest.raises(CheckpointError, match="expected a dictionary of tensors, got list"):
        _load(folder)
    tensor = _Tensor(array, "0")
    _write(path, {"a": tensor}, [tensor], compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="is compressed"):
        _load(folder)


def test_another_checkpoint(tmp_path: Path) -> None:
    _write(tmp_path / "a.pt", {"state": 1}, [])
    with pytest.raises(CheckpointError, match=r"a\.pt: expected model_args and model, as nanoGPT"):
        _load(tmp_path / "a.pt")
    _checkpoint(tmp_path / "b.pt", n_expert=3)
    with pytest.raises(CheckpointError, match="model_args: n_expert: expected one of block_size"):
        with checkpoint.opened(tmp_path / "b.pt"):
            pass
