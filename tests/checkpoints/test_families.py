"""Every family of transformers that pygpt reads, against transformers' frozen answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pygpt import GPT, CheckpointError
from pygpt.checkpoints import folder as checkpoint
from pygpt.checkpoints.families import FAMILIES
from pygpt.checkpoints.layouts import layout
from tests import tolerances
from tests.golden.make_families import (
    CASES,
    FILE,
    NEW,
    SEEDS,
    WITH_GRADIENTS,
    T,
    ids_of,
    weights_of,
)

Params = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def frozen() -> Params:
    with np.load(FILE) as file:
        return dict(file)


def _folder(frozen: Params, case: str, seed: int, path: Path) -> Path:
    """Write a model as transformers does."""
    path.mkdir()
    (path / "config.json").write_text(str(frozen[f"{case}:config"]))
    weights = weights_of(json.loads(str(frozen[f"{case}:shapes"])), seed)
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    return path


def _edit(folder: Path, **changes: Any) -> None:
    values = json.loads((folder / "config.json").read_text()) | changes
    kept = {name: value for name, value in values.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(kept))


def _assert_answers(
    frozen: Params, case: str, seed: int, folder: Path, backend: str, new: int = NEW
) -> None:
    with GPT.from_pretrained(folder, backend=backend, threads=1) as model:
        _assert_model(frozen, case, seed, model, new)


def _assert_model(frozen: Params, case: str, seed: int, model: GPT, new: int = NEW) -> None:
    index = SEEDS.index(seed)
    ids = ids_of(model.config.vocab_size, seed)
    targets = np.pad(ids[:, 1:], [(0, 0), (0, 1)], constant_values=-1)
    expected = frozen[f"{case}:logits"][index]
    atol = tolerances.TENSOR_FLOAT32 * np.abs(expected).max()
    np.testing.assert_allclose(model.logits(ids), expected, rtol=0, atol=atol)
    loss = frozen[f"{case}:losses"][index]
    assert model.loss(ids, targets) == pytest.approx(loss, rel=tolerances.LOSS_FLOAT32)
    added = model.generate(ids[0].tolist(), new, temperature=0, stop_tokens=())[-new:]
    np.testing.assert_array_equal(added, frozen[f"{case}:greedy"][index][:new])


@pytest.mark.parametrize("case", CASES)
def test_logits_loss_and_continuation(case: str, frozen: Params, tmp_path: Path) -> None:
    """Of three files, read one after another into one model, which is cheaper to make."""
    folder = _folder(frozen, case, SEEDS[0], tmp_path / "model")
    with GPT.from_pretrained(folder, threads=1) as model:
        _assert_model(frozen, case, SEEDS[0], model)
        for seed in SEEDS[1:]:
            with checkpoint.opened(_folder(frozen, case, seed, tmp_path / str(seed))) as saved:
                saved.copy_to(model.parameters())
            model.weights_changed()
            _assert_model(frozen, case, seed, model)


@pytest.mark.parametrize("backend", ["nd4j", "plain"])
@pytest.mark.parametrize("case", CASES)
def test_other_backends(case: str, backend: str, frozen: Params, tmp_path: Path) -> None:
    """Their kernels of a prompt, and of the tokens after it, which are slow: few of those."""
    seed = SEEDS[len(case) % len(SEEDS)]
    folder = _folder(frozen, case, seed, tmp_path / "model")
    _assert_answers(frozen, case, seed, folder, backend, new=3)


@pytest.mark.parametrize("case", CASES)
def test_round_trip(case: str, frozen: Params, tmp_path: Path) -> None:
    """What is saved has the same tensors and configuration, and transformers' form."""
    folder = _folder(frozen, case, 1, tmp_path / "model")
    with checkpoint.opened(folder) as saved:
        config = saved.config
        shapes = config.weight_shapes().items()
        weights = {name: np.full(shape, np.nan, np.float32) for name, shape in shapes}
        saved.copy_to(weights)
    checkpoint.save(tmp_path / "written", config, weights, format="huggingface")
    before = load_file(folder / "model.safetensors")
    after = load_file(tmp_path / "written" / "model.safetensors")
    skipped = {"opt": 2}.get(CASES[case][0], 0)
    assert before.keys() == after.keys()
    for name, weight in before.items():
        first = skipped if "embed_positions" in name else 0
        atol = 2e-7 if CASES[case][0].startswith("gemma") else 0  # gains of 1 + w
        np.testing.assert_allclose(after[name][first:], weight[first:], rtol=0, atol=atol)
    written = json.loads((tmp_path / "written" / "config.json").read_text())
    assert written["model_type"] == CASES[case][0]
    assert written["architectures"] == json.loads(str(frozen[f"{case}:config"]))["architectures"]
    with checkpoint.opened(tmp_path / "written") as saved:
        assert saved.config == config


@pytest.mark.parametrize("backend", ["cpu", "nd4j", "plain"])
@pytest.mark.parametrize("case", WITH_GRADIENTS)
def test_gradients(case: str, backend: str, frozen: Params, tmp_path: Path) -> None:
    folder = _folder(frozen, case, SEEDS[0], tmp_path / "model")
    with GPT.from_pretrained(folder, backend=backend) as model:
        ids = ids_of(model.config.vocab_size, SEEDS[0])
        targets = np.pad(ids[:, 1:], [(0, 0), (0, 1)], constant_values=-1)
        with model.training(*ids.shape) as training:
            training.accumulate(ids, targets)
            gradients = {name: np.array(value) for name, value in training.gradients().items()}
        places = layout(model.config, CASES[case][0])
    largest = max(np.abs(gradient).max() for gradient in gradients.values())
    for name, place in places.items():
        expected = frozen[f"{case}:grad:{name}"]
        unshifted = type(place)(place.name, place.columns, place.transposed)
        least = tolerances.NO_GRADIENT * largest / tolerances.TENSOR_FLOAT32
        size = max(np.abs(expected).max(), least)
        atol = tolerances.TENSOR_FLOAT32 * size
        actual = unshifted.part(gradients)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("case", ["gemma3", "gpt_neox", "bloom", "olmo2"])
def test_cached_continuations_of_parts(case: str, frozen: Params, tmp_path: Path) -> None:
    """A cache that grows token by token gives what reading everything at once gives."""
    folder = _folder(frozen, case, 2, tmp_path / "model")
    with GPT.from_pretrained(folder) as model:
        ids = ids_of(model.config.vocab_size, 2)[0].tolist()
        known = model.generate(ids[:3], T, temperature=0, stop_tokens=())
        logits = model.logits(np.array([known[:-1]]))[0]
        np.testing.assert_array_equal(logits[2:].argmax(axis=-1), known[3:])


@pytest.mark.parametrize("case", ["qwen3", "gemma2", "falcon_new"])
@pytest.mark.parametrize("weights", ["int8", "bfloat16"])
def test_quantized(case: str, weights: str, frozen: Params, tmp_path: Path) -> None:
    """The packed copy that generation reads has the numbers of the rounded weights."""
    folder = _folder(frozen, case, 3, tmp_path / "model")
    with GPT.from_pretrained(folder, weights=weights) as model:
        ids = ids_of(model.config.vocab_size, 3)[0].tolist()
        known = model.generate(ids, NEW, temperature=0, stop_tokens=())
        logits = model.logits(np.array([known[:-1]]))[0]
        chosen = np.take_along_axis(logits[T - 1 :], np.array(known[T:])[:, None], 1)[:, 0]
        np.testing.assert_allclose(chosen, logits[T - 1 :].max(axis=-1), rtol=1e-3)


@pytest.mark.parametrize("case", ["gemma2", "olmo2", "stablelm_parallel", "mpt"])
def test_training_lowers_the_loss(case: str, frozen: Params, tmp_path: Path) -> None:
    folder = _folder(frozen, case, 1, tmp_path / "model")
    with GPT.from_pretrained(folder) as model, model.training(2, T) as training:
        ids = ids_of(model.config.vocab_size, 1)
        targets = np.roll(ids, -1, axis=1)
        losses = [training.step(ids, targets, 3e-3)[0] for _ in range(30)]
        assert losses[-1] < 0.8 * losses[0]


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "rope_kind": ("llama_linear", {"rope_parameters": {"rope_type": "longrope"}}, "rope_scaling: "),
    "rope_number": ("llama_linear", {"rope_parameters": {"rope_type": "linear"}}, "linear: expect"),
    "clip": ("olmo", {"clip_qkv": 8.0}, "clip_qkv: expected None, as the engine has, got 8.0"),
    "moe": ("qwen3", {"model_type": "qwen3_moe"}, "got 'qwen3_moe'"),
    "longrope": ("phi3", {"rope_scaling": {"type": "su", "short_factor": [1.0]}}, "short_factor"),
    "alibi": ("falcon", {"alibi": True}, "alibi: expected False, as the engine has, got True"),
    "projected": ("opt", {"word_embed_proj_dim": 12}, "word_embed_proj_dim: expected hidden_size"),
    "post": ("opt", {"do_layer_norm_before": False}, "do_layer_norm_before: expected True"),
    "clip_mpt": ("mpt", {"attn_config": {"clip_qkv": 6}}, "attn_config: clip_qkv: expected None"),
    "bidirectional": ("gemma", {"use_bidirectional_attention": True}, "use_bidirectional_at"),
    "types": ("qwen2_window", {"layer_types": ["chunked_attention"] * 3}, "layer_types: expecte"),
    "few": ("qwen2_window", {"layer_types": ["full_attention"]}, "layer_types: expected one for"),
    "code": ("qwen2", {"auto_map": {"A": "b"}, "sinks": 4}, "sinks: expected no such key, which"),
    "unknown": ("qwen2", {"sinks": 4}, "sinks: expected no such key, which neither transformers"),
    "pruned": ("gpt2_silu", {"pruned_heads": {"0": [1]}}, "pruned_heads: expected no such key, wh"),
    "interleaved": ("llama_gelu", {"rope_interleaved": True}, "rope_interleaved: expected no such"),
    "alias": ("bloom", {"n_embed": 35}, "n_embed: expected hidden_size = 36, which it stands for,"),
    "prelu": ("llama_gelu", {"hidden_act": "prelu"}, "hidden_act: expected one of gelu_new, "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_key(name: str, frozen: Params, tmp_path: Path) -> None:
    case, changes, message = REFUSED[name]
    folder = _folder(frozen, case, 1, tmp_path / "model")
    _edit(folder, **changes)
    with pytest.raises(CheckpointError) as caught, checkpoint.opened(folder):
        pass
    assert message in str(caught.value) and "\n" not in str(caught.value)


HARMLESS: dict[str, dict[str, Any]] = {
    "llama_gelu": {
        "pretraining_tp": 1, "rope_interleaved": False, "is_llama_config": True, "summary": None,
        "transformers.js_config": {"dtype": "q4"}, "unsloth_version": "2025.1", "max_length": 20,
        "layer_types": ["full_attention"] * 3,  # another family's, of which transformers sees none
    },
    "gpt2_silu": {
        "n_ctx": 40, "summary_type": "cls_index", "task_specific_params": {"a": {"top_k": 5}},
        "gradient_checkpointing": False, "pruned_heads": {}, "num_labels": 2, "n_inner": None,
    },
    "falcon": {
        "auto_map": {"AutoConfig": "code.Config"}, "hidden_dropout": 0.0,
        "apply_residual_connection_post_layernorm": False,
    },
    "phi3": {"auto_map": {"AutoConfig": "code.Config"}, "attention_bias": False, "embd_pdrop": 0.1},
    "bloom": {
        "n_embed": 36, "hidden_size": ..., "num_attention_heads": 6, "n_head": ...,
        "offset_alibi": 9, "masked_softmax_fusion": True, "skip_bias_add": True, "unk_token_id": 0,
    },
    "gptj": {"rotary": True, "scale_attn_weights": True, "tokenizer_class": "GPT2Tokenizer"},
}  # fmt: skip


@pytest.mark.parametrize("case", HARMLESS)
def test_what_published_files_have_beside(case: str, frozen: Params, tmp_path: Path) -> None:
    folder = _folder(frozen, case, 1, tmp_path / "model")
    with checkpoint.opened(folder) as saved:
        expected = saved.config
    _edit(folder, **HARMLESS[case])
    with checkpoint.opened(folder) as saved:
        assert saved.config == expected


def test_two_spellings_of_a_scaling(frozen: Params, tmp_path: Path) -> None:
    """As transformers: rope_scaling counts, and its base is beside it."""
    folder = _folder(frozen, "llama_linear", 1, tmp_path / "model")
    values = json.loads((folder / "config.json").read_text())["rope_parameters"]
    theta = values.pop("rope_theta")
    _edit(folder, rope_scaling=values, rope_theta=theta, rope_parameters={"rope_theta": 3.0})
    _assert_answers(frozen, "llama_linear", 1, folder, "cpu")


def test_every_family_has_a_case() -> None:
    tested = {kind for kind, _ in CASES.values()}
    assert tested == set(FAMILIES)


def test_a_tied_embedding_under_the_name_of_the_head(frozen: Params, tmp_path: Path) -> None:
    folder = _folder(frozen, "starcoder2", 1, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] = weights.pop("model.embed_tokens.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    _assert_answers(frozen, "starcoder2", 1, folder, "cpu")
