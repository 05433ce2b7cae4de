"""lm-eval's `local-completions` against `pygpt serve`: the perplexity that `pygpt eval` gives.

    python -m benchmarks.serve.perplexity --lm-eval FILE [--steps N]

FILE is a Python that has `lm-eval[api]` and transformers. A small model with rotary positions is
trained on Shakespeare by GPT-2's tokenizer. `eval` measures all of the part to validate with, in
windows of as many tokens as divide it; a copy of the model with room for twice as many is served,
since lm-eval asks for a token more than it scores. lm-eval's task is that text, rolling: the same
windows, after the same first token.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pygpt
from benchmarks.harness.check import DisagreementError
from benchmarks.harness.command import exit_status, make_note
from benchmarks.harness.peer import ROOT, WorkerError
from benchmarks.serve.sides import SIDES
from pygpt.datasets.dataset import Dataset

RELATIVE = 1e-4  # windows that are computed in other batches, in float32
LARGEST, SMALLEST = 160, 24  # windows
TASK = """\
task: pygpt_text
dataset_path: json
dataset_kwargs:
  data_files: {{test: {file}}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{{{text}}}}"
metric_list:
  - metric: bits_per_byte
"""


def divisor(tokens: int) -> int:
    """Return the largest window that divides so many scored tokens.

    Raises:
        WorkerError: there is none.
    """
    for size in range(LARGEST, SMALLEST, -1):
        if tokens % size == 0:
            return size
    raise WorkerError(f"no window from {SMALLEST} to {LARGEST} tokens divides {tokens}")


def make(folder: Path, steps: int) -> tuple[Dataset, int]:
    """Train a model and leave it in `folder/model`, for windows of the size that is returned."""
    dataset = pygpt.prepare("shakespeare", "gpt2", folder / "data")
    size = divisor(len(dataset.val) - 1)
    run = pygpt.train(
        "shakespeare-char",
        out=folder / "run", data=folder / "data", block_size=size, n_layer=2, n_head=2, n_embd=64,
        vocab_size=50257, positions="rotary", max_iters=steps, eval_interval=0,
    )  # fmt: skip
    shutil.copytree(run.checkpoint, folder / "model")
    return dataset, size


def asked(python: str, folder: Path, model: Path, address: str, first: int, size: int) -> float:
    """Return bits per byte as lm-eval has them.

    Args:
        first: the token before all others.
        size: of a window.
    """
    (folder / "task").mkdir()
    (folder / "task" / "pygpt_text.yaml").write_text(TASK.format(file=folder / "text.json"))
    options = {
        "model": model.name, "base_url": f"{address}/v1/completions",
        "tokenizer": str(_tokenizer(folder, model)),
        "tokenizer_backend": "huggingface", "tokenized_requests": True,
        "max_length": size + 2, "custom_prefix_token_id": first, "num_concurrent": 1,
    }  # fmt: skip
    arguments = ",".join(f"{name}={value}" for name, value in options.items())
    command = [python, "-m", "lm_eval", "--model", "local-completions", "--model_args", arguments]
    command += ["--tasks", "pygpt_text", "--include_path", str(folder / "task")]
    command += ["--output_path", str(folder / "results"), "--batch_size", "8"]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "hf")}
    done = subprocess.run(command, env=os.environ | offline, capture_output=True, text=True)
    files = list((folder / "results").rglob("results_*.json"))
    if done.returncode or not files:
        raise WorkerError(f"lm_eval: status {done.returncode}: {done.stderr[-3000:]}")
    found = json.loads(files[0].read_text())["results"]["pygpt_text"]
    return float(found["bits_per_byte,none"])


def _tokenizer(folder: Path, model: Path) -> Path:
    """Return a folder from which transformers has the model's tokenizer."""
    found = folder / "tokenizer"
    found.mkdir()
    shutil.copy(model / "tokenizer.json", found)
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    (found / "tokenizer_config.json").write_text(json.dumps(kind))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare both perplexities."""
    parser = argparse.ArgumentParser(prog="benchmarks.serve.perplexity")
    add = parser.add_argument
    add("--lm-eval", required=True, metavar="FILE", help="a Python that has lm-eval[api]")
    add("--steps", type=int, default=200, metavar="N", help="of training, default: 200")
    options = parser.parse_args(arguments)
    note = make_note(0)
    with tempfile.TemporaryDirectory(prefix="bench-perplexity-") as scratch:
        folder = Path(scratch)
        dataset, size = make(folder, options.steps)
        ids = dataset.val.tokens.tolist()
        text = dataset.tokenizer.decode(ids[1:])
        (folder / "text.json").write_text(json.dumps({"text": text}))
        command = [sys.executable, "-m", "pygpt", "eval", folder / "model", folder / "data"]
        command.append("--json")
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        ours = json.loads(said.stdout)
        wide = folder / "wide"
        wide.mkdir()
        for name in ("config.json", "model.safetensors", "tokenizer.json"):  # without its checksums
            shutil.copy(folder / "model" / name, wide)
        config = json.loads((wide / "config.json").read_text())
        sizes = {name: 2 * value for name, value in config.items() if value == size}
        (wide / "config.json").write_text(json.dumps(config | sizes))
        with SIDES["pygpt-float32"](wide, sys.executable) as side:
            bits = asked(options.lm_eval, folder, wide, side.address, ids[0], size)
        scored = len(ids) - 1
        theirs = math.exp(bits * math.log(2) * len(text.encode()) / scored)
        note(
            f"{scored:,} tokens in windows of {size}: perplexity {ours['perplexity']:.6f} by "
            f"`pygpt eval` ({ours['tokens']:,} tokens), {theirs:.6f} by lm-eval"
        )
        if not math.isclose(theirs, ours["perplexity"], rel_tol=RELATIVE):
            raise DisagreementError("expected the same perplexity")


if __name__ == "__main__":
    sys.exit(exit_status(main))
