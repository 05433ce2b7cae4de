"""The architecture of a model, and the names of the backends that run one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from pygpt.errors import ConfigError
from pygpt.fields import Checked, Rule, option, size
from pygpt.model import layout
from pygpt.model.presets import PRESETS, tables_of

BACKENDS = ("cpu", "nd4j", "plain")
BACKEND = Rule("cpu is fast, nd4j is ND4J's own operations, plain the reference", choices=BACKENDS)
NORMS = ("layernorm", "rmsnorm")
ACTIVATIONS = ("gelu", "gelu_exact", "relu", "relu2", "swiglu")
POSITIONS = ("learned", "rotary")
FEED_FORWARD_FACTOR = 4  # width of the feed-forward layer over that of the model


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
        "the activation of the feed-forward layer; gelu is its tanh form",
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
        if self.n_embd % self.n_head:
            expected = f"expected a multiple of n_head = {self.n_head}"
            raise ConfigError("n_embd", f"{expected}, got {self.n_embd}")
        if self.positions == "rotary" and self.n_embd // self.n_head % 2:
            expected = "expected an even head size n_embd / n_head for rotary positions"
            raise ConfigError("n_embd", f"{expected}, got {self.n_embd} / {self.n_head}")

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
        return self.n_embd // self.n_head

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
        gates = 2 if self.activation == "swiglu" else 1  # gates, then values
        widths = {
            "qkv_width": (self.n_head + 2 * self.n_kv_head) * self.head_size,
            "fc_width": gates * self.n_inner,
        }
        return layout.rows("gpt", self.to_dict() | widths)


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
