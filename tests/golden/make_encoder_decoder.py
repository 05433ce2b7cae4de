"""Freezes what PyTorch's nn.Transformer answers, with its weights under our names.

    python -m tests.golden.make_encoder_decoder      needs torch
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).parent / "encoder_decoder"
B, S, T, C = 3, 7, 5, 8
LENGTHS = (7, 2, 5)
SIZES: dict[str, Any] = {
    "source_block_size": 11, "target_block_size": 13, "source_vocab_size": 17,
    "target_vocab_size": 10, "n_encoder_layer": 2, "n_decoder_layer": 3, "n_head": 2, "n_embd": C,
    "n_inner": 12, "tie_weights": False,
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "pre": {"norm_order": "pre", "activation": "gelu_exact", "positions": "learned"},
    "post": {"norm_order": "post", "activation": "relu", "positions": "sinusoidal"},
}


class Whole(nn.Module):
    """nn.Transformer with embeddings and an output matrix."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self.transformer = nn.Transformer(
            C, SIZES["n_head"], SIZES["n_encoder_layer"], SIZES["n_decoder_layer"],
            SIZES["n_inner"], dropout=0.0, activation=options["activation"].partition("_")[0],
            batch_first=True, norm_first=options["norm_order"] == "pre",
        )  # fmt: skip
        self.learned = options["positions"] == "learned"
        for side in ("source", "target"):
            setattr(self, f"{side}_tokens", nn.Embedding(SIZES[f"{side}_vocab_size"], C))
            setattr(self, f"{side}_places", nn.Embedding(SIZES[f"{side}_block_size"], C))
        self.output = nn.Linear(C, SIZES["target_vocab_size"], bias=False)

    def embed(self, side: str, ids: torch.Tensor) -> torch.Tensor:
        tokens = getattr(self, f"{side}_tokens")(ids)
        if self.learned:
            return math.sqrt(C) * (tokens + getattr(self, f"{side}_places").weight[: ids.shape[1]])
        places = torch.arange(ids.shape[1], dtype=torch.float64)[:, None]
        angles = places / 10000 ** (torch.arange(0, C, 2, dtype=torch.float64) / C)
        sines = torch.stack([angles.sin(), angles.cos()], -1).flatten(1)
        return math.sqrt(C) * tokens + sines

    def forward(self, sources: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        padding = torch.arange(S)[None, :] >= torch.tensor(LENGTHS)[:, None]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        made = self.transformer(
            self.embed("source", sources), self.embed("target", ids), tgt_mask=later,
            src_key_padding_mask=padding, memory_key_padding_mask=padding,
        )  # fmt: skip
        return self.output(made)  # type: ignore[no-any-return]


def ours(values: dict[str, np.ndarray[Any, Any]], learned: bool) -> dict[str, np.ndarray[Any, Any]]:
    """Rename, turn (out, in) round, and lay keys and values of cross-attention side by side."""
    found = {
        "encoder.wte.weight": values["source_tokens.weight"],
        "decoder.wte.weight": values["target_tokens.weight"],
        "decoder.lm_head.weight": values["output.weight"],
    }
    if learned:
        found["encoder.wpe.weight"] = values["source_places.weight"]
        found["decoder.wpe.weight"] = values["target_places.weight"]
    for stack, attentions in (
        ("encoder", {"attn": "self_attn"}),
        ("decoder", {"attn": "self_attn", "cross": "multihead_attn"}),
    ):
        for i in range(SIZES[f"n_{stack}_layer"]):
            theirs, mine = f"transformer.{stack}.layers.{i}", f"{stack}.h.{i}"
            for kind in ("weight", "bias"):
                for n in range(1, len(attentions) + 2):
                    found[f"{mine}.ln_{n}.{kind}"] = values[f"{theirs}.norm{n}.{kind}"]
                found[f"{mine}.mlp.c_fc.{kind}"] = values[f"{theirs}.linear1.{kind}"].T
                found[f"{mine}.mlp.c_proj.{kind}"] = values[f"{theirs}.linear2.{kind}"].T
                for name, other in attentions.items():
                    packed = values[f"{theirs}.{other}.in_proj_{kind}"].T
                    found[f"{mine}.{name}.c_proj.{kind}"] = values[
                        f"{theirs}.{other}.out_proj.{kind}"
                    ].T
                    if name == "attn":
                        found[f"{mine}.attn.c_attn.{kind}"] = packed
                    else:
                        found[f"{mine}.cross.c_q.{kind}"] = packed[..., :C]
                        found[f"{mine}.cross.c_kv.{kind}"] = packed[..., C:]
        for kind in ("weight", "bias"):
            found[f"{stack}.ln_f.{kind}"] = values[f"transformer.{stack}.norm.{kind}"]
    return found


def main() -> None:
    HERE.mkdir(exist_ok=True)
    for case, options in CASES.items():
        torch.manual_seed(5)
        model = Whole(options).double()
        with torch.no_grad():
            for parameter in model.parameters():  # float32 numbers, so that both have the same
                parameter.copy_((parameter + 0.2 * torch.randn_like(parameter)).float())
        sources = torch.randint(SIZES["source_vocab_size"], (B, S))
        ids = torch.randint(SIZES["target_vocab_size"], (B, T))
        targets = torch.randint(-1, SIZES["target_vocab_size"], (B, T))
        logits = model(sources, ids)
        loss = nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=-1
        )
        loss.backward()
        learned = options["positions"] == "learned"
        weights = {n: p.detach().numpy() for n, p in model.named_parameters()}
        gradients = {
            n: np.zeros(p.shape) if p.grad is None else p.grad.numpy()
            for n, p in model.named_parameters()
        }
        arrays = {f"weight:{n}": w.astype("f4") for n, w in ours(weights, learned).items()}
        arrays |= {f"grad:{n}": g.astype("f4") for n, g in ours(gradients, learned).items()}
        np.savez_compressed(
            HERE / f"{case}.npz",
            config=json.dumps(SIZES | options),
            sources=sources.int().numpy(),
            lengths=np.array(LENGTHS, np.int32),
            ids=ids.int().numpy(),
            targets=targets.int().numpy(),
            logits=logits.detach().numpy(),
            loss=loss.item(),
            **arrays,
        )


if __name__ == "__main__":
    main()
