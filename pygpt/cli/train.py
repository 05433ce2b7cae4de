"""`python -m pygpt train`: a model from a preset or a TOML file, and a run's folder."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pygpt.cli.flags import UsageError, add_fields, given_fields
from pygpt.fields import from_dict
from pygpt.model.config import BACKENDS, PRESETS, GPTConfig
from pygpt.training.config import DataConfig, TrainConfig

if TYPE_CHECKING:
    from pygpt.datasets.dataset import Dataset
    from pygpt.training.recipes import Recipe

EXAMPLES = """\
examples:
  python -m pygpt train shakespeare-char
  python -m pygpt train shakespeare-char --n-layer 6 --max-iters 5000 --out runs/deeper
  python -m pygpt train shakespeare-char --resume
  python -m pygpt train gpt2 --data book.txt --block-size 256 --batch-size 4 --dry-run
"""


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt train`."""
    parser = commands.add_parser(
        "train",
        help="train a model from a preset or a TOML file",
        description="Train a model. What neither a flag nor the file says is the preset's.",
        usage="pygpt train PRESET|FILE.toml [options]",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,  # so that it is known which ones were given
        allow_abbrev=False,
    )
    parser.add_argument(
        "recipe",
        metavar="PRESET|FILE.toml",
        help=f"{', '.join(PRESETS)}; or a file with the tables [model], [train] and [data]",
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="a folder of `pygpt prepare`, or text, as it reads it (default: the preset's)",
    )
    parser.add_argument(
        "--tokenizer",
        metavar="TOKENIZER",
        help="of text: char, gpt2, cl100k_base, a tokenizer.json or its folder",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be trained, and write nothing"
    )
    add_run_flags(parser, "runs/ and the name of preset or file")
    add_fields(parser.add_argument_group("model"), GPTConfig, defaults=_no_defaults(GPTConfig))
    training = parser.add_argument_group("training")
    add_fields(training, TrainConfig, defaults=_no_defaults(TrainConfig))
    parser.set_defaults(run=train)


def add_run_flags(parser: Any, out: str) -> None:
    """Add what `finetune` has, too: --out, --resume, --backend, --quiet."""
    parser.add_argument("--out", metavar="RUN", help=f"the run's folder (default: {out})")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run from its last checkpoint"
    )
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        metavar="|".join(BACKENDS),
        help="cpu is fast, nd4j is ND4J's own operations, plain the reference (default: cpu)",
    )
    parser.add_argument(
        "--tensorboard",
        metavar="DIR",
        help="write the metrics there for TensorBoard too; needs pygpt[tensorboard]",
    )
    parser.add_argument("--quiet", action="store_true", help="nothing but the result")


def _no_defaults(kind: type[GPTConfig | TrainConfig]) -> dict[str, None]:
    return dict.fromkeys(kind.__dataclass_fields__)


def train(arguments: argparse.Namespace) -> None:
    """Decide everything, show it, and train."""
    from pygpt.training.recipes import find_recipe

    given = vars(arguments)
    dry_run, quiet, resume = "dry_run" in given, "quiet" in given, "resume" in given
    if dry_run and quiet:
        raise UsageError("--quiet does not go with --dry-run, which shows and does nothing else")
    recipe = find_recipe(arguments.recipe)
    out = Path(given.get("out", Path("runs", recipe.name)))
    saved = saved_options(out) if resume else None
    sizes, config = _options(arguments, recipe, saved)

    from pygpt import memory
    from pygpt.cli.training import describe, memory_of, watch, writers_of
    from pygpt.model.gpt import GPT
    from pygpt.training.evaluation import check_tokenizer
    from pygpt.training.trainer import Trainer

    writers = writers_of(given)
    with ExitStack() as stack:
        with _place_for_data(out, resume, dry_run) as folder:
            source, data = _data(recipe, given, folder, begun=saved is not None)
            ids = data.tokenizer.vocab_size
            architecture = from_dict(GPTConfig, {"vocab_size": ids, **sizes})
            data.streams(architecture.block_size, config)  # whether there are tokens enough
            backend = given.get("backend", "cpu")
            model = stack.enter_context(GPT(architecture, seed=config.seed, backend=backend))
            check_tokenizer(model, data.tokenizer)
            tokens = f"{len(data.train):,} tokens to train on, {len(data.val):,} to validate with"
            if not quiet:
                text = describe(model, config, source, [f"{tokens}, {ids:,} ids"])
                print(text, end="", flush=True)
            needed = memory_of(model, config).beside_weights_bytes
            memory.require(needed, "training a model of these sizes")
        if not dry_run:
            trainer = Trainer(model, data, config, run=out, resume=resume, writers=writers)
            watch(stack.enter_context(trainer), out, quiet)


def _options(
    arguments: argparse.Namespace,
    recipe: Recipe,
    saved: tuple[dict[str, Any], dict[str, Any]] | None,
) -> tuple[dict[str, Any], TrainConfig]:
    """Return fields of GPTConfig, which may lack vocab_size, and the options.

    Args:
        saved: what a run that goes on began with, in the preset's place.
    """
    model, train = saved or (recipe.base_model(), recipe.base_train())
    model = {**model, **recipe.model, **given_fields(arguments, GPTConfig)}
    from_dict(GPTConfig, {"vocab_size": 1, **model})  # what is wrong is said before any work
    train = {**train, **recipe.train, **given_fields(arguments, TrainConfig)}
    return model, from_dict(TrainConfig, train)


def saved_options(run: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the fields of model and options at a run's last checkpoint; None if it has none."""
    from pygpt.checkpoints import folder as checkpoint
    from pygpt.training.run_folder import check_run, newest_in
    from pygpt.training.state import read_state
    from pygpt.training.trainer import FILES

    check_run(run)
    folder = newest_in(run, FILES) if os.path.isdir(run) else None
    if folder is None:
        return None
    with checkpoint.opened(folder) as saved:
        return saved.config.to_dict(), read_state(folder).config.to_dict()


# ---- data ------------------------------------------------------------------------------------


@contextmanager
def _place_for_data(run: Path, resume: bool, dry_run: bool) -> Iterator[Path]:
    """Give the folder where text is prepared: in the run's folder, which is ours meanwhile.

    If the block fails, a run's folder that was not there before goes again. A dry run has a place
    that goes in any case.
    """
    from pygpt.training.run_folder import DATA, LOCK_FILE, RunFolder, check_run, check_unused

    check_run(run)
    if os.path.isdir(run) and not resume:
        check_unused(run)
    if dry_run:
        with TemporaryDirectory(prefix="pygpt.", ignore_cleanup_errors=True) as place:
            yield run / DATA if resume and os.path.isdir(run / DATA) else Path(place, DATA)
        return
    new = [folder for folder in (run, *run.parents) if not os.path.lexists(folder)]
    held = RunFolder(run)
    try:
        yield run / DATA
    except BaseException:
        if new:
            shutil.rmtree(run / DATA, ignore_errors=True)
            with suppress(OSError):  # a folder in which somebody else has begun
                (run / LOCK_FILE).unlink()
                for folder in new:
                    folder.rmdir()
        raise
    finally:
        held.close()


def _data(
    recipe: Recipe, given: Mapping[str, Any], folder: Path, begun: bool
) -> tuple[DataConfig, Dataset]:
    """Return where the data come from, and the data; text is prepared in `folder`.

    Args:
        begun: whether the run goes on, and so with the text that was prepared there.
    """
    from pygpt.datasets.dataset import TOKENIZER_FILE, TRAIN_FILE, VAL_FILE, Dataset
    from pygpt.datasets.prepare import prepare

    flags = {"source": given.get("data"), "tokenizer": given.get("tokenizer")}
    flags = {name: value for name, value in flags.items() if value is not None}
    values = from_dict(DataConfig, {**recipe.base_data(), **recipe.data, **flags})
    where = Path(values.source)
    prepared = any((where / name).is_file() for name in (TRAIN_FILE, VAL_FILE, TOKENIZER_FILE))
    if values.source and prepared:
        if flags.get("tokenizer") or recipe.data.get("tokenizer"):
            raise UsageError(f"--tokenizer does not go with {where}, which has its own")
        return DataConfig(values.source), Dataset.load(where)
    if begun and folder.is_dir():
        return DataConfig(os.fspath(folder)), Dataset.load(folder)
    if begun:
        problem = f"expected the folder that the run began with, got {values.source or 'none'}"
        raise UsageError(f"--data: {problem}")
    if not values.source:
        problem = "expected text or a folder of `pygpt prepare`, since the preset names none"
        raise UsageError(f"--data: {problem}")
    if not values.tokenizer:
        problem = "expected char, gpt2, cl100k_base or a tokenizer.json"
        raise UsageError(f"--tokenizer: {problem}, since {values.source} is text")
    return values, prepare(values.source, values.tokenizer, folder)
