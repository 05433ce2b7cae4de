"""Run folders: resumed runs, damage, full disks, foreign folders, and two processes at once."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from pygpt import GPT, CharTokenizer, CheckpointError, ConfigError, GPTConfig, Trainer
from pygpt.errors import DataError, OutputError
from pygpt.files.checksums import FILE_NAME as SUMS
from pygpt.files.checksums import verify_checksums, write_checksums
from pygpt.tokenizers.load import load_tokenizer
from pygpt.training.run_folder import RunFolder
from pygpt.training.state import STATE_FILE
from tests.support import killed_runs
from tests.support import training_runs as runs
from tests.support.processes import started
from tests.support.training_runs import Data, config, digest, saved

FILES = ["config.json", "model.safetensors", "tokenizer.json", STATE_FILE]


def _train(folder: Path | None, stop: int = 99, options: Any = None, **model: Any) -> list[float]:
    """Train, go on if there is something to go on from, and return the losses."""
    options = config() if options is None else options
    with runs.model(**model) as gpt:
        trainer = Trainer(gpt, Data(), options, run=folder, resume=folder is not None)
        losses = []
        for record in trainer:
            losses.append(record.loss)
            if record.step == stop:
                break
        return losses


def _contents(folder: Path) -> dict[str, Any]:
    """Name -> bytes, or where a link leads, of everything but the lock."""
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or (path.is_file() and path.name != "lock")
    }


def _names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to its end; nobody may change it."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    _train(folder)
    return folder


@pytest.fixture
def run(tmp_path: Path, finished: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "run", symlinks=True))


# ---- what is there ---------------------------------------------------------------------------


def test_what_is_there(finished: Path) -> None:
    losses = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [values["step"] for values in losses] == list(range(1, 24))
    scores = {v["step"]: v["validation_loss"] for v in losses if "validation_loss" in v}
    assert list(scores) == [7, 14, 21, 23]
    best = min(scores, key=scores.__getitem__)
    assert os.readlink(finished / "best") == f"step-{best:08}"
    assert os.readlink(finished / "last") == "step-00000023"
    steps = ["step-00000021", "step-00000023"]  # two newest; the best is one of them
    assert _names(finished) == sorted(["best", "last", "lock", "metrics.jsonl", *steps])
    assert _names(finished / "last") == sorted([*FILES, SUMS])
    assert load_tokenizer(finished / "last") == runs.TOKENIZER
    with GPT.from_pretrained(finished / "best") as model:
        assert (model.config, model.tokenizer) == (runs.MODEL, runs.TOKENIZER)
        state = load_file(finished / "best" / STATE_FILE)
        assert len(state) == 2 * len(model.parameters())


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")

    def fill(staged: Path) -> None:
        (staged / "file").write_bytes(b"x")

    for step, best, left in (
        (10, None, [10]), (20, 20, [10, 20]), (30, 20, [20, 30]), (40, 20, [20, 30, 40]),
        (50, 20, [20, 40, 50]), (60, 60, [50, 60]), (60, 60, [50, 60]),
    ):  # fmt: skip
        folder.write(step, best, 2, fill)
        assert folder.steps() == left
    assert os.readlink(tmp_path / "run" / "best") == "step-00000060"
    folder.point(60, 70)  # a best one that somebody removed
    assert not os.path.lexists(tmp_path / "run" / "best")


def test_sums_are_those_of_sha256sum(finished: Path) -> None:
    subprocess.run(
        ["sha256sum", "--check", "--strict", SUMS], cwd=finished / "last", check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


# ---- going on --------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [1, 10, 14, 22, 23])
def test_resumed_is_uninterrupted(tmp_path: Path, finished: Path, stop: int) -> None:
    _train(tmp_path / "run", stop)
    _train(tmp_path / "run", seed=9)  # other weights, which are not used if there is a checkpoint
    if stop == 1:  # there is none
        _train(tmp_path / "other", seed=9)
        assert saved(tmp_path / "run" / "last") == saved(tmp_path / "other" / "last")
        return
    mine, expected = _contents(tmp_path / "run"), _contents(finished)
    assert mine.keys() == expected.keys()
    assert _without_times(mine.pop("metrics.jsonl")) == _without_times(
        expected.pop("metrics.jsonl")
    )
    assert mine == expected


def _without_times(lines: bytes) -> list[dict[str, float]]:
    values = [json.loads(line) for line in lines.splitlines()]
    return [{k: v for k, v in line.items() if k not in ("ms", "tokens_per_s")} for line in values]


@pytest.mark.parametrize(
    ("options", "model"),
    [
        ({"gradient_accumulation_steps": 3, "frozen": "wte,h.0"}, {"threads": 2}),
        ({}, {"backend": "plain"}),
        ({}, {"backend": "plain", "dtype": "float32"}),
        ({"schedule": "linear"}, {"backend": "nd4j"}),
    ],
    ids=["accumulated", "float64", "plain", "nd4j"],
)
def test_resumed_is_uninterrupted_elsewhere(
    tmp_path: Path, options: dict[str, Any], model: dict[str, Any]
) -> None:
    values = config(**options, max_iters=6, checkpoint_interval=2, eval_interval=5)
    losses = _train(None, options=values, **model)
    first = _train(tmp_path / "run", 5, values, **model)
    assert first == losses[:5]
    for step, folder in ((4, tmp_path / "four"), (5, tmp_path / "five")):
        shutil.copytree(tmp_path / "run", folder, symlinks=True)
        for newer in range(step + 1, 7):
            shutil.rmtree(folder / f"step-{newer:08}", ignore_errors=True)
        assert _train(folder, options=values, **model | {"seed": 9}) == losses[step:]


def test_a_longer_run(run: Path) -> None:
    longer = config(max_iters=25, lr_decay_iters=23, keep=1, eval_interval=8)
    assert len(_train(run, options=longer)) == 2
    assert os.readlink(run / "last") == "step-00000025"


def test_left_overs_of_a_killed_process_go(run: Path) -> None:
    before = _contents(run)
    (run / ".step-00000024.abc").mkdir()
    (run / ".step-00000024.abc" / "model.safetensors").write_bytes(b"half")
    (run / ".last.abc").symlink_to("step-00000024")
    (run / ".mine").write_text("not a left-over")
    (run / "last").unlink()
    (run / "best").unlink()
    assert _train(run) == []
    assert _contents(run) == before | {".mine": b"not a left-over"}


# ---- refusals: nothing changes ---------------------------------------------------------------


@contextmanager
def _unchanged(folder: Path) -> Iterator[None]:
    before = _contents(folder)
    yield
    assert _contents(folder) == before


def _resume(run: Path, data: Any = None, options: Any = None, **model: Any) -> None:
    with GPT(**{"config": runs.MODEL, "seed": 9} | model) as gpt:
        before = digest(gpt.parameters())
        try:
            Trainer(gpt, data or Data(), options or config(), run=run, resume=True)
        finally:
            assert digest(gpt.parameters()) == before


def test_a_run_is_not_written_over(run: Path) -> None:
    with _unchanged(run), runs.model() as model:
        with pytest.raises(OutputError, match="^run folder .*/run: has a run of 23 steps; resume"):
            Trainer(model, Data(), config(), run=run)
        Trainer(model, Data(), config(), run=run, resume=True).close()  # nothing is held


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.02}, "learning_rate: expected 0.01, as the run began with, got 0.02"),
        ({"seed": 4}, "seed: expected 3, as the run began with, got 4"),
        ({"frozen": "wte"}, "frozen: expected '', as the run began with, got 'wte'"),
        ({"gradient_accumulation_steps": 2}, "gradient_accumulation_steps: expected 1, as "),
    ],
)
def test_other_options(run: Path, change: dict[str, Any], message: str) -> None:
    with _unchanged(run), pytest.raises(ConfigError) as caught:
        _resume(run, options=config(**change))
    assert str(caught.value).startswith(message)


def test_other_models_and_data(run: Path) -> None:
    other = GPTConfig(**runs.MODEL.to_dict() | {"n_layer": 3})
    with _unchanged(run):
        with pytest.raises(CheckpointError, match="n_layer: expected 3, as the model has, got 2$"):
            _resume(run, config=other)
        with pytest.raises(CheckpointError, match=": expected the arrays of a float64 model of "):
            _resume(run, backend="plain")
        with pytest.raises(DataError, match="^sampler state: size: expected 1013, got 1009$"):
            _resume(run, Data(size=1013))
        tokenizer = CharTokenizer("".join(chr(ord("B") + i) for i in range(31)), bos=False)
        with pytest.raises(ConfigError, match="^tokenizer: expected that of the data that the run"):
            _resume(run, Data(tokenizer))


def test_folders_that_are_no_runs(tmp_path: Path, finished: Path) -> None:
    (tmp_path / "notes.txt").write_text("keep me")
    for folder in (tmp_path, finished / "last"):
        with _unchanged(folder), runs.model() as model:
            with pytest.raises(OutputError, match="^run folder .*: exists and is no run of pygpt;"):
                Trainer(model, Data(), config(), run=folder)
    with runs.model() as model:
        with pytest.raises(OutputError, match="notes.txt: cannot be written: File exists$"):
            Trainer(model, Data(), config(), run=tmp_path / "notes.txt")
    assert _names(tmp_path) == ["notes.txt"]


# ---- damage ----------------------------------------------------------------------------------


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[2 * len(data) // 3] ^= 0x10
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [_truncate, _flip, Path.unlink], ids=["cut", "flip", "none"])
@pytest.mark.parametrize("name", [*FILES, SUMS])
def test_damage_is_named_and_so_is_what_is_intact(
    run: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(run / "step-00000023" / name)
    with _unchanged(run), pytest.raises(CheckpointError) as caught:
        _resume(run)
    message = str(caught.value)
    assert message.startswith(f"checkpoint {run / 'step-00000023'}: ") and "\n" not in message
    assert message.endswith("step-00000021 is intact: remove what is newer to go on from there")
    shutil.rmtree(run / "step-00000023")
    assert len(_train(run)) == 2
    verify_checksums(run / "last", FILES)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_damage_is_seen_by_who_only_reads_the_model(run: Path, name: str) -> None:
    _flip(run / "step-00000023" / name)
    with pytest.raises(CheckpointError, match=f"{name} is damaged: its SHA-256 is not that of "):
        GPT.from_pretrained(run / "last")


def test_nothing_is_intact(run: Path) -> None:
    for step in (21, 23):
        _truncate(run / f"step-{step:08}" / STATE_FILE)
    with _unchanged(run), pytest.raises(CheckpointError) as caught:
        _resume(run)
    assert f"step-00000023: {STATE_FILE} is damaged: " in str(caught.value)
    assert str(caught.value).endswith("; there is no other that is intact")


def test_states_of_other_versions(run: Path) -> None:
    from safetensors.numpy import save_file

    path = run / "step-00000023" / STATE_FILE
    arrays = load_file(path)
    for text, problem in (
        ('{"version": 2}', "expected version 1, got 2"),
        ('{"version": 1}', "is damaged: 'best'"),
        ("[]", "is damaged: "),
        ("{", "is damaged: "),
    ):
        save_file(arrays, path, metadata={"pygpt": text})
        (path.parent / SUMS).unlink()
        write_checksums(path.parent)
        with pytest.raises(CheckpointError) as caught:
            _resume(run)
        assert str(caught.value).startswith(f"checkpoint {path.parent}: {STATE_FILE}")
        assert problem in str(caught.value)


# ---- disks that are full, folders that are read-only -----------------------------------------


@contextmanager
def _files_no_larger_than(size: int) -> Iterator[None]:
    """The system refuses to write more: as a full disk does, with another number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [8 << 10, 300 << 10], ids=["model", "state"])
def test_a_checkpoint_that_does_not_fit(tmp_path: Path, finished: Path, size: int) -> None:
    run = tmp_path / "run"
    sizes = [(finished / "last" / name).stat().st_size for name in FILES]
    assert (min(sizes) < size < sizes[1]) or (sizes[1] < size < sizes[3])
    with runs.model() as model, Trainer(model, Data(), config(), run=run) as trainer:
        for record in trainer:
            if record.step == 13:
                break
        before = _contents(run)
        del before["metrics.jsonl"]
        with _files_no_larger_than(size), pytest.raises(OutputError) as caught:
            next(trainer)
        assert "step-00000014" in str(caught.value) and "File too large" in str(caught.value)
        after = _contents(run)
        del after["metrics.jsonl"]
        assert after == before
        assert trainer.fit() is not None  # there is room again
    assert saved(run / "last") == saved(finished / "last")


def test_a_record_that_does_not_fit(tmp_path: Path) -> None:
    with runs.model() as model, Trainer(model, Data(), config(), run=tmp_path / "run") as trainer:
        next(trainer)
        size = (tmp_path / "run" / "metrics.jsonl").stat().st_size
        with _files_no_larger_than(size + 5):
            with pytest.raises(OutputError, match="^metrics file .*: cannot be written: File too"):
                next(trainer)
    assert len(_train(tmp_path / "run")) == 23  # there was no checkpoint yet
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 24))


@pytest.mark.parametrize("call", ["fsync", "rename", "symlink", "replace"])
def test_a_disk_that_fails_anywhere(
    run: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """However far the writing came, the run goes on from a whole checkpoint, the old or the new."""
    longer = config(max_iters=25, lr_decay_iters=23, eval_interval=0, checkpoint_interval=1)
    works, failed = getattr(os, call), []

    def fail(*arguments: Any, **more: Any) -> Any:
        if count[0] == 0:
            failed.append(arguments)
            raise OSError(errno.ENOSPC, "No space left on device")
        count[0] -= 1
        return works(*arguments, **more)

    for calls in range(20):
        again = Path(shutil.copytree(run, run.with_name(f"again{calls}"), symlinks=True))
        with runs.model() as model:
            trainer = Trainer(model, Data(), longer, run=again, resume=True)
            with monkeypatch.context() as patch:
                count = [calls]
                patch.setattr(os, call, fail)
                if len(failed) == calls:  # it failed each time so far
                    with trainer:
                        try:
                            next(trainer)
                        except OutputError as error:
                            assert str(error).endswith("cannot be written: No space left on device")
        assert os.path.exists(again / "last")
        _train(again, options=longer)
        assert _names(again) == ["last", "lock", "metrics.jsonl", *_steps(24, 25)] or _names(
            again
        ) == ["best", "last", "lock", "metrics.jsonl", *_steps(23, 24, 25)]
        assert saved(again / "last") == _longer(run, longer)
        if len(failed) == calls:
            break
    assert failed and len(failed) < 20


def _steps(*steps: int) -> list[str]:
    return [f"step-{step:08}" for step in steps]


def _longer(run: Path, options: Any) -> str:
    """The weights of this run after 25 steps without a failure."""
    folder = run.with_name("longer")
    if not folder.exists():
        shutil.copytree(run, folder, symlinks=True)
        _train(folder, options=options)
    return saved(folder / "last")


def test_a_read_only_folder(run: Path) -> None:
    """For the superuser nothing is read-only: let somebody else try."""
    somebody = os.geteuid() or 65534
    outside = Path("/tmp") / f"pygpt-{os.getpid()}"
    shutil.copytree(run, outside, symlinks=True)
    outside.chmod(0o555)
    try:
        with runs.model() as model, _unchanged(outside):
            user = os.geteuid()
            os.seteuid(somebody)
            try:
                for folder in (outside, outside / "new"):
                    with pytest.raises(OutputError) as caught:
                        Trainer(model, Data(), config(), run=folder, resume=True)
                    expected = f"run folder {folder}: cannot be written: Permission denied"
                    assert str(caught.value) == expected
            finally:
                os.seteuid(user)
    finally:
        outside.chmod(0o755)
        shutil.rmtree(outside)


# ---- two at once -----------------------------------------------------------------------------


def test_a_second_trainer_is_refused(tmp_path: Path) -> None:
    with runs.model() as one, runs.model() as two:
        first = Trainer(one, Data(), config(), run=tmp_path / "run")
        next(first)
        for resume in (False, True):
            with pytest.raises(OutputError) as caught:
                Trainer(two, Data(), config(), run=tmp_path / "run", resume=resume)
            assert str(caught.value) == (
                f"run folder {tmp_path / 'run'}: is in use by another process, {os.getpid()}; "
                "wait for its end, or choose another folder"
            )
        assert next(first).step == 2
        del first  # not closed
        next(Trainer(two, Data(), config(), run=tmp_path / "run"))


def test_a_second_process_is_refused_until_the_first_is_no_more(
    tmp_path: Path, python_environment: dict[str, str]
) -> None:
    code = (
        "import sys, time; from pygpt.training.run_folder import RunFolder\n"
        "run = RunFolder(sys.argv[1]); print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    with started(command, env=python_environment) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match=f"another process, {process.pid}; wait for its"):
            RunFolder(tmp_path / "run")
    RunFolder(tmp_path / "run").close()


def test_moments_are_saved(run: Path) -> None:
    """And so is a state that is not near zero: else the tests above would show little."""
    for name, array in load_file(run / "last" / STATE_FILE).items():
        assert array.dtype == np.float32 and np.count_nonzero(array) > array.size / 2, name


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path) -> None:
    killed_runs.kill_and_resume(tmp_path / "run", kills=10)
