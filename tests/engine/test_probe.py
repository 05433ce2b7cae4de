"""A probe sees what the model computes, to the bit, and parts of it switched off."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from pygpt import GPT, ConfigError, GPTConfig, LoraConfig, ShapeError
from pygpt.errors import ClosedError
from tests.golden import make_families as golden

IDS = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5])
TARGETS = np.append(IDS[1:], -1)
CONFIG = GPTConfig(block_size=12, vocab_size=31, n_layer=3, n_head=4, n_embd=24)


def _random(config: GPTConfig, backend: str = "cpu") -> GPT:
    model = GPT(config, backend=backend)
    rng = np.random.default_rng(5)
    for weight in model.parameters().values():
        weight[:] += 0.2 * rng.standard_normal(weight.shape)
    model.weights_changed()
    return model


@pytest.mark.parametrize("backend", ["plain", "cpu", "nd4j"])
@pytest.mark.parametrize(
    "config", [CONFIG, GPTConfig.microgpt(12, 31, 2, 4, 16)], ids=["gpt2", "microgpt"]
)
def test_numbers_are_the_models(config: GPTConfig, backend: str) -> None:
    with _random(config, backend) as model, model.probe(len(IDS)) as probe:
        loss = probe.forward(IDS, TARGETS)
        logits = model.logits(IDS)[0]
        assert loss == model.loss(IDS, TARGETS)
        np.testing.assert_array_equal(probe.logits(), logits)
        last = f"h.{config.n_layer - 1}.stream_2"
        np.testing.assert_array_equal(probe.lens(last), logits)
        np.testing.assert_array_equal(probe["final"], model.hidden_states(IDS)[0])
        maps = [probe[f"h.{layer}.probabilities"] for layer in range(config.n_layer)]
        np.testing.assert_array_equal(np.stack(maps), model.attention(IDS))


@pytest.mark.parametrize("case", golden.CASES)
def test_every_family(case: str, tmp_path: Path) -> None:
    """Windows, caps, norms of heads, parallel branches, gates: all are opened to the bit."""
    with np.load(golden.FILE) as frozen:
        (tmp_path / "config.json").write_text(str(frozen[f"{case}:config"]))
        weights = golden.weights_of(json.loads(str(frozen[f"{case}:shapes"])), 1)
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with GPT.from_pretrained(tmp_path) as model:
        ids = golden.ids_of(model.config.vocab_size, 1)[0]
        with model.probe(len(ids)) as probe:
            probe.forward(ids)
            np.testing.assert_array_equal(probe.logits(), model.logits(ids)[0])
            last = f"h.{model.config.n_layer - 1}.stream_2"
            np.testing.assert_array_equal(probe.lens(last), probe.logits())
            read = probe["h.0.norm_2"]
        targets = np.append(ids[1:], -1)
        T = len(ids)
        back = model.gradient_probe(T)
        with model.training(1, T, dropout=False) as training, back:
            loss = training.accumulate(ids, targets)
            assert back.backward(ids, targets) == pytest.approx(loss, rel=1e-6)
            expected = training.gradients()["h.0.mlp.c_fc.weight"]
            _assert_close(read.T @ back["h.0.hidden"], expected)


def _assert_close(got: NDArray[Any], expected: NDArray[Any]) -> None:
    largest = float(np.abs(expected).max())
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=2e-6 * largest)


@pytest.mark.parametrize("backend", ["plain", "cpu", "nd4j"])
@pytest.mark.parametrize(
    "config", [CONFIG, GPTConfig.microgpt(12, 31, 2, 4, 16)], ids=["gpt2", "microgpt"]
)
def test_gradients_are_those_of_a_training(config: GPTConfig, backend: str) -> None:
    """Of each linear layer: what it reads, times the gradient of what it writes."""
    T = len(IDS)
    with _random(config, backend) as model, model.training(1, T) as training:
        with model.probe(T) as probe, model.gradient_probe(T) as back:
            loss = training.accumulate(IDS, TARGETS)
            probe.forward(IDS)
            assert back.backward(IDS, TARGETS) == pytest.approx(loss, rel=1e-6)
            gradients = training.gradients()
            for layer in range(config.n_layer):
                h = f"h.{layer}."
                for read, written, weight in (
                    ("norm_1", "qkv", "attn.c_attn"), ("heads", "attention", "attn.c_proj"),
                    ("norm_2", "hidden", "mlp.c_fc"), ("active", "mlp", "mlp.c_proj"),
                ):  # fmt: skip
                    got = probe[h + read].T @ back[h + written]
                    _assert_close(got, gradients[f"{h}{weight}.weight"])
                np.testing.assert_array_equal(back[h + "attention"], back[h + "stream_1"])
            output = back["logits"].T @ probe["final"]
            if "wpe.weight" in gradients and not config.embedding_norm:
                _assert_close(back["embedding"], gradients["wpe.weight"][:T])
                np.add.at(output, IDS, back["embedding"])  # it is tied
                _assert_close(output, gradients["wte.weight"])
            rows = np.exp(probe.logits() - probe.logits().max(axis=1, keepdims=True))
            rows /= rows.sum(axis=1, keepdims=True)
            rows[np.arange(T - 1), TARGETS[:-1]] -= 1
            rows[-1] = 0
            _assert_close(back["logits"], rows / (T - 1))


def test_gradients_of_one_token() -> None:
    """What comes after the token has no part in it; nothing of the model changes."""
    targets = np.full(len(IDS), -1)
    targets[4] = IDS[5]
    with _random(CONFIG) as model, model.gradient_probe(len(IDS), (1, 2)) as back:
        before = {name: weight.copy() for name, weight in model.parameters().items()}
        loss = back.backward(IDS, targets)
        alone = model.loss(IDS[:6], [-1, -1, -1, -1, IDS[5], -1])
        assert loss == pytest.approx(alone, rel=1e-6)
        assert back["h.1.qkv"][:5].any() and not back["h.1.qkv"][5:].any()
        assert "h.0.qkv" not in back.names and "h.0.stream_1" in back.names
        assert not any(name.endswith("probabilities") for name in back.names)
        for name, weight in model.parameters().items():
            np.testing.assert_array_equal(weight, before[name])
        with pytest.raises(ShapeError, match="scored"):
            back.backward(IDS, np.full(len(IDS), -1))
        with pytest.raises(ConfigError, match="embedding"):
            _ = back["h.1.probabilities"]


def test_gradients_through_an_adapter() -> None:
    """They are those of the model that the adapter is merged into."""
    with _random(CONFIG) as model:
        model.add_adapter(LoraConfig(r=3))
        rng = np.random.default_rng(7)
        for array in model.adapter_parameters().values():
            array[:] = 0.3 * rng.standard_normal(array.shape)
        model.weights_changed()
        found = []
        for merge in (False, True):
            if merge:
                model.merge_and_unload()
            with model.gradient_probe(len(IDS)) as back:
                back.backward(IDS, TARGETS)
                found.append(back["embedding"])
    _assert_close(*found)


def test_parts_are_what_the_maths_says() -> None:
    with _random(CONFIG) as model, model.probe(len(IDS)) as probe:
        probe.forward(IDS)
        weights = {name: w.astype(np.float64) for name, w in model.parameters().items()}
        got = {name: probe[name].astype(np.float64) for name in probe.names}
    H, D = CONFIG.n_head, CONFIG.head_size
    x = weights["wte.weight"][IDS] + weights["wpe.weight"][: len(IDS)]
    for layer in range(CONFIG.n_layer):
        h, w = f"h.{layer}.", f"h.{layer}."
        values = got[h + "qkv"][:, 2 * H * D :].reshape(-1, H, D)
        read = np.einsum("hts,shd->thd", got[h + "probabilities"], values).reshape(-1, H * D)
        attention = read @ weights[w + "attn.c_proj.weight"] + weights[w + "attn.c_proj.bias"]
        fc = got[h + "norm_2"] @ weights[w + "mlp.c_fc.weight"] + weights[w + "mlp.c_fc.bias"]
        mlp = got[h + "active"] @ weights[w + "mlp.c_proj.weight"] + weights[w + "mlp.c_proj.bias"]
        for name, expected in {
            "qkv": got[h + "norm_1"] @ weights[w + "attn.c_attn.weight"]
            + weights[w + "attn.c_attn.bias"],
            "heads": read,
            "attention": attention,
            "stream_1": x + attention,
            "hidden": fc,
            "mlp": mlp,
            "stream_2": x + attention + mlp,
        }.items():
            np.testing.assert_allclose(got[h + name], expected, rtol=2e-5, atol=2e-5)
        x = got[h + "stream_2"]


def test_scales() -> None:
    """Without a part the model is one whose part of the weights is zero."""
    ones = np.ones((CONFIG.n_layer, CONFIG.n_head + 2))
    with _random(CONFIG) as model, model.probe(len(IDS), (1, 2)) as probe:
        whole = model.logits(IDS)[0]
        no_head, no_mlp, half = ones.copy(), ones.copy(), ones.copy()
        no_head[1, 2], no_mlp[1, -1], half[1, -1] = 0, 0, 0.5
        probe.forward(IDS, None, no_head)
        without_head = probe.logits()
        D = CONFIG.head_size
        assert not probe["h.1.heads"][:, 2 * D : 3 * D].any()
        probe.forward(IDS, None, no_mlp)
        without_mlp = probe.logits()
        np.testing.assert_array_equal(probe["h.1.stream_2"], probe["h.1.stream_1"])
        probe.forward(IDS, None, half)
        assert not np.array_equal(probe.logits(), without_mlp)
        probe.forward(IDS)
        np.testing.assert_array_equal(probe.logits(), whole)
        assert "h.0.qkv" not in probe.names and "h.0.stream_1" in probe.names
        weights = model.parameters()
        head = weights["h.1.attn.c_proj.weight"][2 * D : 3 * D]
        kept = head.copy()
        head[:] = 0
        np.testing.assert_array_equal(model.logits(IDS)[0], without_head)
        head[:] = kept
        weights["h.1.mlp.c_proj.weight"][:] = 0
        weights["h.1.mlp.c_proj.bias"][:] = 0
        np.testing.assert_array_equal(model.logits(IDS)[0], without_mlp)


def test_lens_from_a_position() -> None:
    with _random(CONFIG) as model, model.probe(len(IDS), (0, 0)) as probe:
        probe.forward(IDS)
        for name in ("embedding", "h.1.stream_1"):
            whole = probe.lens(name)
            np.testing.assert_allclose(probe.lens(name, 4), whole[4:], rtol=1e-5, atol=1e-6)


def test_errors() -> None:
    with _random(CONFIG) as model:
        for T in (0, 13):
            with pytest.raises(ShapeError, match="T from 1 to 12"):
                model.probe(T)
        with pytest.raises(ConfigError, match="layers: expected some of 0 to 3"):
            model.probe(2, (1, 4))
        probe = model.probe(2)
        for name in ("h.3.qkv", "qkv"):
            with pytest.raises(ConfigError, match="probe.names"):
                probe[name]
        for name in ("h.0.qkv", "h.7.stream_1"):
            with pytest.raises(ConfigError, match="expected"):
                probe.lens(name)
        with pytest.raises(ShapeError, match="first: expected 0 to 1"):
            probe.lens("embedding", 2)
        with pytest.raises(ShapeError, match=r"ids: expected \(2,\)"):
            probe.forward([1, 2, 3])
        with pytest.raises(ShapeError, match=r"scales: expected \(3, 6\)"):
            probe.forward([1, 2], None, np.ones((3, 5)))
        with pytest.raises(ConfigError, match="finite"):
            probe.forward([1, 2], None, np.full((3, 6), np.nan))
    with pytest.raises(ClosedError, match="model is closed"):
        probe.forward([1, 2])


def test_looking_while_it_trains_changes_nothing() -> None:
    batch = np.arange(24).reshape(2, 12)

    def trained(looks: bool) -> dict[str, np.ndarray]:
        with _random(CONFIG) as model, model.training(2) as training:
            done = threading.Event()
            seen: list[float] = []

            def look() -> None:
                with model.probe(len(IDS)) as probe:
                    while not done.is_set():
                        seen.append(probe.forward(IDS, TARGETS))

            thread = threading.Thread(target=look)
            if looks:
                thread.start()
            for _ in range(20):
                training.step(batch, (batch + 1) % 31, 1e-3)
            done.set()
            if looks:
                thread.join()
                assert np.isfinite(seen).all()
            return {name: weight.copy() for name, weight in model.parameters().items()}

    alone, watched = trained(False), trained(True)
    for name, weight in alone.items():
        np.testing.assert_array_equal(watched[name], weight)


def test_next_probabilities() -> None:
    """They are those that tokens are drawn by."""
    with _random(CONFIG) as model:
        wide = model.logits(IDS)[0, -1].astype(np.float64)
        expected = np.exp(wide - wide.max())
        expected /= expected.sum()
        got = model.next_probabilities(IDS)
        np.testing.assert_allclose(got, expected, rtol=1e-9)
        kept = model.next_probabilities(IDS, top_k=3)
        assert set(np.flatnonzero(kept)) == set(np.argsort(-expected)[:3])
        np.testing.assert_allclose(kept[kept > 0], got[kept > 0] / got[kept > 0].sum())
        greedy = model.next_probabilities(IDS, temperature=0)
        assert greedy.max() == 1 and greedy.argmax() == expected.argmax()
        options = {"temperature": 0.7, "top_p": 0.6}
        drawn = [int(model.generate(IDS, 1, seed=seed, **options)[-1]) for seed in range(60)]
        assert set(drawn) <= set(np.flatnonzero(model.next_probabilities(IDS, **options)))
