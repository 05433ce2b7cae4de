"""Fine-tuning a saved model on pairs and on text; training on what `prepare` makes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import pygpt
from pygpt import GPT, CharTokenizer, ConfigError, GPTConfig, TrainConfig, Trainer, finetune
from pygpt.datasets.dataset import Dataset
from pygpt.datasets.pairs import PairDataset
from pygpt.errors import CheckpointError, DataError, OutputError
from pygpt.tokenizers.bpe import BPETokenizer
from pygpt.tokenizers.load import load_tokenizer
from tests.support.training_runs import digest

TEXT = "".join(f"{a}+{b}={a + b}\n" for a in range(13) for b in range(11))
PAIRS = [(f"{a}+{b}=", f"{a}") for a in range(13) for b in range(11)]  # not what the text says
SIZES = dict(block_size=19, n_layer=2, n_head=2, n_embd=46)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Datasets `data` (one text) and `lines` (documents), a trained `run`, and `pairs.jsonl`."""
    folder = tmp_path_factory.mktemp("finetune")
    (folder / "text").write_text(TEXT)
    characters = CharTokenizer.train([TEXT], bos=True)
    pygpt.prepare(folder / "text", characters, folder / "data")
    pygpt.prepare(folder / "text", characters, folder / "lines", lines=True)
    with GPT(_sizes(characters), seed=2, tokenizer=characters) as model:
        options = _options(max_iters=30)
        Trainer(model, Dataset.load(folder / "data"), options, run=folder / "run").fit()
    lines = [json.dumps({"prompt": question, "answer": answer}) for question, answer in PAIRS]
    (folder / "pairs.jsonl").write_text("\n".join(lines))
    return folder


def _sizes(tokenizer: Any) -> GPTConfig:
    return GPTConfig(vocab_size=tokenizer.vocab_size, **SIZES)


def _options(**changes: Any) -> TrainConfig:
    values = dict(
        max_iters=40, batch_size=23, learning_rate=0.01, warmup_iters=5, eval_interval=20, seed=3
    )
    return TrainConfig(**values | changes)


def test_bits_per_byte_are_of_the_text(folder: Path) -> None:
    with GPT.from_pretrained(folder / "run" / "last") as model:
        data = Dataset.load(folder / "data")
        trainer = Trainer(model, data, _options(eval_iters=0))
        evaluation = trainer.evaluate()
        ids = np.array(data.val.tokens, np.int32)
        total, scored = 0.0, len(ids) - 1
        for i in range(0, scored, 19):
            targets = ids[i + 1 : i + 20]
            total += model.loss(ids[i : i + len(targets)], targets) * len(targets)
        loss = total / scored
        assert evaluation.loss == pytest.approx(loss, rel=1e-6)  # float32 within a batch
        text = len(CharTokenizer.decode(data.tokenizer, ids).encode())  # type: ignore[arg-type]
        bits = loss / np.log(2) * len(ids) / text
        assert evaluation.bits_per_byte == pytest.approx(bits, rel=1e-6)
        assert evaluation.loss < 0.8 * np.log(model.config.vocab_size)


@pytest.mark.parametrize("batches", ["windows", "packed"])
def test_a_dataset_resumes(folder: Path, tmp_path: Path, batches: str) -> None:
    data = Dataset.load(folder / "lines")
    options = _options(batches=batches, max_iters=9, checkpoint_interval=3)
    digests = []
    for stops in ((9,), (4, 9)):
        run = tmp_path / f"run{len(stops)}"
        for stop in stops:
            with GPT(_sizes(data.tokenizer), seed=2) as model:
                for record in Trainer(model, data, options, run=run, resume=True):
                    if record.step == stop:
                        break
                weights = digest(model.parameters())
        digests.append(weights)
    assert digests[0] == digests[1]


def test_packed_batches_need_documents(folder: Path) -> None:
    data = Dataset.load(folder / "data")
    with GPT(_sizes(data.tokenizer)) as model:
        with pytest.raises(DataError, match="^tokens: expected documents with BOS at both ends"):
            Trainer(model, data, _options(batches="packed"))


def test_merged_bytes_are_saved_too(folder: Path, tmp_path: Path) -> None:
    tokenizer = BPETokenizer.train(TEXT, vocab_size=270)
    data = pygpt.prepare(folder / "text", tokenizer, tmp_path / "data")
    with GPT(_sizes(tokenizer)) as model:
        options = _options(max_iters=4, checkpoint_interval=1, keep=4)
        Trainer(model, data, options, run=tmp_path / "run").fit()
    for step in range(1, 5):
        saved = load_tokenizer(tmp_path / "run" / f"step-{step:08}")
        assert saved.fingerprint == tokenizer.fingerprint
    with finetune(tmp_path / "run" / "best", tmp_path / "data", _options(max_iters=2)) as trainer:
        assert trainer.fit() is not None


# ---- fine-tuning -----------------------------------------------------------------------------


def test_pairs_teach_answers(folder: Path, tmp_path: Path) -> None:
    options = _options(max_iters=150, frozen="wpe,h.0", checkpoint_interval=0, eval_interval=50)
    base = load_file(folder / "run" / "best" / "model.safetensors")
    before = {p.name: p.read_bytes() for p in (folder / "run" / "best").iterdir()}
    with finetune(
        folder / "run" / "best", folder / "pairs.jsonl", options, run=tmp_path / "tuned"
    ) as trainer:
        assert trainer.step == 0
        for name, weight in trainer.model.parameters().items():
            np.testing.assert_array_equal(weight, base[name])
        records = list(trainer)
        for name, weight in trainer.model.parameters().items():
            frozen = name.startswith(("wpe", "h.0."))
            assert np.array_equal(weight, base[name]) == frozen, name
        tokenizer, model, right = trainer.tokenizer, trainer.model, 0
        for question, answer in PAIRS[::7]:
            ids = tokenizer.encode(question)
            while len(ids) < 19 and ids[-1] != tokenizer.bos:
                ids.append(int(model.logits(np.array(ids))[0, -1].argmax()))
            right += ids[len(question) : -1] == tokenizer.encode(answer)
    assert records[-1].bits_per_byte is None  # of tokens that stand for answers only
    scores = [r.validation_loss for r in records if r.validation_loss is not None]
    assert len(scores) == 3 and scores[-1] < scores[0] < records[0].loss
    assert right >= 0.9 * len(PAIRS[::7])
    assert before == {p.name: p.read_bytes() for p in (folder / "run" / "best").iterdir()}
    with GPT.from_pretrained(tmp_path / "tuned" / "best") as model:
        assert model.tokenizer == tokenizer


def test_the_loss_is_that_of_the_answers_alone(folder: Path) -> None:
    tokenizer = load_tokenizer(folder / "run" / "last")
    streams = PairDataset.read(folder / "pairs.jsonl", tokenizer, 19).streams(19, _options())
    for ids, targets in (next(streams.train), next(iter(streams.validation.eval_batches()))):
        for row, wanted in zip(ids, targets, strict=True):
            scored = np.flatnonzero(wanted >= 0)
            if len(scored) == 0:
                continue  # there were fewer pairs
            question, answer = row[: scored[0] + 1].tolist(), wanted[scored].tolist()
            assert answer.pop() == tokenizer.bos
            text = tokenizer.decode(question) + tokenizer.decode(answer)
            assert text in {question + answer for question, answer in PAIRS}


def test_text_as_well(folder: Path, tmp_path: Path) -> None:
    with finetune(folder / "run" / "last", folder / "lines", _options(max_iters=2)) as trainer:
        last = trainer.fit()
        assert last is not None and last.bits_per_byte is not None


def test_what_is_refused(folder: Path, tmp_path: Path) -> None:
    last = folder / "run" / "last"
    with pytest.raises(DataError, match="^data file .*none.jsonl: cannot be read: No such file"):
        with finetune(last, tmp_path / "none.jsonl"):
            pass
    other = pygpt.prepare(folder / "text", BPETokenizer.train("ab", 257), tmp_path / "other")
    with pytest.raises(ConfigError, match="^tokenizer: expected data of the model's tokenizer"):
        with finetune(last, other.folder):
            pass
    with GPT(GPTConfig(vocab_size=13, **SIZES)) as model:
        model.save_pretrained(tmp_path / "bare")
    with pytest.raises(ConfigError, match="^tokenizer: expected a model with tokenizer.json, got"):
        with finetune(tmp_path / "bare", folder / "pairs.jsonl"):
            pass
    with pytest.raises(OutputError, match="^run folder .*: has a run of 30 steps; resume it, or"):
        with finetune(last, folder / "pairs.jsonl", run=folder / "run"):
            pass


def test_the_tokenizer_of_a_plain_model_folder(folder: Path, tmp_path: Path) -> None:
    with GPT.from_pretrained(folder / "run" / "last") as model:
        model.save_pretrained(tmp_path / "model", format="pygpt")
    assert "tokenizer.json" not in os.listdir(tmp_path / "model")
    with finetune(tmp_path / "model", folder / "pairs.jsonl", _options(max_iters=1)) as trainer:
        assert trainer.fit() is not None


def test_a_fine_tuning_resumes(folder: Path, tmp_path: Path) -> None:
    options = _options(max_iters=9, checkpoint_interval=4, eval_interval=0)
    for name, stops in (("one", (9,)), ("two", (6, 9))):
        for stop in stops:
            with finetune(
                folder / "run" / "last", folder / "pairs.jsonl", options, run=tmp_path / name,
                resume=True,
            ) as trainer:  # fmt: skip
                for record in trainer:
                    if record.step == stop:
                        break
    one, two = (tmp_path / name / "last" / "model.safetensors" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    shutil.rmtree(tmp_path / "one")


# ---- ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [True, False])
def test_a_tokenizer_without_an_end_gets_one(tmp_path: Path, line: bool) -> None:
    """README's own path: characters of one text, then pairs, then chat, which stops.

    A line end ends an answer; where answers have some, a new id does.
    """
    (tmp_path / "text").write_text("the grass is green, the snow is white\n" * 40)
    data = pygpt.prepare(tmp_path / "text", "char", tmp_path / "data")
    V, end = data.tokenizer.vocab_size, data.tokenizer.encode("\n")[0]
    assert data.tokenizer.bos is None
    with GPT(_sizes(data.tokenizer), seed=2, tokenizer=data.tokenizer) as model:
        Trainer(model, data, _options(max_iters=20), run=tmp_path / "run").fit()
    pairs = [("the grass", "green"), ("the snow", "white" if line else "w\nh")]
    lines = [json.dumps({"prompt": p, "completion": a}) for p, a in pairs * 12]
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines))
    notes: list[str] = []
    with finetune(
        tmp_path / "run" / "best", tmp_path / "pairs.jsonl", _options(max_iters=120),
        run=tmp_path / "tuned", on_note=notes.append,
    ) as trainer:  # fmt: skip
        assert trainer.model.config.vocab_size == V + (not line)
        base = load_file(tmp_path / "run" / "best" / "model.safetensors")
        wte = trainer.model.parameters()["wte.weight"]
        np.testing.assert_array_equal(wte[:V], base["wte.weight"])
        if not line:
            assert trainer.tokenizer.bos == V
            np.testing.assert_allclose(wte[V], base["wte.weight"].mean(axis=0), atol=1e-6)
        trainer.fit()
    added = f"the tokenizer has nothing to end an answer with: id {V} is added, which ends a text "
    said = "a line end ends an answer, since the tokenizer has nothing else that ends a text"
    assert notes == [said if line else f"{added}from now on"]
    with GPT.from_pretrained(tmp_path / "tuned" / "best") as model:
        chat = pygpt.Conversation(model, temperature=0)
        assert ["".join(chat.answer(prompt)) for prompt, _ in pairs] == [a for _, a in pairs]
        assert model.chat_template is not None
        model.save_pretrained(tmp_path / "saved", format="huggingface")
    values = json.loads((tmp_path / "saved" / "generation_config.json").read_text())
    assert values["eos_token_id"] == (end if line else V)
    assert (tmp_path / "saved" / "chat_template.jinja").is_file()


def test_a_row_is_there_already(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "a", "answer": "b"}\n' * 4)
    characters = CharTokenizer("abc", bos=False)
    for V in (3, 13):
        with GPT(GPTConfig(vocab_size=V, **SIZES)) as model:
            model.save_pretrained(tmp_path / f"model{V}")
        characters.save(tmp_path / f"model{V}" / "tokenizer.json")
        options = _options(max_iters=1)
        with finetune(tmp_path / f"model{V}", tmp_path / "pairs.jsonl", options) as trainer:
            assert trainer.model.config.vocab_size == max(V, 4)
            assert trainer.tokenizer.bos == 3
            trainer.fit()


def test_a_tokenizer_that_is_refused_is_not_none(folder: Path, tmp_path: Path) -> None:
    with GPT(GPTConfig(vocab_size=13, **SIZES)) as model:
        model.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "tokenizer.json").write_text("{}")
    for data in ("pairs.jsonl", "lines"):
        with pytest.raises(CheckpointError, match="tokenizer.json: model: expected an object"):
            with finetune(tmp_path / "model", folder / data):
                pass
    with pytest.warns(UserWarning, match="; the model takes ids alone, no text$"):
        model = GPT.from_pretrained(tmp_path / "model")
    with model, pytest.raises(ConfigError, match="^tokenizer: the model's cannot be used: token"):
        Trainer(model, Dataset.load(folder / "lines"), _options())


# ---- accumulation ----------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["cpu", "nd4j", "plain"])
def test_batches_weigh_by_what_they_score(backend: str, tmp_path: Path) -> None:
    """However 16 uneven pairs are divided, the step is that of the whole batch."""
    characters = CharTokenizer("abcdefgh")
    rows = [{"prompt": "ab", "answer": "cdefghabcdefgha" if i % 3 else "c"} for i in range(20)]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = []
    for batch, steps in ((16, 1), (4, 4), (1, 16)):
        with GPT(_sizes(characters), seed=2, tokenizer=characters, backend=backend) as model:
            data = PairDataset.read(tmp_path / "pairs.jsonl", characters, 19, 0.2)
            options = _options(
                batch_size=batch, gradient_accumulation_steps=steps, grad_clip=1e9, max_iters=1,
                eval_interval=0, warmup_iters=0,
            )  # fmt: skip
            record = next(Trainer(model, data, options))
            found.append((record.loss, record.gradient_norm))
    for one in found[1:]:
        assert one == pytest.approx(found[0], rel=1e-5)
