"""`python -m pygpt train`: a model from a preset or a TOML file, and a run's folder."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pygpt.cli import translation
from pygpt.cli.flags import UsageError, add_backend, add_fields, given_fields
from pygpt.fields import specs_of
from pygpt.model.config import AUTO, BACKENDS, GPTConfig
from pygpt.model.presets import PRESETS
from pygpt.training.config import FOR_WORKERS, DataConfig, TrainConfig
from pygpt.translation.names import TASK_NAMES

if TYPE_CHECKING:
    from pygpt.datasets.dataset import Dataset
    from pygpt.datasets.prepare import Prepared

EXAMPLES = """\
examples:
  python -m pygpt train shakespeare-char
  python -m pygpt train shakespeare-char --n-layer 6 --max-iters 5000 --out runs/deeper
  python -m pygpt train shakespeare-char --resume
  python -m pygpt train number-words --out runs/numbers
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
        argument_default=argparse.SUPPRESS,  # so that it is known which ones were given
    )
    parser.add_argument(
        "recipe",
        metavar="PRESET|FILE.toml",
        help=f"one of {', '.join(PRESETS)}; a task for an encoder-decoder, which makes its own "
        f"data: {', '.join(TASK_NAMES)}; or a file with the tables [model], [train] and [data]",
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="what to train on: a folder of `pygpt prepare`, or a source that it reads "
        "(default: the preset's)",
    )
    parser.add_argument(
        "--tokenizer",
        metavar="TOKENIZER",
        help=specs_of(DataConfig)["tokenizer"].rule.help,
    )
    add_fields(parser, DataConfig, only=("field", "format", "encoding", "separator", "lines"))
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be trained, but write nothing"
    )
    add_run_flags(parser, "runs/ and the name of preset or file")
    add_fields(parser.add_argument_group("model"), GPTConfig, defaults=_no_defaults(GPTConfig))
    training = parser.add_argument_group("training")
    add_fields(training, TrainConfig, defaults=_no_defaults(TrainConfig))
    add_fields(training, TrainConfig, only=("moments",), defaults=_no_defaults(TrainConfig))
    workers = parser.add_argument_group("several workers (see launch)")
    add_fields(workers, TrainConfig, only=FOR_WORKERS, defaults=_no_defaults(TrainConfig))
    translation.add_flags(parser.add_argument_group("model of a task"))
    parser.set_defaults(run=run)


def add_run_flags(parser: Any, out: str) -> None:
    """Add what `finetune` has, too: --out, --resume, --backend, --quiet."""
    parser.add_argument("--out", metavar="RUN", help=f"the run's folder (default: {out})")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run from its last checkpoint"
    )
    add_backend(parser, choices=(*BACKENDS, AUTO))
    parser.add_argument(
        "--tensorboard",
        metavar="DIR",
        help="also write the metrics to this folder for TensorBoard; needs pygpt[tensorboard]",
    )
    parser.add_argument(
        "--show",
        action="store_true",
        help="show the model on a page while it trains; needs pygpt[serve]; implies --probe",
    )
    parser.add_argument(
        "--probe",
        action="store_true",
        help="keep a small look at the model at each evaluation, for `pygpt show`: its heads, its "
        "guesses layer by layer, and what it makes",
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but the result")


def _no_defaults(kind: type[GPTConfig | TrainConfig]) -> dict[str, None]:
    return dict.fromkeys(kind.__dataclass_fields__)


def run(arguments: argparse.Namespace) -> None:
    """Train a task for an encoder-decoder, or what else the recipe is."""
    if arguments.recipe in TASK_NAMES:
        translation.train(arguments)
        return
    translation.refuse_flags(vars(arguments), arguments.recipe)
    train(arguments)


def train(arguments: argparse.Namespace) -> None:
    """Open the run, show it, and train."""
    given = vars(arguments)
    dry_run, quiet = "dry_run" in given, "quiet" in given
    if dry_run and quiet:
        raise UsageError("--quiet does not go with --dry-run, which shows and does nothing else")

    from pygpt.cli.checkpoint import tokenizer_of
    from pygpt.cli.live import page_of
    from pygpt.cli.prepare import notes_of
    from pygpt.cli.progress import alive, say_next
    from pygpt.cli.serve import require_packages
    from pygpt.cli.training import describe, first_word, memory_of, show_cost, watch, writers_of
    from pygpt.cli.workers import is_first, workers
    from pygpt.engine.door import require
    from pygpt.serve.live import Live
    from pygpt.training.run import open_run

    options = {**given_fields(arguments, GPTConfig), **given_fields(arguments, TrainConfig)}
    names = ("out", "data", *(name for name in specs_of(DataConfig) if name != "source"))
    where: dict[str, Any] = {name: given.get(name) for name in names}
    if where["tokenizer"] is not None:
        where["tokenizer"] = tokenizer_of(where["tokenizer"])
    read: list[str] = []  # what is to say about the text

    def on_progress(at: Prepared) -> None:
        read[:] = notes_of(at)

    if "show" in given:
        require_packages("--show")
    with ExitStack() as stack:
        group = stack.enter_context(workers())
        live = Live() if "show" in given and not dry_run and is_first(group) else None
        with alive(sys.stderr, quiet, lambda: "preparing text and model"):
            opened = open_run(
                arguments.recipe, options, **where,
                resume="resume" in given, backend=given.get("backend", "cpu"),
                writers=writers_of(given, group, live), dry_run=dry_run, group=group,
                on_progress=on_progress,
            )  # fmt: skip
            run = stack.enter_context(opened)
        if not quiet:
            notes = [*_notes(run.data, run.model.config.block_size, run.config), *read]
            shown = describe(run.model, run.config, run.source, notes, all=dry_run)
            print(shown, end="", flush=True)
        if run.trainer is not None:
            if "resume" in given and not run.trainer.step and not quiet:
                print("no checkpoint yet: this is the first step", file=sys.stderr, flush=True)
            word = first_word(run.trainer)
            show_cost(run.trainer, quiet)
            if live is not None:
                stack.enter_context(page_of(live, run.model, run.data.tokenizer, run.folder))
            watch(run.trainer, run.folder, quiet, live, "probe" in given)
            say_next(quiet, "generate", run.folder, "--prompt", word)
        else:
            needed = memory_of(run.model, run.config).beside_weights_bytes
            require(needed, "training a model of these sizes")


def _notes(data: Dataset, block_size: int, config: TrainConfig) -> list[str]:
    """Return lines about the tokens of a run."""
    from pygpt.datasets.rows import SpanSampler

    tokens = f"{len(data.train):,} tokens to train on, {len(data.val):,} to validate with"
    notes = [f"{tokens}, {data.tokenizer.vocab_size:,} ids"]
    sampler = data.streams(block_size, config).train
    if isinstance(sampler, SpanSampler) and sampler.cut:
        many = "1 document is" if sampler.cut == 1 else f"{sampler.cut:,} documents are"
        notes.append(f"{many} longer than block_size, and read in parts")
    return notes
