"""Samplers: what is in a batch, what an epoch has, and that resumed is uninterrupted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pygpt import ConfigError, DataError, PackedSampler, Pairs, PairSampler, WindowSampler
from pygpt.datasets.sampler import Batch, Sampler

BOS = 99
TOKENS = np.arange(1009, dtype=np.uint16)  # so that a token tells its place


def _documents(lengths: list[int]) -> Any:
    """Return BOS before, between and after documents of these lengths; no token comes twice."""
    numbers = iter(range(100, 60000))
    tokens = [BOS]
    for length in lengths:
        tokens += [*islice(numbers, length), BOS]
    return np.array(tokens, np.uint16)


def _pairs(count: int = 13) -> Pairs:
    lengths = np.array([1 + 3 * i % 7 for i in range(count)])
    starts = np.cumsum([0, *lengths])
    ids = np.arange(100, 100 + starts[-1], dtype=np.int32)
    targets = np.where(ids % 3 > 0, ids + 1, -1).astype(np.int32)
    return Pairs("pairs", ids, targets, starts)


SAMPLERS: dict[str, Callable[..., Sampler]] = {
    "windows": lambda block, batch, seed: WindowSampler(TOKENS, block, batch, seed),
    "packed": lambda block, batch, seed: PackedSampler(
        _documents([5, 0, 1, 7, 23, 2, 3, 11, 6]), BOS, block, batch, seed
    ),
    "pairs": lambda block, batch, seed: PairSampler(_pairs(), block, batch, seed),
}


def _take(sampler: Sampler, count: int) -> list[list[list[list[int]]]]:
    return [[ids.tolist(), targets.tolist()] for ids, targets in islice(sampler, count)]


def _check(batch: Batch, B: int, T: int) -> None:
    for array in batch:
        assert (array.dtype, array.shape) == (np.int32, (B, T))
        assert array.flags.c_contiguous


# ---- all of them -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SAMPLERS)
def test_arrays(kind: str) -> None:
    sampler = SAMPLERS[kind](7, 5, 1)
    first, second = next(sampler), next(sampler)
    for batch in (first, second, *sampler.eval_batches()):
        _check(batch, 5, 7)
    assert iter(sampler) is sampler
    kept = first.ids.copy()
    second.ids[:] = -9
    np.testing.assert_array_equal(first.ids, kept)


@pytest.mark.parametrize("kind", SAMPLERS)
def test_the_seed_decides(kind: str) -> None:
    runs = [_take(SAMPLERS[kind](7, 3, seed), 20) for seed in (1, 1, 2, -1, 2**70)]
    assert runs[0] == runs[1]
    assert all(a != b for i, a in enumerate(runs[1:]) for b in runs[i + 2 :])


@pytest.mark.parametrize("kind", SAMPLERS)
@settings(max_examples=25, deadline=None)
@given(before=st.integers(0, 40), asked=st.booleans())
def test_resumed_is_uninterrupted(kind: str, before: int, asked: bool) -> None:
    whole = _take(SAMPLERS[kind](7, 3, 5), before + 11)
    stopped = SAMPLERS[kind](7, 3, 5)
    _take(stopped, before)
    if asked:  # evaluation does not move it
        list(stopped.eval_batches(2))
    state = json.loads(json.dumps(stopped.state()))
    resumed = SAMPLERS[kind](7, 3, 5)
    _take(resumed, 4)
    resumed.restore(state)
    assert resumed.state() == stopped.state()
    assert _take(resumed, 11) == _take(stopped, 11) == whole[before:]


@pytest.mark.parametrize("kind", SAMPLERS)
def test_states_of_others_are_refused(kind: str) -> None:
    sampler = SAMPLERS[kind](7, 3, 5)
    good = sampler.state()
    for name, value in {
        "sampler": "other", "size": 1, "block_size": 8, "batch_size": 4, "seed": 6,
    }.items():  # fmt: skip
        for state in (good | {name: value}, {key: good[key] for key in good if key != name}):
            with pytest.raises(DataError, match=f"^sampler state: {name}: expected ") as caught:
                sampler.restore(state)
            assert "\n" not in str(caught.value)
    for taken in (-1, 1.0, True, None, "3"):
        with pytest.raises(DataError, match="^sampler state: taken: expected a count, got "):
            sampler.restore(good | {"taken": taken})
    with pytest.raises(DataError, match="^sampler state: "):
        sampler.restore({})
    assert sampler.state() == good


@pytest.mark.parametrize("kind", SAMPLERS)
@pytest.mark.parametrize(("sizes", "name"), [((0, 3), "block_size"), ((7, 0), "batch_size")])
def test_bad_sizes(kind: str, sizes: tuple[int, int], name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: expected at least [17], "):
        SAMPLERS[kind](*sizes, 1)


@pytest.mark.parametrize("kind", SAMPLERS)
@settings(max_examples=25, deadline=None)
@given(B=st.integers(1, 7), T=st.integers(7, 31))
def test_evaluation_has_everything_once(kind: str, B: int, T: int) -> None:
    sampler, other = SAMPLERS[kind](T, B, 1), SAMPLERS[kind](T, B, 2)
    found = _scored([*sampler.eval_batches()])
    everything = {
        "windows": TOKENS[1:].tolist(),
        "packed": _documents([5, 0, 1, 7, 23, 2, 3, 11, 6])[1:].tolist(),
        "pairs": [i for i in _pairs().targets.tolist() if i >= 0],
    }[kind]
    assert sorted(found) == sorted(everything)
    whole = [b.targets.tolist() for b in sampler.eval_batches()]
    assert 1 <= sampler.eval_count() <= len(whole)
    for count in (1, 2, len(whole), len(whole) + 5):
        few = [b.targets.tolist() for b in sampler.eval_batches(count)]
        assert few == [b.targets.tolist() for b in other.eval_batches(count)]
        assert len(few) <= count
        assert kind == "packed" or sampler.eval_count(count) == len(few)
        part = Counter(_scored([*sampler.eval_batches(count)]))
        assert not part - Counter(everything)
    assert list(sampler.eval_batches(0)) == []


def _scored(batches: list[Batch]) -> list[int]:
    return [i for batch in batches for i in batch.targets.ravel().tolist() if i >= 0]


# ---- windows ---------------------------------------------------------------------------------


def test_windows() -> None:
    T, B = 7, 5
    sampler = WindowSampler(TOKENS, T, B, 3)
    starts = []
    for ids, targets in islice(sampler, 3001):
        np.testing.assert_array_equal(ids, ids[:, :1] + np.arange(T))
        np.testing.assert_array_equal(targets, ids + 1)
        starts += ids[:, 0].tolist()
    counts = np.bincount(starts)
    assert len(counts) == 1009 - T and counts.min() > 0  # each place, the first and the last too
    expected = 3001 * B / len(counts)  # 15 each; chi-square has 1001 ± 45
    assert abs(((counts - expected) ** 2 / expected).sum() - 1001) < 4.5 * 45


def test_evaluation_windows_are_in_order() -> None:
    batches = list(WindowSampler(TOKENS[:32], 5, 3, 1).eval_batches())
    ids = np.concatenate([batch.ids for batch in batches])
    targets = np.concatenate([batch.targets for batch in batches])
    expected = np.full((9, 5), -1)
    expected.ravel()[:31] = range(1, 32)
    np.testing.assert_array_equal(targets, expected)
    np.testing.assert_array_equal(ids, np.maximum(expected - 1, 0))


def test_evaluation_windows_are_from_everywhere() -> None:
    found = _scored(list(WindowSampler(TOKENS, 4, 3, 1).eval_batches(9)))
    assert len(found) == len({*found}) == 108
    assert np.histogram(found, 4, (0, 1009))[0].min() > 8


def test_too_few_tokens() -> None:
    problem = "^tokens: expected more than block_size = 7, got 7; take more text or a smaller "
    with pytest.raises(DataError, match=problem):
        WindowSampler(TOKENS[:7], 7, 1)
    ids, targets = next(WindowSampler(TOKENS[:8], 7, 1))
    assert [ids.tolist(), targets.tolist()] == [[[*range(7)]], [[*range(1, 8)]]]
    with pytest.raises(DataError, match="got 0; "):
        WindowSampler(TOKENS[:0], 7, 1)


# ---- packed documents ------------------------------------------------------------------------


def _spans(batch: Batch) -> list[list[int]]:
    """Return the documents of a batch: ids, and the last target; check that nothing is between."""
    spans: list[list[int]] = []
    for ids, targets in zip(*batch, strict=True):
        scored = int((targets >= 0).sum())
        assert (targets[scored:] == -1).all() and (ids[scored:] == 0).all()
        span: list[int] = []
        for i, (token, target) in enumerate(zip(ids[:scored], targets, strict=False)):
            span.append(int(token))
            last = i == scored - 1
            if target == BOS or last or ids[i + 1] != target:
                spans.append([*span, int(target)])
                span = []
            else:
                assert ids[i + 1] == target
    return spans


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=30), st.integers(1, 5), st.integers(1, 9)
)
def test_an_epoch_has_every_document_once(lengths: list[int], B: int, T: int) -> None:
    tokens = _documents(lengths)
    ends = np.flatnonzero(tokens == BOS)
    expected = []
    for a, b in pairwise(ends.tolist()):
        expected += [tokens[i : min(i + T, b) + 1].tolist() for i in range(a, b, T)]
    sampler = PackedSampler(tokens, BOS, T, B, 5)
    counts: Counter[tuple[int, ...]] = Counter()
    while counts.total() < 3 * len(expected):
        counts.update(map(tuple, _spans(next(sampler))))
        epochs, more = divmod(counts.total(), len(expected))
        for span, once in Counter(map(tuple, expected)).items():
            assert epochs * once <= counts[span] <= (epochs + (more > 0)) * once
    in_order = [span for batch in sampler.eval_batches() for span in _spans(batch)]
    assert sorted(in_order) == sorted(expected)


def test_rows_are_filled() -> None:
    """With names' lengths and T = 16 nine tenths are not blank; one a row would be four."""
    rng = np.random.default_rng(7)
    tokens = _documents(rng.integers(2, 11, 5003).tolist())
    sampler = PackedSampler(tokens, BOS, 16, 31, 1)
    scored = [float((targets >= 0).mean()) for _, targets in islice(sampler, 97)]
    assert np.mean(scored) > 0.85


def test_the_order_is_another_in_each_epoch() -> None:
    tokens = _documents([3] * 30)
    sampler = PackedSampler(tokens, BOS, 4, 1, 1)
    orders = [[next(sampler).ids[0, 1] for _ in range(30)] for _ in range(3)]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(orders[2])
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_a_batch_crosses_epochs() -> None:
    """With fewer documents than fit, they come again and again."""
    sampler = PackedSampler(_documents([3, 3]), BOS, 8, 3, 1)
    spans = _spans(next(sampler))
    both = [[BOS, 100, 101, 102, BOS], [BOS, 103, 104, 105, BOS]]
    assert sorted(spans) == sorted(both * 3)


def test_no_documents() -> None:
    for tokens in ([1, 2, 3], [BOS, 1], [1, BOS], [BOS], []):
        for bos in (BOS, None):
            with pytest.raises(DataError, match="^tokens: expected documents with BOS at both end"):
                PackedSampler(np.array(tokens, np.uint16), bos, 4, 2)


def test_documents_are_found_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = _documents([5, 0, 1, 7, 2])
    expected = _take(PackedSampler(tokens, BOS, 8, 2), 9)
    monkeypatch.setattr("pygpt.datasets.rows._CHUNK", 3)
    assert _take(PackedSampler(tokens, BOS, 8, 2), 9) == expected
