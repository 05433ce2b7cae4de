"""The architecture of a model, and the names of the backends that run one."""

from __future__ import annotations

from dataclasses import dataclass

from pygpt.errors import ConfigError
from pygpt.fields import Checked, Rule, option, size

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
    n_head: int = size(12, "the attention heads of each block; their number divides --n-embd")
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
        0, "the heads of keys and values; their number divides --n-head; 0: as many as heads", 0
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
