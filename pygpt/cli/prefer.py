"""`python -m pygpt prefer`: a saved model learns which answers are better."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
MEASURED = 500  # texts
EXAMPLES = """\
examples:
  python -m pygpt prefer runs/answers pairs.jsonl --out better
  python -m pygpt prefer runs/answers pairs.jsonl --out adapter --lora 8 --nll-weight 1
  python -m pygpt prefer names --reward ends-in-a --out names-a --learning-rate 0.003
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

    fields = options_of(PREFERENCE_TUNING, given_fields(arguments, TrainConfig))
    config = from_dict(TrainConfig, fields)
    options: DPOConfig | GRPOConfig = (
        from_dict(GRPOConfig, given_fields(arguments, GRPOConfig))
        if by_reward
        else from_dict(DPOConfig, given_fields(arguments, DPOConfig))
    )
    reward = reward_of(given["reward"]) if by_reward else None
    if not config.lora:
        check_writable(out)
    with ExitStack() as stack:
        log = stack.enter_context(_log(given.get("log")))
        with alive(sys.stderr, quiet, lambda: f"loading {arguments.checkpoint}"):
            opened = pygpt.prefer(
                find_checkpoint(arguments.checkpoint),
                given.get("data"),
                config,
                options,
                reward=reward,
                backend=given.get("backend", "cpu"),
                skip="skip" in given,
                encoding=given.get("encoding", ""),
                on_note=_note,
            )
            trainer = stack.enter_context(opened)
        _run(trainer, config, log, quiet)
        if config.lora:
            trainer.model.save_adapter(out)
        else:
            trainer.model.save_pretrained(out)
    print(f"saved: {out}")


def _run(
    trainer: DPOTrainer | GRPOTrainer, config: TrainConfig, log: Any, quiet: bool
) -> None:
    from pygpt.preferences.dpo import DPOTrainer

    began = time.perf_counter()
    by_pairs = isinstance(trainer, DPOTrainer)
    before = None if isinstance(trainer, DPOTrainer) else trainer.measure(MEASURED)
    if not quiet:
        print(_DPO_HEAD if by_pairs else _GRPO_HEAD, flush=True)
    every = max(1, config.max_iters // LINES)
    for record in trainer:
        if log is not None:
            log.write(json.dumps(record.to_dict()) + "\n")
        if not quiet and (record.step % every == 0 or record.step == config.max_iters):
            print(_line(record), flush=True)
    seconds = time.perf_counter() - began
    if isinstance(trainer, DPOTrainer):
        accuracy, margins = trainer.evaluate()
        print(f"chosen answers rewarded more: {accuracy:.1%}, margin {margins.mean():.3f}")
    else:
        assert before is not None
        after = trainer.measure(MEASURED)
        print(f"reward {before.reward:.3f} -> {after.reward:.3f} over {MEASURED:,} texts a prompt")
        print(f"KL {after.kl:.3f} nats a token, {after.kl_answer:.3f} a text")
    print(f"{trainer.step:,} steps in {seconds:.1f} s")


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


@contextmanager
def _log(path: str | None) -> Iterator[Any]:
    """Give a file for lines, or None."""
    if path is None:
        yield None
        return
    from pygpt.errors import OutputError

    try:
        with open(os.fspath(path), "w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise OutputError(f"log file {path}: cannot be written: {error.strerror}") from error
