"""The microgpt protocol's loss in JAX, float64 on the CPU: gradients by an independent autodiff.

Written from the protocol alone, with nothing of `microgpt.py`: heads by einsum, loss by
`log_softmax`, and no backward of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

NORM_EPS = 1e-5


def loss(
    params: Mapping[str, jax.Array], tokens: Sequence[int], n_head: int, block_size: int
) -> jax.Array:
    """Return the mean cross-entropy, in nats, of one document.

    Args:
        params: wte, wpe, lm_head and, for each layer i, layer{i}.attn_wq, attn_wk, attn_wv,
            attn_wo, mlp_fc1, mlp_fc2; rows are outputs.
        tokens: BOS, characters, BOS; cut to block_size predictions.
        n_head: number of heads.
        block_size: the longest context.
    """
    inputs, targets = jnp.array(tokens[:-1][:block_size]), jnp.array(tokens[1:][:block_size])
    x = _rms_norm(params["wte"][inputs] + params["wpe"][: len(inputs)])
    n_layer = sum(name.endswith(".attn_wq") for name in params)
    for i in range(n_layer):
        x = x + _attention(_rms_norm(x), params, f"layer{i}.attn_", n_head)
        hidden = jax.nn.relu(_rms_norm(x) @ params[f"layer{i}.mlp_fc1"].T)
        x = x + hidden @ params[f"layer{i}.mlp_fc2"].T
    log_probs = jax.nn.log_softmax(x @ params["lm_head"].T)  # (T, V)
    return -jnp.mean(jnp.take_along_axis(log_probs, targets[:, None], axis=1))


def _rms_norm(x: jax.Array) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + NORM_EPS)


def _attention(
    x: jax.Array, params: Mapping[str, jax.Array], prefix: str, n_head: int
) -> jax.Array:
    T, C = x.shape
    D = C // n_head
    q, k, v = (
        jnp.einsum("tc,hdc->htd", x, params[prefix + name].reshape(n_head, D, C))
        for name in ("wq", "wk", "wv")
    )
    scores = jnp.einsum("hqd,hkd->hqk", q, k) / jnp.sqrt(D)
    future = jnp.triu(jnp.ones((T, T), dtype=bool), k=1)
    weights = jax.nn.softmax(jnp.where(future, -jnp.inf, scores), axis=-1)
    out = jnp.einsum("hqk,hkd->qhd", weights, v)
    return out.reshape(T, C) @ params[prefix + "wo"].T


def loss_and_grads(
    params: Mapping[str, np.ndarray], tokens: Sequence[int], n_head: int, block_size: int
) -> tuple[float, dict[str, np.ndarray]]:
    """Return the loss of one document and its gradient for every parameter, as float64."""
    with jax.enable_x64(True):
        device_params = {name: jnp.asarray(w, dtype=jnp.float64) for name, w in params.items()}
        differentiate = jax.jit(jax.value_and_grad(loss), static_argnums=(1, 2, 3))
        value, grads = differentiate(device_params, tuple(tokens), n_head, block_size)
        return float(value), {name: np.asarray(g) for name, g in grads.items()}
