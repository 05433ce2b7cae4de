"""Encoder-decoder transformers: PyTorch's answers, attention, folders, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pygpt
from pygpt import GPT, EncoderDecoder, EncoderDecoderConfig
from pygpt.errors import CheckpointError, ConfigError, OutputError, ShapeError, TokenError
from pygpt.model.pair_batch import PairBatch, pair_batch
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.words import WordTokenizer
from tests.tolerances import LOSS_FLOAT32, TENSOR_FLOAT32

GOLDEN = Path(__file__).parents[1] / "golden" / "encoder_decoder"
LOGITS = 1e-5  # of PyTorch's in float64, relative to the largest: float32 through five blocks


def _close(got: Any, expected: Any, tolerance: float) -> None:
    scale = max(np.abs(expected).max(), 1e-6)
    np.testing.assert_allclose(got / scale, expected / scale, rtol=0, atol=tolerance)


@pytest.mark.parametrize("backend", ["cpu", "nd4j", "plain"])
@pytest.mark.parametrize("case", ["pre", "post"])
def test_logits_loss_and_gradients_are_pytorchs(case: str, backend: str) -> None:
    with np.load(GOLDEN / f"{case}.npz") as file:
        frozen = dict(file)
    config = EncoderDecoderConfig(**json.loads(str(frozen["config"])))
    batch = PairBatch(*(frozen[name] for name in ("sources", "lengths", "ids", "targets")))
    with EncoderDecoder(config, backend=backend, seed=None) as model:
        for name, weight in model.parameters().items():
            weight[:] = frozen[f"weight:{name}"]
        _close(model.logits(batch), frozen["logits"], LOGITS)
        assert model.loss(batch) == pytest.approx(float(frozen["loss"]), rel=LOSS_FLOAT32)
        with model.training(3, 7, 5) as training:
            assert training.accumulate(batch) == pytest.approx(float(frozen["loss"]), rel=1e-5)
            largest = max(np.abs(frozen[f"grad:{name}"]).max() for name in training.gradients())
            for name, gradient in training.gradients().items():
                expected = frozen[f"grad:{name}"] / largest
                np.testing.assert_allclose(
                    gradient / largest, expected, rtol=0, atol=TENSOR_FLOAT32, err_msg=name
                )


def _model(**options: Any) -> EncoderDecoder:
    sizes: dict[str, Any] = {
        "source_block_size": 9, "target_block_size": 9, "source_vocab_size": 4,
        "target_vocab_size": 4, "n_encoder_layer": 1, "n_decoder_layer": 2, "n_head": 2,
        "n_embd": 8,
    }  # fmt: skip
    return EncoderDecoder(
        EncoderDecoderConfig(**sizes | options),
        source_tokenizer=WordTokenizer(["-", "one", "two", "uno"]),
        target_tokenizer=CharTokenizer("abc"),
    )


def test_attention_sums_to_one_and_sees_no_later_target() -> None:
    with _model() as model:
        maps = model.attention("one two - one uno", "abca")
        assert maps.encoder.shape == (1, 2, 5, 5)
        assert maps.decoder.shape == (2, 2, 5, 5) and maps.cross.shape == (2, 2, 5, 5)
        for part in maps:
            np.testing.assert_allclose(part.sum(-1), 1, atol=1e-6)
        assert not np.triu(maps.decoder, 1).any()


def test_a_pair_is_learned_and_translated(tmp_path: Path) -> None:
    pairs = [("one - two", "abc"), ("uno", "ca"), ("two two", "b")]
    with _model(n_embd=16) as model:
        batch = model.batch(pairs)
        with model.training(3, weight_decay=0.0) as training:
            losses = [training.step(batch, 1e-2)[0] for _ in range(100)]
        assert losses[-1] < 0.2 < losses[0]
        sources = [source for source, _ in pairs]
        assert model.generate(sources) == ["abc", "ca", "b"]
        assert model.generate("uno", beams=3) == "ca" and model.generate([]) == []
        drawn = model.generate(sources * 9, temperature=5.0, seed=3)
        assert drawn == model.generate(sources * 9, temperature=5.0, seed=3)
        assert drawn != model.generate(sources * 9, temperature=5.0, seed=4)
        (cut,) = model.translate(["one - two"], max_new_tokens=2)
        assert cut.ids.tolist() == [0, 1] and not cut.ended
        model.save_pretrained(tmp_path / "model")
        model.save_pretrained(tmp_path / "model")
        expected = model.logits(batch)
    with pygpt.load(tmp_path / "model") as loaded:
        assert isinstance(loaded, EncoderDecoder)
        assert loaded.generate(sources, temperature=0.0) == ["abc", "ca", "b"]
        np.testing.assert_array_equal(loaded.logits(batch), expected)


def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="n_embd: expected a multiple of n_head = 3, got 8"):
        EncoderDecoderConfig(n_head=3, n_embd=8)
    with pytest.raises(ConfigError, match="norm_order: expected one of pre, post, got 'in'"):
        EncoderDecoderConfig(norm_order="in")
    with _model() as model:
        with pytest.raises(TokenError, match="words that the model knows .* got 'three'"):
            model.generate("one three")
        with pytest.raises(ShapeError, match="source: expected 1 to 9 tokens, got 0"):
            model.generate("")
        with pytest.raises(ConfigError, match="temperature: expected 0 with 2 beams, got 1.0"):
            model.generate("one", beams=2, temperature=1.0)
        with pytest.raises(ShapeError, match="targets of up to 9 tokens, got 1 and 11"):
            model.loss(pair_batch([([1], [0] * 10)], 3))
        with pytest.raises(TokenError, match="sources: expected 0 to 3, got 4"):
            model.loss(pair_batch([([4], [0])], 3))
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "a.txt").touch()
        with pytest.raises(OutputError, match="other"):
            model.save_pretrained(tmp_path / "other")
        model.save_pretrained(tmp_path / "model")
    with pytest.raises(CheckpointError, match="encoder-decoder transformer: use pygpt.load"):
        GPT.from_pretrained(tmp_path / "model")
    with pytest.raises(ConfigError, match="weights: expected None for an encoder-decoder"):
        pygpt.load(tmp_path / "model", weights="int8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "marian"}, 'expected "model_type": "pygpt" .*, got \'marian\''),
        ({"n_head": None}, "n_head: expected a whole number, got None"),
        ({"n_decoder_layer": 3}, "model.safetensors: expected .* tensors, got"),
        ({"n_inner": 40}, "expected F32, F16, BF16 of shape"),
        ({"source_words": ["b", "a"]}, "words: expected different ones in order"),
        ({"target_characters": "ab"}, "target_vocab_size: expected 3"),
        ({"layers": 3}, "layers: expected one of"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_damaged_folder_is_named(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with _model() as model:
        model.save_pretrained(tmp_path / "model")
    file = tmp_path / "model" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(CheckpointError, match=message):
        pygpt.load(tmp_path / "model")
