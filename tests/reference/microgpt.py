"""The microgpt protocol in NumPy float64: explicit forward, hand-written backward, no autodiff.

One document is one batch. Shapes: T time, C channels (n_embd), H heads, D head size, V vocabulary.
A gradient is `d` + name. Run it: `python tests/reference/microgpt.py pygpt/data/names.txt`.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

INIT_STD = 0.08  # every weight, embeddings too
NORM_EPS = 1e-5  # RMSNorm
BETA1, BETA2, ADAM_EPS = 0.85, 0.99, 1e-8

LAYER = ("attn_wq", "attn_wk", "attn_wv", "attn_wo", "mlp_fc1", "mlp_fc2")  # as they are drawn

Array = np.ndarray
Params = dict[str, Array]


@dataclass(frozen=True)
class Config:
    """Sizes and learning rate; the defaults are the talk's model (4,192 parameters on names)."""

    n_layer: int = 1
    n_embd: int = 16
    n_head: int = 4
    block_size: int = 16
    learning_rate: float = 0.01


# ---- documents -------------------------------------------------------------------------------


def read_documents(path: str | Path) -> list[str]:
    """Return the stripped, non-empty lines of a UTF-8 file (\\n, \\r\\n or \\r ends a line)."""
    lines = Path(path).read_text(encoding="utf-8").split("\n")
    return [line.strip() for line in lines if line.strip()]


def vocabulary(documents: list[str]) -> str:
    """Return the characters in code point order; the BOS id is the length of this string."""
    return "".join(sorted(set("".join(documents))))


def encode(document: str, characters: str) -> list[int]:
    bos = len(characters)
    return [bos, *(characters.index(c) for c in document), bos]


# ---- parameters ------------------------------------------------------------------------------


def layout(config: Config, vocab_size: int) -> dict[str, tuple[int, int]]:
    """Return name -> (outputs, inputs) in the order in which the weights are drawn."""
    C = config.n_embd
    shapes = {"wte": (vocab_size, C), "wpe": (config.block_size, C), "lm_head": (vocab_size, C)}
    for i in range(config.n_layer):
        rows = (C, C, C, C, 4 * C, C)
        columns = (C, C, C, C, C, 4 * C)
        shapes |= {f"layer{i}.{w}": (r, c) for w, r, c in zip(LAYER, rows, columns, strict=True)}
    return shapes


def initial_params(config: Config, vocab_size: int, rng: random.Random) -> Params:
    return {
        name: np.array([[rng.gauss(0, INIT_STD) for _ in range(nin)] for _ in range(nout)])
        for name, (nout, nin) in layout(config, vocab_size).items()
    }


# ---- the pieces, each forward beside its backward --------------------------------------------


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def norm(x: Array) -> tuple[Array, Array]:
    """RMSNorm without gain: (T, C) -> the normed rows and each row's scale, (T, 1)."""
    scale = ((x * x).mean(axis=-1, keepdims=True) + NORM_EPS) ** -0.5
    return x * scale, scale


def norm_backward(dy: Array, y: Array, scale: Array) -> Array:
    return scale * (dy - y * (dy * y).mean(axis=-1, keepdims=True))


def heads(x: Array, H: int) -> Array:
    return x.reshape(len(x), H, -1).transpose(1, 0, 2)  # (T, C) -> (H, T, D)


def unheads(x: Array) -> Array:
    return x.transpose(1, 0, 2).reshape(x.shape[1], -1)  # (H, T, D) -> (T, C)


def attention(q: Array, k: Array, v: Array) -> tuple[Array, Array]:
    """Causal attention, each (H, T, D); returns the output and the probabilities (H, T, T)."""
    T, D = q.shape[1:]
    scores = q @ k.transpose(0, 2, 1) / D**0.5  # (H, T, D) @ (H, D, T) -> (H, T, T)
    probs = softmax(np.where(np.tri(T, dtype=bool), scores, -np.inf))
    return probs @ v, probs


def attention_backward(
    dout: Array, q: Array, k: Array, v: Array, probs: Array
) -> tuple[Array, Array, Array]:
    dv = probs.transpose(0, 2, 1) @ dout
    dprobs = dout @ v.transpose(0, 2, 1)
    dscores = probs * (dprobs - (dprobs * probs).sum(axis=-1, keepdims=True))
    dscores /= q.shape[-1] ** 0.5
    return dscores @ k, dscores.transpose(0, 2, 1) @ q, dv


# ---- the model -------------------------------------------------------------------------------


def forward(params: Params, ids: list[int], config: Config) -> tuple[Array, list[tuple]]:
    """Return the logits (T, V) and what backward needs: the embedding's norm, then each layer's."""
    T, H = len(ids), config.n_head
    x, scale = norm(params["wte"][ids] + params["wpe"][:T])
    saved: list[tuple] = [(x, scale)]
    for i in range(config.n_layer):
        w = {name: params[f"layer{i}.{name}"] for name in LAYER}
        a, a_scale = norm(x)
        q, k, v = (heads(a @ w[name].T, H) for name in ("attn_wq", "attn_wk", "attn_wv"))
        out, probs = attention(q, k, v)
        o = unheads(out)
        x = x + o @ w["attn_wo"].T
        b, b_scale = norm(x)
        h = np.maximum(b @ w["mlp_fc1"].T, 0)
        x = x + h @ w["mlp_fc2"].T
        saved.append((a, a_scale, q, k, v, probs, o, b, b_scale, h))
    saved.append((x,))
    return x @ params["lm_head"].T, saved


def backward(
    params: Params, ids: list[int], config: Config, dlogits: Array, saved: list[tuple]
) -> Params:
    """Return the gradient of every parameter, given the one of the logits (T, V)."""
    d = {name: np.zeros_like(w) for name, w in params.items()}
    (x,) = saved[-1]
    d["lm_head"] = dlogits.T @ x
    dx = dlogits @ params["lm_head"]
    for i in reversed(range(config.n_layer)):
        w = {name: params[f"layer{i}.{name}"] for name in LAYER}
        a, a_scale, q, k, v, probs, o, b, b_scale, h = saved[1 + i]
        d[f"layer{i}.mlp_fc2"] = dx.T @ h
        dh = (dx @ w["mlp_fc2"]) * (h > 0)
        d[f"layer{i}.mlp_fc1"] = dh.T @ b
        dx = dx + norm_backward(dh @ w["mlp_fc1"], b, b_scale)
        d[f"layer{i}.attn_wo"] = dx.T @ o
        dout = heads(dx @ w["attn_wo"], config.n_head)
        dq, dk, dv = (unheads(g) for g in attention_backward(dout, q, k, v, probs))
        d[f"layer{i}.attn_wq"] = dq.T @ a
        d[f"layer{i}.attn_wk"] = dk.T @ a
        d[f"layer{i}.attn_wv"] = dv.T @ a
        da = dq @ w["attn_wq"] + dk @ w["attn_wk"] + dv @ w["attn_wv"]
        dx = dx + norm_backward(da, a, a_scale)
    dx = norm_backward(dx, *saved[0])
    np.add.at(d["wte"], ids, dx)  # a character may come twice
    d["wpe"][: len(ids)] = dx
    return d


def loss_and_grads(params: Params, tokens: list[int], config: Config) -> tuple[float, Params]:
    """Return the mean cross-entropy, in nats, of one encoded document, and its gradients."""
    T = min(config.block_size, len(tokens) - 1)
    ids, targets = tokens[:T], tokens[1 : T + 1]
    logits, saved = forward(params, ids, config)
    probs = softmax(logits)
    loss = -np.log(probs[np.arange(T), targets]).mean()
    dlogits = (probs - np.eye(probs.shape[1])[targets]) / T
    return float(loss), backward(params, ids, config, dlogits, saved)


# ---- training and sampling -------------------------------------------------------------------


class Model:
    """Parameters, Adam's moments and the random stream; all three change as it trains and samples.

    Making it shuffles the documents (a copy), then draws the weights, from one stream.
    """

    def __init__(self, documents: list[str], config: Config, seed: int = 42) -> None:
        self.config = config
        self.rng = random.Random(seed)
        self.documents = list(documents)
        self.rng.shuffle(self.documents)
        self.characters = vocabulary(documents)
        self.params = initial_params(config, len(self.characters) + 1, self.rng)
        self.m = {name: np.zeros_like(w) for name, w in self.params.items()}
        self.v = {name: np.zeros_like(w) for name, w in self.params.items()}

    def train(self, steps: int) -> Iterator[float]:
        """Yield the loss of each step, taken before its update."""
        for s in range(steps):
            document = self.documents[s % len(self.documents)]
            tokens = encode(document, self.characters)
            loss, grads = loss_and_grads(self.params, tokens, self.config)
            learning_rate = self.config.learning_rate * (1 - s / steps)
            for name, g in grads.items():
                m, v = self.m[name], self.v[name]
                m[:] = BETA1 * m + (1 - BETA1) * g
                v[:] = BETA2 * v + (1 - BETA2) * g * g
                m_hat = m / (1 - BETA1 ** (s + 1))
                v_hat = v / (1 - BETA2 ** (s + 1))
                self.params[name] -= learning_rate * m_hat / (v_hat**0.5 + ADAM_EPS)
            yield loss

    def sample(self, temperature: float = 0.5) -> str:
        """Return one name: until BOS or block_size characters; it may be empty."""
        bos = len(self.characters)
        ids = [bos]
        while len(ids) <= self.config.block_size:
            logits, _ = forward(self.params, ids, self.config)
            probs = softmax(logits[-1] / temperature)
            (token,) = self.rng.choices(range(bos + 1), weights=probs.tolist())
            if token == bos:
                break
            ids.append(token)
        return "".join(self.characters[i] for i in ids[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("data", help="UTF-8 text, one document a line")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--samples", type=int, default=20)
    options = parser.parse_args()
    model = Model(read_documents(options.data), Config(), options.seed)
    for step, loss in enumerate(model.train(options.steps), start=1):
        print(f"{step}\t{loss:.10f}")
    for _ in range(options.samples):
        print(model.sample())


if __name__ == "__main__":
    main()
