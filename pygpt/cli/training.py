"""What `train` and `finetune` share: a run is described, then trained before the user's eyes."""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np

from pygpt.cli.display import Display, display_on, duration
from pygpt.cli.progress import alive
from pygpt.cli.stopping import BrokenOff, Stop
from pygpt.cli.workers import AllStop
from pygpt.distributed.group import Group, from_first
from pygpt.engine.training import TrainingMemory
from pygpt.errors import TokenError
from pygpt.model.gpt import GPT
from pygpt.serve.live import Live
from pygpt.serve.probes import Probes, steps_of
from pygpt.tokenizers.protocol import Tokenizer
from pygpt.training.config import DataConfig, TrainConfig
from pygpt.training.metrics import MetricsWriter, TensorBoard
from pygpt.training.recipes import as_toml
from pygpt.training.run_folder import steps_in
from pygpt.training.trainer import Trainer, frozen_weights

SAMPLE_TOKENS = 256
WORD_TOKENS = 24
SAMPLE_TEMPERATURE = 0.8  # nanoGPT's


def describe(
    model: GPT, config: TrainConfig, data: DataConfig, notes: list[str], all: bool = False
) -> str:
    """Return what a run will do, as a TOML file that `pygpt train` reads.

    Args:
        notes: lines about the data.
        all: whether it has every field and every op; else those that differ from the defaults, and
            the kinds of the ops, so that it fits a screen.
    """
    frozen = frozen_weights(model.config, config.frozen)
    sizes = model.config.weight_shapes()
    count = sum(math.prod(sizes[name]) for name in frozen)
    trained = f", {model.num_parameters - count:,} of them trained" if count else ""
    ops = [str(op) for op in model.ops(config.batch_size)]
    if model.adapter is not None:
        adapter = sum(math.prod(shape) for shape in model.trained_shapes().values())
        trained = f", and {adapter:,} of an adapter, which alone are trained"
    lines = [
        f"{model.num_parameters:,} parameters{trained}",
        *notes,
        f"memory: {memory_of(model, config)}",
        f"backend {model.backend}: {model.description}",
    ]
    if all:
        lines.append("a training step, forward; backward is the same in reverse:")
        lines += (f"    {op}" for op in ops)
    else:
        kinds = folded([op.split()[0].rstrip(",") for op in ops])
        lines += wrap(f"a training step (all of it: --dry-run), forward: {kinds}", 98)
    toml = as_toml(model.config, config, data, brief=not all)
    return toml + "".join(f"# {line}\n" for line in lines)


def folded(words: list[str]) -> str:
    """Return words as a list in which neighbours that repeat stand once: `a, 3 × (b, c), d`."""
    parts: list[str] = []
    start = 0
    while start < len(words):
        length, times = 1, 1
        for size in range(1, (len(words) - start) // 2 + 1):
            block = words[start : start + size]
            repeats = 1
            while words[start + repeats * size : start + (repeats + 1) * size] == block:
                repeats += 1
            if repeats > 1 and repeats * size > length * times:
                length, times = size, repeats
        block = words[start : start + length]
        parts += [f"{times} × ({', '.join(block)})"] if times > 1 else block
        start += length * times
    return ", ".join(parts)


def memory_of(model: GPT, config: TrainConfig) -> TrainingMemory:
    """Return what a run takes, its evaluations included."""
    frozen = frozen_weights(model.config, config.frozen)
    return model.memory(
        config.batch_size,
        frozen=frozen,
        evaluation=config.eval_interval > 0,
        dtype=config.dtype,
        moments=config.moments,
    )


def writers_of(
    given: Mapping[str, Any], group: Group | None, live: Live | None = None
) -> list[MetricsWriter]:
    """Return where records go beside the run's folder, as the flags say; the first worker writes.

    Args:
        live: where those who watch see them; None for nobody.

    Raises:
        ConfigError: --tensorboard without the package for it.
    """
    writers: list[MetricsWriter] = [] if live is None else [live]
    wanted = "tensorboard" in given and (group is None or group.rank == 0)
    return [*writers, TensorBoard(given["tensorboard"])] if wanted else writers


def show_cost(trainer: Trainer, quiet: bool) -> None:
    """Say what a step of several workers costs, before the first one."""
    if trainer.group.size > 1:
        cost = trainer.measure()
        if not quiet:
            threads = f"{trainer.config.threads} threads each"
            print(f"# {trainer.group.size} workers, {threads}; {cost}", flush=True)


def watch(trainer: Trainer, run: Path, quiet: bool, live: Live | None, probe: bool) -> None:
    """Train to the end, show it on stderr, and print the result.

    Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 leave a checkpoint, see `Stop`; a second one ends at once.

    Args:
        run: the trainer's folder, as the user calls it.
        live: who watches on a page, and may pause it; None for nobody.
        probe: whether to keep a look at each evaluation, also where nobody watches.
    """
    config, first, began = trainer.config, trainer.step, time.perf_counter()
    if trainer.finished:
        ended = "--max-iters and --patience say when"
        print(f"nothing to do: {run} ended after {trainer.step:,} steps; {ended}")
        return
    _say_if_schedule_ended(trainer)
    prompt = trainer.prompt()
    probes = _probes(trainer, run, live) if probe or live is not None else None
    with display_on(sys.stderr, quiet, config.max_iters, first) as display:
        stop = Stop(trainer, display)
        try:
            doing = alive(sys.stderr, quiet, lambda: trainer.doing, display.progress)
            with stop.installed(), doing:
                with suppress(BrokenOff):
                    for record in trainer:
                        if stop.number:
                            trainer.ask_to_stop()
                        if trainer.stopping or (stop.number and trainer.group.size == 1):
                            break
                        display.update(record)
                        evaluated = record.validation_loss is not None
                        if evaluated and (_samples(display, live) or probes is not None):
                            with stop.breakable():
                                text = _looked_at(trainer, prompt, probes)
                            _show_sample(display, live, record.step, text)
                        if live is not None:
                            live.gate(trainer, lambda: bool(stop.number))
                ends = trainer.stopping or stop.number and trainer.group.size == 1
                if ends and not trainer.finished:
                    _save(trainer, run)
            if ends and not trainer.finished:
                if trainer.group.size > 1:
                    raise AllStop(stop.error)
                raise stop.error
        except (KeyboardInterrupt, SystemExit, AllStop):
            with suppress(OSError):  # of a terminal that is gone
                display.close()
                say_where_to_resume(run)
            raise
    seconds = time.perf_counter() - began
    ended = "" if trainer.step == config.max_iters else ", the last ones without a new best"
    print(f"{trainer.step - first:,} steps in {duration(seconds)} ({seconds:.1f} s){ended}")
    if trainer.group.size > 1:
        print(f"of these, by the first worker: {trainer.spent}")
    if trainer.best is not None:
        best = trainer.best
        print(f"best validation loss {best.loss:.4f} after step {best.step:,}: {run / 'best'}")
    else:
        print(f"last checkpoint: {run / 'last'}")


def _samples(display: Display, live: Live | None) -> bool:
    return display.samples or live is not None


def _looked_at(trainer: Trainer, prompt: list[int], probes: Probes | None) -> str:
    """Return a sample of text, and keep a look at the model if that is wanted."""
    text = sample(trainer.model, trainer.tokenizer, prompt)
    if probes is not None:
        probes.record(trainer.step, trainer.model, text)
    return text


def _probes(trainer: Trainer, run: Path, live: Live | None) -> Probes | None:
    """Return what records looks, and show earlier ones; None for a worker that is not the first."""
    if trainer.group.rank:
        return None
    ids, targets = next(trainer.validation_batches())
    end = int(np.flatnonzero(targets[0] >= 0)[-1]) + 1  # after it is padding
    probes = Probes(run, trainer.step, ids[0, :end])
    if live is not None:
        for step in steps_of(run):
            live.probe(step)
    return probes


def _show_sample(display: Display, live: Live | None, step: int, text: str) -> None:
    if display.samples:
        display.sample(step, text)
    if live is not None:
        live.sample(step, text)
        live.probe(step)


def first_word(trainer: Trainer) -> str:
    """Return a word of the text to validate with: a prompt that the model can have."""
    ids, _ = next(trainer.validation_batches())
    text = b"".join(_text_of(trainer.tokenizer, int(token)) for token in ids[0, :WORD_TOKENS])
    words = re.findall(r"\w+", text.decode("utf-8", "ignore"))
    whole = words[1:-1] or words  # a window may begin and end within one
    return whole[0] if whole else ""


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


# ---- how it ends -----------------------------------------------------------------------------


def _save(trainer: Trainer, run: Path) -> None:
    """Write a checkpoint of the last step, unless there is one or there was no step."""
    is_there = trainer.group.rank == 0 and trainer.step in steps_in(run)
    if trainer.step and not from_first(trainer.group, is_there):
        trainer.save()


def _say_if_schedule_ended(trainer: Trainer) -> None:
    """Say it if steps of a run that goes on are beyond those that the schedule has."""
    config, step = trainer.config, trainer.step
    end = max(config.lr_decay_iters, config.warmup_iters)
    if step and config.schedule != "constant" and end < config.max_iters:
        ends, which = ("ended", "all steps to come") if step >= end else ("ends", "all after that")
        print(
            f"the schedule {ends} after step {end:,}: {which} have the learning rate "
            f"{config.min_lr:g}, --min-lr; --lr-decay-iters {config.max_iters} lets it fall until "
            "the last one",
            file=sys.stderr,
            flush=True,
        )


def say_where_to_resume(run: Path) -> None:
    """Say on stderr where a run's last checkpoint is, if it has one."""
    steps = steps_in(run) if run.is_dir() else []
    if steps:
        text = f"checkpoint after step {steps[-1]:,}: {run}; --resume goes on from there"
        print(text, file=sys.stderr, flush=True)
