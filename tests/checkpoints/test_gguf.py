"""GGUF: files of the package `gguf` are read, ours are read by it; formats, tokenizers, damage."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file

from pygpt import GPT, BPETokenizer, CharTokenizer, CheckpointError, ConfigError, GPTConfig
from pygpt.checkpoints import folder as checkpoint
from pygpt.checkpoints import ggml, gguf_models
from pygpt.cli import main as cli
from pygpt.errors import OutputError, TokenError
from pygpt.tokenizers import gguf as tokenizers
from pygpt.tokenizers.file_tokenizer import FileTokenizer
from pygpt.tokenizers.protocol import NO_SPECIAL_IDS, Tokenizer, with_roles
from tests import tolerances
from tests.reference.frozen import GOLDEN, from_gpt2, from_llama, hugging_face
from tests.tokenizers import families

KINDS = {kind: gguf.GGMLQuantizationType[kind] for kind in ggml.KINDS}
FOLDERS = {"hf_gpt2_tiny": from_gpt2, "hf_llama_tiny": from_llama}
Params = dict[str, np.ndarray]


def _load(source: Path) -> Params:
    with checkpoint.opened(source) as saved:
        shapes = saved.config.weight_shapes().items()
        weights = {name: np.full(shape, np.nan, np.float32) for name, shape in shapes}
        saved.copy_to(weights)
    return weights


def _permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of queries or keys as llama.cpp rotates them: neighbours, not halves."""
    halves = weight.reshape(heads, 2, len(weight) // heads // 2, -1)
    return halves.swapaxes(1, 2).reshape(weight.shape)


_LLAMA_NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}  # fmt: skip
_GPT2_NAMES = {
    "transformer.wte": "token_embd", "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm", "ln_1": "attn_norm", "ln_2": "ffn_norm",
    "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}  # fmt: skip


def _tensors(folder: str) -> Params:
    """The tensors of transformers' model as llama.cpp's converter has them."""
    names = _GPT2_NAMES if "gpt2" in folder else _LLAMA_NAMES
    found = {}
    for name, weight in load_file(GOLDEN / folder / "model.safetensors").items():
        *start, module, kind = name.replace(".h.", ".layers.").rsplit(".", 2)
        parts = ".".join([*start, module]).split(".layers.")
        layer, _, module = parts[-1].partition(".") if len(parts) == 2 else ("", "", parts[0])
        if "gpt2" in folder and layer and weight.ndim == 2:
            weight = weight.T
        if module in ("self_attn.q_proj", "self_attn.k_proj"):
            weight = _permuted(weight, 4 if "q_" in module else 2)
        full = f"{names[module]}.{kind}"
        found[f"blk.{layer}.{full}" if layer else full] = weight
    return found


def _write_by_gguf(path: Path, folder: str, kind: str = "F32") -> Params:
    """Write a file with the package `gguf`; return its tensors as it reads them."""
    config = json.loads((GOLDEN / folder / "config.json").read_text())
    is_gpt2 = config["model_type"] == "gpt2"
    writer = gguf.GGUFWriter(path, config["model_type"])
    writer.add_context_length(48)
    writer.add_embedding_length(32)
    writer.add_block_count(2)
    writer.add_feed_forward_length(128 if is_gpt2 else 56)
    writer.add_head_count(2 if is_gpt2 else 4)
    if is_gpt2:
        writer.add_layer_norm_eps(1e-5)
    else:
        writer.add_head_count_kv(2)
        writer.add_layer_norm_rms_eps(1e-6)
        writer.add_rope_dimension_count(8)
    written = {}
    for name, weight in _tensors(folder).items():
        has = kind if weight.ndim == 2 and weight.shape[1] % ggml.KINDS[kind].items == 0 else "F32"
        data = gguf.quants.quantize(np.ascontiguousarray(weight), KINDS[has])
        written[name] = gguf.quants.dequantize(data, KINDS[has])
        writer.add_tensor(name, data, raw_dtype=KINDS[has])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return written


def _read_by_gguf(path: Path) -> tuple[dict[str, Any], Params]:
    reader = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    tensors = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in reader.tensors}
    return fields, tensors


# ---- models ----------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_file_of_others_gives_the_logits_of_transformers(folder: str, tmp_path: Path) -> None:
    _write_by_gguf(tmp_path / "model.gguf", folder)
    _, expected = hugging_face(folder, FOLDERS[folder])
    with GPT.from_pretrained(tmp_path / "model.gguf") as model:
        logits = model.logits(expected["ids"])
    apart = np.abs(logits - expected["logits"]).max() / np.abs(expected["logits"]).max()
    assert apart < tolerances.TENSOR_FLOAT32


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_kind_is_read_as_others_read_it(folder: str, kind: str, tmp_path: Path) -> None:
    tensors = _write_by_gguf(tmp_path / "model.gguf", folder, kind)
    weights = _load(tmp_path / "model.gguf")
    embedding = weights["wte.weight"]
    np.testing.assert_array_equal(embedding, tensors["token_embd.weight"])
    c_attn, c_fc = weights["h.1.attn.c_attn.weight"].T, weights["h.1.mlp.c_fc.weight"].T
    if "gpt2" in folder:
        np.testing.assert_array_equal(c_attn, tensors["blk.1.attn_qkv.weight"])
    else:
        np.testing.assert_array_equal(_permuted(c_attn[:32], 4), tensors["blk.1.attn_q.weight"])
        np.testing.assert_array_equal(_permuted(c_attn[32:48], 2), tensors["blk.1.attn_k.weight"])
        np.testing.assert_array_equal(c_attn[48:], tensors["blk.1.attn_v.weight"])
        np.testing.assert_array_equal(c_fc[:56], tensors["blk.1.ffn_gate.weight"])


@pytest.mark.parametrize("weights", gguf_models.FORMATS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_others_read_what_is_written(folder: str, weights: str, tmp_path: Path) -> None:
    path, kind = tmp_path / "model.gguf", gguf_models.FORMATS[weights]
    with GPT.from_pretrained(GOLDEN / folder) as model:
        model.export_gguf(path, weights=weights)
        original = {name: weight.copy() for name, weight in model.parameters().items()}
    fields, tensors = _read_by_gguf(path)
    assert fields["general.architecture"] == ("gpt2" if "gpt2" in folder else "llama")
    for name, weight in _tensors(folder).items():
        rounds = weight.ndim == 2 and name != "position_embd.weight"
        has = kind if rounds and weight.shape[1] % ggml.KINDS[kind].items == 0 else "F32"
        has = "F16" if rounds and has != kind else has
        data = gguf.quants.quantize(np.ascontiguousarray(weight), KINDS[has])
        expected = gguf.quants.dequantize(data, KINDS[has])
        np.testing.assert_array_equal(tensors[name], expected, err_msg=name)
    if weights == "float32":
        loaded = _load(path)
        assert loaded.keys() == original.keys()
        for name, weight in original.items():
            np.testing.assert_array_equal(loaded[name], weight)


def test_numbers_of_all_sizes_are_rounded_as_by_others() -> None:
    rng = np.random.default_rng(5)
    numbers = rng.normal(size=(64, 96)).astype(np.float32) * 10.0 ** rng.integers(-9, 3, (64, 1))
    numbers = numbers.astype(np.float32)
    numbers[0] = 0
    numbers[1, :32] = np.arange(32) - 16
    for kind, theirs in KINDS.items():
        data = ggml.encode(kind, numbers)
        expected = gguf.quants.quantize(numbers, theirs)
        assert data == expected.tobytes(), kind
        got = ggml.decode(kind, len(numbers), data)
        np.testing.assert_array_equal(got, gguf.quants.dequantize(expected, theirs), err_msg=kind)


LLAMA = GPTConfig(
    64, 131, 2, 4, 32, n_kv_head=2, n_inner=64, bias=False, norm="rmsnorm", norm_eps=1e-6,
    activation="swiglu", tie_weights=False, positions="rotary", rope_theta=5e5,
)  # fmt: skip
MORE = {
    "nanoGPT's, without biases": GPTConfig(29, 65, 2, 2, 32, bias=False),
    "Llama 3's rotary scaling": GPTConfig(
        **{**LLAMA.to_dict(), "rope_scaling": (
            "llama3", "factor=8.0", "high_freq_factor=4.0", "low_freq_factor=1.0",
            "original_max_position_embeddings=8192.0",
        )},
    ),
    "linear scaling, tied": GPTConfig(
        **{**LLAMA.to_dict(), "rope_scaling": ("linear", "factor=4.0"), "tie_weights": True}
    ),
    "heads of another size, biases": GPTConfig(
        **{**LLAMA.to_dict(), "head_dim": 16, "bias": True, "bias_except": ("mlp",)}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MORE)
def test_round_trips(name: str, tmp_path: Path) -> None:
    config, path = MORE[name], tmp_path / "model.gguf"
    rng = np.random.default_rng(2)
    shapes = config.weight_shapes().items()
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes}
    gguf_models.write(path, config, weights, special_ids=NO_SPECIAL_IDS)
    loaded = _load(path)
    for weight_name, weight in loaded.items():
        expected = weights.get(weight_name, np.zeros(weight.shape))
        np.testing.assert_array_equal(weight, expected, err_msg=weight_name)
    with checkpoint.opened(path) as saved:
        has = saved.config.to_dict()
    if "biases" not in name:
        assert has.pop("rope_scaling", None) == config.to_dict().pop("rope_scaling", None)
    for key, value in config.to_dict().items():
        assert has.get(key, value) == value or key in ("bias", "rope_scaling"), key


# ---- tokenizers ------------------------------------------------------------------------------


def _again(tokenizer: Any) -> Tokenizer | None:
    """A tokenizer, written and read."""
    ids = with_roles(NO_SPECIAL_IDS, tokenizer)
    return tokenizers.read(tokenizers.as_metadata(tokenizer, tokenizer.vocab_size, ids))


@pytest.mark.parametrize("split", ["gpt2", "cl100k"])
def test_our_own_tokenizers_come_back(split: str) -> None:
    tokenizer = BPETokenizer.train(families.TEXTS[:200], 400, split)
    assert _again(tokenizer) == tokenizer
    for bos in (True, False):
        characters = CharTokenizer("\n !abcé🐄", bos=bos)
        assert _again(characters) == characters


@pytest.mark.parametrize("name", ["llama3", "qwen2", "smollm", "llama2"])
def test_tokenizers_of_others_come_back(name: str) -> None:
    original = FileTokenizer(json.loads(families.OWN[name]().to_str()))
    if name == "llama2":  # merges of every token in every way, as scores have it
        original = _again(original)  # type: ignore[assignment]
    again = _again(original)
    assert again is not None and again.prefix == original.prefix
    for text in families.TEXTS[:300]:
        assert again.encode(text, True) == original.encode(text, True)
        assert again.decode(again.encode(text)) == original.decode(original.encode(text))


def test_a_vocabulary_that_is_padded() -> None:
    tokenizer = BPETokenizer.train("abab", 258)
    metadata = tokenizers.as_metadata(tokenizer, 300, with_roles(NO_SPECIAL_IDS, tokenizer))
    assert metadata["tokenizer.ggml.tokens"][257:260] == ["<|endoftext|>", "[PAD258]", "[PAD259]"]
    assert tokenizers.read(metadata) == tokenizer


def test_tokenizers_that_gguf_has_no_name_for() -> None:
    tokenizer = FileTokenizer(json.loads(families.OWN["tekken"]().to_str()))
    with pytest.raises(TokenError, match="pre_tokenizer: GGUF is written of gpt-2, llama-bpe"):
        tokenizers.as_metadata(tokenizer, tokenizer.vocab_size, NO_SPECIAL_IDS)


# ---- commands --------------------------------------------------------------------------------


def test_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model with a tokenizer is exported; what generates from it is the same."""
    monkeypatch.chdir(tmp_path)
    tokenizer = CharTokenizer("\n abcdefghij", bos=True)
    with GPT(GPTConfig(29, 13, 2, 2, 32, bias=False), seed=3, tokenizer=tokenizer) as model:
        for weight in model.parameters().values():
            weight *= 9
        model.save_pretrained("model")
        expected = model.generate("abc", 20, temperature=0, stop_tokens=())
        model.chat_template = "{{ messages }}"
        model.export_gguf("other.gguf")
    for arguments in (["export", "model", "m.gguf"], ["export", "m.gguf", "n.gguf"]):
        assert cli.run(arguments) == 0
    assert "n.gguf: 0.1 MB" in capsys.readouterr().err
    with GPT.from_pretrained("n.gguf") as model:
        assert model.tokenizer == tokenizer
        assert model.generate("abc", 20, temperature=0, stop_tokens=()) == expected
    with GPT.from_pretrained("other.gguf") as model:
        assert model.chat_template == "{{ messages }}"
    assert cli.run(["info", "n.gguf", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dtype"] == "F32"
    assert cli.run(["export", "model", "m.gguf"]) == 1
    assert "output file m.gguf: exists" in capsys.readouterr().err
    assert cli.run(["export", "model", "m.bin"]) == 2


# ---- what cannot be, and damage --------------------------------------------------------------


def test_architectures_that_are_not_written(tmp_path: Path) -> None:
    config = GPTConfig.microgpt(3, 4, 1, 1, 5)
    weights = {name: np.zeros(shape, np.float32) for name, shape in config.weight_shapes().items()}
    with pytest.raises(ConfigError, match="GGUF is written of those"):
        gguf_models.write(tmp_path / "a.gguf", config, weights, special_ids=NO_SPECIAL_IDS)
    with pytest.raises(ConfigError, match="weights: expected one of float32, float16"):
        gguf_models.write(
            tmp_path / "a.gguf", config, weights, kind="q5_0", special_ids=NO_SPECIAL_IDS
        )
    config = GPTConfig(3, 4, 1, 1, 2)
    weights = {name: np.zeros(shape, np.float32) for name, shape in config.weight_shapes().items()}
    (tmp_path / "a.gguf").touch()
    with pytest.raises(OutputError, match="exists"):
        gguf_models.write(tmp_path / "a.gguf", config, weights, special_ids=NO_SPECIAL_IDS)


def _small(path: Path) -> bytes:
    config = GPTConfig(3, 4, 1, 1, 2)
    rng = np.random.default_rng(1)
    weights = {n: rng.normal(size=s).astype(np.float32) for n, s in config.weight_shapes().items()}
    tokenizer = CharTokenizer("abc")
    gguf_models.write(path, config, weights, tokenizer=tokenizer, special_ids=NO_SPECIAL_IDS)
    return path.read_bytes()


def _headers() -> Iterator[tuple[bytes, str]]:
    def head(tensors: int, keys: int, rest: bytes = b"", version: int = 3) -> bytes:
        return b"GGUF" + struct.pack("<IQQ", version, tensors, keys) + rest

    key = struct.pack("<Q", 1) + b"k"
    yield b"GGML" + bytes(60), "expected GGUF, got a file that begins with b'GGML'"
    yield head(0, 0, version=1), "expected version 2 or 3 of GGUF, got 1"
    yield head(2**63, 0), "is damaged or cut: a length reaches beyond the end"
    yield head(0, 2**63), "is damaged or cut: a length reaches beyond the end"
    yield head(0, 1, struct.pack("<Q", 2**62)), "is damaged or cut: a text reaches beyond"
    yield head(0, 1, key + struct.pack("<I", 99)), "is damaged: k has a value of type 99"
    array = struct.pack("<IIQ", 9, 4, 2**61)
    yield head(0, 1, key + array), "is damaged or cut: k reaches beyond the end"
    yield head(0, 1, key + struct.pack("<IIQ", 9, 9, 2)), "is damaged: k is an array of type 9"
    yield head(0, 2, 2 * (key + struct.pack("<II", 4, 1))), "is damaged: k is there twice"
    yield head(1, 0, key + struct.pack("<I", 9)), "is damaged: tensor k has 9 dimensions"
    tensor = key + struct.pack("<IQIQ", 1, 2**60, 0, 0)
    yield head(1, 0, tensor), "is damaged or cut: expected at least .* bytes, for tensor k"
    yield head(1, 0, key + struct.pack("<IQIQ", 1, 5, 8, 0)), "of Q8_0 has shape .5,."
    yield head(1, 0, key + struct.pack("<IQIQ", 1, 0, 0, 0)), "of F32 has shape .0,."
    other = key + struct.pack("<IQIQ", 1, 256, 12, 0)
    yield head(1, 0, other), "tensor k: expected F32, F16, Q4_0, Q8_0, BF16, got Q4_K; llama.cpp"
    architecture = struct.pack("<Q", 20) + b"general.architecture" + struct.pack("<IQ", 8, 5)
    yield head(0, 1, architecture + b"mamba"), "architecture: expected gpt2 or llama, got 'mamba'"


@pytest.mark.parametrize(("data", "expected"), [*_headers()])
def test_damage_is_named(data: bytes, expected: str, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(data)
    with pytest.raises(CheckpointError, match=f"model file .*m.gguf.*{expected}"):
        _load(tmp_path / "m.gguf")


def test_any_damage_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    whole = _small(path)
    rng = np.random.default_rng(9)
    refused = 0
    for _ in range(1500):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            data[rng.integers(0, len(whole))] = rng.integers(0, 256)
        if rng.random() < 0.3:
            del data[rng.integers(0, len(data)) :]
        path.write_bytes(data)
        try:
            _load(path)
        except CheckpointError as error:
            assert len(str(error).splitlines()) == 1
            refused += 1
        except UserWarning:  # of a tokenizer that does not fit
            refused += 1
    assert refused > 300
