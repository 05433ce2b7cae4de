"""Models and trainings that do not fit into the memory there is."""

from __future__ import annotations

import numpy as np
import pytest

from jbridge import JavaMemoryError
from pygpt import GPT, CharTokenizer, GPTConfig, NamesConfig, NamesRun, Trainer
from pygpt.engine.door import require
from pygpt.errors import ConfigError, TooLargeError
from tests.support import training_runs
from tests.support.free import Free

CONFIG = GPTConfig.microgpt(block_size=7, vocab_size=4, n_layer=2, n_head=3, n_embd=15)


def test_message(free: Free) -> None:
    free[0] = 12_345_678_901
    require(free[0], "this")
    with pytest.raises(TooLargeError) as caught:
        require(3 * 10**15, "this")
    assert str(caught.value) == (
        "this needs at least 3,000,000.00 GB of memory and 12.35 GB are available; "
        "choose smaller sizes, or end other programs"
    )


def test_weights_have_to_fit(free: Free) -> None:
    weights_bytes = CONFIG.num_parameters * 4
    free[0] = weights_bytes - 1
    with pytest.raises(TooLargeError, match="^a model of these sizes needs at least 0.00 GB of "):
        GPT(CONFIG)
    free[0] = weights_bytes
    GPT(CONFIG).close()
    with pytest.raises(TooLargeError):
        GPT(CONFIG, backend="plain")  # float64


def test_java_asks_too(free: Free) -> None:
    free[0] = 10**30
    deep = GPTConfig(n_layer=2**31 - 1)
    with pytest.raises(JavaMemoryError, match="^a model of these sizes needs at least [0-9,]{10,}"):
        GPT(deep)
    with GPT(CONFIG) as model, pytest.raises(JavaMemoryError, match="^training on batches of 300"):
        model.training(300_000_000)


def test_plan_of_training() -> None:
    with GPT(CONFIG) as model:
        plan = model.memory(5)
        assert plan.weights_bytes == plan.gradients_bytes == 4 * CONFIG.num_parameters
        assert plan.moments_bytes == 8 * CONFIG.num_parameters
        assert plan.total_bytes == plan.weights_bytes + plan.beside_weights_bytes
        # of each layer at the least two norms, queries, keys and values, and the hidden layer
        assert plan.activations_bytes > 4 * 5 * 7 * 2 * (2 + 3 + 4) * 15
        assert model.memory(5, 3).activations_bytes < plan.activations_bytes
        assert str(plan).startswith("0.2 MB = 0.0 weights + ")


def test_frozen_weights_take_no_gradients_and_moments() -> None:
    frozen = [name for name in CONFIG.weight_shapes() if not name.startswith("h.1.mlp.c_proj")]
    with GPT(CONFIG) as model:
        plan, whole = model.memory(5, frozen=frozen), model.memory(5)
        assert plan.weights_bytes == whole.weights_bytes
        assert plan.moments_bytes == 2 * plan.gradients_bytes == 2 * 4 * 60 * 15
        assert plan.activations_bytes < whole.activations_bytes
        with model.training(5, frozen=frozen) as training:
            assert list(training.gradients()) == ["h.1.mlp.c_proj.weight"]
            assert training.flat_gradient.size <= 60 * 15 + 2 * 2048  # and the blocks around it
        with pytest.raises(ConfigError, match="^frozen: expected names of weights, got 'h.1'$"):
            model.memory(5, frozen=["h.1"])


@pytest.mark.parametrize(("at_once", "B"), [(2**26, 5), (2 * 7 * 4, 2), (1, 1)])
def test_plan_of_evaluation(at_once: int, B: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the size of the tape that evaluating makes, however many sequences that takes."""
    monkeypatch.setattr("pygpt.engine.model.LOGITS_AT_ONCE", at_once)
    ids = np.zeros((5, 7), np.int32)
    with GPT(CONFIG) as model:
        plan = model.memory(5, evaluation=True)
        model.loss(ids, ids)
        assert plan.evaluation_bytes == model._evaluation.tape().byteSize()
        assert plan.evaluation_bytes > 4 * B * 7 * (4 + 15)  # logits, and what they are made of
        without = model.memory(5)
        assert without.evaluation_bytes == 0
        assert plan.total_bytes == without.total_bytes + plan.evaluation_bytes
        assert str(plan).endswith(" evaluation") and str(without).endswith(" activations")


def test_a_run_that_evaluates_needs_more(free: Free) -> None:
    free[0] = 10**9
    with training_runs.model() as model:
        B, data = training_runs.config().batch_size, training_runs.Data()
        free[0] = model.memory(B).beside_weights_bytes
        Trainer(model, data, training_runs.config(eval_interval=0)).close()
        free[0] = model.memory(B, evaluation=True).beside_weights_bytes - 1
        with pytest.raises(TooLargeError, match="^training on batches of 5 x 17 tokens needs "):
            Trainer(model, data, training_runs.config())
        free[0] += 1
        Trainer(model, data, training_runs.config()).close()


def test_training_has_to_fit(free: Free) -> None:
    documents = ["a", "abcabcabcabc", "cb"]
    free[0] = 10**9
    with GPT(CONFIG, tokenizer=CharTokenizer("abc")) as model:
        free[0] = model.memory(1).beside_weights_bytes
        assert len(model.train_documents(documents, [0.1] * 3)) == 3
        free[0] -= 1
        assert len(model.train_documents(documents[:1], [0.1])) == 1  # two tokens of activations
        with pytest.raises(TooLargeError, match="^training on batches of 1 x 7 tokens needs at "):
            model.train_documents(documents, [0.1] * 3)
        with pytest.raises(TooLargeError, match="^training on batches of 1 x 7 tokens needs at "):
            model.training(1)


def test_names_asks_for_all_of_it_first(free: Free) -> None:
    options = NamesConfig(steps=3, n_layer=2, n_head=3, n_embd=15, block_size=7)
    free[0] = 4 * 4 * options.model_config(4).num_parameters
    NamesRun(options, ["abcab", "c"]).model.close()
    free[0] -= 1
    with pytest.raises(TooLargeError, match="^training a model of these sizes needs at least "):
        NamesRun(options, ["abcab", "c"])
