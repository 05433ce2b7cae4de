"""`python -m pygpt prefer`: a saved model learns which answers are better."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pygpt.cli.flags import (
    CHECKPOINT,
    UsageError,
    add_backend,
    add_encoding,
    add_fields,
    flag,
    given_fields,
)
from pygpt.fields import from_dict, specs_of
from pygpt.preferences.config import PREFERENCE_TUNING, USED, DPOConfig, GRPOConfig
from pygpt.training.config import LORA, TrainConfig, options_of

if TYPE_CHECKING:
    from pygpt.preferences.dpo import DPORecord, DPOTrainer
    from pygpt.preferences.grpo import GRPORecord, GRPOTrainer

LINES = 20  # of a run
UNFINISHED = ".run"
"""What the name of the folder for checkpoints has beside that of the model to come."""
MEASURED = 500  # texts
EXAMPLES = """\
examples:
  python -m pygpt prefer runs/answers pairs.jsonl --out better
  python -m pygpt prefer runs/answers pairs.jsonl --out adapter --lora 8 --nll-weight 1
  python -m pygpt prefer names --reward ends-in-a --out names-a --learning-rate 0.003
  python -m pygpt prefer names --reward ends-in-a --out names-a --resume
"""


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt prefer`."""
    parser = commands.add_parser(
        "prefer",
        help="teach a saved model which answers are better, by pairs or by a reward",
        description="Train a saved model by DPO on pairs of answers, or by GRPO for a reward.",
        usage="pygpt prefer CHECKPOINT [DATA] --out DIR [options]",
        epilog=EXAMPLES,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT)
    parser.add_argument(
        "data",
        metavar="DATA",
        nargs="?",
        help="rows with prompt, chosen and rejected, as JSON-lines, JSON, a table or Parquet; with "
        "--reward rows with prompt (default: texts begin with nothing)",
    )
    parser.add_argument("--out", metavar="DIR", help="save the model, or the adapter, there")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the last checkpoint of a run that was interrupted, in DIR.run",
    )
    parser.add_argument(
        "--reward",
        metavar="RULE",
        help="what an answer is worth: ends-in-a, ends-in-vowel, length, or FILE.py:FUNCTION, "
        "which takes prompt and answer",
    )
    parser.add_argument(
        "--skip", action="store_true", help="leave out pairs that do not fit, and say how many"
    )
    parser.add_argument("--log", metavar="FILE", help="write what each step tells as lines of JSON")
    parser.add_argument("--quiet", action="store_true", help="print nothing but the result")
    add_encoding(parser)
    add_backend(parser)
    add_fields(parser.add_argument_group("pairs (DPO)"), DPOConfig)
    add_fields(parser.add_argument_group("reward (GRPO)"), GRPOConfig)
    training = parser.add_argument_group("training")
    add_fields(training, TrainConfig, only=USED, defaults=PREFERENCE_TUNING)
    add_fields(parser.add_argument_group("adapter (LoRA)"), TrainConfig, only=LORA)
    parser.set_defaults(run=prefer)


def prefer(arguments: argparse.Namespace) -> None:
    """Load, train, tell, and save."""
    given = vars(arguments)
    if "out" not in given:
        raise UsageError("--out: expected a folder for the new model, got none")
    out, quiet = Path(given["out"]), "quiet" in given
    by_reward = "reward" in given
    if not by_reward and "data" not in given:
        raise UsageError("DATA: expected pairs, or --reward, got neither")
    for name in specs_of(DPOConfig if by_reward else GRPOConfig):
        if name in given:
            raise UsageError(f"{flag(name)} goes {'without' if by_reward else 'with'} --reward")

    import pygpt
    from pygpt.checkpoints.folder import check_writable
    from pygpt.cli.checkpoint import find_checkpoint
    from pygpt.cli.progress import alive
    from pygpt.preferences.rewards import reward_of
    from pygpt.training.metrics import JsonLines

    run, resume = Path(f"{out}{UNFINISHED}"), "resume" in given
    if resume and os.path.lexists(out) and not os.path.lexists(run):
        print(f"nothing to do: {out} is there, and {run}, which it would go on from, is not")
        return
    config, options = _options(arguments, run if resume else None)
    reward = reward_of(given["reward"]) if by_reward else None
    if not config.lora:
        check_writable(out)
    with ExitStack() as stack:
        stack.enter_context(_place(run, resume))
        log = JsonLines(given["log"], "log file") if "log" in given else None
        if log is not None:
            stack.callback(log.close)
            if not resume:  # so that a place that cannot be is told before anything is loaded
                log.begin(0)
        with alive(sys.stderr, quiet, lambda: f"loading {arguments.checkpoint}"):
            opened = pygpt.prefer(
                find_checkpoint(arguments.checkpoint),
                given.get("data"),
                config,
                options,
                reward=reward,
                run=run,
                resume=resume,
                backend=given.get("backend", "cpu"),
                skip="skip" in given,
                encoding=given.get("encoding", ""),
                on_note=_note,
            )
            trainer = stack.enter_context(opened)
        if log is not None and resume:
            log.begin(trainer.step)
        _run(trainer, run, log, quiet)
        if config.lora:
            trainer.model.save_adapter(out)
        else:
            trainer.model.save_pretrained(out)
    shutil.rmtree(run)
    print(f"saved: {out}")


def _options(
    arguments: argparse.Namespace, run: Path | None
) -> tuple[TrainConfig, DPOConfig | GRPOConfig]:
    """Return what was given, and else what a run that goes on began with, or defaults."""
    from pygpt.preferences.tuning import begun

    found = None if run is None else begun(run)
    base, told = (PREFERENCE_TUNING, {}) if found is None else found
    fields = options_of(base, given_fields(arguments, TrainConfig))
    kind: type[DPOConfig | GRPOConfig] = GRPOConfig if "reward" in vars(arguments) else DPOConfig
    if not told.keys() <= specs_of(kind).keys():
        told = {}  # of the other kind, which the trainer refuses
    return from_dict(TrainConfig, fields), from_dict(kind, told | given_fields(arguments, kind))


@contextmanager
def _place(run: Path, resume: bool) -> Iterator[None]:
    """Check the folder for checkpoints; without one at the end of the block it is removed again."""
    from pygpt.training.run_folder import check_run, check_unused, steps_in

    check_run(run)
    is_new = not os.path.lexists(run)
    if not is_new and not resume:
        check_unused(run)
    try:
        yield
    except BaseException:
        if is_new and run.is_dir() and not steps_in(run):
            shutil.rmtree(run, ignore_errors=True)
        raise


def _run(trainer: DPOTrainer | GRPOTrainer, run: Path, log: Any, quiet: bool) -> None:
    from pygpt.preferences.dpo import DPOTrainer
    from pygpt.preferences.losses import least_divergence

    first, began = trainer.step, time.perf_counter()
    if not isinstance(trainer, DPOTrainer) and "reward" not in trainer.notes:
        measured = trainer.measure(MEASURED)
        trainer.notes |= {"reward": measured.reward, "yes_or_no": measured.yes_or_no}
    _train(trainer, run, log, quiet)
    seconds = time.perf_counter() - began
    if isinstance(trainer, DPOTrainer):
        accuracy, margins = trainer.evaluate()
        print(f"chosen answers rewarded more: {accuracy:.1%}, margin {margins.mean():.3f}")
    else:
        was, after = trainer.notes["reward"], trainer.measure(MEASURED)
        print(f"reward {was:.3f} -> {after.reward:.3f} over {MEASURED:,} texts a prompt")
        least = ""
        if trainer.notes["yes_or_no"] and after.yes_or_no:
            fewest = least_divergence(after.reward, was)
            least = f" (such a share takes at least {fewest:.3f})"
        print(f"KL {after.kl:.3f} nats a token, {after.kl_answer:.3f} a text{least}")
    print(f"{trainer.step - first:,} steps in {seconds:.1f} s")


def _train(trainer: DPOTrainer | GRPOTrainer, run: Path, log: Any, quiet: bool) -> None:
    """Train to the end, and tell; a signal leaves a checkpoint, see `Stop`."""
    from pygpt.cli.stopping import BrokenOff, Stop
    from pygpt.cli.training import say_where_to_resume
    from pygpt.preferences.dpo import DPOTrainer
    from pygpt.training.run_folder import steps_in

    steps = trainer.config.max_iters
    every = max(1, steps // LINES)
    if not quiet:
        print(_DPO_HEAD if isinstance(trainer, DPOTrainer) else _GRPO_HEAD, flush=True)
    stop = Stop(trainer, _Told())
    with stop.installed():
        with suppress(BrokenOff):
            for record in trainer:
                if log is not None:
                    log.write_objects([record.to_dict()])
                if not quiet and (record.step % every == 0 or record.step == steps):
                    print(_line(record), flush=True)
                if stop.number:
                    break
        if not stop.number or trainer.step >= steps:
            return
        if trainer.step and trainer.step not in steps_in(run):
            trainer.save()
        say_where_to_resume(run)
    raise stop.error


class _Told:
    """Immutable: says that a run ends."""

    def stop(self, number: int) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        _note(f"{name}: a checkpoint is written, then the run ends; once more: at once")


_DPO_HEAD = (
    "   step    loss  accuracy  margin   chosen (change)  rejected (change)  tokens"
)
_GRPO_HEAD = "   step  reward  KL/token  KL/text  tokens  a text"


def _line(record: DPORecord | GRPORecord) -> str:
    from pygpt.preferences.dpo import DPORecord

    if isinstance(record, DPORecord):
        return (
            f"{record.step:7,} {record.loss:7.4f} {record.accuracy:9.1%} {record.margin:7.3f} "
            f"{record.chosen:8.2f} ({record.chosen_change:+.2f}) "
            f"{record.rejected:9.2f} ({record.rejected_change:+.2f}) "
            f"{record.chosen_length:7.1f} {record.rejected_length:.1f}"
        )
    return (
        f"{record.step:7,} {record.reward:7.3f} {record.kl:9.4f} {record.kl_answer:8.3f} "
        f"{record.length:7.1f}  {record.example!r}"
    )


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
