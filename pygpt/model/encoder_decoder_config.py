"""The architecture of an encoder-decoder transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from pygpt.errors import ConfigError
from pygpt.fields import Checked, option, same_as, size, specs_of
from pygpt.model import layout
from pygpt.model.config import FEED_FORWARD_FACTOR, GATED, GPTConfig

NORM_ORDERS = ("pre", "post")
POSITIONS = ("sinusoidal", "learned", "rotary")


@dataclass(frozen=True)
class EncoderDecoderConfig(Checked):
    """Immutable: the architecture of an encoder-decoder transformer, by the names and in the order
    of Java's `org.pygpt.model.EncoderDecoderConfig`.

    The original is post-norm, without a norm at the end, with sinusoidal positions and tied
    weights; PyTorch's `nn.Transformer` has a norm at the end in either order.
    https://arxiv.org/abs/1706.03762

    Attributes:
        scale_embedding: embeddings of tokens, with learned positions the sum of both, are
            multiplied by the root of n_embd; sines are added as they are.
    """

    source_block_size: int = size(256, "the longest source, in tokens")
    target_block_size: int = size(256, "the longest target, in tokens")
    source_vocab_size: int = size(256, "the number of the source's token ids")
    target_vocab_size: int = size(256, "the number of the target's token ids")
    n_encoder_layer: int = size(6, "the number of the encoder's blocks")
    n_decoder_layer: int = size(6, "the number of the decoder's blocks")
    n_head: int = same_as(GPTConfig, "n_head", default=8)
    n_embd: int = size(512, "the width of the residual streams")
    n_inner: int = same_as(GPTConfig, "n_inner")
    dropout: float = same_as(GPTConfig, "dropout")
    bias: bool = same_as(GPTConfig, "bias")
    norm: str = same_as(GPTConfig, "norm")
    norm_order: str = option(
        "pre",
        "where norms stand: before each part of a block, or after its residual sum",
        choices=NORM_ORDERS,
    )
    final_norm: bool = option(True, "each stack ends in a norm")
    activation: str = same_as(GPTConfig, "activation", default="relu")
    positions: str = option("sinusoidal", "how positions are known", choices=POSITIONS)
    rope_theta: float = same_as(GPTConfig, "rope_theta")
    scale_embedding: bool = option(True, "embeddings are multiplied by the root of --n-embd")
    tie_weights: bool = option(True, "the output matrix is the decoder's token embedding")
    norm_eps: float = same_as(GPTConfig, "norm_eps")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_inner == 0:
            object.__setattr__(self, "n_inner", FEED_FORWARD_FACTOR * self.n_embd)

    def _check_together(self) -> None:
        if self.n_embd % self.n_head:
            expected = f"expected a multiple of n_head = {self.n_head}"
            raise ConfigError("n_embd", f"{expected}, got {self.n_embd}")
        if self.positions == "rotary" and self.head_size % 2:
            expected = "expected an even head size n_embd / n_head for rotary positions"
            raise ConfigError("n_embd", f"{expected}, got {self.n_embd} / {self.n_head}")
        if self.positions == "sinusoidal" and self.n_embd % 2:
            expected = "expected an even number for sinusoidal positions"
            raise ConfigError("n_embd", f"{expected}, got {self.n_embd}")

    @property
    def head_size(self) -> int:
        """Width of one head: D."""
        return self.n_embd // self.n_head

    @property
    def num_parameters(self) -> int:
        """Number of weights."""
        return layout.count(self._layout())

    @property
    def num_tensors(self) -> int:
        """Number of weight arrays."""
        return sum(row.times for row in self._layout())

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of every weight; matrices inside a block are (in, out)."""
        return dict(layout.shapes(self._layout()))

    def _layout(self) -> list[layout.Row]:
        gates = 2 if self.activation in GATED.values() else 1  # gates, then values
        values = {spec: getattr(self, spec) for spec in specs_of(type(self))} | {
            "qkv_width": 3 * self.n_embd,
            "kv_width": 2 * self.n_embd,
            "fc_width": gates * self.n_inner,
        }
        return layout.rows("encoder_decoder", values)


class EncoderDecoderOptions(TypedDict, total=False):
    """The fields of `EncoderDecoderConfig` as keyword arguments."""

    source_block_size: int
    target_block_size: int
    source_vocab_size: int
    target_vocab_size: int
    n_encoder_layer: int
    n_decoder_layer: int
    n_head: int
    n_embd: int
    n_inner: int
    dropout: float
    bias: bool
    norm: str
    norm_order: str
    final_norm: bool
    activation: str
    positions: str
    rope_theta: float
    scale_embedding: bool
    tie_weights: bool
    norm_eps: float
