"""GPT-2 in JAX: one compiled function is forward, loss, backward, clipping and AdamW.

Weights and moments are donated, so that XLA updates them in place. B batch, T time, C channels,
H heads, D head size, V vocabulary.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.train.workload import (
    ADAM_EPS,
    BETA1,
    BETA2,
    GRAD_CLIP,
    NORM_EPS,
    WEIGHT_DECAY,
    Workload,
)

CLIP_EPSILON = 1e-6  # PyTorch's clip_grad_norm_ adds it to the norm


class JaxSide:
    """Mutable: a model and its AdamW, in float32. See `side.Side`."""

    def __init__(self, work: Workload, threads: int) -> None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])  # XLA takes all it may
        import jax

        self._jax = jax
        self.description = f"JAX {jax.__version__}, {jax.devices()[0].platform}"
        self._weights = {name: jax.numpy.asarray(w) for name, w in work.first_weights()}
        zeros = partial(jax.tree.map, jax.numpy.zeros_like)
        self._moments = zeros(self._weights), zeros(self._weights)
        self._count = 0
        update = partial(_step, work.n_head, work.n_layer, work.learning_rate)
        self._update = jax.jit(update, donate_argnums=(0, 1))

    def step(self, ids: NDArray[np.int64], targets: NDArray[np.int64]) -> tuple[float, float]:
        self._count += 1
        self._weights, self._moments, loss, norm = self._update(
            self._weights,
            self._moments,
            np.float32(self._count),
            ids.astype(np.int32),
            targets.astype(np.int32),
        )
        got = float(loss), float(norm)
        self._jax.block_until_ready(self._weights)
        return got

    def weight_norms(self) -> dict[str, float]:
        rows = {name: np.linalg.norm(np.asarray(w), axis=-1) for name, w in self._weights.items()}
        return {name: float(np.sqrt(np.sum(r * r, dtype=np.float64))) for name, r in rows.items()}


def _step(
    n_head: int,
    n_layer: int,
    learning_rate: float,
    weights: Any,
    moments: Any,
    count: Any,
    ids: Any,
    targets: Any,
) -> tuple[Any, Any, Any, Any]:
    import jax
    from jax import numpy as jnp

    loss, grads = jax.value_and_grad(partial(_loss, n_head, n_layer))(weights, ids, targets)
    norm = jnp.sqrt(sum(jnp.sum(grad * grad) for grad in grads.values()))
    scale = jnp.minimum(1.0, GRAD_CLIP / (norm + CLIP_EPSILON))
    m, v, new = {}, {}, {}
    for name, weight in weights.items():
        grad = grads[name] * scale
        m[name] = BETA1 * moments[0][name] + (1 - BETA1) * grad
        v[name] = BETA2 * moments[1][name] + (1 - BETA2) * grad * grad
        decay = WEIGHT_DECAY if weight.ndim == 2 else 0.0
        root = jnp.sqrt(v[name] / (1 - BETA2**count)) + ADAM_EPS
        change = m[name] / (1 - BETA1**count) / root
        new[name] = weight * (1 - learning_rate * decay) - learning_rate * change
    return new, (m, v), loss, norm


def _loss(n_head: int, n_layer: int, weights: Any, ids: Any, targets: Any) -> Any:
    import jax
    from jax import numpy as jnp

    x = weights["wte.weight"][ids] + weights["wpe.weight"][: ids.shape[1]]  # (B, T, C)
    for layer in range(n_layer):
        block = f"h.{layer}"
        x = x + _attention(n_head, weights, f"{block}.attn", _norm(weights, f"{block}.ln_1", x))
        h = _linear(weights, f"{block}.mlp.c_fc", _norm(weights, f"{block}.ln_2", x))
        x = x + _linear(weights, f"{block}.mlp.c_proj", jax.nn.gelu(h, approximate=True))
    logits = _norm(weights, "ln_f", x) @ weights["wte.weight"].T  # (B, T, V)
    logsumexp = jax.nn.logsumexp(logits, axis=-1)
    scored = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return (logsumexp - scored).mean()


def _attention(n_head: int, weights: Any, name: str, x: Any) -> Any:
    import jax
    from jax import numpy as jnp

    B, T, C = x.shape
    heads = _linear(weights, f"{name}.c_attn", x).reshape(B, T, 3, n_head, C // n_head)
    q, k, v = (heads[:, :, part] for part in range(3))  # (B, T, H, D)
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(C // n_head)
    seen = jnp.tril(jnp.ones((T, T), bool))
    p = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf), axis=-1)
    o = jnp.einsum("bhqk,bkhd->bqhd", p, v).reshape(B, T, C)
    return _linear(weights, f"{name}.c_proj", o)


def _linear(weights: Any, name: str, x: Any) -> Any:
    return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _norm(weights: Any, name: str, x: Any) -> Any:
    from jax import numpy as jnp

    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    y = centred / jnp.sqrt(variance + NORM_EPS)
    return y * weights[f"{name}.weight"] + weights[f"{name}.bias"]
