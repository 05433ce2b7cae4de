"""Hugging Face's folders: read in all their forms, written for `transformers`, refused by name."""

from __future__ import annotations

import json
import os
import shutil
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from pygpt import GPT, BPETokenizer, CharTokenizer, CheckpointError, ConfigError, GPTConfig
from pygpt.checkpoints import folder as checkpoint
from pygpt.checkpoints import hub
from pygpt.checkpoints import safetensors as tensors
from pygpt.errors import OutputError
from pygpt.tokenizers.protocol import SpecialIds
from tests import tolerances
from tests.golden import make_written
from tests.reference.frozen import GOLDEN, from_gpt2, from_llama, hugging_face

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
INDEX_FILE, GENERATION_FILE = "model.safetensors.index.json", "generation_config.json"
BACKENDS = ("cpu", "nd4j", "plain")
FAMILIES = {"hf_gpt2_tiny": from_gpt2, "hf_llama_tiny": from_llama}
Params = dict[str, np.ndarray]


@pytest.fixture(params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of each of transformers' folders; its name is that of the original."""
    return Path(shutil.copytree(GOLDEN / request.param, tmp_path / request.param))


@pytest.fixture
def gpt2(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN / "hf_gpt2_tiny", tmp_path / "hf_gpt2_tiny"))


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN / "hf_llama_tiny", tmp_path / "hf_llama_tiny"))


def _expected(folder: Path) -> Params:
    """The weights under our names, by the reference's own renaming."""
    params, _ = hugging_face(folder.name, FAMILIES[folder.name])
    return {name: weight.astype(np.float32) for name, weight in params.items()}


def _load(source: Path) -> Params:
    with checkpoint.opened(source) as saved:
        shapes = saved.config.weight_shapes().items()
        weights = {name: np.full(shape, np.nan, np.float32) for name, shape in shapes}
        saved.copy_to(weights)
    return weights


def _assert_same(actual: Params, expected: Params) -> None:
    assert actual.keys() == expected.keys()
    for name, weight in expected.items():
        np.testing.assert_array_equal(actual[name], weight, err_msg=name)


def _edit(folder: Path, file: str = CONFIG_FILE, **changes: Any) -> None:
    values = json.loads((folder / file).read_text()) | changes
    kept = {name: value for name, value in values.items() if value is not ...}
    (folder / file).write_text(json.dumps(kept))


def _arrays(folder: Path) -> Params:
    return load_file(folder / WEIGHTS_FILE)


def _save(folder: Path, arrays: Params, file: str = WEIGHTS_FILE) -> None:
    save_file(arrays, folder / file, metadata={"format": "pt"})


# ---- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", FAMILIES)
def test_logits_and_loss(name: str, backend: str) -> None:
    with np.load(GOLDEN / name / "expected.npz") as file:
        ids, logits, loss = file["ids"], file["logits"], float(file["loss"])
    targets = np.pad(ids[:, 1:], [(0, 0), (0, 1)], constant_values=-1)
    with GPT.from_pretrained(GOLDEN / name, backend=backend, threads=1) as model:
        assert (model.tokenizer, model.special_ids) == (None, SpecialIds(0, (0,), None))
        atol = tolerances.TENSOR_FLOAT32 * np.abs(logits).max()
        np.testing.assert_allclose(model.logits(ids), logits, rtol=0, atol=atol)
        assert model.loss(ids, targets) == pytest.approx(loss, rel=tolerances.LOSS_FLOAT32)


def test_a_folder_or_its_file(folder: Path) -> None:
    _assert_same(_load(folder), _expected(folder))
    (folder / WEIGHTS_FILE).rename(folder / "other.safetensors")
    _assert_same(_load(folder / "other.safetensors"), _expected(folder))


def test_without_prefix(folder: Path) -> None:
    arrays = _arrays(folder)
    for prefix in ("transformer.", "model."):
        arrays = {name.removeprefix(prefix): weight for name, weight in arrays.items()}
    _save(folder, arrays)
    _assert_same(_load(folder), _expected(folder))


def test_constants_of_old_files_are_passed_over(folder: Path) -> None:
    constants = {
        "transformer.h.1.attn.bias": np.ones((1, 1, 48, 48), bool),
        "transformer.h.1.attn.masked_bias": np.array(-1e4, np.float64),
    }
    if folder.name == "hf_llama_tiny":
        constants = {"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(4)}
    _save(folder, _arrays(folder) | constants)
    _assert_same(_load(folder), _expected(folder))


def test_old_keys(gpt2: Path, llama: Path) -> None:
    _edit(gpt2, n_positions=..., n_ctx=48, tie_word_embeddings=..., layer_norm_epsilon=...)
    _assert_same(_load(gpt2), _expected(gpt2))
    _edit(llama, rope_parameters=..., rope_theta=7.5, rope_scaling=None, head_dim=None)
    with checkpoint.opened(llama) as saved:
        assert saved.config.rope_theta == 7.5


def test_a_tied_head_in_the_file(gpt2: Path) -> None:
    arrays = _arrays(gpt2)
    _save(gpt2, arrays | {"lm_head.weight": arrays["transformer.wte.weight"]})
    _assert_same(_load(gpt2), _expected(gpt2))
    other = arrays["transformer.wte.weight"].copy()
    other[-1, -1] += 1
    _save(gpt2, arrays | {"lm_head.weight": other})
    with pytest.raises(CheckpointError, match="lm_head.weight: expected the numbers of transf"):
        _load(gpt2)
    _edit(gpt2, tie_word_embeddings=False)
    _assert_same(_load(gpt2), _expected(gpt2) | {"lm_head.weight": other})


@pytest.mark.parametrize("count", [2, 5])
def test_shards(folder: Path, count: int) -> None:
    arrays = _arrays(folder)
    (folder / WEIGHTS_FILE).unlink()
    homes = {}
    for shard in range(count):
        file = f"model-{shard + 1:05}-of-{count:05}.safetensors"
        names = sorted(arrays)[shard::count]
        _save(folder, {name: arrays[name] for name in names}, file)
        homes |= dict.fromkeys(names, file)
    index = {"metadata": {"total_size": 1}, "weight_map": homes}
    (folder / INDEX_FILE).write_text(json.dumps(index))
    _assert_same(_load(folder), _expected(folder))


def _write_as(path: Path, arrays: Params, dtype: str) -> None:
    """Write a file of float16, or of bfloat16: the upper halves of float32s."""
    header, body = {}, b""
    for name, array in arrays.items():
        if dtype == "F16":
            data = array.astype("<f2").tobytes()
        else:
            data = (array.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": offsets}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_half_precision(folder: Path, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensors, "BLOCK_BYTES", 1009)  # many blocks, the last one short
    _write_as(folder / WEIGHTS_FILE, _arrays(folder), dtype)
    for name, weight in _load(folder).items():
        exact = _expected(folder)[name]
        if dtype == "F16":
            expected = exact.astype(np.float16).astype(np.float32)
        else:
            expected = (exact.view(np.uint32) & 0xFFFF0000).view(np.float32)
        np.testing.assert_array_equal(weight, expected, err_msg=name)


def test_half_precision_holds_every_value(gpt2: Path) -> None:
    """All 65,536 bit patterns in a file, infinities and not-a-numbers too, against arithmetic."""
    bits = np.arange(2**16, dtype=np.uint32)
    sign, exponent, fraction = bits >> 15, bits >> 7 & 255, bits & 127
    expected = np.ldexp(1 + fraction / 128.0, exponent.astype(int) - 127)
    expected[exponent == 0] = np.ldexp(fraction[exponent == 0] / 128.0, -126)
    expected[exponent == 255] = np.where(fraction[exponent == 255], np.nan, np.inf)
    header = {"a": {"dtype": "BF16", "shape": [2**16], "data_offsets": [0, 2**17]}}
    text = json.dumps(header).encode()
    path = gpt2 / "all.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bits.astype("<u2").tobytes())
    actual = np.zeros(2**16, np.float32)
    with tensors.opened(path) as (stored, _):
        stored["a"].copy_to(actual)
    np.testing.assert_array_equal(actual, (expected * np.where(sign, -1, 1)).astype(np.float32))


def test_special_ids(gpt2: Path) -> None:
    _edit(gpt2, GENERATION_FILE, bos_token_id=3, eos_token_id=[5, 7], pad_token_id=2)
    with checkpoint.opened(gpt2) as saved:
        assert saved.special_ids == SpecialIds(3, (5, 7), 2)
    (gpt2 / GENERATION_FILE).unlink()
    _edit(gpt2, eos_token_id=..., bos_token_id=None, pad_token_id=4)
    with checkpoint.opened(gpt2) as saved:
        assert saved.special_ids == SpecialIds(None, (), 4)


def test_mistral_without_a_window_is_llama(llama: Path) -> None:
    for window in (None, 48):
        _edit(llama, model_type="mistral", sliding_window=window)
        _assert_same(_load(llama), _expected(llama))


@pytest.mark.parametrize(
    ("values", "dropout"), [({}, 0.0), ({"attn_pdrop": 0.2}, 0.0), ({"attn_pdrop": ...}, 0.0)]
)
def test_dropout_that_differs_is_left_out(gpt2: Path, values: Any, dropout: float) -> None:
    _edit(gpt2, **values)
    with checkpoint.opened(gpt2) as saved:
        assert saved.config.dropout == dropout
    _edit(gpt2, resid_pdrop=..., embd_pdrop=..., attn_pdrop=...)
    with checkpoint.opened(gpt2) as saved:
        assert saved.config.dropout == 0.1  # transformers' default


# ---- refused ---------------------------------------------------------------------------------

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "cross": ("gpt2", {"add_cross_attention": True}, "add_cross_attention: expected False, "),
    "quantized": ("gpt2", {"quantization_config": {}}, "quantization_config: expected None, "),
    "activation": ("gpt2", {"activation_function": "elu"}, "activation_function: expected one "),
    "activation_list": ("gpt2", {"activation_function": []}, "activation_function: expected one "),
    "no_size": ("gpt2", {"n_layer": ...}, "n_layer: expected a value, got none"),
    "no_length": ("gpt2", {"n_positions": ...}, "n_positions: expected a value, got none"),
    "size": ("gpt2", {"n_positions": 2.5}, "n_positions: expected a whole number, got 2.5"),
    "huge": ("gpt2", {"n_embd": 2**31}, "n_embd: expected at most 2147483647, got 2147483648"),
    "heads": ("gpt2", {"n_head": 5}, "n_embd: expected a multiple of n_head = 5, got 32"),
    "endless": ("gpt2", {"n_layer": 2**31 - 1}, "expected 25769803768 tensors, got 28"),
    "tied": ("gpt2", {"tie_word_embeddings": "yes"}, "tie_word_embeddings: expected true or fal"),
    "untied": ("gpt2", {"tie_word_embeddings": False}, "tensor lm_head.weight is missing"),
    "eps": ("gpt2", {"layer_norm_epsilon": 0}, "layer_norm_epsilon: expected more than 0, got 0"),
    "wide": ("gpt2", {"n_inner": 7}, "h.0.mlp.c_fc.weight: expected shape (32, 7), got (32, 128)"),
    "dropout": ("gpt2", dict.fromkeys(("attn_pdrop", "embd_pdrop", "resid_pdrop"), 1), "dropout: "),
    "rope": ("llama", {"rope_parameters": {"rope_type": "llama3"}}, "llama3: expected factor=num"),
    "old_rope": (
        "llama",
        {"rope_parameters": ..., "rope_scaling": {"type": "ntk", "factor": 2.0}},
        "rope_scaling: expected one of linear, dynamic, llama3, yarn, got 'ntk'",
    ),
    "part": ("llama", {"rope_parameters": {"partial_rotary_factor": 0.5}}, "rope_parameters: expe"),
    "old_part": ("llama", {"partial_rotary_factor": 0.5}, "partial_rotary_factor: expected 1.0"),
    "rope_list": ("llama", {"rope_parameters": [1]}, "rope_parameters: expected an object, got [1"),
    "theta": ("llama", {"rope_parameters": {"rope_theta": 0.5}}, "rope_theta: expected more than "),
    "act": ("llama", {"hidden_act": "prelu"}, "hidden_act: expected one of gelu_new, "),
    "head_dim": ("llama", {"head_dim": 16}, "q_proj.weight: expected shape (64, 32), got (32, 32)"),
    "mlp_bias": ("llama", {"mlp_bias": True}, "down_proj.bias is missing"),
    "bias": ("llama", {"attention_bias": True, "mlp_bias": True}, "down_proj.bias is missing"),
    "window": (
        "llama",
        {"model_type": "mistral", "sliding_window": 0},
        "sliding_window: expected none, or at least 1, got 0",
    ),
    "default_kv": (
        "llama",
        {"model_type": "mistral", "num_key_value_heads": ...},
        "num_key_value_heads: expected a value, got none",
    ),
    "kv": ("llama", {"num_key_value_heads": 3}, "num_key_value_heads: expected a divisor of n_he"),
    "qwen": ("llama", {"model_type": "qwen2"}, "model.layers.0.self_attn.k_proj.bias is missing"),
    "mixture": ("llama", {"model_type": "mixtral"}, "(or one of gpt2, llama, arcee, seed_oss, "),
    "eos": ("llama", {"eos_token_id": "0"}, "eos_token_id: expected a whole number, got '0'"),
    "pad": ("llama", {"pad_token_id": [0]}, "pad_token_id: expected a whole number, got [0]"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_engine_lacks_is_refused(case: str, tmp_path: Path) -> None:
    name, changes, message = REFUSED[case]
    folder = Path(shutil.copytree(GOLDEN / f"hf_{name}_tiny", tmp_path / "model"))
    _edit(folder, **changes)
    with pytest.raises(CheckpointError) as caught:
        _load(folder)
    text = str(caught.value)
    assert text.startswith(f"model folder {folder}: ") and message in text and "\n" not in text


def test_a_mistral_has_a_window_by_default(llama: Path) -> None:
    _edit(llama, model_type="mistral", max_position_embeddings=4097)
    with checkpoint.opened(llama) as saved:
        assert (saved.config.window, saved.config.window_layers) == (4096, ())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"transformer.wpe.weight": ...}, "tensor transformer.wpe.weight is missing$"),
        ({"score.weight": np.ones(3)}, "tensor score.weight is not of this model$"),
        ({"wpe.weight": np.ones(3)}, "tensor wpe.weight is not of this model$"),
        ({"transformer.ln_f.bias": np.ones(32, "i4")}, r"bias: expected F32, F16, BF16, got I32$"),
        ({"transformer.ln_f.bias": np.ones((1, 32))}, r"expected shape \(32,\), got \(1, 32\)$"),
    ],
    ids=["missing", "extra", "without_prefix_too", "dtype", "shape"],
)
def test_other_tensors(gpt2: Path, arrays: dict[str, Any], message: str) -> None:
    changed = _arrays(gpt2) | arrays
    _save(gpt2, {name: w for name, w in changed.items() if w is not ...})
    with pytest.raises(CheckpointError, match=message):
        _load(gpt2)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([], r"expected a weight_map, got None$"),
        ({"weight_map": {}}, r"expected a weight_map, got \{\}$"),
        ({"weight_map": {"a": "../a.safetensors"}}, r"in the folder, got '\.\./a\.safetensors'$"),
        ({"weight_map": {"a": 3}}, r"\.safetensors file in the folder, got 3$"),
        ({"weight_map": {"a": "none.safetensors"}}, r"none\.safetensors is missing$"),
        ({"weight_map": {"a": "a.safetensors"}}, r"wte\.weight is in a\.safetensors, exp"),
    ],
)
def test_bad_indexes(gpt2: Path, index: Any, message: str) -> None:
    wte = _arrays(gpt2)["transformer.wte.weight"]
    _save(gpt2, {"transformer.wte.weight": wte}, "a.safetensors")
    _save(gpt2, {"transformer.wte.weight": wte}, "../a.safetensors")
    (gpt2 / WEIGHTS_FILE).unlink()
    (gpt2 / INDEX_FILE).write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=message):
        _load(gpt2)


def test_an_index_that_names_too_much(gpt2: Path) -> None:
    (gpt2 / WEIGHTS_FILE).rename(gpt2 / "a.safetensors")
    names = [*load_file(gpt2 / "a.safetensors"), "x"]
    index = {"weight_map": dict.fromkeys(names, "a.safetensors")}
    (gpt2 / INDEX_FILE).write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"tensor x is missing in a\.safetensors$"):
        _load(gpt2)


def test_a_file_that_is_cut_while_it_is_read(gpt2: Path) -> None:
    weights = {name: w.copy() for name, w in _expected(gpt2).items()}
    with checkpoint.opened(gpt2) as saved:
        os.truncate(gpt2 / WEIGHTS_FILE, os.path.getsize(gpt2 / WEIGHTS_FILE) // 2)
        with pytest.raises(CheckpointError, match=r"model\.safetensors: was cut while it was read"):
            saved.copy_to(weights)


# ---- written ---------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", make_written.CASES)
def test_transformers_gives_these_logits(case: str, backend: str, tmp_path: Path) -> None:
    """It read the very bytes that are written here, and answered what the file has."""
    with np.load(GOLDEN / "written.npz") as file:
        logits, sha256 = file[f"logits:{case}"], str(file[f"sha256:{case}"])
    with make_written.write(case, tmp_path / "model", backend) as model:
        assert make_written.digest(tmp_path / "model") == sha256
        atol = tolerances.TENSOR_FLOAT32 * np.abs(logits).max()
        np.testing.assert_allclose(model.logits(make_written.IDS), logits, rtol=0, atol=atol)
    with GPT.from_pretrained(tmp_path / "model", backend=backend) as model:
        assert model.config == make_written.CASES[case]
        assert model.special_ids == make_written.SPECIAL_IDS
        _assert_same(model.parameters(), make_written.weights_of(model.config))


def test_written_folders_have_the_same_tensors(folder: Path) -> None:
    with GPT.from_pretrained(folder) as model:
        model.save_pretrained(folder.parent / "written")
        model.save_pretrained(folder.parent / "own", format="pygpt")
    written = _arrays(folder.parent / "written")
    assert written.keys() == _arrays(folder).keys()
    for name, array in _arrays(folder).items():
        assert (array.dtype, array.tobytes()) == (written[name].dtype, written[name].tobytes())
    with safe_open(folder.parent / "written" / WEIGHTS_FILE, framework="numpy") as file:
        assert file.metadata() == {"format": "pt", "writer": "pygpt"}
    _assert_same(_load(folder.parent / "own"), _expected(folder))
    with checkpoint.opened(folder.parent / "own") as saved:
        assert saved.special_ids == SpecialIds(0, (0,), None)


def test_the_bytes_of_the_safetensors_package(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    arrays = {name: rng.normal(size=(3, 7)).astype("f4") for name in ("b", "a.\u00e9", '"', "B")}
    save_file(arrays, tmp_path / "theirs", metadata={"format": "np"})
    ours = b"".join(bytes(part) for part in tensors.encode(arrays, {"format": "np"}))
    assert ours == (tmp_path / "theirs").read_bytes()


LACKING: dict[str, tuple[dict[str, Any], str]] = {
    "no_bias": ({"bias": False}, "bias: expected True, as Hugging Face's gpt2 has, got False"),
    "grouped": ({"n_kv_head": 1}, "n_kv_head: expected 2, as Hugging Face's gpt2 has, got 1"),
    "swiglu": ({"activation": "swiglu"}, "activation: expected another, Hugging Face's gpt2 has "),
    "rotary": ({"positions": "rotary"}, "positions: expected 'learned', as Hugging Face's gpt2 "),
    "no_gain": ({"norm_gain": False}, "norm_gain: expected True, as Hugging Face's gpt2 has, "),
    "embedding": ({"embedding_norm": True}, "embedding_norm: expected False, as Hugging Face's "),
    "no_norm": ({"final_norm": False}, "final_norm: expected True, as Hugging Face's gpt2 has, "),
    "relu": ({"norm": "rmsnorm", "positions": "rotary"}, "activation: expected 'swiglu', as Hugg"),
}


@pytest.mark.parametrize("case", LACKING)
def test_other_architectures_are_written_as_our_own(case: str, tmp_path: Path) -> None:
    fields, message = LACKING[case]
    config = GPTConfig(3, 5, 1, 2, 4, **fields)
    weights = {n: np.ones(s, np.float32) for n, s in config.weight_shapes().items()}
    with pytest.raises(ConfigError) as caught:
        checkpoint.save(tmp_path / "model", config, weights, format="huggingface")
    assert str(caught.value).startswith(message) and not (tmp_path / "model").exists()
    checkpoint.save(tmp_path / "model", config, weights)
    assert json.loads((tmp_path / "model" / CONFIG_FILE).read_text())["model_type"] == "pygpt"
    _assert_same(_load(tmp_path / "model"), weights)


def test_an_unknown_format(tmp_path: Path) -> None:
    message = "^format: expected one of pygpt, huggingface, got 'onnx'$"
    with pytest.raises(ConfigError, match=message):
        checkpoint.save(tmp_path / "model", GPTConfig(3, 5, 1, 1, 2), {}, format="onnx")


def test_only_what_pygpt_wrote_is_replaced(folder: Path) -> None:
    with GPT.from_pretrained(folder) as model:
        (folder / "expected.npz").unlink()
        with pytest.raises(OutputError, match="exists and is no model that pygpt wrote; "):
            model.save_pretrained(folder)
        written = folder.parent / "written"
        model.save_pretrained(written)
        model.save_pretrained(written, format="pygpt")  # takes the other format's place
        model.save_pretrained(written)
        _assert_same(_load(written), _expected(folder))
        _save(written, _arrays(written))  # as transformers would, after a fine-tuning
        with pytest.raises(OutputError, match="exists and is no model that pygpt wrote; "):
            model.save_pretrained(written)


# ---- tokenizers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tokenizer",
    [CharTokenizer("ab\u00e9"), BPETokenizer.train("the cat, the hat " * 5, 259)],
    ids=["characters", "bpe"],
)
@pytest.mark.parametrize("bias", [True, False], ids=["huggingface", "pygpt"])
def test_the_tokenizer_is_kept(tokenizer: Any, bias: bool, tmp_path: Path) -> None:
    config = GPTConfig(3, tokenizer.vocab_size, 1, 1, 2, bias=bias)
    with GPT(config, tokenizer=tokenizer) as model:
        model.save_pretrained(tmp_path / "model")
        model.save_pretrained(tmp_path / "model")  # ours, tokenizer.json and all
        text = model.tokenizer
        model.tokenizer = None
        if (tmp_path / "model" / "tokenizer.json").exists():
            with pytest.raises(OutputError, match="exists and is no model that pygpt wrote; "):
                model.save_pretrained(tmp_path / "model")  # which would lose the tokenizer
    with GPT.from_pretrained(tmp_path / "model") as model:
        assert model.tokenizer is not None
        assert model.tokenizer.fingerprint == text.fingerprint


def test_a_tokenizer_of_fewer_ids(gpt2: Path) -> None:
    tokenizer = CharTokenizer("abc")  # the model has 101: padded
    tokenizer.save(gpt2 / "tokenizer.json")
    with GPT.from_pretrained(gpt2) as model:
        assert model.tokenizer == tokenizer


def test_a_tokenizer_that_is_of_no_use(gpt2: Path) -> None:
    CharTokenizer("".join(map(chr, range(0x100, 0x165)))).save(gpt2 / "tokenizer.json")
    with pytest.warns(UserWarning, match="has 102 ids, more than the model's 101; the model takes"):
        GPT.from_pretrained(gpt2).close()
    (gpt2 / "tokenizer.json").write_text("{}")
    with pytest.warns(UserWarning, match="; the model takes ids alone, no text$") as caught:
        GPT.from_pretrained(gpt2).close()
    assert caught[0].filename == __file__


# ---- the hub ---------------------------------------------------------------------------------


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., str]], None]:
    def install(snapshot_download: Callable[..., str]) -> None:
        module = types.ModuleType("huggingface_hub")
        module.snapshot_download = snapshot_download  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "huggingface_hub", module)

    return install


def test_a_name_on_the_hub(fake_hub: Any) -> None:
    def fetch(name: str, allow_patterns: list[str]) -> str:
        assert name == "org/tiny" and "model.safetensors" in allow_patterns
        return str(GOLDEN / "hf_gpt2_tiny")

    fake_hub(fetch)
    with GPT.from_pretrained("org/tiny") as model:
        assert model.config.n_embd == 32


def test_pickles_of_the_hub(fake_hub: Any, tmp_path: Path) -> None:
    """They are fetched where there are no safetensors, and then alone."""
    asked: list[list[str]] = []

    def fetch(name: str, allow_patterns: list[str]) -> str:
        asked.append(allow_patterns)
        return str(tmp_path)

    fake_hub(fetch)
    assert hub.fetch("org/old") == tmp_path
    assert "config.json" in asked[0] and not any("pytorch" in name for name in asked[0])
    expected = ["pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin"]
    assert asked[1] == expected


def test_no_network(fake_hub: Any) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise ConnectionError("no\nroute")

    fake_hub(fail)
    message = "^model org/tiny: there is no such folder, and the hub does not give it: no route$"
    with pytest.raises(CheckpointError, match=message):
        GPT.from_pretrained("org/tiny")


def test_no_huggingface_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    message = "^model gpt2: there is no such folder; to fetch it from the Hugging Face hub, pip in"
    with pytest.raises(CheckpointError, match=message):
        GPT.from_pretrained("gpt2")


def test_what_is_no_name_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    for source in ("here", "./a", "/a/b", "a/b/c", "a.safetensors", "..", "", Path("gpt2")):
        assert not hub.is_name(source)
        with pytest.raises(CheckpointError):
            GPT.from_pretrained(source)
