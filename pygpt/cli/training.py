"""What `train` and `finetune` share: a run is described, then trained before the user's eyes."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from pygpt.cli.display import Display, display_on, duration
from pygpt.cli.signals import handled_by
from pygpt.engine.training import TrainingMemory
from pygpt.errors import TokenError
from pygpt.model.gpt import GPT
from pygpt.tokenizers.protocol import Tokenizer
from pygpt.training.config import DataConfig, TrainConfig
from pygpt.training.metrics import MetricsWriter, TensorBoard
from pygpt.training.recipes import as_toml
from pygpt.training.run_folder import steps_in
from pygpt.training.trainer import Trainer, frozen_weights

SAMPLE_TOKENS = 256
SAMPLE_TEMPERATURE = 0.8  # nanoGPT's
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def describe(model: GPT, config: TrainConfig, data: DataConfig, notes: list[str]) -> str:
    """Return what a run will do, as a TOML file that `pygpt train` reads.

    Args:
        notes: lines about the data.
    """
    frozen = frozen_weights(model.config, config.frozen)
    sizes = model.config.weight_shapes()
    count = sum(math.prod(sizes[name]) for name in frozen)
    trained = f", {model.num_parameters - count:,} of them trained" if count else ""
    lines = [
        f"{model.num_parameters:,} parameters{trained}",
        *notes,
        f"memory: {memory_of(model, config)}",
        f"backend {model.backend}: {model.description}",
        "a training step, forward; backward is the same in reverse:",
        *(f"    {op}" for op in model.ops(config.batch_size)),
    ]
    return as_toml(model.config, config, data) + "".join(f"# {line}\n" for line in lines)


def memory_of(model: GPT, config: TrainConfig) -> TrainingMemory:
    """Return what a run takes, its evaluations included."""
    frozen = frozen_weights(model.config, config.frozen)
    return model.memory(config.batch_size, frozen=frozen, evaluation=config.eval_interval > 0)


def writers_of(given: Mapping[str, Any]) -> list[MetricsWriter]:
    """Return where records go beside the run's folder, as the flags say.

    Raises:
        ConfigError: --tensorboard without the package for it.
    """
    return [TensorBoard(given["tensorboard"])] if "tensorboard" in given else []


def watch(trainer: Trainer, run: Path, quiet: bool) -> None:
    """Train to the end, show it on stderr, and print the result.

    Ctrl-C and SIGTERM let the step end and leave a checkpoint; a second one ends at once.

    Args:
        run: the trainer's folder, as the user calls it.
    """
    config, first, began = trainer.config, trainer.step, time.perf_counter()
    if trainer.finished:
        ended = "--max-iters and --patience say when"
        print(f"nothing to do: {run} ended after {trainer.step:,} steps; {ended}")
        return
    prompt = trainer.prompt()
    with display_on(sys.stderr, quiet, config.max_iters, first) as display:
        try:
            with _stoppable(display):
                for record in trainer:
                    display.update(record)
                    if display.samples and record.validation_loss is not None:
                        text = sample(trainer.model, trainer.tokenizer, prompt)
                        display.sample(record.step, text)
                    if display.stopping and not trainer.finished:
                        trainer.save()
                        break
            if display.stopping and not trainer.finished:
                number = display.stopping
                raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        except (KeyboardInterrupt, SystemExit):
            display.close()
            _say_where_to_resume(run)
            raise
    seconds = time.perf_counter() - began
    ended = "" if trainer.step == config.max_iters else ", the last ones without a new best"
    print(f"{trainer.step - first:,} steps in {duration(seconds)} ({seconds:.1f} s){ended}")
    if trainer.best is not None:
        best = trainer.best
        print(f"best validation loss {best.loss:.4f} after step {best.step:,}: {run / 'best'}")
    else:
        print(f"last checkpoint: {run / 'last'}")


def sample(model: GPT, tokenizer: Tokenizer, prompt: list[int]) -> str:
    """Return text that a model makes, prompt included; a line end stands for each BOS."""
    T = model.config.block_size
    prompt = prompt[-(T + 1) // 2 :]
    count = min(SAMPLE_TOKENS, T - len(prompt))
    ids = prompt
    if count:
        options: dict[str, Any] = {"temperature": SAMPLE_TEMPERATURE, "stop_tokens": (), "seed": 0}
        ids = [int(token) for token in model.generate(prompt, count, **options)]
    return b"".join(_text_of(tokenizer, token) for token in ids).decode("utf-8", "replace").strip()


def _text_of(tokenizer: Tokenizer, token: int) -> bytes:
    if token == tokenizer.bos:
        return b"\n"
    try:
        return tokenizer.decode_bytes([token])
    except TokenError:  # an id beyond those of the tokenizer, of a model that has not learnt much
        return b""


# ---- Ctrl-C ----------------------------------------------------------------------------------


@contextmanager
def _stoppable(display: Display) -> Iterator[None]:
    """Within the block the first Ctrl-C or SIGTERM only sets `display.stopping`."""
    before: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}

    def ask(number: int, frame: FrameType | None) -> None:
        if display.stopping:
            before[number](number, frame)
        display.stopping = number

    with handled_by(ask, [number for number in _SIGNALS if callable(before[number])]):
        yield  # not where somebody has them ignored


def _say_where_to_resume(run: Path) -> None:
    steps = steps_in(run)
    if steps:
        text = f"checkpoint after step {steps[-1]:,}: {run}; --resume goes on from there"
        print(text, file=sys.stderr, flush=True)
