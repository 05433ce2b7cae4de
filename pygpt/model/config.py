"""The architecture of a model, and the names of the backends that run one."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, TypedDict

from pygpt.errors import ConfigError
from pygpt.fields import INT_MAX, Checked, Rule, option, size, specs_of
from pygpt.model import layout
from pygpt.model.presets import PRESETS, tables_of

BACKENDS = ("cpu", "nd4j", "plain", "cuda")
AUTO = "auto"  # cuda where a card is and the model is large enough, else cpu
BACKEND = Rule(
    "cpu is fast, cuda runs on an NVIDIA card, nd4j is ND4J's own operations, plain the reference"
)
NORMS = ("layernorm", "rmsnorm")
FUNCTIONS = (
    *("gelu", "gelu_exact", "relu", "relu2", "silu", "quick_gelu", "gelu_10", "sigmoid", "tanh"),
    *("mish", "laplace", "leaky_relu", "relu6", "hardswish", "sqrtsoftplus", "linear"),
)
GATED = {name: "swiglu" if name == "silu" else f"gated_{name}" for name in FUNCTIONS}
ACTIVATIONS = (*FUNCTIONS, *GATED.values())
POSITIONS = ("learned", "rotary", "alibi")
RESIDUALS = ("serial", "parallel", "parallel_one_norm")
QK_NORMS = ("none", "head", "heads", "row")
BIASED = ("qkv", "proj", "mlp", "norm", "qk_norm", "head")  # parts that have biases or none
_USUALLY_WITHOUT = ("qk_norm", "head")  # whatever `bias` is
FEED_FORWARD_FACTOR = 4  # width of the feed-forward layer over that of the model


def names_backend(name: str) -> bool:
    """Tell whether one of ours has this name, which may be `auto` or a card's, as in `cuda:1`."""
    return name in (*BACKENDS, AUTO) or re.fullmatch(r"cuda:\d{1,3}", name) is not None


def added(default: Any, help: str, **limits: Any) -> Any:
    """Return a field that configurations may lack and that has no flag; a TOML file may have it."""
    return option(default, help, added=True, **limits)


@dataclass(frozen=True)
class GPTConfig(Checked):
    """Immutable: the architecture of a model, in the order of Java's `org.pygpt.model.GPTConfig`.

    The defaults are GPT-2's; microgpt, nanoGPT and Llama are other points in the same space.
    """

    block_size: int = size(1024, "the longest context, in tokens")
    vocab_size: int = size(50257, "the number of token ids")
    n_layer: int = size(12, "the number of transformer blocks")
    n_head: int = size(12, "the number of attention heads in a block, a divisor of --n-embd")
    n_embd: int = size(768, "the width of the residual stream")
    dropout: float = option(
        0.0, "the probability of dropping an activation while training", minimum=0, below=1
    )
    bias: bool = option(True, "linear layers and layer norms have biases")
    norm: str = option("layernorm", "how activations are normalised", choices=NORMS)
    activation: str = option(
        "gelu",
        "the activation of the feed-forward layer; gelu is its tanh form, swiglu and those that "
        "begin with gated_ multiply by a gate",
        choices=ACTIVATIONS,
    )
    tie_weights: bool = option(True, "the output matrix is the token embedding")
    n_kv_head: int = size(
        0,
        "the number of heads of keys and values, a divisor of --n-head; 0: as many as --n-head",
        0,
    )
    n_inner: int = size(0, "the width of the feed-forward layer; 0: four times --n-embd", 0)
    norm_gain: bool = option(True, "norms have a learned gain")
    norm_eps: float = option(1e-5, "what a norm adds to the variance", above=0)
    final_norm: bool = option(True, "there is a norm before the output matrix")
    embedding_norm: bool = option(False, "there is a norm after the embedding")
    positions: str = option("learned", "how positions are known", choices=POSITIONS)
    rope_theta: float = option(1e4, "the base of the rotary frequencies", above=1)
    family: str = added("", "the family of transformers in whose form the model is saved")
    head_dim: int = added(0, "the size of a head; 0: n_embd / n_head", minimum=0, maximum=INT_MAX)
    bias_except: tuple[str, ...] = added(
        (), "parts of which the opposite of bias holds; qk_norm and head have none", choices=BIASED
    )
    block_norm: bool = added(True, "a norm stands before attention and feed-forward layer")
    branch_norm: bool = added(False, "a norm stands after them, before the residual sum")
    residual: str = added("serial", "how both read the residual stream", choices=RESIDUALS)
    qk_norm: str = added("none", "how queries and keys are normalised", choices=QK_NORMS)
    embedding_scale: float = added(1.0, "what embeddings are multiplied by")
    residual_scale: float = added(1.0, "what is added to the residual stream is multiplied by")
    logit_scale: float = added(1.0, "what logits are multiplied by")
    logit_softcap: float = added(0.0, "logits become cap * tanh(logit / cap); 0: no cap", minimum=0)
    attention_scale: float = added(
        0.0, "what scores are multiplied by; 0: 1 / sqrt(head size)", minimum=0
    )
    attention_scale_by_layer: bool = added(False, "scores are divided by the layer's number too")
    attention_softcap: float = added(0.0, "the cap of scores; 0: no cap", minimum=0)
    window: int = added(
        0, "the number of keys that a query attends to; 0: all", minimum=0, maximum=INT_MAX
    )
    window_layers: tuple[int, ...] = added(
        (), "the layers with a window, from 0; none for all", minimum=0, maximum=INT_MAX
    )
    alibi: float = added(0.0, "the largest exponent of ALiBi's slopes", minimum=0)
    rotary_dim: int = added(
        0,
        "the columns of a head that are rotated, one more if odd; 0: all",
        minimum=0,
        maximum=INT_MAX,
    )
    rope_scaling: tuple[str, ...] = added(
        (), "how rotary frequencies are scaled: a kind, then name=number"
    )
    local_rope_theta: float = added(
        0.0, "the base of the frequencies in layers with a window; 0: rope_theta", minimum=0
    )
    unrotated_layers: tuple[int, ...] = added(
        (), "the layers without positions, from 0", minimum=0, maximum=INT_MAX
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, usual in (("head_dim", self._usual_head_dim()), ("rotary_dim", self.head_size)):
            if getattr(self, name) == usual:
                object.__setattr__(self, name, 0)
        if self.attention_scale == self.head_size**-0.5:
            object.__setattr__(self, "attention_scale", 0.0)
        object.__setattr__(self, "bias_except", tuple(sorted({*self.bias_except})))
        if self.n_kv_head == 0:
            object.__setattr__(self, "n_kv_head", self.n_head)
        if self.n_inner == 0:
            object.__setattr__(self, "n_inner", FEED_FORWARD_FACTOR * self.n_embd)
        if self.n_head % self.n_kv_head:
            expected = f"expected a divisor of n_head = {self.n_head}"
            raise ConfigError("n_kv_head", f"{expected}, got {self.n_kv_head}")

    def _check_together(self) -> None:
        if not self.head_dim and self.n_embd % self.n_head:
            expected = f"expected a multiple of n_head = {self.n_head}"
            raise ConfigError("n_embd", f"{expected}, got {self.n_embd}")
        if self.positions == "rotary" and not self.rotary_dim and self.head_size % 2:
            if self.head_dim:
                problem = f"expected an even number for rotary positions, got {self.head_dim}"
                raise ConfigError("head_dim", problem)
            expected = "expected an even head size n_embd / n_head for rotary positions"
            raise ConfigError("n_embd", f"{expected}, got {self.n_embd} / {self.n_head}")
        if self.rotary_dim + self.rotary_dim % 2 > self.head_size:
            expected = f"expected at most the head size {self.head_size}"
            raise ConfigError("rotary_dim", f"{expected}, got {self.rotary_dim}")
        if not self.block_norm and self.residual != "serial":
            problem = f"expected serial without block_norm, got {self.residual!r}"
            raise ConfigError("residual", problem)
        if (self.positions == "alibi") != (self.alibi > 0):
            expected = "expected more than 0 with positions alibi, and with no others"
            raise ConfigError("alibi", f"{expected}, got {self.alibi}")
        check_scaling(self.rope_scaling)

    def _usual_head_dim(self) -> int:
        return 0 if self.n_embd % self.n_head else self.n_embd // self.n_head

    def has_bias(self, part: str) -> bool:
        """Whether a part, one of `BIASED`, has biases."""
        usual = self.bias and part not in _USUALLY_WITHOUT
        return usual != (part in self.bias_except)

    def to_dict(self) -> dict[str, Any]:
        """Return name -> value: of every field that all models have, and of the others that say
        more than their defaults, in order."""
        specs = specs_of(type(self)).values()
        values = {spec.name: getattr(self, spec.name) for spec in specs}
        return {
            spec.name: list(values[spec.name]) if spec.many else values[spec.name]
            for spec in specs
            if not spec.rule.added or values[spec.name] != spec.default
        }

    @classmethod
    def microgpt(
        cls, block_size: int, vocab_size: int, n_layer: int, n_head: int, n_embd: int
    ) -> GPTConfig:
        """Return microgpt's architecture: RMSNorm without gain, also after the embedding but not
        at the end, ReLU, no biases, an output matrix of its own."""
        sizes = {
            "block_size": block_size,
            "vocab_size": vocab_size,
            "n_layer": n_layer,
            "n_head": n_head,
            "n_embd": n_embd,
        }
        return cls(**tables_of("microgpt")["model"] | sizes)

    @classmethod
    def preset(cls, name: str) -> GPTConfig:
        """Return a known architecture by its name, one of `PRESETS`.

        Raises:
            ConfigError: there is none of this name.
        """
        if name not in PRESETS:
            raise ConfigError("preset", f"expected one of {', '.join(PRESETS)}, got {name!r}")
        return cls(**tables_of(name)["model"])

    @property
    def head_size(self) -> int:
        """Width of one head: D."""
        return self.head_dim or self.n_embd // self.n_head

    @property
    def num_parameters(self) -> int:
        """Number of weights, for sizes too large for a list of them as well."""
        return layout.count(self._layout())

    @property
    def num_tensors(self) -> int:
        """Number of weight arrays."""
        return sum(row.times for row in self._layout())

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of every weight: GPT-2's names, (in, out) inside a block."""
        return dict(layout.shapes(self._layout()))

    def _layout(self) -> list[layout.Row]:
        D = self.head_size
        gates = 2 if self.activation in GATED.values() else 1  # gates, then values
        per_head = self.qk_norm == "head"
        values = {spec: getattr(self, spec) for spec in specs_of(type(self))} | {
            "qkv_width": (self.n_head + 2 * self.n_kv_head) * D,
            "attn_width": self.n_head * D,
            "fc_width": gates * self.n_inner,
            "q_norm_width": D if per_head else self.n_head * D,
            "k_norm_width": D if per_head else self.n_kv_head * D,
            "qk_norm": self.qk_norm != "none",
            "second_norm": self.block_norm and self.residual != "parallel_one_norm",
        }
        values |= {f"{part}_bias": self.has_bias(part) for part in BIASED}
        return layout.rows("gpt", values)


_NUMBERS = {
    "linear": ("factor",),
    "dynamic": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor"),
    "yarn": ("factor",),
}  # kind of rope scaling -> what it must say
_MORE_NUMBERS = {
    "llama3": ("original_max_position_embeddings",),
    "yarn": (
        *("original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow"),
        *("mscale", "mscale_all_dim", "truncate"),
    ),
}  # and may say


def check_scaling(words: tuple[str, ...]) -> None:
    """Check a scaling of rotary frequencies: a kind, then name=number, as `transformers` names
    them in rope_parameters.

    Raises:
        ConfigError: an unknown kind or name, a name that is missing, or no number.
    """
    if not words:
        return
    kind, *rest = words
    if kind not in _NUMBERS:
        raise ConfigError("rope_scaling", f"expected one of {', '.join(_NUMBERS)}, got {kind!r}")
    found = set()
    for word in rest:
        name, _, number = word.partition("=")
        if name not in (*_NUMBERS[kind], *_MORE_NUMBERS.get(kind, ())):
            raise ConfigError("rope_scaling", f"{kind}: expected no {name}")
        try:
            finite = math.isfinite(float(number))
        except ValueError:
            finite = False
        if not finite:
            raise ConfigError("rope_scaling", f"{name}: expected a number, got {number!r}")
        found.add(name)
    for name in _NUMBERS[kind]:
        if name not in found:
            raise ConfigError("rope_scaling", f"{kind}: expected {name}=number, got none")


class GPTOptions(TypedDict, total=False):
    """The fields of `GPTConfig` as keyword arguments."""

    block_size: int
    vocab_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float
    bias: bool
    norm: str
    activation: str
    tie_weights: bool
    n_kv_head: int
    n_inner: int
    norm_gain: bool
    norm_eps: float
    final_norm: bool
    embedding_norm: bool
    positions: str
    rope_theta: float
    family: str
    head_dim: int
    bias_except: tuple[str, ...]
    block_norm: bool
    branch_norm: bool
    residual: str
    qk_norm: str
    embedding_scale: float
    residual_scale: float
    logit_scale: float
    logit_softcap: float
    attention_scale: float
    attention_scale_by_layer: bool
    attention_softcap: float
    window: int
    window_layers: tuple[int, ...]
    alibi: float
    rotary_dim: int
    rope_scaling: tuple[str, ...]
    local_rope_theta: float
    unrotated_layers: tuple[int, ...]
