"""One GPT in NumPy float64, from microgpt to GPT-2 to Llama: forward and hand-written backward.

Pre-norm blocks: x = x + attention(ln_1(x)); x = x + mlp(ln_2(x)). Shapes: B batch, T time,
C channels (n_embd), H query heads, K key/value heads, D head size (C / H), F feed-forward width,
V vocabulary. A gradient is `d` + name. Every forward returns its output and what its backward
needs; every backward adds to the gradients `d` of its parameters and returns that of its input.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

GELU_CUBIC = 0.044715  # tanh form, https://arxiv.org/abs/1606.08415
ADAM_EPS = 1e-8
CLIP_EPS = 1e-6  # of torch.nn.utils.clip_grad_norm_
NOT_SCORED = -1  # a target that has no loss

Array = np.ndarray
Params = dict[str, Array]


@dataclass(frozen=True)
class Config:
    """What a model is; the defaults are GPT-2's. Fields are those of `pygpt.GPTConfig`."""

    block_size: int
    vocab_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0  # a reference has no randomness: only 0
    bias: bool = True  # on every linear map inside blocks and on LayerNorm; never on lm_head
    norm: str = "layernorm"  # or rmsnorm, which has no bias
    activation: str = "gelu"  # tanh form; or gelu_exact, relu, relu2, swiglu
    tie_weights: bool = True  # the head is wte
    n_kv_head: int | None = None  # default n_head
    n_inner: int | None = None  # F, default 4 * n_embd
    norm_gain: bool = True  # norms have a weight; without it they have no bias either
    norm_eps: float = 1e-5
    final_norm: bool = True  # ln_f before the head
    embedding_norm: bool = False  # ln_emb right after the embeddings
    positions: str = "learned"  # or rotary
    rope_theta: float = 10000.0

    def __post_init__(self) -> None:
        if self.n_kv_head is None:
            object.__setattr__(self, "n_kv_head", self.n_head)
        if self.n_inner is None:
            object.__setattr__(self, "n_inner", 4 * self.n_embd)
        assert self.dropout == 0
        assert self.n_embd % self.n_head == 0 and self.n_head % self.n_kv_head == 0
        assert self.norm in ("layernorm", "rmsnorm")
        assert self.activation in ("gelu", "gelu_exact", "relu", "relu2", "swiglu")
        assert self.positions in ("learned", "rotary")
        assert self.positions == "learned" or self.n_embd // self.n_head % 2 == 0


# ---- parameters ------------------------------------------------------------------------------


def layout(config: Config) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of every parameter: GPT-2's names, (in, out) inside a block."""
    V, C, F = config.vocab_size, config.n_embd, config.n_inner
    D = C // config.n_head
    shapes: dict[str, tuple[int, ...]] = {"wte.weight": (V, C)}

    def add_norm(name: str) -> None:
        if config.norm_gain:
            shapes[f"{name}.weight"] = (C,)
            if config.bias and config.norm == "layernorm":
                shapes[f"{name}.bias"] = (C,)

    def add_linear(name: str, inputs: int, outputs: int) -> None:
        shapes[f"{name}.weight"] = (inputs, outputs)
        if config.bias:
            shapes[f"{name}.bias"] = (outputs,)

    if config.positions == "learned":
        shapes["wpe.weight"] = (config.block_size, C)
    if config.embedding_norm:
        add_norm("ln_emb")
    for i in range(config.n_layer):
        add_norm(f"h.{i}.ln_1")
        add_linear(f"h.{i}.attn.c_attn", C, C + 2 * config.n_kv_head * D)  # queries, keys, values
        add_linear(f"h.{i}.attn.c_proj", C, C)
        add_norm(f"h.{i}.ln_2")
        add_linear(f"h.{i}.mlp.c_fc", C, 2 * F if config.activation == "swiglu" else F)
        add_linear(f"h.{i}.mlp.c_proj", F, C)
    if config.final_norm:
        add_norm("ln_f")
    if not config.tie_weights:
        shapes["lm_head.weight"] = (V, C)
    return shapes


def random_params(config: Config, rng: np.random.Generator, std: float = 0.3) -> Params:
    """Return weights to compare engines with: so wide that every part has a say in the loss.

    Gains are spread about 1, everything else about 0; nothing is at a value that hides its use.
    """
    params = {}
    for name, shape in layout(config).items():
        gain = len(shape) == 1 and name.endswith(".weight")
        params[name] = rng.normal(float(gain), std, shape)
    return params


# ---- linear maps and norms -------------------------------------------------------------------


def linear(p: Params, name: str, x: Array) -> Array:
    y = x @ p[f"{name}.weight"]  # (..., in) @ (in, out) -> (..., out)
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def linear_backward(p: Params, d: Params, name: str, dy: Array, x: Array) -> Array:
    d[f"{name}.weight"] += np.tensordot(x, dy, axes=((0, 1), (0, 1)))  # over B and T
    if f"{name}.bias" in p:
        d[f"{name}.bias"] += dy.sum(axis=(0, 1))
    return dy @ p[f"{name}.weight"].T


def norm(p: Params, name: str, x: Array, config: Config) -> tuple[Array, tuple]:
    """LayerNorm or RMSNorm of each row, (B, T, C), with the gain and bias that it has."""
    centred = x - x.mean(axis=-1, keepdims=True) if config.norm == "layernorm" else x
    scale = ((centred * centred).mean(axis=-1, keepdims=True) + config.norm_eps) ** -0.5
    normed = centred * scale
    y = normed * p[f"{name}.weight"] if f"{name}.weight" in p else normed
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y, (normed, scale)


def norm_backward(
    p: Params, d: Params, name: str, dy: Array, saved: tuple, config: Config
) -> Array:
    normed, scale = saved
    if f"{name}.bias" in p:
        d[f"{name}.bias"] += dy.sum(axis=(0, 1))
    if f"{name}.weight" in p:
        d[f"{name}.weight"] += (dy * normed).sum(axis=(0, 1))
        dy = dy * p[f"{name}.weight"]
    dcentred = dy - normed * (dy * normed).mean(axis=-1, keepdims=True)
    if config.norm == "layernorm":
        dcentred -= dy.mean(axis=-1, keepdims=True)
    return dcentred * scale


# ---- attention -------------------------------------------------------------------------------


def heads(x: Array, D: int) -> Array:
    B, T, _ = x.shape
    return x.reshape(B, T, -1, D).transpose(0, 2, 1, 3)  # (B, T, H*D) -> (B, H, T, D)


def unheads(x: Array) -> Array:
    B, _, T, _ = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, -1)  # (B, H, T, D) -> (B, T, H*D)


def rotary_angles(T: int, D: int, theta: float) -> Array:
    """Return position * theta^(-2 pair / D), (T, D/2): https://arxiv.org/abs/2104.09864."""
    return np.outer(np.arange(T), theta ** (-2 * np.arange(D // 2) / D))


def rotate(x: Array, angles: Array) -> Array:
    """Turn each pair (d, d + D/2) of (..., T, D) by its angle; the backward turns by -angle."""
    a, b = np.split(x, 2, axis=-1)
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def attention(q: Array, k: Array, v: Array) -> tuple[Array, tuple]:
    """Causal attention; consecutive query heads share one key/value head.

    Args:
        q: (B, H, T, D).
        k: (B, K, T, D); K divides H.
        v: (B, K, T, D).
    Returns:
        (B, H, T, D).
    """
    B, K, T, D = k.shape
    q = q.reshape(B, K, -1, T, D)  # G = H / K query heads for each key/value head
    k, v = k[:, :, None], v[:, :, None]
    scores = q @ k.swapaxes(-1, -2) / D**0.5  # (B, K, G, T, D) @ (B, K, 1, D, T) -> (…, T, T)
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
    probs = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probs /= probs.sum(axis=-1, keepdims=True)
    return (probs @ v).reshape(B, -1, T, D), (q, k, v, probs)


def attention_backward(dout: Array, saved: tuple) -> tuple[Array, Array, Array]:
    q, k, v, probs = saved
    B, _, _, T, D = q.shape
    dout = dout.reshape(q.shape)
    dv = (probs.swapaxes(-1, -2) @ dout).sum(axis=2)  # over the query heads that share it
    dprobs = dout @ v.swapaxes(-1, -2)
    dscores = probs * (dprobs - (dprobs * probs).sum(axis=-1, keepdims=True)) / D**0.5
    dk = (dscores.swapaxes(-1, -2) @ q).sum(axis=2)
    return (dscores @ k).reshape(B, -1, T, D), dk, dv


def attention_layer(p: Params, name: str, x: Array, config: Config) -> tuple[Array, tuple]:
    T, D = x.shape[1], config.n_embd // config.n_head
    keys, values = config.n_embd, config.n_embd + config.n_kv_head * D  # their first columns
    q, k, v = (heads(y, D) for y in np.split(linear(p, f"{name}.c_attn", x), [keys, values], -1))
    if config.positions == "rotary":
        angles = rotary_angles(T, D, config.rope_theta)
        q, k = rotate(q, angles), rotate(k, angles)
    out, saved = attention(q, k, v)
    y = unheads(out)
    return linear(p, f"{name}.c_proj", y), (x, saved, y)


def attention_layer_backward(
    p: Params, d: Params, name: str, dout: Array, saved: tuple, config: Config
) -> Array:
    x, inner, y = saved
    T, D = x.shape[1], config.n_embd // config.n_head
    dy = linear_backward(p, d, f"{name}.c_proj", dout, y)
    dq, dk, dv = attention_backward(heads(dy, D), inner)
    if config.positions == "rotary":
        angles = rotary_angles(T, D, config.rope_theta)
        dq, dk = rotate(dq, -angles), rotate(dk, -angles)
    dqkv = np.concatenate([unheads(dq), unheads(dk), unheads(dv)], axis=-1)
    return linear_backward(p, d, f"{name}.c_attn", dqkv, x)


# ---- feed-forward ----------------------------------------------------------------------------


def sigmoid(x: Array) -> Array:
    return 0.5 * (1 + np.tanh(x / 2))


def normal_cdf(x: Array) -> Array:
    return 0.5 * (1 + np.vectorize(math.erf)(x / 2**0.5))


def gelu_tanh(x: Array) -> Array:
    return np.tanh((2 / np.pi) ** 0.5 * (x + GELU_CUBIC * x**3))


def activation(x: Array, kind: str) -> Array:
    """(B, T, F) -> (B, T, F), but for swiglu, which gates: (B, T, 2F) -> (B, T, F)."""
    if kind == "gelu":
        return 0.5 * x * (1 + gelu_tanh(x))
    if kind == "gelu_exact":
        return x * normal_cdf(x)
    if kind == "swiglu":
        gate, up = np.split(x, 2, axis=-1)
        return gate * sigmoid(gate) * up
    positive = np.maximum(x, 0)
    return positive**2 if kind == "relu2" else positive


def activation_backward(dy: Array, x: Array, kind: str) -> Array:
    if kind == "gelu":
        t = gelu_tanh(x)
        slope = (2 / np.pi) ** 0.5 * (1 + 3 * GELU_CUBIC * x**2)
        return dy * 0.5 * (1 + t + x * (1 - t**2) * slope)
    if kind == "gelu_exact":
        return dy * (normal_cdf(x) + x * np.exp(-(x**2) / 2) / (2 * np.pi) ** 0.5)
    if kind == "swiglu":
        gate, up = np.split(x, 2, axis=-1)
        s = sigmoid(gate)
        dgate = dy * up * s * (1 + gate * (1 - s))
        return np.concatenate([dgate, dy * gate * s], axis=-1)
    return dy * (2 * np.maximum(x, 0) if kind == "relu2" else x > 0)


def mlp(p: Params, name: str, x: Array, config: Config) -> tuple[Array, tuple]:
    h = linear(p, f"{name}.c_fc", x)
    y = activation(h, config.activation)
    return linear(p, f"{name}.c_proj", y), (x, h, y)


def mlp_backward(
    p: Params, d: Params, name: str, dout: Array, saved: tuple, config: Config
) -> Array:
    x, h, y = saved
    dy = linear_backward(p, d, f"{name}.c_proj", dout, y)
    return linear_backward(p, d, f"{name}.c_fc", activation_backward(dy, h, config.activation), x)


# ---- the model -------------------------------------------------------------------------------


def forward(p: Params, ids: Array, config: Config) -> tuple[Array, list[Any]]:
    """Return the logits of ids (B, T), (B, T, V), and a stack that backward takes apart."""
    x = p["wte.weight"][ids]  # (B, T, C)
    if config.positions == "learned":
        x = x + p["wpe.weight"][: ids.shape[1]]
    stack: list[Any] = []

    def normed(name: str, x: Array) -> Array:
        y, saved = norm(p, name, x, config)
        stack.append(saved)
        return y

    if config.embedding_norm:
        x = normed("ln_emb", x)
    for i in range(config.n_layer):
        out, saved = attention_layer(p, f"h.{i}.attn", normed(f"h.{i}.ln_1", x), config)
        stack.append(saved)
        x = x + out
        out, saved = mlp(p, f"h.{i}.mlp", normed(f"h.{i}.ln_2", x), config)
        stack.append(saved)
        x = x + out
    if config.final_norm:
        x = normed("ln_f", x)
    stack.append(x)
    return x @ p["wte.weight" if config.tie_weights else "lm_head.weight"].T, stack


def backward(p: Params, ids: Array, config: Config, dlogits: Array, stack: list[Any]) -> Params:
    """Return the gradient of every parameter, given that of the logits; empties the stack."""
    d = {name: np.zeros_like(w) for name, w in p.items()}
    head = "wte.weight" if config.tie_weights else "lm_head.weight"
    d[head] += np.tensordot(dlogits, stack.pop(), axes=((0, 1), (0, 1)))
    dx = dlogits @ p[head]
    if config.final_norm:
        dx = norm_backward(p, d, "ln_f", dx, stack.pop(), config)
    for i in reversed(range(config.n_layer)):
        dy = mlp_backward(p, d, f"h.{i}.mlp", dx, stack.pop(), config)
        dx = dx + norm_backward(p, d, f"h.{i}.ln_2", dy, stack.pop(), config)
        dy = attention_layer_backward(p, d, f"h.{i}.attn", dx, stack.pop(), config)
        dx = dx + norm_backward(p, d, f"h.{i}.ln_1", dy, stack.pop(), config)
    if config.embedding_norm:
        dx = norm_backward(p, d, "ln_emb", dx, stack.pop(), config)
    if config.positions == "learned":
        d["wpe.weight"][: ids.shape[1]] += dx.sum(axis=0)
    np.add.at(d["wte.weight"], ids, dx)  # a token may come twice
    return d


def cross_entropy(logits: Array, targets: Array) -> tuple[float, Array]:
    """Return the mean nats over the targets that are scored, 0 if none is, and its gradient."""
    scored = targets != NOT_SCORED
    count = max(scored.sum(), 1)
    index = np.where(scored, targets, 0)[..., None]
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    loss = -np.take_along_axis(log_probs, index, axis=-1)[scored].sum() / count
    dlogits = np.exp(log_probs)
    np.put_along_axis(dlogits, index, np.take_along_axis(dlogits, index, axis=-1) - 1, axis=-1)
    return float(loss), dlogits * scored[..., None] / count


def loss_and_grads(
    params: Params, ids: Array, targets: Array, config: Config
) -> tuple[float, Params]:
    """Return the loss of one batch and the gradient of every parameter.

    Args:
        params: float64, as `layout` has them.
        ids: (B, T), T <= block_size, each in [0, V).
        targets: (B, T); -1 marks a position that is not scored.
        config: the model.
    """
    logits, stack = forward(params, ids, config)
    loss, dlogits = cross_entropy(logits, targets)
    return loss, backward(params, ids, config, dlogits, stack)


# ---- training and generation -----------------------------------------------------------------


@dataclass(frozen=True)
class Training:
    """AdamW's options, constant over a run."""

    learning_rate: float
    weight_decay: float = 0.0  # of matrices and embeddings; gains and biases do not decay
    beta1: float = 0.9
    beta2: float = 0.999
    grad_clip: float = 0.0  # largest norm of all gradients together; 0 clips nothing


def clip(grads: Params, limit: float) -> Params:
    """Return the gradients, all scaled alike if their joint norm passes the limit."""
    total = math.sqrt(sum(float((g * g).sum()) for g in grads.values()))
    scale = min(1.0, limit / (total + CLIP_EPS)) if limit else 1.0
    return {name: g * scale for name, g in grads.items()}


def train(
    params: Params, batches: Iterable[tuple[Array, Array]], config: Config, options: Training
) -> Iterator[float]:
    """Yield the loss of each batch of ids and targets, taken before its update of params."""
    m = {name: np.zeros_like(w) for name, w in params.items()}
    v = {name: np.zeros_like(w) for name, w in params.items()}
    for step, (ids, targets) in enumerate(batches, start=1):
        loss, grads = loss_and_grads(params, ids, targets, config)
        for name, g in clip(grads, options.grad_clip).items():
            m[name] += (1 - options.beta1) * (g - m[name])
            v[name] += (1 - options.beta2) * (g * g - v[name])
            m_hat = m[name] / (1 - options.beta1**step)
            v_hat = v[name] / (1 - options.beta2**step)
            decay = options.weight_decay if params[name].ndim >= 2 else 0.0
            update = m_hat / (v_hat**0.5 + ADAM_EPS) + decay * params[name]
            params[name] -= options.learning_rate * update
        yield loss


def greedy(params: Params, ids: Array, new_tokens: int, config: Config) -> Array:
    """Return ids (T,) and their likeliest continuation; the window is the last block_size ids."""
    for _ in range(new_tokens):
        logits, _ = forward(params, ids[None, -config.block_size :], config)
        ids = np.append(ids, logits[0, -1].argmax())
    return ids
