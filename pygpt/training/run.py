"""A run from a recipe: what it trains, on which data, in which folder; `pygpt.train` in Python."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Unpack

from pygpt.checkpoints import folder as checkpoint
from pygpt.datasets.dataset import TOKENIZER_FILE, TRAIN_FILE, VAL_FILE, Dataset
from pygpt.datasets.prepare import prepare
from pygpt.errors import ConfigError
from pygpt.fields import from_dict, specs_of
from pygpt.model.config import GPTConfig, GPTOptions
from pygpt.model.gpt import GPT
from pygpt.training.config import DataConfig, TrainConfig, TrainOptions
from pygpt.training.evaluation import check_tokenizer
from pygpt.training.metrics import MetricsWriter, Record
from pygpt.training.recipes import Recipe, find_recipe
from pygpt.training.run_folder import (
    DATA,
    LOCK_FILE,
    METRICS_FILE,
    RunFolder,
    best_in,
    check_run,
    check_unused,
    newest_in,
)
from pygpt.training.state import Best, read_state
from pygpt.training.trainer import FILES, Trainer


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
    resume: bool = False,
    backend: str = "cpu",
    writers: Sequence[MetricsWriter] = (),
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
        resume: whether to go on from the folder's last checkpoint, if it has one.
        backend: see `GPT`.
        writers: where records go beside the folder.
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
        out=out,
        data=data,
        tokenizer=tokenizer,
        resume=resume,
        backend=backend,
        writers=writers,
    ) as run:
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
    resume: bool = False,
    backend: str = "cpu",
    writers: Sequence[MetricsWriter] = (),
    dry_run: bool = False,
) -> Iterator[Run]:
    """Yield a run that is ready to train; the block's end frees its memory and its folder.

    Where it cannot begin, a folder that was not there before is removed again.

    Args:
        dry_run: decide everything, but write nothing that stays, and make no trainer.
    Args and errors are those of `train`.
    """
    found = find_recipe(os.fspath(recipe))
    folder = Path("runs", found.name) if out is None else Path(out)
    saved = saved_options(folder) if resume else None
    sizes, config = _options(found, options, saved)
    given = {"source": data, "tokenizer": tokenizer}
    flags = {name: os.fspath(value) for name, value in given.items() if value is not None}
    with ExitStack() as stack:
        with _place(folder, resume, dry_run) as (place, held):
            source, dataset = _data(found, flags, place, begun=saved is not None)
            ids = dataset.tokenizer.vocab_size
            architecture = from_dict(GPTConfig, {"vocab_size": ids, **sizes})
            if dry_run:
                dataset.streams(architecture.block_size, config)  # a trainer's first errors
            model = stack.enter_context(GPT(architecture, seed=config.seed, backend=backend))
            check_tokenizer(model, dataset.tokenizer)
            trainer = None
            if held is not None:
                trainer = Trainer(model, dataset, config, run=held, resume=resume, writers=writers)
                stack.enter_context(trainer)
        yield Run(folder, source, dataset, model, config, trainer)


def saved_options(run: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the fields of model and options at a run's last checkpoint; None if it has none."""
    check_run(run)
    folder = newest_in(run, FILES) if os.path.isdir(run) else None
    if folder is None:
        return None
    with checkpoint.opened(folder) as saved:
        return saved.config.to_dict(), read_state(folder).config.to_dict()


def _options(
    recipe: Recipe,
    options: Mapping[str, Any],
    saved: tuple[dict[str, Any], dict[str, Any]] | None,
) -> tuple[dict[str, Any], TrainConfig]:
    """Return fields of GPTConfig, which may lack vocab_size, and the options.

    Args:
        saved: what a run that goes on began with, in the preset's place.
    """
    for name in options:
        if name not in (known := {**specs_of(GPTConfig), **specs_of(TrainConfig)}):
            raise ConfigError(name, f"expected one of {', '.join(known)}")
    given = [
        {name: options[name] for name in specs_of(kind) if name in options}
        for kind in (GPTConfig, TrainConfig)
    ]
    model, train = saved or (recipe.base["model"], recipe.base["train"])
    model = {**model, **recipe.model, **given[0]}
    from_dict(GPTConfig, {"vocab_size": 1, **model})  # what is wrong is said before any work
    return model, from_dict(TrainConfig, {**train, **recipe.train, **given[1]})


# ---- data ------------------------------------------------------------------------------------


@contextmanager
def _place(run: Path, resume: bool, dry_run: bool) -> Iterator[tuple[Path, RunFolder | None]]:
    """Give the folder where text is prepared, in the run's folder, and that folder, held.

    If the block fails, a run's folder that was not there before is removed again. A dry run has a
    place that is removed in any case, and holds no folder.
    """
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
                for name in (METRICS_FILE, LOCK_FILE):
                    (run / name).unlink(missing_ok=True)
                for folder in new:
                    folder.rmdir()
        held.close()
        raise


def _data(
    recipe: Recipe, given: Mapping[str, str], folder: Path, begun: bool
) -> tuple[DataConfig, Dataset]:
    """Return where the data come from, and the data; text is prepared in `folder`.

    Args:
        given: fields of DataConfig that replace the recipe's.
        begun: whether the run goes on, and so with the text that was prepared there.
    """
    values = from_dict(DataConfig, {**recipe.base["data"], **recipe.data, **given})
    where = Path(values.source)
    prepared = any((where / name).is_file() for name in (TRAIN_FILE, VAL_FILE, TOKENIZER_FILE))
    if values.source and prepared:
        if given.get("tokenizer") or recipe.data.get("tokenizer"):
            raise ConfigError("tokenizer", f"does not go with {where}, which has its own")
        return DataConfig(values.source), Dataset.load(where)
    if begun and folder.is_dir():
        return DataConfig(os.fspath(folder)), Dataset.load(folder)
    if begun:
        problem = f"expected the folder that the run began with, got {values.source or 'none'}"
        raise ConfigError("data", problem)
    if not values.source:
        problem = "expected text or a folder of `pygpt prepare`, since the preset names none"
        raise ConfigError("data", problem)
    if not values.tokenizer:
        problem = "expected char, gpt2, cl100k_base or a tokenizer.json"
        raise ConfigError("tokenizer", f"{problem}, since {values.source} is text")
    return values, prepare(values.source, values.tokenizer, folder)
