"""The names protocol in NumPy float32, as fast as NumPy makes it: the peer with no warm-up.

All time steps of a document go at once; weights, gradients and moments each lie in one flat array,
so that query, key and value are one product and Adam is one pass. T time, C channels, H heads,
D head size, V vocabulary.
"""

from __future__ import annotations

import time

SCRIPT_START = time.perf_counter()  # before NumPy is imported: its import is part of a cold run

from collections.abc import Sequence  # noqa: E402

import numpy as np  # noqa: E402
from protocol import (  # noqa: E402
    ADAM_EPS,
    BETA1,
    BETA2,
    NORM_EPS,
    TEMPERATURE,
    Config,
    Run,
    Start,
    main,
)

Array = np.ndarray


class Model:
    """Weights and gradients as views of one flat float32 array each; both change in place."""

    def __init__(self, start: Start, config: Config) -> None:
        self.config = config
        self.flat = np.array(start.weights, dtype=np.float32)
        # gradients and their squares in one array, and so both moments: two rows, one decay each
        self.grads = np.zeros((2, self.flat.size), dtype=np.float32)
        self.moments = np.zeros_like(self.grads)
        self.decay = np.array([[BETA1], [BETA2]], dtype=np.float32)
        self.update = np.empty_like(self.flat)
        self.w, self.d = self._views(self.flat, start), self._views(self.grads[0], start)
        V, B = start.bos + 1, config.block_size
        self.one_hot = np.eye(V, dtype=np.float32)
        self.mask = np.triu(np.full((B, B), -np.inf, dtype=np.float32), k=1)

    @staticmethod
    def _views(flat: Array, start: Start) -> dict[str, Array]:
        """Return name -> (outputs, inputs) view; `i.qkv` is query, key and value in one."""
        views, at = {}, 0
        for name, (rows, columns) in start.shapes.items():
            views[name] = flat[at : at + rows * columns].reshape(rows, columns)
            if name.endswith("wq"):
                qkv = flat[at : at + 3 * rows * columns].reshape(3 * rows, columns)
                views[name.replace("wq", "qkv")] = qkv
            at += rows * columns
        return views

    def forward(self, ids: Array) -> tuple[Array, list[tuple[Array, ...]]]:
        """Return the last layer's output (T, C) and what backward needs."""
        w, H = self.w, self.config.n_head
        T, C = len(ids), self.config.n_embd
        D = C // H
        x = w["wte"].take(ids, 0)
        x += w["wpe"][:T]
        x, rms = norm(x)
        saved: list[tuple[Array, ...]] = [(x, rms)]
        for i in range(self.config.n_layer):
            a, a_rms = norm(x)
            qkv = a.dot(w[f"{i}.qkv"].T).reshape(T, 3, H, D).transpose(1, 2, 0, 3)
            q, k, v = qkv[0], qkv[1], qkv[2]  # (H, T, D) each
            probs = q @ k.transpose(0, 2, 1)  # (H, T, D) @ (H, D, T) -> (H, T, T)
            probs *= D**-0.5
            probs += self.mask[:T, :T]
            softmax(probs)
            o = (probs @ v).transpose(1, 0, 2).reshape(T, C)
            x = x + o.dot(w[f"{i}.wo"].T)
            b, b_rms = norm(x)
            h = b.dot(w[f"{i}.fc1"].T)
            np.maximum(h, 0, out=h)
            x = x + h.dot(w[f"{i}.fc2"].T)
            saved.append((a, a_rms, q, k, v, probs, o, b, b_rms, h))
        return x, saved

    def backward(self, ids: Array, dx: Array, saved: list[tuple[Array, ...]]) -> None:
        """Set every gradient but the output matrix's, given that of the last layer's output."""
        w, d, H = self.w, self.d, self.config.n_head
        T, C = dx.shape
        D = C // H
        for i in reversed(range(self.config.n_layer)):
            a, a_rms, q, k, v, probs, o, b, b_rms, h = saved[1 + i]
            np.dot(dx.T, h, out=d[f"{i}.fc2"])
            dh = dx.dot(w[f"{i}.fc2"])
            dh *= h > 0
            np.dot(dh.T, b, out=d[f"{i}.fc1"])
            dx = dx + norm_backward(dh.dot(w[f"{i}.fc1"]), b, b_rms)
            np.dot(dx.T, o, out=d[f"{i}.wo"])
            do = dx.dot(w[f"{i}.wo"]).reshape(T, H, D).transpose(1, 0, 2)  # (H, T, D)
            dscores = do @ v.transpose(0, 2, 1)
            dscores -= np.vecdot(dscores, probs)[:, :, None]
            dscores *= probs
            dscores *= D**-0.5
            dqkv = np.empty((T, 3, H, D), dtype=np.float32)
            dqkv[:, 0] = (dscores @ k).transpose(1, 0, 2)
            dqkv[:, 1] = (dscores.transpose(0, 2, 1) @ q).transpose(1, 0, 2)
            dqkv[:, 2] = (probs.transpose(0, 2, 1) @ do).transpose(1, 0, 2)
            dqkv = dqkv.reshape(T, 3 * C)
            np.dot(dqkv.T, a, out=d[f"{i}.qkv"])
            dx = dx + norm_backward(dqkv.dot(w[f"{i}.qkv"]), a, a_rms)
        dx = norm_backward(dx, *saved[0])
        np.dot(self.one_hot.take(ids, 0).T, dx, out=d["wte"])
        d["wpe"][:T] = dx
        d["wpe"][T:] = 0

    def step(self, tokens: list[int], step: int, steps: int) -> float:
        """Train on one document; return its loss."""
        ids, targets = np.array(tokens[:-1]), np.array(tokens[1:])
        T = len(ids)
        x, saved = self.forward(ids)
        probs = softmax(x.dot(self.w["lm_head"].T))  # (T, V)
        rows = np.arange(T)
        loss = -np.log(probs[rows, targets]).mean()
        probs[rows, targets] -= 1
        probs *= 1 / T
        np.dot(probs.T, x, out=self.d["lm_head"])
        self.backward(ids, probs.dot(self.w["lm_head"]), saved)
        self.adam(self.config.learning_rate * (1 - step / steps), step + 1)
        return float(loss)

    def adam(self, learning_rate: float, t: int) -> None:
        """One pass over all weights.

        The moments are kept without their factors (1 - beta), which the scalars below put back
        with the bias correction.
        """
        grads, moments, update = self.grads, self.moments, self.update
        np.multiply(grads[0], grads[0], out=grads[1])
        moments *= self.decay
        moments += grads
        m_scale = (1 - BETA1) / (1 - BETA1**t)
        v_scale = ((1 - BETA2) / (1 - BETA2**t)) ** 0.5
        np.sqrt(moments[1], out=update)
        update += ADAM_EPS / v_scale
        np.divide(moments[0], update, out=update)
        update *= learning_rate * m_scale / v_scale
        self.flat -= update

    def probabilities(self, tokens: list[int]) -> list[float]:
        """Return those of the next token, at the protocol's temperature."""
        x, _ = self.forward(np.array(tokens))
        logits = x[-1:].dot(self.w["lm_head"].T)
        return softmax(logits / TEMPERATURE)[0].tolist()


def softmax(x: Array) -> Array:
    """Softmax over the last axis, in place."""
    x -= np.maximum.reduce(x, -1, keepdims=True)
    np.exp(x, out=x)
    x /= np.add.reduce(x, -1, keepdims=True)
    return x


def norm(x: Array) -> tuple[Array, Array]:
    """RMSNorm: (T, C) -> the normed rows and each row's root mean square, (T, 1)."""
    mean_square = np.vecdot(x, x)[:, None]
    mean_square *= 1 / x.shape[1]
    mean_square += NORM_EPS
    rms = np.sqrt(mean_square, out=mean_square)
    return x / rms, rms


def norm_backward(dy: Array, y: Array, rms: Array) -> Array:
    """Return the gradient of the norm's input; dy is overwritten."""
    mean = np.vecdot(dy, y)[:, None]
    mean *= 1 / y.shape[1]
    dy -= y * mean
    dy /= rms
    return dy


def run(documents: Sequence[str], config: Config, steps: int, seed: int, samples: int = 20) -> Run:
    """Train, then sample. The seconds of a step go from token ids to updated weights."""
    start = Start(documents, config, seed)
    model = Model(start, config)
    losses, step_s = [], []
    for step in range(steps):
        began = time.perf_counter()
        losses.append(model.step(start.tokens(step, config.block_size), step, steps))
        step_s.append(time.perf_counter() - began)
    block_size = config.block_size
    return Run(
        losses, step_s, [start.sample(model.probabilities, block_size) for _ in range(samples)]
    )


if __name__ == "__main__":
    main("numpy", run, SCRIPT_START)
