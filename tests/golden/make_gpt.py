"""Write gpt/CASE.npz: the reference's answers for one configuration each, engines' to reproduce.

Run it from the repository's root: `python -m tests.golden.make_gpt`. A file holds

- `config`, `training`: JSON of `Config` and `Training` of the reference, with every field;
- `ids`, `targets`: int32, (steps, B, T), one batch a step; a target of -1 is not scored;
- `weight:NAME`: float32, the parameters before the first step;
- `logits`: float64, (B, T, V), and `grad:NAME`: float64, of the first batch, before clipping;
- `losses`: float64, (steps,), each taken before its AdamW update.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tests.reference.gpt import (
    NOT_SCORED,
    Array,
    Config,
    Params,
    Training,
    clip,
    forward,
    loss_and_grads,
    random_params,
    train,
)

FOLDER = Path(__file__).parent / "gpt"
STEPS = 50
UNSCORED = 0.2  # of the targets
# Adam divides its first gradient by that gradient's own size: where it is nearer to 0 than this,
# rounding in float32 (about 1e-8) would give another step, and all losses after it would differ.
# Key biases without rotary positions have no gradient at all: softmax does not see them.
SMALLEST_GRADIENT, ZERO_GRADIENT = 1e-6, 1e-14
# A ReLU whose input is next to 0 in some step passes a gradient or none, as rounding has it, and
# the losses after that step differ by percents. So weights that are off by dozens of float32's
# units in the last place must give the same losses, in so many trials.
PERTURBATION, TRIALS, SAME_LOSS = 3e-6, 20, 1e-4


@dataclass(frozen=True)
class Case:
    """A model, how it is trained, and its batches of B sequences of T tokens."""

    config: Config
    training: Training
    B: int
    T: int
    blank_step: int | None = None  # in this step's batch no target is scored


NANOGPT = Training(learning_rate=0.003, weight_decay=0.1, beta1=0.9, beta2=0.95, grad_clip=1.0)
ADAM = Training(learning_rate=0.01, beta1=0.85, beta2=0.99)  # microgpt's: no decay, no clipping
STRONG_DECAY = Training(learning_rate=0.005, weight_decay=1.5, beta1=0.8, beta2=0.9)
MICROGPT = {
    "bias": False,
    "norm": "rmsnorm",
    "activation": "relu",
    "tie_weights": False,
    "norm_gain": False,
    "final_norm": False,
    "embedding_norm": True,
}
LLAMA = {
    "bias": False,
    "norm": "rmsnorm",
    "activation": "swiglu",
    "tie_weights": False,
    "positions": "rotary",
}
NANOCHAT = LLAMA | {"activation": "relu2", "norm_gain": False, "embedding_norm": True}

# block_size, vocab_size, n_layer, n_head, n_embd; B and T; all as different as they can be
CASES = {
    "gpt2": Case(Config(11, 29, 2, 3, 15), NANOGPT, 2, 7),
    "nanogpt_no_bias": Case(
        Config(7, 23, 2, 5, 10, bias=False, activation="gelu_exact"), NANOGPT, 3, 7
    ),
    "microgpt": Case(Config(13, 17, 2, 3, 21, **MICROGPT), ADAM, 2, 11),
    "llama": Case(Config(11, 31, 2, 6, 24, n_kv_head=2, n_inner=19, **LLAMA), NANOGPT, 3, 11),
    "llama_tied_one_kv_head": Case(
        Config(
            13, 19, 2, 5, 30, n_kv_head=1, n_inner=17, rope_theta=500.0, norm_eps=1e-6,
            **LLAMA | {"tie_weights": True},
        ), NANOGPT, 2, 5,
    ),
    "nanochat": Case(Config(17, 29, 2, 3, 18, **NANOCHAT), STRONG_DECAY, 2, 13),
    "rotary_layernorm": Case(
        Config(
            7, 13, 2, 3, 12, activation="relu2", tie_weights=False, n_inner=17, norm_eps=1e-3,
            positions="rotary",
        ), NANOGPT, 3, 5,
    ),
    "rmsnorm_biases": Case(
        Config(11, 13, 2, 2, 14, norm="rmsnorm", embedding_norm=True), STRONG_DECAY, 3, 7
    ),
    "layernorm_without_gain": Case(
        Config(7, 19, 2, 3, 15, norm_gain=False, final_norm=False, embedding_norm=True),
        NANOGPT, 5, 3,
    ),
    "swiglu_biases": Case(
        Config(11, 23, 2, 6, 18, activation="swiglu", n_kv_head=3, n_inner=11), ADAM, 2, 7
    ),
    "embedding_layernorm_head_size_2": Case(
        Config(
            13, 17, 2, 7, 14, activation="relu", n_inner=23, embedding_norm=True,
            positions="rotary", rope_theta=100.0,
        ), STRONG_DECAY, 3, 11,
    ),
    "three_layers_blank_batch": Case(
        Config(
            7, 11, 3, 2, 10, norm="rmsnorm", activation="gelu_exact", n_inner=13,
            tie_weights=False, final_norm=False,
        ), NANOGPT, 3, 7, blank_step=17,
    ),
    "one_token_one_head": Case(Config(1, 11, 1, 1, 7, n_inner=5), NANOGPT, 13, 1),
}  # fmt: skip


def batches(case: Case, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return random ids, and as targets those that follow, some not scored: (steps, B, T) each."""
    tokens = rng.integers(case.config.vocab_size, size=(STEPS, case.B, case.T + 1), dtype=np.int32)
    ids, targets = tokens[..., :-1], tokens[..., 1:].copy()
    targets[rng.random(targets.shape) < UNSCORED] = NOT_SCORED
    if case.blank_step is not None:
        targets[case.blank_step] = NOT_SCORED
    return ids, targets


def well_conditioned(grads: Params, training: Training) -> bool:
    """Say whether the first step of float32 can be that of float64."""
    sizes = np.concatenate([abs(g).ravel() for g in clip(grads, training.grad_clip).values()])
    return not ((sizes > ZERO_GRADIENT) & (sizes < SMALLEST_GRADIENT)).any()


def losses_of(case: Case, params: Params, ids: Array, targets: Array) -> Array:
    """Return the losses of the steps, (steps,), by a copy of params."""
    copy = {name: w.copy() for name, w in params.items()}
    return np.array(list(train(copy, zip(ids, targets, strict=True), case.config, case.training)))


def robust(case: Case, params: Params, ids: Array, targets: Array, losses: Array) -> bool:
    """Say whether all steps of float32 can be those of float64."""
    rng = np.random.default_rng(0)
    for _ in range(TRIALS):
        near = {
            name: w * (1 + PERTURBATION * rng.standard_normal(w.shape))
            for name, w in params.items()
        }
        others = losses_of(case, near, ids, targets)
        if not np.allclose(others, losses, rtol=SAME_LOSS, atol=0, equal_nan=True):
            return False
    return True


def answers(case: Case) -> dict[str, Array]:
    """Return the arrays of one file, from the first seed whose steps do not hang on rounding."""
    for seed in itertools.count(1):
        rng = np.random.default_rng(seed)
        params = random_params(case.config, rng)
        weights = {name: w.astype(np.float32) for name, w in params.items()}
        ids, targets = batches(case, rng)
        params = {name: w.astype(np.float64) for name, w in weights.items()}
        _, grads = loss_and_grads(params, ids[0], targets[0], case.config)
        if not well_conditioned(grads, case.training):
            continue
        losses = losses_of(case, params, ids, targets)
        if robust(case, params, ids, targets, losses):
            break
    logits, _ = forward(params, ids[0], case.config)
    return {
        "config": np.array(json.dumps(asdict(case.config))),
        "training": np.array(json.dumps(asdict(case.training))),
        "ids": ids,
        "targets": targets,
        "logits": logits,
        "losses": losses,
        **{f"weight:{name}": w for name, w in weights.items()},
        **{f"grad:{name}": g for name, g in grads.items()},
    }


def main() -> None:
    for name, case in CASES.items():
        np.savez_compressed(FOLDER / f"{name}.npz", **answers(case))


if __name__ == "__main__":
    main()
