"""Sizes of a model and options of a run: frozen dataclasses that are checked when they are made.

The checks, the conversion from and to dictionaries, and the command line's flags all come from
the fields: their types, and the `Rule` that each has as metadata.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any, TypeVar

from pygpt.errors import ConfigError

INT_MAX = 2**31 - 1  # sizes are Java ints
BACKENDS = ("cpu", "nd4j", "plain")

_TYPES: dict[str, type] = {"bool": bool, "float": float, "int": int, "str": str}
_NOUNS = {"bool": "true or false", "float": "a number", "int": "a whole number", "str": "text"}


@dataclass(frozen=True)
class Rule:
    """What a field means and may be.

    Attributes:
        help: one phrase for `--help`.
        minimum: smallest value, or None.
        maximum: largest value, or None.
        above: the value must be greater than this, or None.
        below: the value must be less than this, or None.
        choices: the values there are; empty for no limit.
    """

    help: str
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value of the right type, or None."""
        if isinstance(value, float) and not math.isfinite(value):
            return f"expected a finite number, got {value}"
        if self.choices and value not in self.choices:
            return f"expected one of {', '.join(self.choices)}, got {value!r}"
        if self.minimum is not None and value < self.minimum:
            return f"expected at least {self.minimum}, got {value}"
        if self.maximum is not None and value > self.maximum:
            return f"expected at most {self.maximum}, got {value}"
        if self.above is not None and not value > self.above:
            return f"expected more than {self.above}, got {value}"
        if self.below is not None and not value < self.below:
            return f"expected less than {self.below}, got {value}"
        return None


def _option(default: Any, rule: Rule) -> Any:
    return field(default=default, metadata={"rule": rule})


def _size(help: str, default: Any = MISSING, minimum: int = 1) -> Any:
    rule = Rule(help, minimum=minimum, maximum=INT_MAX)
    return field(default=default, metadata={"rule": rule})


def rule_of(field: Field[Any]) -> Rule:
    """Return the rule of a configuration's field."""
    rule = field.metadata["rule"]
    assert isinstance(rule, Rule)
    return rule


def type_of(field: Field[Any]) -> type:
    """Return the type of a configuration's field: bool, float, int or str."""
    return _TYPES[str(field.type)]  # annotations are text in this module


class Checked:
    """Base of the configurations: checks each field's type and rule, converts to and from dicts."""

    def __post_init__(self) -> None:
        for spec in fields(self):  # type: ignore[arg-type]
            object.__setattr__(self, spec.name, _checked(spec, getattr(self, spec.name)))
        self._check_together()

    def _check_together(self) -> None:
        """Check what involves more than one field."""

    def to_dict(self) -> dict[str, Any]:
        """Return name -> value of every field, in order."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]


def _checked(spec: Field[Any], value: Any) -> Any:
    """Return a field's value, a whole number as a float where the field is one."""
    kind = type_of(spec)
    if kind is float and type(value) is int:
        value = float(value) if abs(value) < 2**1023 else math.inf
    if type(value) is not kind:
        raise ConfigError(spec.name, f"expected {_NOUNS[kind.__name__]}, got {value!r}")
    problem = rule_of(spec).problem(value)
    if problem is not None:
        raise ConfigError(spec.name, problem)
    return value


def check_some(kind: type[Checked], values: Mapping[str, Any]) -> None:
    """Check some fields of a configuration, each by itself.

    Raises:
        ConfigError: a key that is no field, or a value that cannot be.
    """
    specs = _specs(kind, values)
    for name, value in values.items():
        _checked(specs[name], value)


def _specs(kind: type[Checked], values: Mapping[str, Any]) -> dict[str, Field[Any]]:
    """Return name -> field of a configuration, once each of these values is one's."""
    specs = {spec.name: spec for spec in fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in specs:
            raise ConfigError(str(name), f"expected one of {', '.join(specs)}")
    return specs


AnyConfig = TypeVar("AnyConfig", bound=Checked)


def from_dict(
    kind: type[AnyConfig], values: Mapping[str, Any], complete: bool = False
) -> AnyConfig:
    """Return the configuration of this kind with these values.

    Args:
        complete: whether fields that have a default must be there too.
    Raises:
        ConfigError: a key that is no field, a field that is missing, or a value that cannot be.
    """
    for name, spec in _specs(kind, values).items():
        if name not in values and (complete or spec.default is MISSING):
            raise ConfigError(name, "expected a value, got none")
    return kind(**values)


def _check_heads(n_embd: int, n_head: int) -> None:
    if n_embd % n_head:
        raise ConfigError("n_embd", f"expected a multiple of n_head = {n_head}, got {n_embd}")


NORMS = ("layernorm", "rmsnorm")
ACTIVATIONS = ("gelu", "gelu_exact", "relu", "relu2", "swiglu")
POSITIONS = ("learned", "rotary")
FEED_FORWARD_FACTOR = 4  # width of the feed-forward layer over that of the model


@dataclass(frozen=True)
class GPTConfig(Checked):
    """Immutable: the architecture of a model, in the order of Java's `org.pygpt.model.GPTConfig`.

    The defaults are GPT-2's; microgpt, nanoGPT and Llama are other points in the same space.
    """

    block_size: int = _size("longest context, in tokens", 1024)
    vocab_size: int = _size("number of token ids", 50257)
    n_layer: int = _size("transformer blocks", 12)
    n_head: int = _size("attention heads of each block; divides n_embd", 12)
    n_embd: int = _size("width of the residual stream", 768)
    dropout: float = _option(
        0.0, Rule("probability of dropping an activation while training", minimum=0, below=1)
    )
    bias: bool = _option(True, Rule("biases in linear layers and layer norms"))
    norm: str = _option("layernorm", Rule("how activations are normalised", choices=NORMS))
    activation: str = _option(
        "gelu", Rule("of the feed-forward layer; gelu is the tanh form", choices=ACTIVATIONS)
    )
    tie_weights: bool = _option(True, Rule("the output matrix is the token embedding"))
    n_kv_head: int = _size("heads of keys and values; divides n_head; 0: n_head", 0, minimum=0)
    n_inner: int = _size("width of the feed-forward layer; 0: 4 * n_embd", 0, minimum=0)
    norm_gain: bool = _option(True, Rule("norms have a learned gain"))
    norm_eps: float = _option(1e-5, Rule("added to the variance in a norm", above=0))
    final_norm: bool = _option(True, Rule("a norm before the output matrix"))
    embedding_norm: bool = _option(False, Rule("a norm after the embedding"))
    positions: str = _option("learned", Rule("how positions are known", choices=POSITIONS))
    rope_theta: float = _option(1e4, Rule("base of the rotary frequencies", above=1))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_kv_head == 0:
            object.__setattr__(self, "n_kv_head", self.n_head)
        if self.n_inner == 0:
            object.__setattr__(self, "n_inner", FEED_FORWARD_FACTOR * self.n_embd)
        if self.n_head % self.n_kv_head:
            expected = f"expected a divisor of n_head = {self.n_head}"
            raise ConfigError("n_kv_head", f"{expected}, got {self.n_kv_head}")

    def _check_together(self) -> None:
        _check_heads(self.n_embd, self.n_head)
        if self.positions == "rotary" and self.n_embd // self.n_head % 2:
            expected = "expected an even head size n_embd / n_head for rotary positions"
            raise ConfigError("n_embd", f"{expected}, got {self.n_embd} / {self.n_head}")

    @classmethod
    def microgpt(
        cls, block_size: int, vocab_size: int, n_layer: int, n_head: int, n_embd: int
    ) -> GPTConfig:
        """Return microgpt's architecture: RMSNorm without gain, also after the embedding but not
        at the end, ReLU, no biases, an output matrix of its own."""
        return cls(
            *(block_size, vocab_size, n_layer, n_head, n_embd),
            bias=False,
            norm="rmsnorm",
            activation="relu",
            tie_weights=False,
            norm_gain=False,
            final_norm=False,
            embedding_norm=True,
        )

    @classmethod
    def preset(cls, name: str) -> GPTConfig:
        """Return a known architecture by its name, one of `PRESETS`.

        Raises:
            ConfigError: there is none of this name.
        """
        if name not in PRESETS:
            raise ConfigError("preset", f"expected one of {', '.join(PRESETS)}, got {name!r}")
        return PRESETS[name]

    @property
    def head_size(self) -> int:
        """Width of one head: D."""
        return self.n_embd // self.n_head

    @property
    def num_parameters(self) -> int:
        """Number of weights, for sizes too large for a list of them as well."""
        layer = sum(_product(shape) for shape in self._layer_shapes().values())
        rest = sum(_product(shape) for shape in self._outer_shapes().values())
        return rest + self.n_layer * layer

    @property
    def num_tensors(self) -> int:
        """Number of weight arrays."""
        return len(self._outer_shapes()) + self.n_layer * len(self._layer_shapes())

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of every weight: GPT-2's names, (in, out) inside a block."""
        outer = self._outer_shapes()
        after = {name: outer.pop(name) for name in tuple(outer) if name.startswith(("ln_f", "lm_"))}
        shapes = dict(outer)
        for layer in range(self.n_layer):
            shapes |= {f"h.{layer}.{name}": shape for name, shape in self._layer_shapes().items()}
        return shapes | after

    def _outer_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {"wte.weight": (self.vocab_size, self.n_embd)}
        if self.positions == "learned":
            shapes["wpe.weight"] = (self.block_size, self.n_embd)
        if self.embedding_norm:
            shapes |= self._norm_shapes("ln_emb")
        if self.final_norm:
            shapes |= self._norm_shapes("ln_f")
        if not self.tie_weights:
            shapes["lm_head.weight"] = (self.vocab_size, self.n_embd)
        return shapes

    def _layer_shapes(self) -> dict[str, tuple[int, ...]]:
        C, F = self.n_embd, self.n_inner
        qkv = (self.n_head + 2 * self.n_kv_head) * self.head_size
        inputs = 2 * F if self.activation == "swiglu" else F  # gates, then values
        linear = {
            "attn.c_attn": (C, qkv),
            "attn.c_proj": (C, C),
            "mlp.c_fc": (C, inputs),
            "mlp.c_proj": (F, C),
        }
        shapes: dict[str, tuple[int, ...]] = self._norm_shapes("ln_1")
        for name, shape in linear.items():
            if name == "mlp.c_fc":
                shapes |= self._norm_shapes("ln_2")
            shapes[f"{name}.weight"] = shape
            if self.bias:
                shapes[f"{name}.bias"] = shape[1:]
        return shapes

    def _norm_shapes(self, name: str) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        if self.norm_gain:
            shapes[f"{name}.weight"] = (self.n_embd,)
            if self.bias and self.norm == "layernorm":
                shapes[f"{name}.bias"] = (self.n_embd,)
        return shapes


def _product(shape: tuple[int, ...]) -> int:
    return shape[0] * shape[1] if len(shape) == 2 else shape[0]


PRESETS = {
    "microgpt": GPTConfig.microgpt(16, 27, 1, 4, 16),
    # https://github.com/karpathy/makemore, its transformer, for names of up to 15 letters
    "makemore": GPTConfig(16, 27, 4, 4, 64, tie_weights=False),
    # https://github.com/karpathy/nanoGPT, its recipe for a CPU
    "shakespeare-char": GPTConfig(64, 65, 4, 4, 128, bias=False),
    "gpt2": GPTConfig(),
    "gpt2-medium": GPTConfig(n_layer=24, n_head=16, n_embd=1024),
    "gpt2-large": GPTConfig(n_layer=36, n_head=20, n_embd=1280),
    "gpt2-xl": GPTConfig(n_layer=48, n_head=25, n_embd=1600),
}


@dataclass(frozen=True)
class SpecialIds:
    """Immutable: the ids with a meaning, as Hugging Face's files name them.

    Attributes:
        bos: begins a text, or None.
        eos: each ends one; empty for none.
        pad: fills up the shorter sequences of a batch, or None. `generate` of transformers masks
            it in a prompt, wherever it is, unless it is among `eos`.
    """

    bos: int | None = None
    eos: tuple[int, ...] = ()
    pad: int | None = None


NO_SPECIAL_IDS = SpecialIds()


@dataclass(frozen=True)
class AdamWConfig(Checked):
    """Immutable: options of the optimizer, in the order of Java's `org.pygpt.train.AdamW`.

    The defaults are nanoGPT's.
    """

    beta1: float = _option(0.9, Rule("decay of the first moment", minimum=0, below=1))
    beta2: float = _option(0.95, Rule("decay of the second moment", minimum=0, below=1))
    epsilon: float = _option(1e-8, Rule("added to the root of the second moment", above=0))
    weight_decay: float = _option(0.1, Rule("decay of matrices", minimum=0))
    grad_clip: float = _option(1.0, Rule("largest norm of the gradient; 0: no limit", minimum=0))


SCHEDULES = ("cosine", "linear", "constant")
BATCHES = ("windows", "packed")


@dataclass(frozen=True)
class TrainConfig(Checked):
    """Immutable: options of a training run, by nanoGPT's names.

    The defaults are nanoGPT's recipe for Shakespeare's characters on a CPU.
    https://github.com/karpathy/nanoGPT
    """

    learning_rate: float = _option(1e-3, Rule("of the first step after the warm-up", above=0))
    max_iters: int = _size("updates of the weights", 2000)
    batch_size: int = _size("sequences of a batch", 12)
    gradient_accumulation_steps: int = _size("batches of an update", 1)
    weight_decay: float = _option(0.1, Rule("decay of matrices", minimum=0))
    beta1: float = _option(0.9, Rule("decay of the first moment", minimum=0, below=1))
    beta2: float = _option(0.99, Rule("decay of the second moment", minimum=0, below=1))
    grad_clip: float = _option(1.0, Rule("largest norm of the gradient; 0: no limit", minimum=0))
    warmup_iters: int = _size("updates until the learning rate is reached", 100, minimum=0)
    lr_decay_iters: int = _size("the update at which min_lr is; 0: max_iters", 0, minimum=0)
    min_lr: float = _option(1e-4, Rule("what the learning rate falls to", minimum=0))
    schedule: str = _option("cosine", Rule("how the learning rate falls", choices=SCHEDULES))
    batches: str = _option(
        "windows", Rule("anywhere in the text, or packed whole documents", choices=BATCHES)
    )
    eval_interval: int = _size("updates from one evaluation to the next; 0: none", 250, minimum=0)
    eval_iters: int = _size("batches of an evaluation; 0: all there are", 20, minimum=0)
    patience: int = _size(
        "evaluations without a new best after which the run ends; 0: no limit", 0, minimum=0
    )
    checkpoint_interval: int = _size(
        "updates from one checkpoint to the next; 0: only the best and the last", 250, minimum=0
    )
    keep: int = _size("newest checkpoints that are kept, beside the best", 2)
    seed: int = _option(1337, Rule("of the order of the data and of dropout"))
    frozen: str = _option(
        "", Rule("weights that stay as they are: beginnings of names, such as wte,wpe,h.0")
    )

    def _check_together(self) -> None:
        if self.lr_decay_iters == 0:
            object.__setattr__(self, "lr_decay_iters", self.max_iters)
        if self.min_lr > self.learning_rate and self.schedule != "constant":
            expected = f"expected at most learning_rate = {self.learning_rate}"
            raise ConfigError("min_lr", f"{expected}, got {self.min_lr}")
        if self.patience and not self.eval_interval:
            problem = f"expected evaluations, since patience = {self.patience}, got 0"
            raise ConfigError("eval_interval", problem)

    def adamw(self) -> dict[str, float]:
        """Return the options of the optimizer."""
        names = ("beta1", "beta2", "weight_decay", "grad_clip")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class DataConfig(Checked):
    """Immutable: where the text of a training run comes from."""

    source: str = _option(
        "", Rule("what `prepare` reads, or a folder that it wrote; for presets the preset's")
    )
    tokenizer: str = _option(
        "", Rule("of text: char, gpt2, cl100k_base, a tokenizer.json or its folder")
    )


@dataclass(frozen=True)
class NamesConfig(Checked):
    """Immutable: the options of `python -m pygpt names`; the defaults are microgpt's."""

    steps: int = _size("training steps, one document each", 1000)
    seed: int = _option(42, Rule("seed of the one random stream"))
    samples: int = _size("names to make", 20, minimum=0)
    temperature: float = _option(
        0.5, Rule("randomness of the names: below 1 is likelier, above 1 wilder", above=0)
    )
    n_layer: int = _size("transformer blocks", 1)
    n_embd: int = _size("width of the model, a multiple of --n-head", 16)
    n_head: int = _size("attention heads of each block", 4)
    block_size: int = _size("longest context, in characters", 16)
    learning_rate: float = _option(
        0.01, Rule("learning rate of the first step; falls linearly to 0", above=0)
    )
    backend: str = _option(
        "cpu",
        Rule("cpu is fast, nd4j is ND4J's own operations, plain the reference", choices=BACKENDS),
    )

    def _check_together(self) -> None:
        _check_heads(self.n_embd, self.n_head)

    def model_config(self, vocab_size: int) -> GPTConfig:
        """Return the architecture of the model for a vocabulary of this size."""
        return GPTConfig.microgpt(
            self.block_size, vocab_size, self.n_layer, self.n_head, self.n_embd
        )
