"""What memory there is, by the files that Linux shows, and models that do not fit into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jbridge import JavaMemoryError
from pygpt import GPT, CharTokenizer, GPTConfig, NamesConfig, NamesRun, Trainer, memory
from pygpt.errors import ConfigError, TooLargeError
from tests.support import training_runs

MEMINFO = "MemTotal:       24684084 kB\nMemFree: 7 kB\nMemAvailable:   22949260 kB\n"
AVAILABLE = 22949260 * 1024
CONFIG = GPTConfig.microgpt(block_size=7, vocab_size=4, n_layer=2, n_head=3, n_embd=15)


def _system(root: Path, groups: str, files: dict[str, str]) -> int | None:
    """Return what is available on a system with these files."""
    files = {"proc/meminfo": MEMINFO, "proc/self/cgroup": groups, **files}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return memory.available_bytes(root)


def _group(folder: str, limit: str, use: str, cache: str) -> dict[str, str]:
    """The files of one control group of version 2."""
    folder = f"sys/fs/cgroup/{folder}".rstrip("/")
    stat = f"anon 5\ninactive_file {cache}\nactive_file 3\n"
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.current": f"{use}\n",
        f"{folder}/memory.stat": stat,
    }


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The available bytes, as the one item of a list."""
    box = [0]
    monkeypatch.setattr(memory, "available_bytes", lambda: box[0])
    yield box


def test_no_group_with_a_limit(tmp_path: Path) -> None:
    assert _system(tmp_path, "0::/\n", {}) == AVAILABLE
    files = _group("a", "max", "400", "30")
    assert _system(tmp_path, "0::/a\n", files) == AVAILABLE


def test_the_tightest_group_counts(tmp_path: Path) -> None:
    files = _group("a/b", "1000", "400", "30") | _group("a", "900", "500", "20")
    assert _system(tmp_path, "0::/a/b\n", files) == 900 - 500 + 20


def test_a_group_over_its_limit_has_nothing(tmp_path: Path) -> None:
    assert _system(tmp_path, "0::/a\n", _group("a", "1000", "1200", "30")) == 0


def test_path_of_the_host_in_a_container(tmp_path: Path) -> None:
    files = _group("", "1000", "400", "30")
    assert _system(tmp_path, "0::/docker/5ca1ab1e\n", files) == 1000 - 400 + 30


def test_version_1(tmp_path: Path) -> None:
    folder = "sys/fs/cgroup/memory/a"
    files = {
        f"{folder}/memory.limit_in_bytes": "1000\n",
        f"{folder}/memory.usage_in_bytes": "400\n",
        f"{folder}/memory.stat": "inactive_file 7\ntotal_inactive_file 30\n",
    }
    groups = "9:name=systemd:/x\n4:cpu,memory:/a\n1:cpu:/a\n0::/\n"
    assert _system(tmp_path, groups, files) == 1000 - 400 + 30


def test_this_machine() -> None:
    available = memory.available_bytes()
    assert available is None or 2**26 < available < 2**50


def test_without_linux_s_files_it_is_the_machine_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 11}.__getitem__)
    assert memory.available_bytes(tmp_path) == 4096 * 11
    monkeypatch.delattr("os.sysconf")
    assert memory.available_bytes(tmp_path) is None
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    memory.require(10**30, "nothing")  # not known: let through


def test_message(free: list[int]) -> None:
    free[0] = 12_345_678_901
    memory.require(free[0], "this")
    with pytest.raises(TooLargeError) as caught:
        memory.require(3 * 10**15, "this")
    assert str(caught.value) == (
        "this needs at least 3,000,000.00 GB of memory and 12.35 GB are available; "
        "choose smaller sizes, or end other programs"
    )


def test_weights_have_to_fit(free: list[int]) -> None:
    weights_bytes = CONFIG.num_parameters * 4
    free[0] = weights_bytes - 1
    with pytest.raises(TooLargeError, match="^a model of these sizes needs at least 0.00 GB of "):
        GPT(CONFIG)
    free[0] = weights_bytes
    GPT(CONFIG).close()
    with pytest.raises(TooLargeError):
        GPT(CONFIG, backend="plain")  # float64


def test_java_asks_too(free: list[int]) -> None:
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


def test_a_run_that_evaluates_needs_more(free: list[int]) -> None:
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


def test_training_has_to_fit(free: list[int]) -> None:
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


def test_names_asks_for_all_of_it_first(free: list[int]) -> None:
    options = NamesConfig(steps=3, n_layer=2, n_head=3, n_embd=15, block_size=7)
    free[0] = 4 * 4 * options.model_config(4).num_parameters
    NamesRun(options, ["abcab", "c"]).model.close()
    free[0] -= 1
    with pytest.raises(TooLargeError, match="^training a model of these sizes needs at least "):
        NamesRun(options, ["abcab", "c"])
