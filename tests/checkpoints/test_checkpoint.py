"""Model folders: round trip, replacement, refusal of what is not ours, and damage of each kind."""

from __future__ import annotations

import json
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pygpt import GPT, CharTokenizer, CheckpointError, GPTConfig, Tokenizer
from pygpt.checkpoints import folder as checkpoint
from pygpt.errors import OutputError

CONFIG = GPTConfig.microgpt(block_size=3, vocab_size=4, n_layer=2, n_head=1, n_embd=5)
CHARACTERS = CharTokenizer("a\u00e9\U0001f404")
CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"


def _weights(seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = CONFIG.weight_shapes().items()
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes}


def _load(source: Path) -> dict[str, np.ndarray]:
    with checkpoint.opened(source) as saved:
        shapes = saved.config.weight_shapes().items()
        weights = {name: np.empty(shape, np.float32) for name, shape in shapes}
        saved.copy_to(weights)
    return weights


def _tokenizer(source: Path) -> Tokenizer | None:
    with checkpoint.opened(source) as saved:
        return saved.tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good model folder."""
    checkpoint.save(tmp_path / "model", CONFIG, _weights(), tokenizer=CHARACTERS)
    return tmp_path / "model"


def test_files(folder: Path) -> None:
    assert sorted(os.listdir(folder)) == [CONFIG_FILE, WEIGHTS_FILE]
    assert os.listdir(folder.parent) == ["model"]
    expected = {"model_type": "pygpt", **CONFIG.to_dict(), "characters": CHARACTERS.characters}
    assert json.loads((folder / CONFIG_FILE).read_text()) == expected
    for name, weight in load_file(folder / WEIGHTS_FILE).items():
        np.testing.assert_array_equal(weight, _weights()[name])


@pytest.mark.parametrize("backend", ["cpu", "plain"])
def test_round_trip_through_a_model(folder: Path, backend: str) -> None:
    with GPT.from_pretrained(folder, backend=backend) as model:
        assert (model.config, model.tokenizer) == (CONFIG, CHARACTERS)
        samples = model.sample_documents(9, random.Random(2))
        model.save_pretrained(folder.parent / "copy")
    saved = _load(folder.parent / "copy")
    for name, weight in _weights().items():
        np.testing.assert_array_equal(saved[name], weight)
    with GPT.from_pretrained(folder.parent / "copy", backend=backend) as model:
        assert model.sample_documents(9, random.Random(2)) == samples


def test_a_vocabulary_without_bos(tmp_path: Path) -> None:
    tokenizer = CharTokenizer("ab\u00e9\U0001f404", bos=False)
    with GPT(CONFIG, tokenizer=tokenizer) as model:
        model.save_pretrained(tmp_path / "model")
    with GPT.from_pretrained(tmp_path / "model") as model:
        assert model.tokenizer == tokenizer


def test_without_characters(tmp_path: Path) -> None:
    weights = _weights()
    weights["wte.weight"][0, 0] = np.nan  # let through
    checkpoint.save(tmp_path / "model", CONFIG, weights)
    assert np.isnan(_load(tmp_path / "model")["wte.weight"][0, 0])
    assert _tokenizer(tmp_path / "model") is None


def test_ours_is_replaced(folder: Path) -> None:
    (folder / WEIGHTS_FILE).write_bytes(b"damaged")
    checkpoint.check_writable(folder)
    checkpoint.save(folder, CONFIG, _weights(2), tokenizer=CHARACTERS)
    weight = _load(folder)["lm_head.weight"]
    np.testing.assert_array_equal(weight, _weights(2)["lm_head.weight"])
    assert os.listdir(folder.parent) == ["model"]


def test_a_link_to_ours_stays_a_link(folder: Path) -> None:
    link = folder.with_name("link")
    link.symlink_to("model", target_is_directory=True)
    checkpoint.save(link, CONFIG, _weights(2))
    assert link.is_symlink() and _tokenizer(folder) is None


def test_a_failed_replacement_leaves_the_old_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, calls = os.rename, []

    def fail_second(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_second)
    with pytest.raises(OutputError, match="cannot be written: No space left on device$"):
        checkpoint.save(folder, CONFIG, _weights(2))
    assert _tokenizer(folder) == CHARACTERS
    assert os.listdir(folder.parent) == ["model"]


def _foreign_config(target: Path) -> None:
    target.mkdir()
    (target / CONFIG_FILE).write_text('{"model_type": "gpt2"}')
    (target / WEIGHTS_FILE).write_bytes(b"")


def _third_file(target: Path) -> None:
    checkpoint.save(target, CONFIG, _weights())
    (target / "notes.txt").write_text("keep me")


@pytest.mark.parametrize(
    "make",
    [
        lambda target: target.mkdir(),
        lambda target: target.write_text("keep me"),
        lambda target: target.symlink_to(target),
        _foreign_config,
        _third_file,
    ],
    ids=["empty_folder", "file", "endless_link", "foreign", "third_file"],
)
def test_what_is_not_ours_is_refused(make: Callable[[Path], Any], tmp_path: Path) -> None:
    make(tmp_path / "out")
    for refuse in (
        lambda: checkpoint.check_writable(tmp_path / "out"),
        lambda: checkpoint.save(tmp_path / "out", CONFIG, _weights()),
    ):
        with pytest.raises(OutputError, match="exists and is no model that pygpt wrote; "):
            refuse()
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("name", ["file/out", "file/in/out", "x" * 300])
def test_not_writable(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="^output folder .*: cannot be written: "):
        checkpoint.check_writable(tmp_path / name)
    assert os.listdir(tmp_path) == ["file"]


def _edit_config(**changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        values = json.loads((folder / CONFIG_FILE).read_text()) | changes
        kept = {name: value for name, value in values.items() if value is not ...}
        (folder / CONFIG_FILE).write_text(json.dumps(kept))

    return edit


def _edit_weights(**changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        changed = {name.replace("_weight", ".weight"): w for name, w in changes.items()}
        weights = _weights() | changed
        save_file({n: w for n, w in weights.items() if w is not ...}, folder / WEIGHTS_FILE)

    return edit


def _write(file: str, data: bytes) -> Callable[[Path], Any]:
    return lambda folder: (folder / file).write_bytes(data)


def _cut(count: int) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / WEIGHTS_FILE, count)


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no_config": (lambda f: (f / CONFIG_FILE).unlink(), "config.json is missing; "),
    "no_weights": (lambda f: (f / WEIGHTS_FILE).unlink(), "model.safetensors is missing"),
    "not_json": (_write(CONFIG_FILE, b"{"), "config.json is damaged: "),
    "not_utf8": (_write(CONFIG_FILE, b'{"\xe9": 1}'), "config.json is damaged: "),
    "deep_json": (_write(CONFIG_FILE, b"[" * 100_000), "config.json is damaged: "),
    "list": (_write(CONFIG_FILE, b"[]"), 'expected "model_type": "pygpt" (or one of '),
    "foreign": (_edit_config(model_type="bert"), "bloom, mpt, falcon), got 'bert'"),
    "unknown_key": (_edit_config(n_heads=1), "n_heads: expected one of block_size, "),
    "no_size": (_edit_config(n_head=...), "n_head: expected a value, got none"),
    "size_of_text": (_edit_config(n_head="1"), "n_head: expected a whole number, got '1'"),
    "endless": (_edit_config(n_layer=2**31 - 1), "expected 8589934591 tensors, got 11"),
    "other_vocab": (_edit_config(vocab_size=5), "vocab_size: expected 4, for its characters"),
    "characters": (_edit_config(characters="baa"), "characters: expected different ones"),
    "no_text": (_edit_config(characters=[1]), "characters: expected text, got [1]"),
    "empty": (_write(WEIGHTS_FILE, b""), "model.safetensors is damaged: "),
    "noise": (_write(WEIGHTS_FILE, b"\xff" * 99), "model.safetensors is damaged: "),
    "long_header": (
        _write(WEIGHTS_FILE, struct.pack("<Q", 2**24 + 1) + b"{}"),
        "is damaged: expected a header of at most 16777216 bytes, got 16777217",
    ),
    "bad_header": (_write(WEIGHTS_FILE, struct.pack("<Q", 2) + b"[]"), "is damaged: "),
    "cut_header": (_cut(20), "model.safetensors is damaged: "),
    "cut_weights": (_cut(1800), "model.safetensors is damaged: "),
    "missing": (_edit_weights(lm_head_weight=..., x=np.ones(1)), "lm_head.weight is missing"),
    "extra": (_edit_weights(ln_f_weight=np.ones(5, "f4")), "ln_f.weight is not of this model"),
    "shape": (
        _edit_weights(wpe_weight=np.ones((5, 3), "f4")),
        "wpe.weight: expected shape (3, 5), got (5, 3)",
    ),
    "dtype": (
        _edit_weights(wpe_weight=np.ones((3, 5))),
        "wpe.weight: expected F32, F16, BF16, got F64",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage(folder: Path, kind: str) -> None:
    damage, message = DAMAGE[kind]
    damage(folder)
    with pytest.raises(CheckpointError) as caught:
        _load(folder)
    text = str(caught.value)
    assert text.startswith(f"model folder {folder}: ")
    assert message in text and "\n" not in text


def test_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="does not exist$"):
        _load(tmp_path / "none")
    with pytest.raises(CheckpointError, match="is no folder$"):
        _load(tmp_path / "file")
    with pytest.raises(CheckpointError, match="does not exist; ~ is not expanded"):
        _load(Path("~/no model of pygpt"))
    (tmp_path / "model.q4").write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(CheckpointError, match="model.q4: is GGUF, llama.cpp's form: take the"):
        _load(tmp_path / "model.q4")
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK")
    with pytest.raises(CheckpointError, match=f"is no folder: give the one .* in, {tmp_path}$"):
        _load(tmp_path / "pytorch_model.bin")


FOREIGN = {
    "adapter_config.json": "it is an adapter .* without its model: PEFT's merge_and_unload",
    "params.json": "it has Llama's original files: transformers' convert_llama",
    "x.Q4_K_M.gguf": "it has GGUF",
    "train.bin": "it is a dataset, which is for train",
    "notes.txt": "was it made by pygpt",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_folder_of_other_programs(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(CheckpointError, match=f": config.json is missing; {FOREIGN[name]}"):
        _load(tmp_path)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_weights_that_git_lfs_did_not_fetch(folder: Path, file: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / file).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\n")
    with pytest.raises(CheckpointError, match=f"{file} is a pointer of Git LFS, .*git lfs pull"):
        _load(folder)
