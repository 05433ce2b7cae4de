"""The same GPT in JAX, float64 on the CPU: gradients by an independent autodiff.

Written from the specification alone, with nothing of `gpt.py`: one sequence and `vmap`, heads by
einsum, rotary positions as complex numbers, activations and loss of `jax.nn`, and no backward.
`config` is any hashable object with the fields of `pygpt.GPTConfig`, `options` one with those of
`TrainConfig` that AdamW needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# The models are so small that compiling them takes longer than running them.
QUICK = {"xla_backend_optimization_level": 0}

Params = dict[str, jax.Array]

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "gelu": partial(jax.nn.gelu, approximate=True),
    "gelu_exact": partial(jax.nn.gelu, approximate=False),
    "relu": jax.nn.relu,
    "relu2": lambda h: jnp.square(jax.nn.relu(h)),
    "swiglu": lambda h: jax.nn.silu(h[:, : h.shape[1] // 2]) * h[:, h.shape[1] // 2 :],
}


def logits(params: Params, ids: jax.Array, config: Any) -> jax.Array:
    """Return the logits (T, V) of one sequence (T,)."""
    x = params["wte.weight"][ids]
    if config.positions == "learned":
        x += params["wpe.weight"][: len(ids)]
    if config.embedding_norm:
        x = _norm(x, params, "ln_emb", config)
    for i in range(config.n_layer):
        block = f"h.{i}."
        x += _attention(_norm(x, params, block + "ln_1", config), params, block + "attn.", config)
        h = _linear(_norm(x, params, block + "ln_2", config), params, block + "mlp.c_fc", config)
        x += _linear(ACTIVATIONS[config.activation](h), params, block + "mlp.c_proj", config)
    if config.final_norm:
        x = _norm(x, params, "ln_f", config)
    head = params["wte.weight"] if config.tie_weights else params["lm_head.weight"]
    return jnp.einsum("tc,vc->tv", x, head)


def _linear(x: jax.Array, params: Params, name: str, config: Any) -> jax.Array:
    y = jnp.einsum("ti,io->to", x, params[name + ".weight"])
    return y + params[name + ".bias"] if config.bias else y


def _norm(x: jax.Array, params: Params, name: str, config: Any) -> jax.Array:
    if config.norm == "layernorm":
        x = x - jnp.mean(x, axis=1, keepdims=True)
        x /= jnp.sqrt(jnp.var(x, axis=1, keepdims=True) + config.norm_eps)
    else:
        x /= jnp.sqrt(jnp.mean(jnp.square(x), axis=1, keepdims=True) + config.norm_eps)
    if config.norm_gain:
        x *= params[name + ".weight"]
    if config.norm_gain and config.bias and config.norm == "layernorm":
        x += params[name + ".bias"]
    return x


def _attention(x: jax.Array, params: Params, prefix: str, config: Any) -> jax.Array:
    T, C = x.shape
    H, K = config.n_head, config.n_kv_head
    qkv = _linear(x, params, prefix + "c_attn", config).reshape(T, H + 2 * K, C // H)
    q, k, v = qkv[:, :H], qkv[:, H : H + K], qkv[:, H + K :]
    if config.positions == "rotary":
        q, k = _rotate(q, config.rope_theta), _rotate(k, config.rope_theta)
    k, v = (jnp.repeat(y, H // K, axis=1) for y in (k, v))  # neighbours share a key/value head
    scores = jnp.einsum("qhd,khd->hqk", q, k) / jnp.sqrt(C // H)
    future = jnp.triu(jnp.ones((T, T), dtype=bool), k=1)
    weights = jax.nn.softmax(jnp.where(future, -jnp.inf, scores), axis=-1)
    out = jnp.einsum("hqk,khd->qhd", weights, v)
    return _linear(out.reshape(T, C), params, prefix + "c_proj", config)


def _rotate(x: jax.Array, theta: float) -> jax.Array:
    """Turn component d + i (d + D/2) of (T, H, D) by position * theta^(-2d/D)."""
    T, _, D = x.shape
    frequency = 1 / theta ** (jnp.arange(0, D, 2) / D)
    turn = jnp.exp(1j * jnp.arange(T)[:, None, None] * frequency)  # (T, 1, D/2)
    z = (x[..., : D // 2] + 1j * x[..., D // 2 :]) * turn
    return jnp.concatenate([z.real, z.imag], axis=-1)


def loss(params: Params, ids: jax.Array, targets: jax.Array, config: Any) -> jax.Array:
    """Return the mean nats over the targets other than -1, 0 if there is none; both (B, T)."""
    batch_logits = jax.vmap(logits, in_axes=(None, 0, None))(params, ids, config)
    nats = -jnp.take_along_axis(jax.nn.log_softmax(batch_logits), targets[..., None], axis=-1)
    scored = targets >= 0
    return jnp.sum(jnp.where(scored, nats[..., 0], 0)) / jnp.maximum(jnp.sum(scored), 1)


_differentiate = jax.jit(jax.value_and_grad(loss), static_argnums=3, compiler_options=QUICK)


def loss_and_grads(
    params: Mapping[str, np.ndarray], ids: np.ndarray, targets: np.ndarray, config: Any
) -> tuple[float, dict[str, np.ndarray]]:
    """Return the loss of one batch and its gradient for every parameter, as float64."""
    with jax.enable_x64(True):
        value, grads = _differentiate(_on_device(params), ids, targets, config)
        return float(value), {name: np.asarray(g) for name, g in grads.items()}


def _on_device(params: Mapping[str, np.ndarray]) -> Params:
    return {name: jnp.asarray(w, dtype=jnp.float64) for name, w in params.items()}


def train(
    params: Mapping[str, np.ndarray],
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    config: Any,
    options: Any,
) -> Iterator[tuple[float, dict[str, np.ndarray]]]:
    """Yield each step's loss, taken before its update, and the parameters after it."""
    with jax.enable_x64(True):
        weights = _on_device(params)
        moments = jax.tree.map(lambda w: (jnp.zeros_like(w), jnp.zeros_like(w)), weights)
    for step, (ids, targets) in enumerate(batches):
        with jax.enable_x64(True):  # not around the yield: it is a state of the thread
            value, grads = _differentiate(weights, ids, targets, config)
            weights, moments = _adamw(weights, moments, grads, step + 1.0, options)
        yield float(value), {name: np.asarray(w) for name, w in weights.items()}


@partial(jax.jit, static_argnums=4, compiler_options=QUICK)
def _adamw(weights: Params, moments: Any, grads: Params, t: float, options: Any) -> tuple[Any, Any]:
    """Decoupled weight decay, https://arxiv.org/abs/1711.05101, of what has two axes."""
    if options.grad_clip > 0:
        length = jnp.sqrt(sum(jnp.vdot(g, g) for g in grads.values()))
        shrink = jnp.minimum(options.grad_clip / (length + 1e-6), 1)
        grads = jax.tree.map(lambda g: g * shrink, grads)
    b1, b2, rate = options.beta1, options.beta2, options.learning_rate
    new_weights, new_moments = {}, {}
    for name, w in weights.items():
        m = b1 * moments[name][0] + (1 - b1) * grads[name]
        v = b2 * moments[name][1] + (1 - b2) * jnp.square(grads[name])
        if w.ndim > 1:
            w = w * (1 - rate * options.weight_decay)
        step = (m / (1 - b1**t)) / (jnp.sqrt(v / (1 - b2**t)) + 1e-8)
        new_weights[name], new_moments[name] = w - rate * step, (m, v)
    return new_weights, new_moments
