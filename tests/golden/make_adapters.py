"""Freezes what PEFT's adapters and TRL's DPO answer, on the tiny models of the other answers.

    python -m tests.golden.make_adapters      needs torch, transformers, peft, trl and datasets
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer

HERE = Path(__file__).parent
B, T = 3, 13
CASES: dict[str, dict[str, Any]] = {
    "gpt2": {"r": 3, "lora_alpha": 7, "target_modules": ["c_attn", "c_proj"]},
    "llama": {
        "r": 5,
        "lora_alpha": 4,
        "use_rslora": True,
        "target_modules": ["q_proj", "v_proj", "up_proj", "down_proj"],
    },
}
ROBUST = {"beta": 0.7, "label_smoothing": 0.2, "loss_type": "robust"}
SHOWN = ("wpe.weight", "h.0.attn.c_attn.weight", "h.1.mlp.c_proj.bias", "ln_f.weight")
PAIRS = [  # prompt, chosen, rejected: words are ids
    ("3 5 7", "11 13", "2 4 6"),
    ("8", "9 10 12 14", "15"),
    ("21 22", "23", "24 25"),
]


def adapted(name: str) -> PeftModel:
    """Return a model with an adapter of which no number is 0."""
    torch.manual_seed(7)
    base = AutoModelForCausalLM.from_pretrained(HERE / f"hf_{name}_tiny")
    options = {"lora_dropout": 0.0, "bias": "none", "task_type": "CAUSAL_LM", **CASES[name]}
    options["fan_in_fan_out"] = name == "gpt2"
    model = get_peft_model(base, LoraConfig(**options))
    with torch.no_grad():
        for weight_name, weight in model.named_parameters():
            if "lora_" in weight_name:
                weight.normal_(std=0.2)
    return model


def gradients(model: PeftModel) -> dict[str, np.ndarray]:
    """Return the gradient of each matrix by its name in the file."""
    found = {}
    for name, weight in model.named_parameters():
        assert ("lora_" in name) == weight.requires_grad, name
        if weight.grad is not None:
            found[name.replace(".default", "")] = weight.grad.numpy()
    return found


def freeze(name: str) -> None:
    """Write an adapter, and what its model gives."""
    model = adapted(name)
    folder = HERE / "adapters" / name
    model.save_pretrained(folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = f"../../hf_{name}_tiny"
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "README.md").unlink(missing_ok=True)
    model = model.double()
    rng = np.random.default_rng(11)
    ids = rng.integers(0, model.config.vocab_size, (B, T))
    targets = rng.integers(0, model.config.vocab_size, (B, T))
    targets[1, :5] = -1
    logits = model(torch.tensor(ids)).logits
    flat, wanted = logits.flatten(0, 1), torch.tensor(targets).flatten()
    loss = torch.nn.functional.cross_entropy(flat, wanted, ignore_index=-1)
    loss.backward()
    arrays = {f"d.{key}": value for key, value in gradients(model).items()}
    merged = model.merge_and_unload()(torch.tensor(ids)).logits.detach().numpy()
    np.savez_compressed(
        folder / "expected.npz", ids=ids, targets=targets, loss=loss.item(),
        logits=logits.detach().numpy(), merged=merged, **arrays,
    )  # fmt: skip


def words(size: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer whose tokens are the numbers of ids; 0 ends a text."""
    tokenizer = Tokenizer(models.WordLevel({str(i): i for i in range(size)}, unk_token="1"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="0", pad_token="0")


def freeze_dpo(**options: Any) -> dict[str, Any]:
    """Return what TRL's trainer makes of the pairs, where the model is no longer its reference."""
    model = adapted("gpt2").merge_and_unload().double()
    model.requires_grad_(True)
    reference = AutoModelForCausalLM.from_pretrained(HERE / "hf_gpt2_tiny").double()
    rows = [dict(zip(("prompt", "chosen", "rejected"), pair, strict=True)) for pair in PAIRS]
    rows = [row | {key: f" {row[key]}" for key in ("chosen", "rejected")} for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        arguments = DPOConfig(
            folder, per_device_train_batch_size=len(PAIRS), report_to=[], use_cpu=True,
            gradient_checkpointing=False, bf16=False, max_length=None, **options,
        )  # fmt: skip
        tokenizer = words(model.config.vocab_size)
        trainer = DPOTrainer(
            model, reference, args=arguments, train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
        )  # fmt: skip
        (batch,) = trainer.get_train_dataloader()
        loss = trainer.compute_loss(trainer.model, batch)
        loss.backward()
        ids = {key: value.tolist() for key, value in batch.items() if key.endswith(("ids", "mask"))}
        told = trainer._metrics["train" if trainer.model.training else "eval"]
        metrics = {
            key: float(np.mean(value)) for key, value in told.items() if value
        }
        weights = trainer.model.named_parameters()
        grads = {name: w.grad.numpy() for name, w in weights if name.endswith(SHOWN)}
    return {"loss": loss.item(), "batch": ids, "metrics": metrics, "gradients": grads}


def main() -> None:
    """Write all files."""
    for name in CASES:
        freeze(name)
    arrays: dict[str, Any] = {}
    cases = {"plain": {"beta": 0.3}, "robust": ROBUST}
    for case, options in cases.items():
        found = freeze_dpo(**options)
        arrays[f"{case}.loss"] = found["loss"]
        arrays |= {f"{case}.d.{key}": value for key, value in found["gradients"].items()}
        arrays[f"{case}.told"] = json.dumps({"batch": found["batch"], "metrics": found["metrics"]})
    np.savez_compressed(HERE / "adapters" / "dpo.npz", **arrays)


if __name__ == "__main__":
    main()
