"""The training loop: an iterator of records, one per step."""

from __future__ import annotations

import math
import os
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygpt.datasets.sampler import Batch, TrainingData, numbered
from pygpt.distributed import state as shards
from pygpt.distributed.cost import Cost, Spent
from pygpt.distributed.group import Alone, Group, from_first
from pygpt.distributed.same import check_same
from pygpt.distributed.step import Plan, ShardedStep, shares_of, with_microbatches
from pygpt.engine.training import Training
from pygpt.errors import ConfigError, DataError
from pygpt.model.config import GPTConfig
from pygpt.model.gpt import GPT
from pygpt.training.config import TrainConfig
from pygpt.training.evaluation import Evaluation, check_tokenizer, evaluate
from pygpt.training.metrics import JsonLines, MetricsWriter, Record
from pygpt.training.run_folder import METRICS_FILE, RunFolder, check_unused, newest_in
from pygpt.training.saved import ADAPTER_FILES as ADAPTER_FILES
from pygpt.training.saved import FILES as FILES
from pygpt.training.saved import check_options, read_model, write_model
from pygpt.training.schedule import learning_rate
from pygpt.training.state import (
    Best,
    State,
    read_text,
    state_of,
    write_state,
)


class Trainer:
    """Mutable: trains a model, a step for each record that is taken from it.

        for record in Trainer(model, data, TrainConfig(max_iters=500), run="runs/first"):
            print(record.step, record.loss)

    The caller owns the loop: it may look at the model between two steps, stop, and go on later.
    Equal seeds, data, models and numbers of threads give equal bits, also of a run that was killed
    and resumed. It owns AdamW's state, activations and the lock of the run's folder, until the last
    step, `close`, the end of its `with` block, or until it is no more.

    Attributes:
        step: updates of the weights that have been done.
        best: the step with the lowest validation loss; None before the first evaluation.
        doing: what goes on, in words; for another thread to show.
        stopping: whether a worker of the group was asked to stop, as all of them know.
        breakable: whether an exception, raised by a signal's handler, would undo no more than the
            step or the evaluation that goes on: the next one begins with it again.

    Args:
        model: to train; stays the caller's.
        data: to learn from and to validate with.
        config: the run's options.
        run: a folder for checkpoints and metrics.jsonl; None for neither. One that is held
            already is the trainer's as soon as there is one.
        resume: whether to go on from the folder's last checkpoint, if it has one.
        writers: where records go beside the folder.
        group: workers that train the model together, each of which has a trainer of the same
            arguments; the first one writes. The bits are those of any other number of workers.
    Raises:
        ConfigError: options or data that do not fit the model, or the run that is to go on.
        OutputError: the folder has checkpoints and `resume` is false, is no run's, is in use by
            another process, or cannot be written.
        CheckpointError: the last checkpoint is damaged, or of another model.
        DataError: the run began with other data.
        TooLargeError: training does not fit into memory.
    """

    def __init__(
        self,
        model: GPT,
        data: TrainingData,
        config: TrainConfig | None = None,
        *,
        run: str | os.PathLike[str] | RunFolder | None = None,
        resume: bool = False,
        writers: Sequence[MetricsWriter] = (),
        group: Group | None = None,
    ) -> None:
        self.model = model
        self.group: Group = Alone() if group is None else group
        config = TrainConfig() if config is None else config
        self.config = config = with_microbatches(config, self.group.size)
        self.tokenizer = data.tokenizer
        check_tokenizer(model, self.tokenizer)
        if resume and run is None:
            raise ConfigError("resume", "expected a run folder to go on in, got none")
        self._streams = data.streams(model.config.block_size, config)
        self._tokenizer_file = b""
        self._run: RunFolder | None = None
        self._has_run = run is not None  # also of a worker that does not write
        self._writers = list(writers) if self.group.rank == 0 else []
        self.stopping = False
        self._sharded: ShardedStep | None = None
        self.step = 0  # updates done
        self.best: Best | None = None
        self._waited = 0
        self._unevaluated: Record | None = None
        self.doing = "begin"
        self.breakable = False
        frozen = frozen_weights(model.config, config.frozen)
        if bool(config.lora) != (model.adapter is not None):
            problem = "expected a rank if and only if the model has an adapter; see add_adapter"
            raise ConfigError("lora", f"{problem}, got {config.lora}")
        with ExitStack() as stack:
            self._training = stack.enter_context(self._new_training(frozen))
            self._training.resume(0, first_dropout_key(config.seed))
            if config.microbatches:
                self._sharded = ShardedStep(self._training, self.group, config)
            if run is not None:
                if self.group.rank == 0:
                    self._run = run if isinstance(run, RunFolder) else RunFolder(run)
                    if self._run is not run:  # one that is given stays its owner's if this fails
                        stack.callback(self._run.close)
                    self._writers.insert(0, JsonLines(self._run.path / METRICS_FILE))
                self._continue(resume)
            if self.group.size > 1:
                check_same(self.group, model, config, self._streams)
            for writer in self._writers:
                stack.callback(writer.close)
                writer.begin(self.step)
            self._release = weakref.finalize(self, _release, stack.pop_all(), self._run)
            self._release.atexit = False  # then Java may be gone

    def _new_training(self, frozen: list[str]) -> Training:
        config = self.config
        return self.model.training(
            Plan.of(config).rows if config.microbatches else config.batch_size,
            None,
            frozen=frozen,
            evaluation=config.eval_interval > 0,
            dtype=config.dtype,
            shard=(self.group.rank, self.group.size),
            **config.adamw(),
        )

    # ---- steps -------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether there is no step left, or the validation loss has not fallen for too long."""
        if self._unevaluated is not None:
            return False
        waits = self.config.patience and self._waited >= self.config.patience
        return self.step >= self.config.max_iters or bool(waits)

    def __iter__(self) -> Trainer:
        return self

    def __next__(self) -> Record:
        """Train one step; evaluate and write a checkpoint where they are due.

        Where an evaluation was broken off, it comes first the next time, and no other step.

        Raises:
            EngineError: the loss or the gradient is NaN or infinite; the weights are as they were.
            OutputError: a record or a checkpoint cannot be written; older ones are as they were.
            KeyboardInterrupt: Ctrl-C; a step that was not done begins again the next time.
        """
        if self.finished:
            self.close()
            raise StopIteration
        if self._unevaluated is None:
            record = self._step()
            last = self.step == self.config.max_iters
            if self.config.eval_interval and (self.step % self.config.eval_interval == 0 or last):
                self._unevaluated = record
        is_best = False
        self.stopping |= self._sharded is not None and self._sharded.stopping
        if self._unevaluated is not None:
            with self._breakable():
                evaluation = self.evaluate()
            is_best = self._compare(evaluation)
            record = replace(
                self._unevaluated,
                validation_loss=evaluation.loss,
                perplexity=evaluation.perplexity,
                bits_per_byte=evaluation.bits_per_byte,
            )
            self._unevaluated = None
        for writer in self._writers:
            writer.write(record)
        interval = self.config.checkpoint_interval
        due = interval and self.step % interval == 0
        if self._has_run and (due or is_best or self.finished):
            self.save()
        return record

    def _step(self) -> Record:
        """Train one step."""
        self.doing = f"step {self.step + 1:,}"
        rate = learning_rate(self.config, self.step + 1)
        began = time.perf_counter()
        loss, norm, tokens = self._update(rate)
        seconds = time.perf_counter() - began
        return Record(self.step, loss, rate, norm, tokens / seconds, 1e3 * seconds)

    def fit(self) -> Record | None:
        """Train to the end; return the last record, or None if there was no step left."""
        last = None
        for record in self:
            last = record
        return last

    def _update(self, rate: float) -> tuple[float, float, int]:
        """Return the loss, the gradient's norm, and the number of tokens."""
        training, sampler = self._training, self._streams.train
        began = sampler.state(), training.dropout_key
        try:
            batches = [next(sampler) for _ in range(self.config.gradient_accumulation_steps)]
            loss, norm = self._trained(batches, rate, began[1])
        except BaseException:
            if training.updates == self.step:
                sampler.restore(began[0])
                training.resume(self.step, began[1])
            raise
        self.step += 1
        return loss, norm, sum(ids.size for ids, _ in batches)

    def _trained(self, batches: list[Batch], rate: float, key: int) -> tuple[float, float]:
        """Update the weights; return the loss and the gradient's norm."""
        if self._sharded is not None:
            with self._breakable():
                return self._sharded.run(batches, rate, self.step, key)
        shares, losses = shares_of([targets for _, targets in batches]), []
        for (ids, targets), share in zip(batches, shares, strict=True):
            with self._breakable():
                losses.append(self._training.accumulate(ids, targets, share))
        norm = self._training.update(rate)
        loss = sum(share * loss for share, loss in zip(shares, losses, strict=True)) / len(losses)
        return loss, norm

    def measure(self) -> Cost | None:
        """Return what a step costs in computing and in communication; None without microbatches.

        All workers of a group call it. No later bit depends on it.
        """
        if self._sharded is None:
            return None
        sampler = self._streams.train
        began = sampler.state()
        batches = [next(sampler) for _ in range(self.config.gradient_accumulation_steps)]
        sampler.restore(began)
        return self._sharded.measure(batches, self.step, self._training.dropout_key)

    @property
    def spent(self) -> Spent | None:
        """What the steps so far took this worker; None without microbatches."""
        return None if self._sharded is None else self._sharded.spent

    def ask_to_stop(self) -> None:
        """Have all workers of the group learn, in their next step, that they are to stop."""
        if self._sharded is not None:
            self._sharded.asked_to_stop = True

    def evaluate(self) -> Evaluation:
        """Return how well the model predicts `eval_iters` batches of the text to validate with."""
        count = self.config.eval_iters or None
        batches = numbered(self._streams.validation, count, self._show_batch)
        return evaluate(self.model, batches, self._streams.bytes_per_token, self.group)

    def _show_batch(self, which: str) -> None:
        self.doing = f"evaluation after step {self.step:,}, batch {which}"

    @contextmanager
    def _breakable(self) -> Iterator[None]:
        self.breakable = self.group.size == 1  # else the others would wait
        try:
            yield
        finally:
            self.breakable = False

    def validation_batches(self) -> Iterator[Batch]:
        """Yield all batches of the text to validate with, in order."""
        return self._streams.validation.eval_batches()

    def prompt(self) -> list[int]:
        """Return how the text to validate with begins, up to the first token that is predicted."""
        ids, targets = next(self.validation_batches())
        first = int(np.flatnonzero(targets[0] >= 0)[0])
        return [int(token) for token in ids[0, : first + 1]]

    def _compare(self, evaluation: Evaluation) -> bool:
        """Return whether an evaluation is the best so far."""
        is_best = self.best is None or evaluation.loss < self.best.loss
        if is_best:
            self.best = Best(self.step, evaluation.loss)
        self._waited = 0 if is_best else self._waited + 1
        return is_best

    def gradient_norms(self) -> dict[str, float]:
        """Return the norm of the last step's gradient in each layer, and outside of them.

        Returns:
            `embedding`, `h.0`, `h.1` and so on, `output` -> norm, of what is trained. Nothing with
            microbatches: after their steps the gradient is no more.
        """
        squares: dict[str, float] = {}
        for name, gradient in self.gradient_sums().items():
            layer = ".".join(name.split(".")[:2]) if name.startswith("h.") else ""
            part = layer or ("embedding" if name.startswith(("wte", "wpe", "ln_emb")) else "output")
            flat = gradient.ravel()
            squares[part] = squares.get(part, 0.0) + float(np.dot(flat, flat))
        steps = self.config.gradient_accumulation_steps
        return {part: math.sqrt(square) / steps for part, square in squares.items()}

    def gradient_sums(self) -> dict[str, NDArray[Any]]:
        """Return the sum of the gradients of the last step's batches, before clipping.

        Returns:
            Name -> array of each weight that is trained, shared until the next step. Nothing with
            microbatches: after their steps the gradient is no more.
        """
        return {} if self._sharded is not None else self._training.gradients()

    # ---- checkpoints -------------------------------------------------------------------------

    def save(self) -> Path:
        """Write a checkpoint of the run as it is; return its folder.

        All workers of a group call it; the first one writes, and the others get what it needs.

        Raises:
            ConfigError: the trainer has no run folder.
            OutputError: it cannot be written; all others are as they were.
        """
        if not self._has_run:
            raise ConfigError("run", "expected a run folder for checkpoints, got none")
        self.doing = f"checkpoint after step {self.step:,}"
        if self._run is None:
            shards.write(None, "", {}, {}, self._training, self.group)
            return Path()
        best = None if self.best is None else self.best.step
        return self._run.write(self.step, best, self.config.keep, self._write_files)

    def _write_files(self, folder: Path) -> None:
        self._tokenizer_file = write_model(
            folder, self.model, self.tokenizer, self._tokenizer_file
        )
        state = State(
            step=self.step,
            dropout_key=self._training.dropout_key,
            sampler=self._streams.train.state(),
            best=self.best,
            waited=self._waited,
            tokenizer=self.tokenizer.fingerprint,
            config=self.config,
            derived=self.config.derived,
            origin=self._streams.origin,
            unevaluated=None if self._unevaluated is None else asdict(self._unevaluated),
        )
        write_state(folder, state, self.model, self._training, self.group)

    def _continue(self, resume: bool) -> None:
        """Go to where the run's last checkpoint was, if there is one."""
        folder, text = None, None
        if self._run is not None:
            if not resume:
                check_unused(self._run.path)
            folder = newest_in(self._run.path, FILES, ADAPTER_FILES)
            text = None if folder is None else read_text(folder)
        text = from_first(self.group, text)
        if text is None:
            return
        state = state_of(text, folder or Path())
        self._check_config(state)
        check_origin(state.origin, self._streams.origin)
        self._streams.train.restore(state.sampler)
        if folder is not None:
            alone = self.group.size == 1
            read_model(folder, self.model, self._training if alone else None)
        if self.group.size > 1:
            shards.read(folder, self.model, self._training, self.group)
        for weight in self.model.parameters().values():
            self.group.broadcast(weight.reshape(-1))
        self.model.weights_changed()
        self._training.resume(state.step, state.dropout_key)
        self.step, self.best, self._waited = state.step, state.best, state.waited
        if state.unevaluated is not None:
            self._unevaluated = Record(**state.unevaluated)
        if self._run is not None:
            self._run.point(self.step, None if self.best is None else self.best.step)

    def _check_config(self, state: State) -> None:
        if state.tokenizer != self.tokenizer.fingerprint:
            problem = "expected that of the data that the run began with, got another"
            raise ConfigError("tokenizer", problem)
        check_options(state, self.config)

    def close(self) -> None:
        """Free AdamW's state, and let others have the folder; a second call does nothing."""
        self._release()

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _release(stack: ExitStack, run: RunFolder | None) -> None:
    stack.close()
    if run is not None:
        run.close()


def first_dropout_key(seed: int) -> int:
    """Return what decides the dropout of a run's first batch: far from that of other seeds."""
    entropy = np.random.SeedSequence(seed % 2**64, spawn_key=(0x64726F70,))  # "drop"
    return int(entropy.generate_state(1, np.uint64)[0] >> 2)  # a Java long that may grow


def frozen_weights(config: GPTConfig, frozen: str) -> list[str]:
    """Return the names of the weights that a list such as `wte,wpe,h.0` stands for.

    Raises:
        ConfigError: a part that no weight begins with, or no weight is left.
    """
    names = list(config.weight_shapes())
    found: set[str] = set()
    for part in filter(None, (part.strip() for part in frozen.split(","))):
        those = {name for name in names if f"{name}.".startswith(f"{part}.")}
        if not those:
            problem = f"expected beginnings of names such as {names[0]} or h.0, got {part!r}"
            raise ConfigError("frozen", problem)
        found |= those
    if len(found) == len(names):
        raise ConfigError("frozen", "expected weights that are left to train, got none")
    return [name for name in names if name in found]


def check_origin(began: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> None:
    """Check that data are those that a run began with, where both are known.

    Raises:
        DataError: they are not.
    """
    if began is not None and now is not None and began["fingerprint"] != now["fingerprint"]:
        where = now.get("folder") or now.get("file") or "given"
        raise DataError(
            f"data {where}: are not those that the run began with, or have changed since; prepare "
            "them as they were, or begin another run in another folder"
        )
