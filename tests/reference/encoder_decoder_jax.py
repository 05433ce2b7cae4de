"""The encoder-decoder transformer in JAX, float64 on the CPU: gradients by an independent autodiff.

Written from the paper and the layout of the weights alone: one pair and `vmap`, heads by einsum, no
backward. Padding is masked here, where the engine stops at a sequence's length. `config` is any
hashable object with the fields of `pygpt.EncoderDecoderConfig`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

QUICK = {"xla_backend_optimization_level": 0}  # compiling takes longer than running

Params = dict[str, jax.Array]


def logits(
    params: Params, source: jax.Array, length: jax.Array, ids: jax.Array, config: Any
) -> jax.Array:
    """Return the logits (T, V) of a target's ids (T,), for a source (S,) of which some count."""
    seen = jnp.arange(len(source)) < length
    read = _stack("encoder", params, source, seen, None, None, config)
    causal = jnp.tril(jnp.ones((len(ids), len(ids)), bool))
    x = _stack("decoder", params, ids, causal, read, seen, config)
    tied = config.tie_weights
    head = params["decoder.wte.weight" if tied else "decoder.lm_head.weight"]
    return jnp.einsum("tc,vc->tv", x, head)


def _stack(
    stack: str, params: Params, ids: jax.Array, mask: Any, source: Any, seen: Any, config: Any
) -> jax.Array:
    x = _embedded(stack, params, ids, config)
    for i in range(getattr(config, f"n_{stack}_layer")):
        block = f"{stack}.h.{i}."
        parts = [partial(_attention, block + "attn", mask=mask)]
        if source is not None:
            parts.append(partial(_attention, block + "cross", mask=seen, source=source))
        parts.append(partial(_feed_forward, block + "mlp"))
        for number, part in enumerate(parts, start=1):
            norm = partial(_norm, params=params, name=f"{block}ln_{number}", config=config)
            if config.norm_order == "pre":
                x = x + part(norm(x), params=params, config=config)
            else:
                x = norm(x + part(x, params=params, config=config))
    return _norm(x, params, f"{stack}.ln_f", config) if config.final_norm else x


def _embedded(stack: str, params: Params, ids: jax.Array, config: Any) -> jax.Array:
    x = params[f"{stack}.wte.weight"][ids]
    scale = jnp.sqrt(config.n_embd) if config.scale_embedding else 1.0
    if config.positions == "learned":
        return (x + params[f"{stack}.wpe.weight"][: len(ids)]) * scale
    x = x * scale
    if config.positions == "sinusoidal":
        C = config.n_embd
        angles = jnp.arange(len(ids))[:, None] / 10_000 ** (jnp.arange(0, C, 2) / C)
        x += jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1).reshape(len(ids), C)
    return x


def _linear(x: jax.Array, params: Params, name: str, config: Any) -> jax.Array:
    y = jnp.einsum("ti,io->to", x, params[name + ".weight"])
    return y + params[name + ".bias"] if config.bias else y


def _norm(x: jax.Array, params: Params, name: str, config: Any) -> jax.Array:
    if config.norm == "layernorm":
        x = x - x.mean(axis=1, keepdims=True)
    x = x / jnp.sqrt(jnp.square(x).mean(axis=1, keepdims=True) + config.norm_eps)
    x = x * params[name + ".weight"]
    has_bias = config.bias and config.norm == "layernorm"
    return x + params[name + ".bias"] if has_bias else x


def _feed_forward(name: str, x: jax.Array, params: Params, config: Any) -> jax.Array:
    h = _linear(x, params, name + ".c_fc", config)
    if config.activation == "swiglu":
        gate, value = jnp.split(h, 2, axis=1)
        h = jax.nn.silu(gate) * value
    else:
        h = {"relu": jax.nn.relu, "gelu": jax.nn.gelu}[config.activation](h)
    return _linear(h, params, name + ".c_proj", config)


def _attention(
    name: str, x: jax.Array, params: Params, config: Any, mask: Any, source: Any = None
) -> jax.Array:
    """Attention of x to itself, or to a source; where the mask is false nothing is seen."""
    if source is None:
        q, k, v = jnp.split(_linear(x, params, name + ".c_attn", config), 3, axis=1)
    else:
        q = _linear(x, params, name + ".c_q", config)
        k, v = jnp.split(_linear(source, params, name + ".c_kv", config), 2, axis=1)
    H = config.n_head
    q, k, v = (y.reshape(len(y), H, -1) for y in (q, k, v))
    if config.positions == "rotary" and source is None:
        q, k = _rotate(q, config.rope_theta), _rotate(k, config.rope_theta)
    scores = jnp.einsum("qhd,khd->hqk", q, k) / jnp.sqrt(q.shape[-1])
    weights = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf), axis=-1)
    out = jnp.einsum("hqk,khd->qhd", weights, v)
    return _linear(out.reshape(len(x), -1), params, name + ".c_proj", config)


def _rotate(x: jax.Array, theta: float) -> jax.Array:
    """Turn component d + i (d + D/2) of (T, H, D) by position * theta^(-2d/D)."""
    T, _, D = x.shape
    turn = jnp.exp(1j * jnp.arange(T)[:, None, None] / theta ** (jnp.arange(0, D, 2) / D))
    z = (x[..., : D // 2] + 1j * x[..., D // 2 :]) * turn
    return jnp.concatenate([z.real, z.imag], axis=-1)


def loss(params: Params, batch: tuple[jax.Array, ...], config: Any) -> jax.Array:
    """Return the mean nats over the targets other than -1 of a batch as `PairBatch` has it."""
    sources, lengths, ids, targets = batch
    each = jax.vmap(logits, in_axes=(None, 0, 0, 0, None))(params, sources, lengths, ids, config)
    nats = -jnp.take_along_axis(jax.nn.log_softmax(each), targets[..., None], axis=-1)[..., 0]
    scored = targets >= 0
    return jnp.sum(jnp.where(scored, nats, 0)) / jnp.sum(scored)


_differentiate = jax.jit(jax.value_and_grad(loss), static_argnums=2, compiler_options=QUICK)


def loss_and_grads(
    params: Mapping[str, np.ndarray], batch: tuple[np.ndarray, ...], config: Any
) -> tuple[float, dict[str, np.ndarray]]:
    """Return the loss of a batch and its gradient for every parameter, as float64."""
    with jax.enable_x64(True):
        wide = {name: jnp.asarray(w, dtype=jnp.float64) for name, w in params.items()}
        value, grads = _differentiate(wide, tuple(map(jnp.asarray, batch)), config)
        return float(value), {name: np.asarray(g) for name, g in grads.items()}
