"""The options of a training run: its optimizer, its schedule and where its text comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from pygpt.errors import ConfigError
from pygpt.fields import Checked, option, same_as, size

OPTIMIZERS = ("adamw", "muon")
SCHEDULES = ("cosine", "linear", "constant")
DTYPES = ("float32", "bfloat16")
MOMENTS = ("float32", "bfloat16")
BATCHES = ("windows", "packed")
WIRES = ("float32", "bfloat16")
FOR_WORKERS = ("microbatches", "wire", "threads")
"""Options of runs that workers divide."""
LORA = ("lora", "lora_alpha", "lora_dropout", "lora_targets")
"""Options of runs that train an adapter."""


@dataclass(frozen=True)
class AdamWConfig(Checked):
    """Immutable: options of the optimizer, in the order of Java's `org.pygpt.train.AdamW`.

    The defaults are nanoGPT's.
    """

    beta1: float = option(0.9, "the decay of the first moment", minimum=0, below=1)
    beta2: float = option(0.95, "the decay of the second moment", minimum=0, below=1)
    epsilon: float = option(1e-8, "what is added to the root of the second moment", above=0)
    weight_decay: float = option(0.1, "the decay of matrices", minimum=0)
    grad_clip: float = option(
        1.0, "the largest norm of the gradient, which is clipped to it; 0: no limit", minimum=0
    )
    optimizer: str = option(
        "adamw",
        "what moves the weights: adamw, or muon for the layers' matrices and adamw for the rest",
        choices=OPTIMIZERS,
    )
    moments: str = option(
        "float32",
        "what AdamW's two moments are; bfloat16, rounded at random so that their means stay right, "
        "takes half the memory",
        choices=MOMENTS,
        added=True,
    )

    def _check_together(self) -> None:
        _check_moments(self.moments, self.optimizer)


def _check_moments(moments: str, optimizer: str) -> None:
    if moments != "float32" and optimizer != "adamw":
        problem = f"expected float32, since optimizer = {optimizer}, got {moments}"
        raise ConfigError("moments", problem)


class AdamWOptions(TypedDict, total=False):
    """The fields of `AdamWConfig` as keyword arguments."""

    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    grad_clip: float
    optimizer: str
    moments: str


@dataclass(frozen=True)
class TrainConfig(Checked):
    """Immutable: options of a training run, by nanoGPT's names.

    The defaults are nanoGPT's recipe for Shakespeare's characters on a CPU.
    https://github.com/karpathy/nanoGPT
    """

    learning_rate: float = option(
        1e-3, "the learning rate of the first step after the warm-up", above=0
    )
    max_iters: int = size(2000, "the number of updates of the weights")
    batch_size: int = size(12, "the number of sequences in a batch")
    gradient_accumulation_steps: int = size(1, "the number of batches in an update")
    weight_decay: float = same_as(AdamWConfig, "weight_decay")
    beta1: float = same_as(AdamWConfig, "beta1")
    beta2: float = same_as(AdamWConfig, "beta2", default=0.99)
    grad_clip: float = same_as(AdamWConfig, "grad_clip")
    optimizer: str = same_as(AdamWConfig, "optimizer")
    warmup_iters: int = size(100, "the updates until the learning rate is reached", minimum=0)
    lr_decay_iters: int = size(
        0, "the update at which the rate has fallen to --min-lr; 0: the last one", minimum=0
    )
    min_lr: float = option(1e-4, "what the learning rate falls to", minimum=0)
    schedule: str = option("cosine", "how the learning rate falls", choices=SCHEDULES)
    batches: str = option(
        "windows",
        "what a sequence is: a window anywhere in the text, or packed whole documents",
        choices=BATCHES,
    )
    eval_interval: int = size(250, "the updates between evaluations; 0: no evaluations", minimum=0)
    eval_iters: int = size(20, "the batches of an evaluation; 0: all there are", minimum=0)
    patience: int = size(
        0, "the run ends after this many evaluations without a new best; 0: no limit", minimum=0
    )
    checkpoint_interval: int = size(
        250, "the updates between checkpoints; 0: only the best and the last", minimum=0
    )
    keep: int = size(2, "how many of the newest checkpoints are kept, beside the best")
    seed: int = option(1337, "the seed of the first weights, the order of the data and dropout")
    frozen: str = option(
        "", "weights that stay as they are: beginnings of names, such as wte,wpe,h.0"
    )
    dtype: str = option(
        "float32",
        "what products and most activations are computed in; bfloat16 is faster on a processor "
        "that has instructions for it",
        choices=DTYPES,
    )
    moments: str = same_as(AdamWConfig, "moments")
    microbatches: int = size(
        0,
        "the parts of an update that workers divide, a power of two: their number decides the "
        "bits, that of the workers does not; 0: none, or with several workers 8",
        minimum=0,
        added=True,
    )
    wire: str = option(
        "float32",
        "how gradients and weights travel between workers",
        choices=WIRES,
        added=True,
    )
    threads: int = size(
        0,
        "the threads of a worker, which decide the bits; 0: the processors of its machine, divided "
        "among the workers there",
        minimum=0,
        added=True,
    )

    lora: int = size(
        0,
        "train an adapter of this rank beside the weights, which stay as they are; 0: none",
        minimum=0,
        added=True,
    )
    lora_alpha: float = option(16.0, "the adapter's scale is this / rank", above=0, added=True)
    lora_dropout: float = option(
        0.0,
        "what part of a layer's input is dropped before the adapter reads it",
        minimum=0,
        below=1,
        added=True,
    )
    lora_targets: str = option(
        "",
        "the layers with an adapter: ends of their names in transformers, such as q_proj,v_proj; "
        "or all-linear; none: queries and values",
        added=True,
    )

    def _check_together(self) -> None:
        if self.lr_decay_iters == 0:
            object.__setattr__(self, "lr_decay_iters", self.max_iters)
            object.__setattr__(self, "_derived", ("lr_decay_iters",))
        if self.min_lr > self.learning_rate and self.schedule != "constant":
            expected = f"expected at most learning_rate = {self.learning_rate}"
            raise ConfigError("min_lr", f"{expected}, got {self.min_lr}")
        if self.patience and not self.eval_interval:
            problem = f"expected evaluations, since patience = {self.patience}, got 0"
            raise ConfigError("eval_interval", problem)
        _check_moments(self.moments, self.optimizer)
        if self.microbatches and self.optimizer != "adamw":
            problem = f"expected adamw where workers divide a run, got {self.optimizer}"
            raise ConfigError("optimizer", problem)
        if self.wire != "float32" and not self.microbatches:
            problem = f"expected microbatches, since wire = {self.wire}, got 0"
            raise ConfigError("microbatches", problem)
        self._check_lora()

    def _check_lora(self) -> None:
        if not self.lora:
            return
        for name, expected in (("frozen", ""), ("optimizer", "adamw"), ("dtype", "float32")):
            if getattr(self, name) != expected:
                problem = f"expected {expected or 'none'} where an adapter is trained"
                raise ConfigError(name, f"{problem}, got {getattr(self, name)}")
        if self.microbatches:
            raise ConfigError("lora", "expected 0 where workers divide a run")

    @property
    def derived(self) -> tuple[str, ...]:
        """The fields whose values were not given, but follow from others."""
        found: tuple[str, ...] = self.__dict__.get("_derived", ())
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return name -> value of every field, in order; of those for workers and adapters, and of
        `moments`, what is not default.

        So files of runs without them are as they were before there were any.
        """
        values = super().to_dict()
        return {
            name: value
            for name, value in values.items()
            if name not in ("moments", *FOR_WORKERS, *LORA) or value != getattr(TrainConfig, name)
        }

    def given(self) -> dict[str, Any]:
        """Return name -> value of every field but those that are derived, in order."""
        return {name: value for name, value in self.to_dict().items() if name not in self.derived}

    def adamw(self) -> AdamWOptions:
        """Return the options of the optimizer; `moments` only if they are not float32."""
        options: AdamWOptions = {
            "beta1": self.beta1,
            "beta2": self.beta2,
            "weight_decay": self.weight_decay,
            "grad_clip": self.grad_clip,
            "optimizer": self.optimizer,
        }
        if self.moments != "float32":
            options["moments"] = self.moments
        return options


def options_of(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of `TrainConfig`: a base, and what was given instead of it.

    A `min_lr` that nobody gave follows a lower `learning_rate` that somebody did: a tenth of it.
    """
    values = {**base, **given}
    rate, lowest = values.get("learning_rate"), values.get("min_lr", TrainConfig.min_lr)
    if isinstance(rate, int | float) and "learning_rate" in given and "min_lr" not in given:
        if 0 < rate < lowest:
            values["min_lr"] = rate / 10
    return values


class TrainOptions(TypedDict, total=False):
    """The fields of `TrainConfig` as keyword arguments."""

    learning_rate: float
    max_iters: int
    batch_size: int
    gradient_accumulation_steps: int
    weight_decay: float
    beta1: float
    beta2: float
    grad_clip: float
    optimizer: str
    warmup_iters: int
    lr_decay_iters: int
    min_lr: float
    schedule: str
    batches: str
    eval_interval: int
    eval_iters: int
    patience: int
    checkpoint_interval: int
    keep: int
    seed: int
    frozen: str
    dtype: str
    moments: str
    microbatches: int
    wire: str
    threads: int
    lora: int
    lora_alpha: float
    lora_dropout: float
    lora_targets: str


@dataclass(frozen=True)
class DataConfig(Checked):
    """Immutable: where the text of a training run comes from."""

    source: str = option(
        "", "what `prepare` reads, or a folder that it wrote; a preset has its own"
    )
    tokenizer: str = option(
        "",
        "which tokenizer reads the text: char, gpt2, cl100k_base, a tokenizer.json or its folder",
    )
    field: str = option(
        "", "the field or column that has the text in JSON, tables and Parquet; none: text"
    )
    format: str = option("", "what the files are; none: what their names say, and else text")
    encoding: str = option(
        "", "the encoding of files without a byte order mark, such as cp1252; none: UTF-8"
    )
    separator: str = option(
        "", "what stands between documents within a text, such as <|endoftext|>"
    )
    lines: bool | None = option(
        None,
        "take each line of a text file as a document, not the whole file; by default where batches "
        "are of packed documents",
    )
