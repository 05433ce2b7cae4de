"""A run from a recipe: what it trains, on which data, in which folder; `pygpt.train` in Python."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Unpack

from pygpt.checkpoints import folder as checkpoint
from pygpt.datasets.dataset import TOKENIZER_FILE, TRAIN_FILE, VAL_FILE, Dataset
from pygpt.datasets.prepare import Report, prepare
from pygpt.datasets.sources import fingerprint_of
from pygpt.distributed.group import Alone, Group, from_first
from pygpt.distributed.step import with_microbatches, with_threads
from pygpt.errors import CheckpointError, ConfigError, DataError
from pygpt.fields import from_dict, specs_of
from pygpt.files.atomic import write_new
from pygpt.model.config import GPTConfig, GPTOptions
from pygpt.model.gpt import GPT
from pygpt.training.config import DataConfig, TrainConfig, TrainOptions, options_of
from pygpt.training.evaluation import check_tokenizer
from pygpt.training.metrics import MetricsWriter, Record
from pygpt.training.recipes import Recipe, find_recipe
from pygpt.training.run_folder import (
    BEGUN_FILE,
    DATA,
    LOCK_FILE,
    METRICS_FILE,
    RunFolder,
    best_in,
    check_run,
    check_unused,
    has_begun,
    newest_in,
    steps_in,
)
from pygpt.training.state import Best, read_state
from pygpt.training.trainer import ADAPTER_FILES, FILES, Trainer, check_origin


class RunOptions(GPTOptions, TrainOptions, total=False):
    """The fields of `GPTConfig` and of `TrainConfig` as keyword arguments."""


@dataclass(frozen=True)
class TrainedRun:
    """Immutable: a run that has ended.

    Attributes:
        folder: the run's.
        step: updates of the weights, those of earlier processes included.
        record: of the last step; None if there was no step left.
        best: the step with the lowest validation loss; None without evaluations.
    """

    folder: Path
    step: int
    record: Record | None
    best: Best | None

    @property
    def checkpoint(self) -> Path:
        """The best model's folder, or the last one's, for `GPT.from_pretrained`."""
        return best_in(self.folder)


def train(
    recipe: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    tokenizer: str | os.PathLike[str] | None = None,
    field: str | None = None,
    format: str | None = None,
    lines: bool | None = None,
    encoding: str | None = None,
    separator: str | None = None,
    resume: bool = False,
    backend: str = "cpu",
    writers: Sequence[MetricsWriter] = (),
    group: Group | None = None,
    on_record: Callable[[Record], None] | None = None,
    **options: Unpack[RunOptions],
) -> TrainedRun:
    """Train a model to the end of its run; the run's folder has the model.

        run = pygpt.train("shakespeare-char", max_iters=500)
        with pygpt.GPT.from_pretrained(run.checkpoint) as model:
            print(model.generate("To be"))

    Args:
        recipe: the name of a preset, or a TOML file with the tables [model], [train] and [data].
        out: the run's folder; by default in `runs`, by the name of the preset or file.
        data: a folder of `prepare`, or a source that `prepare` reads; by default the recipe's.
        tokenizer: which tokenizer reads a source; see `prepare`.
        field, format, lines, encoding, separator: see `prepare`. By default a line is a document in
            packed batches, unless there is a separator.
        resume: whether to go on from the folder's last checkpoint, if it has one.
        backend: see `GPT`.
        writers: where records go beside the folder.
        group: workers that train the model together; see `Trainer`.
        on_record: called with the record of each step.
        options: fields of `GPTConfig` and `TrainConfig` that differ from the recipe's.
    Raises:
        ConfigError: an option that is not allowed, or that does not fit the data or the run.
        DataError: no such recipe or data, or data that cannot be read.
        CheckpointError, OutputError, TooLargeError: see `Trainer`.
        KeyboardInterrupt: Ctrl-C; `resume` goes on from the last checkpoint.
    """
    with open_run(
        recipe,
        options,
        out=out, data=data, tokenizer=tokenizer,
        field=field, format=format, lines=lines, encoding=encoding, separator=separator,
        resume=resume, backend=backend, writers=writers, group=group,
    ) as run:  # fmt: skip
        assert run.trainer is not None
        last = None
        for last in run.trainer:
            if on_record is not None:
                on_record(last)
        return TrainedRun(run.folder, run.trainer.step, last, run.trainer.best)


@dataclass(frozen=True)
class Run:
    """Immutable: all that a run consists of, open for training.

    Attributes:
        folder: the run's, as the caller names it.
        source: where the data come from.
        data: the tokens to learn from.
        model: with its first weights, or those of the last checkpoint.
        config: the run's options.
        trainer: None in a dry run.
    """

    folder: Path
    source: DataConfig
    data: Dataset
    model: GPT
    config: TrainConfig
    trainer: Trainer | None


@contextmanager
def open_run(
    recipe: str | os.PathLike[str],
    options: Mapping[str, Any],
    *,
    out: str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    tokenizer: str | os.PathLike[str] | None = None,
    field: str | None = None,
    format: str | None = None,
    lines: bool | None = None,
    encoding: str | None = None,
    separator: str | None = None,
    resume: bool = False,
    backend: str = "cpu",
    writers: Sequence[MetricsWriter] = (),
    dry_run: bool = False,
    group: Group | None = None,
    on_progress: Report | None = None,
) -> Iterator[Run]:
    """Yield a run that is ready to train; the block's end frees its memory and its folder.

    Where it cannot begin, a folder that was not there before is removed again.

    Args:
        dry_run: decide everything, but write nothing that stays, and make no trainer.
        on_progress: see `prepare`; called where text is prepared.
    Args and errors are those of `train`.
    """
    group = Alone() if group is None else group
    found = find_recipe(os.fspath(recipe))
    folder = Path("runs", found.name) if out is None else Path(out)
    saved = begun_as_first(folder, group) if resume else None
    sizes, config = _options(found, options, saved)
    config = with_threads(with_microbatches(config, group.size), group)
    paths = {"source": data, "tokenizer": tokenizer}
    reading = {"field": field, "format": format, "lines": lines}
    reading |= {"encoding": encoding, "separator": separator}
    flags: dict[str, Any] = {
        **{name: os.fspath(value) for name, value in paths.items() if value is not None},
        **{name: value for name, value in reading.items() if value is not None},
    }
    with ExitStack() as stack:
        with _place(folder, resume, dry_run, group) as (place, held):
            read = partial(_data, found, flags, batches=config.batches, on_progress=on_progress)
            begin = partial(_begin, held, sizes, config)
            source, dataset = _divided_data(read, place, saved, group, folder, begin)
            architecture = _architecture(sizes, dataset)
            if dry_run:
                dataset.streams(architecture.block_size, config)  # a trainer's first errors
            model = GPT(architecture, seed=config.seed, backend=backend, threads=config.threads)
            stack.enter_context(model)
            check_tokenizer(model, dataset.tokenizer)
            trainer = None
            if not dry_run:
                to: dict[str, Any] = {"run": held or folder, "resume": resume, "group": group}
                trainer = Trainer(model, dataset, config, writers=writers, **to)
                stack.enter_context(trainer)
        yield Run(folder, source, dataset, model, config, trainer)


class Begun(NamedTuple):
    """What a run that goes on began with.

    Attributes:
        model, train: the fields of model and options; without those that were derived.
        origin: what its data are, see `Streams`; None if that is not known.
        tokenizer: fingerprint of that of the data, likewise.
    """

    model: dict[str, Any]
    train: dict[str, Any]
    origin: Mapping[str, Any] | None
    tokenizer: str | None = None


def begun_with(run: Path) -> Begun | None:
    """Return what a run has at its last checkpoint, or began with; None if it is none yet.

    Raises:
        CheckpointError: it has begun, but there is no checkpoint, and it does not say with what.
    """
    check_run(run)
    if not os.path.isdir(run):
        return None
    folder = newest_in(run, FILES, ADAPTER_FILES)
    if folder is not None:
        with checkpoint.opened(folder) as saved:
            state = read_state(folder)
            return Begun(saved.config.to_dict(), state.given(), state.origin, state.tokenizer)
    try:
        values = json.loads((run / BEGUN_FILE).read_text(encoding="utf-8"))
        return Begun(values["model"], values["train"], values["origin"])
    except FileNotFoundError:
        if not has_begun(run):
            return None
        problem = "has no checkpoint to go on from, and does not say what it began with"
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"has no checkpoint to go on from, and its {BEGUN_FILE} is damaged: {error}"
    raise CheckpointError(f"run folder {run}: {problem}; begin in another folder, or remove it")


def begun_as_first(run: Path, group: Group) -> Begun | None:
    """Return what worker 0 finds by `begun_with`; the others need not have the folder."""
    found = begun_with(run) if group.rank == 0 else None
    values = from_first(group, None if found is None else found._asdict())
    return found if group.size == 1 or values is None else Begun(**values)


def _architecture(sizes: Mapping[str, Any], data: Dataset) -> GPTConfig:
    return from_dict(GPTConfig, {"vocab_size": data.tokenizer.vocab_size, **sizes})


def _begin(
    run: RunFolder | None, sizes: Mapping[str, Any], config: TrainConfig, data: Dataset
) -> None:
    """Write what a run begins with, if it has a folder and no checkpoint, which would say it."""
    if run is not None and not steps_in(run.path):
        model = _architecture(sizes, data).to_dict()
        values = {"model": model, "train": config.given(), "origin": data.origin}
        write_new(run.path / BEGUN_FILE, json.dumps(values).encode(), overwrite=True)


def _options(
    recipe: Recipe, options: Mapping[str, Any], saved: Begun | None
) -> tuple[dict[str, Any], TrainConfig]:
    """Return fields of GPTConfig, which may lack vocab_size, and the options.

    Args:
        saved: what a run that goes on began with, in the preset's place.
    """
    for name in options:
        if name not in (known := {**specs_of(GPTConfig), **specs_of(TrainConfig)}):
            raise ConfigError(name, f"expected one of {', '.join(known)}")
    sizes, train = (
        {name: options[name] for name in specs_of(kind) if name in options}
        for kind in (GPTConfig, TrainConfig)
    )
    if saved is not None:
        base: Mapping[str, Any] = saved.model
        config = from_dict(TrainConfig, options_of(saved.train, {**recipe.train, **train}))
    else:
        base = recipe.base["model"]
        config = from_dict(
            TrainConfig, options_of(recipe.base["train"], {**recipe.train, **train})
        )
    if config.lora:
        raise ConfigError("lora", "expected 0, since there is no model yet to adapt; see finetune")
    model = {**base, **recipe.model, **sizes}
    from_dict(GPTConfig, {"vocab_size": 1, **model})  # what is wrong is said before any work
    if saved is not None:
        _check_sizes(saved.model, model)
    return model, config


def _check_sizes(saved: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """Check that a run that goes on has the sizes that it began with."""
    for name, value in saved.items():
        if model[name] != value:
            raise CheckpointError(
                f"{name}: expected {model[name]!r}, as the model has, got {value!r}: the run began "
                f"with {value!r}; leave {name} out to go on, or begin another run"
            )


# ---- data ------------------------------------------------------------------------------------


@contextmanager
def _place(
    run: Path, resume: bool, dry_run: bool, group: Group
) -> Iterator[tuple[Path, RunFolder | None]]:
    """Give the folder where text is prepared, in the run's folder, and that folder, held.

    If the block fails, a run's folder that was not there before is removed again. A dry run has a
    place that is removed in any case, and holds no folder; nor does a worker that is not the first.
    """
    if group.rank:
        with TemporaryDirectory(prefix="pygpt.", ignore_cleanup_errors=True) as place:
            yield Path(place, DATA), None
        return
    check_run(run)
    if os.path.isdir(run) and not resume:
        check_unused(run)
    if dry_run:
        with TemporaryDirectory(prefix="pygpt.", ignore_cleanup_errors=True) as place:
            has_data = resume and os.path.isdir(run / DATA)
            yield run / DATA if has_data else Path(place, DATA), None
        return
    new = [folder for folder in (run, *run.parents) if not os.path.lexists(folder)]
    held = RunFolder(run)
    try:
        yield run / DATA, held
    except BaseException:
        if new:
            shutil.rmtree(run / DATA, ignore_errors=True)
            with suppress(OSError):  # there is something else in it
                for name in (METRICS_FILE, BEGUN_FILE, LOCK_FILE):
                    (run / name).unlink(missing_ok=True)
                for folder in new:
                    folder.rmdir()
        held.close()
        raise


def _divided_data(
    read: Callable[..., tuple[DataConfig, Dataset]],
    place: Path,
    saved: Begun | None,
    group: Group,
    run: Path,
    begin: Callable[[Dataset], None],
) -> tuple[DataConfig, Dataset]:
    """Return what `_data` does on every worker of a group.

    The first prepares text, if there is any, in the run's folder. The others wait for it, and take
    what they see there; where they do not see that folder, they prepare the same text themselves.

    Args:
        read: `_data`, but for the folder, and for what a run that goes on began with.
        begin: called by the first before the others go on, so that one that ends then, as while a
            JVM starts, leaves a folder that can be gone on with.
    """
    if group.rank:
        from_first(group, None)
        if (run / DATA).is_dir():
            return DataConfig(os.fspath(run / DATA)), _as_begun(Dataset.load(run / DATA), saved)
        source, data = read(folder=place, saved=None)
        return source, _as_begun(data, saved)
    found = read(folder=place, saved=saved)
    begin(found[1])
    from_first(group, "prepared")
    return found


def _data(
    recipe: Recipe,
    given: Mapping[str, Any],
    folder: Path,
    batches: str,
    saved: Begun | None,
    on_progress: Report | None,
) -> tuple[DataConfig, Dataset]:
    """Return where the data come from, and the data; text is prepared in `folder`.

    Args:
        given: fields of DataConfig that replace the recipe's.
        batches: of the run's options: packed ones are of documents.
        saved: what a run that goes on began with, and so with the text that was prepared there.
    """
    values = from_dict(DataConfig, {**recipe.base["data"], **recipe.data, **given})
    where = Path(values.source)
    prepared = any((where / name).is_file() for name in (TRAIN_FILE, VAL_FILE, TOKENIZER_FILE))
    if values.source and prepared:
        for name in specs_of(DataConfig):
            if name != "source" and (given.get(name) or recipe.data.get(name)):
                has = "has its own" if name == "tokenizer" else "is prepared"
                raise ConfigError(name, f"does not go with {where}, which {has}")
        return DataConfig(values.source), _as_begun(Dataset.load(where), saved)
    if saved is not None and folder.is_dir():
        source = {} if saved.origin is None else dict(saved.origin.get("source", {}))
        _check_source(source, {**recipe.data, **given})
        data = replace(Dataset.load(folder), source=source)
        return DataConfig(os.fspath(folder)), _as_begun(data, saved)
    if saved is not None:
        problem = f"expected the folder that the run began with, got {values.source or 'none'}"
        origin = saved.origin or {}
        known = f"; that was {origin['folder']}" if "folder" in origin else ""
        raise ConfigError("data", f"{problem}{known}")
    if not values.source:
        problem = "expected text or a folder of `pygpt prepare`, since the preset names none"
        raise ConfigError("data", problem)
    if not values.tokenizer:
        problem = "expected char, gpt2, cl100k_base or a tokenizer.json"
        raise ConfigError("tokenizer", f"{problem}, since {values.source} is text")
    lines = values.lines
    if lines is None and batches != "packed":
        lines = False
    data = prepare(
        values.source,
        values.tokenizer,
        folder,
        field=values.field or None,
        lines=lines,
        on_progress=on_progress,
        format=values.format,
        separator=values.separator,
        encoding=values.encoding,
    )
    text = {"fingerprint": fingerprint_of(values.source)}
    return values, replace(data, source=values.to_dict() | text)


def _as_begun(data: Dataset, saved: Begun | None) -> Dataset:
    """Return data that are those that a run began with, as far as that is known."""
    if saved is not None:
        check_origin(saved.origin, data.origin)
        if saved.tokenizer not in (None, data.tokenizer.fingerprint):
            problem = "expected those that the run began with, got data of another tokenizer"
            raise ConfigError("data", problem)
    return data


def _check_source(began: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Check that a run is not told to go on with another text than it began with."""
    for name, value in given.items():
        expected = began.get(name, specs_of(DataConfig)[name].default if began else value)
        same = value == expected or (
            name == "source" and os.path.realpath(value) == os.path.realpath(expected)
        )
        if not same:
            problem = f"expected {expected!r}, as the run began with, got {value!r}"
            raise ConfigError("data" if name == "source" else name, problem)
    now = fingerprint_of(given["source"]) if "source" in given else ""
    if now and began.get("fingerprint", now) != now:
        raise DataError(
            f"data {given['source']}: has changed since the run began; leave it out to go on with "
            "what was prepared then, or begin another run in another folder"
        )
