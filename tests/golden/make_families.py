"""Write families.npz: transformers' answers for tiny models of every family, ours to reproduce.

Run it from the repository's root with PyTorch and transformers 5:
`python -m tests.golden.make_families`. Weights are not in the file: `weights_of` draws them anew
from the names and shapes. For each case of `CASES` it holds, under `CASE:`

- `config`: config.json as transformers saves it;
- `shapes`: JSON, name -> shape of each tensor of model.safetensors;
- `logits`: float32, (seeds, B, T, V), of `ids_of` each seed;
- `losses`: float64, (seeds,): mean nats of the next token;
- `greedy`: int32, (seeds, new): what follows the first ids;
- `grad:NAME`: float32, of the loss of the first seed, for the cases of `WITH_GRADIENTS`.

With a folder as an argument, which `write` of the tests' own process has filled with what pygpt
saves of each case, it prints how far transformers' logits of those are from the file's.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parent / "families.npz"
SEEDS = (1, 2, 3)
B, T, NEW = 2, 19, 9
ROPE = {"rope_theta": 500.0}

_SIZES = {
    "vocab_size": 53,
    "hidden_size": 36,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 29,
    "max_position_embeddings": 40,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}
_MHA = {name: value for name, value in _SIZES.items() if name != "num_key_value_heads"}
_GPT2 = {"n_embd": 35, "n_head": 5, "n_layer": 2, "n_positions": 40, "vocab_size": 53}
_GPT2 |= {"bos_token_id": None, "eos_token_id": None}


def _rope(kind: str, **numbers: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 500.0, **numbers}}


_LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
_LLAMA3 |= {"original_max_position_embeddings": 16}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2_unscaled": ("gpt2", _GPT2 | {"scale_attn_weights": False}),
    "gpt2_by_layer": ("gpt2", _GPT2 | {"scale_attn_by_inverse_layer_idx": True}),
    **{
        f"gpt2_{name}": ("gpt2", _GPT2 | {"activation_function": name})
        for name in (
            *("gelu_10", "gelu_fast", "gelu_accurate", "gelu_python", "gelu_python_tanh"),
            *("laplace", "leaky_relu", "linear", "mish", "quick_gelu", "relu6", "sigmoid"),
            *("silu", "tanh", "hardswish", "sqrtsoftplus"),
        )
    },
    "llama_linear": ("llama", _SIZES | _rope("linear", factor=4.0)),
    "llama_dynamic": ("llama", _SIZES | _rope("dynamic", factor=4.0)),
    "llama_llama3": ("llama", _SIZES | _rope("llama3", **_LLAMA3)),
    "llama_yarn": (
        "llama",
        _SIZES | _rope("yarn", factor=4.0, original_max_position_embeddings=16),
    ),
    "llama_yarn_options": (
        "llama",
        _SIZES
        | _rope(
            "yarn", factor=2.5, original_max_position_embeddings=13, beta_fast=4.0, beta_slow=0.5,
            mscale=0.7, mscale_all_dim=0.3, truncate=False,
        ),
    ),
    "llama_head_dim": ("llama", _SIZES | {"head_dim": 10}),
    "llama_attention_bias": ("llama", _SIZES | {"attention_bias": True}),
    "llama_mlp_bias": ("llama", _SIZES | {"mlp_bias": True, "tie_word_embeddings": True}),
    "llama_gelu": ("llama", _SIZES | {"hidden_act": "gelu"}),
    "llama_relu6": ("llama", _SIZES | {"hidden_act": "relu6"}),
    "arcee": ("arcee", _SIZES | {"attention_bias": True, "mlp_bias": True}),
    "seed_oss": ("seed_oss", _SIZES | {"head_dim": 8, "mlp_bias": True}),
    "seed_oss_out": ("seed_oss", _SIZES | {"head_dim": 6, "attention_out_bias": True}),
    "helium": ("helium", _SIZES | {"head_dim": 6, "attention_bias": True}),
    "ernie4_5": ("ernie4_5", _SIZES | {"head_dim": 10, "use_bias": True}),
    "mistral": ("mistral", _SIZES | {"sliding_window": 5, "head_dim": 8}),
    "qwen2": ("qwen2", _SIZES),
    "qwen2_window": (
        "qwen2",
        _SIZES | {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1},
    ),
    "qwen3": ("qwen3", _SIZES | {"head_dim": 8}),
    "qwen3_bias": (
        "qwen3",
        _SIZES | {"head_dim": 6, "attention_bias": True, "tie_word_embeddings": True},
    ),
    "smollm3": ("smollm3", _SIZES | {"no_rope_layers": [1, 0, 1]}),
    "smollm3_window": (
        "smollm3",
        _SIZES | {"no_rope_layer_interval": 2, "use_sliding_window": True, "sliding_window": 6},
    ),
    "phi3": ("phi3", _SIZES | {"sliding_window": 7}),
    "phi3_partial": (
        "phi3",
        _SIZES | {"hidden_size": 48} | _rope("default", partial_rotary_factor=0.75),
    ),
    "olmo": ("olmo", _SIZES),
    "olmo2": ("olmo2", _SIZES),
    "olmo2_bias": ("olmo2", _SIZES | {"attention_bias": True, "num_key_value_heads": 6}),
    "granite": (
        "granite",
        _SIZES
        | {
            "embedding_multiplier": 3.0, "residual_multiplier": 0.4, "attention_multiplier": 0.3,
            "logits_scaling": 6.0, "attention_bias": True,
        },
    ),
    "nanochat": ("nanochat", _SIZES),
    "gemma": ("gemma", _SIZES | {"head_dim": 8}),
    "gemma2": (
        "gemma2",
        _SIZES
        | {
            "head_dim": 8, "sliding_window": 6, "query_pre_attn_scalar": 5,
            "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0,
        },
    ),
    "gemma3": (
        "gemma3_text",
        _SIZES
        | {
            "head_dim": 8, "sliding_window": 6, "query_pre_attn_scalar": 7,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
    ),
    "gemma3_linear": (
        "gemma3_text",
        _SIZES
        | {
            "head_dim": 6, "sliding_window": 5,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e5},
                "sliding_attention": {"rope_type": "default", "rope_theta": 300.0},
            },
            "layer_types": ["full_attention", "sliding_attention", "full_attention"],
        },
    ),
    "gpt_neox": ("gpt_neox", _MHA | {"hidden_size": 48}),
    "gpt_neox_odd": ("gpt_neox", _MHA | {"num_attention_heads": 3, "hidden_act": "gelu_new"}),
    "gpt_neox_serial": (
        "gpt_neox",
        _MHA
        | {"use_parallel_residual": False, "attention_bias": False}
        | _rope("default", partial_rotary_factor=1.0),
    ),
    "gptj": (
        "gptj",
        _GPT2 | {"n_embd": 40, "rotary_dim": 6, "n_inner": 31, "pad_token_id": None},
    ),
    "gpt_neo": (
        "gpt_neo",
        _MHA
        | {
            "num_layers": 3, "num_heads": 6, "attention_types": [[["global", "local"], 1],
            [["local"], 1]], "window_size": 5,
        },
    ),
    "phi": ("phi", _SIZES | {"hidden_size": 48}),
    "phi_normed": ("phi", _SIZES | {"hidden_size": 48, "qk_layernorm": True}),
    "opt": ("opt", _MHA | {"ffn_dim": 29}),
    "opt_plain": (
        "opt",
        _MHA | {"ffn_dim": 29, "enable_bias": False, "layer_norm_elementwise_affine": False},
    ),
    "stablelm": ("stablelm", _SIZES | {"hidden_size": 48, "use_qkv_bias": True}),
    "stablelm_parallel": (
        "stablelm",
        _SIZES | {"hidden_size": 48, "use_parallel_residual": True, "qk_layernorm": True},
    ),
    "cohere": ("cohere", _SIZES | {"logit_scale": 0.3}),
    "cohere_normed": ("cohere", _SIZES | {"use_qk_norm": True, "attention_bias": True}),
    "cohere2": (
        "cohere2",
        _SIZES
        | {
            "sliding_window": 5, "logit_scale": 0.4,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
    ),
    "starcoder2": ("starcoder2", _SIZES | {"sliding_window": 6}),
    "bloom": (
        "bloom",
        {name: _SIZES[name] for name in ("vocab_size", "hidden_size")}
        | {"n_layer": 2, "n_head": 6, "bos_token_id": None, "eos_token_id": None},
    ),
    "mpt": ("mpt", {"d_model": 40, "n_heads": 5, "n_layers": 2, "vocab_size": 53}),
    "falcon": ("falcon", _MHA),
    "falcon_many": (
        "falcon",
        _MHA | {"multi_query": False, "parallel_attn": False, "bias": True},
    ),
    "falcon_new": (
        "falcon",
        _MHA | {"new_decoder_architecture": True, "num_kv_heads": 2, "ffn_hidden_size": 31},
    ),
}  # fmt: skip
WITH_GRADIENTS = ("gemma3", "gpt_neox")
WITHOUT_INNER = ("falcon", "opt", "gpt_neo")


def weights_of(shapes: dict[str, list[int]], seed: int) -> dict[str, np.ndarray]:
    """Return float32 weights for these names and shapes, each of a size that has a say."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name in sorted(shapes):
        shape = shapes[name]
        drawn = rng.normal(0, 0.3 if len(shape) == 1 else 0.25, shape)
        is_gain = len(shape) == 1 and name.endswith("weight") or "_norm." in name
        weights[name] = (drawn + is_gain).astype(np.float32)
    return weights


def ids_of(vocab_size: int, seed: int) -> np.ndarray:
    """Return int32 (B, T) ids."""
    rng = np.random.default_rng(seed + 1000)
    return rng.integers(vocab_size, size=(B, T)).astype(np.int32)


def answers(case: str) -> dict[str, Any]:
    """Return the arrays of a case, by PyTorch."""
    import torch
    from safetensors.numpy import load_file, save_file
    from transformers import AutoConfig, AutoModelForCausalLM

    kind, options = CASES[case]
    if kind in WITHOUT_INNER:
        options = {name: value for name, value in options.items() if name != "intermediate_size"}
    config = AutoConfig.for_model(kind, **options)
    found: dict[str, Any] = {"logits": [], "losses": [], "greedy": []}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            AutoModelForCausalLM.from_config(config).save_pretrained(folder)
            path = Path(folder) / "model.safetensors"
            shapes = {name: list(tensor.shape) for name, tensor in load_file(path).items()}
            found["config"] = (Path(folder) / "config.json").read_text()
            save_file(weights_of(shapes, seed), path, metadata={"format": "pt"})
            model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
        model.eval()
        found["shapes"] = json.dumps(shapes)
        ids = torch.from_numpy(ids_of(config.vocab_size, seed)).long()
        model.zero_grad()
        out = model(input_ids=ids, labels=ids, use_cache=False)
        out.loss.backward()
        found["logits"].append(out.logits.detach().numpy())
        found["losses"].append(float(out.loss))
        if seed == SEEDS[0] and case in WITH_GRADIENTS:
            grads = {n: p.grad.numpy() for n, p in model.named_parameters()}
            if "embed_out.weight" in shapes:  # what files call it
                grads["embed_out.weight"] = grads.pop("lm_head.weight")
            found |= {f"grad:{name}": grad for name, grad in grads.items()}
        row = ids[:1]
        with torch.no_grad():
            for _ in range(NEW):
                logits = model(input_ids=row, use_cache=False).logits[0, -1]
                row = torch.cat([row, logits.argmax().view(1, 1)], 1)
        found["greedy"].append(row[0, T:].numpy().astype(np.int32))
    return {f"{case}:{name}": np.array(value) for name, value in found.items()}


def check(folder: Path) -> None:
    """Print how far transformers' logits of what pygpt wrote are from those of the file."""
    import torch
    from transformers import AutoModelForCausalLM

    with np.load(FILE) as file:
        for case in CASES:
            path = folder / case
            model = AutoModelForCausalLM.from_pretrained(path, attn_implementation="eager").eval()
            ids = torch.from_numpy(ids_of(model.config.vocab_size, SEEDS[0])).long()
            with torch.no_grad():
                logits = model(input_ids=ids, use_cache=False).logits.numpy()
            expected = file[f"{case}:logits"][0]
            print(f"{case:24} {abs(logits - expected).max() / abs(expected).max():.1e}")


def main() -> None:
    if len(sys.argv) > 1:
        check(Path(sys.argv[1]))
        return
    arrays: dict[str, Any] = {}
    for case in CASES:
        print(case, flush=True)
        arrays |= answers(case)
    np.savez_compressed(FILE, **arrays)


if __name__ == "__main__":
    main()
