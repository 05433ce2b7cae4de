"""`python -m pygpt info`: what a folder is, or a preset."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pygpt.errors import DataError
from pygpt.model.config import GPTConfig
from pygpt.model.encoder_decoder_config import EncoderDecoderConfig
from pygpt.model.presets import PRESETS

EXAMPLES = """\
examples:
  python -m pygpt info gpt2
  python -m pygpt info runs/shakespeare-char
  python -m pygpt info runs/shakespeare-char/best --json
"""
_WEIGHT_BYTES = 4  # float32
_COPIES = 4  # weights, gradients, AdamW's two moments


def add_parser(commands: Any) -> None:
    """Add the parser of `pygpt info`."""
    parser = commands.add_parser(
        "info",
        help="say what a run, checkpoint, dataset or preset is",
        description="Say what a folder is: a run, a model or checkpoint, a dataset. Or a preset.",
        epilog=EXAMPLES,
    )
    parser.add_argument("what", metavar="RUN|CHECKPOINT|DATA|PRESET", help="a folder or a name")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=info)


def info(arguments: argparse.Namespace) -> None:
    """Print what it is."""
    values = found(arguments.what)
    if arguments.json:
        print(json.dumps(values))
        return
    width = max(map(len, values)) + 2
    for name, value in values.items():
        print(f"{name.replace('_', ' '):{width}}{_shown(name, value)}")


def _shown(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(f"{item:,}" for item in value) or "none"
    if name.endswith("_bytes"):
        return f"{value:,} ({value / 1e6:,.1f} MB)"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def found(what: str) -> dict[str, Any]:
    """Return what is known of a folder or a preset; a folder of a preset's name is `./gpt2`.

    Raises:
        DataError: it is none of these.
        CheckpointError, TokenError: it is damaged.
    """
    from pygpt.checkpoints import adapters
    from pygpt.checkpoints.beside import CONFIG_FILE
    from pygpt.datasets.dataset import TRAIN_FILE
    from pygpt.training.run_folder import LOCK_FILE

    if what in PRESETS:
        return _preset(what)
    path = Path(what)
    for name, describe in (
        *((CONFIG_FILE, _model), (adapters.CONFIG_FILE, _model)),
        *((TRAIN_FILE, _dataset), (LOCK_FILE, _run)),
    ):
        if (path / name).is_file():
            return describe(path)
    if path.suffix in (".safetensors", ".pt", ".gguf") and path.is_file():
        return _model(path)
    state = "exists, but is none" if os.path.exists(what) else "there is none"
    known = ", ".join(PRESETS)
    raise DataError(
        f"{what}: expected the folder of a run, a model or a dataset, or one of {known}; {state}"
    )


def _preset(name: str) -> dict[str, Any]:
    from pygpt.training.recipes import find_recipe

    recipe = find_recipe(name)
    config = GPTConfig.preset(name)
    options = {name: recipe.base[name] for name in ("train", "data") if recipe.base[name]}
    return {"kind": "preset", **_sizes(config), **options}


def _sizes(config: GPTConfig | EncoderDecoderConfig) -> dict[str, Any]:
    weights = config.num_parameters * _WEIGHT_BYTES
    return {
        "parameters": config.num_parameters,
        "weights_bytes": weights,
        "training_without_activations_bytes": _COPIES * weights,
        "config": config.to_dict(),
    }


def _model(path: Path) -> dict[str, Any]:
    from pygpt.checkpoints import adapters, pair_folder
    from pygpt.checkpoints import folder as checkpoint
    from pygpt.training.state import STATE_FILE, read_state

    if pair_folder.is_pair_folder(path):
        with pair_folder.opened(path) as pairs:
            values = {"kind": "encoder-decoder", **_sizes(pairs.config)}
        return values | {"files_bytes": _bytes_of(path)}
    with checkpoint.opened(path) as saved:
        values = {"kind": "model", **_sizes(saved.config), "dtype": ", ".join(saved.dtypes)}
        if saved.tokenizer is not None:
            values["tokenizer"] = _tokenizer(saved.tokenizer)
        if saved.adapter is not None:
            lora = adapters.read_config(saved.adapter)
            values |= {"kind": "adapter", "base": saved.base, "adapter": lora.to_dict()}
    if (path / STATE_FILE).is_file():
        state = read_state(path)
        values |= {"kind": "checkpoint", "step": state.step, "train": state.config.to_dict()}
        if state.best is not None:
            values |= {"best_step": state.best.step, "best_validation_loss": state.best.loss}
    return values | {"files_bytes": _bytes_of(path)}


def _tokenizer(tokenizer: Any) -> str:
    kind = type(tokenizer).__name__.removesuffix("Tokenizer").lower()
    return f"{kind} of {tokenizer.vocab_size:,} ids, {tokenizer.fingerprint[:12]}…"


def _dataset(path: Path) -> dict[str, Any]:
    from pygpt.datasets.dataset import Dataset

    data = Dataset.load(path)
    return {
        "kind": "dataset",
        "tokenizer": _tokenizer(data.tokenizer),
        "train_tokens": len(data.train),
        "train_text_bytes": data.train.text_bytes,
        "val_tokens": len(data.val),
        "val_text_bytes": data.val.text_bytes,
        "files_bytes": _bytes_of(path),
    }


def _run(path: Path) -> dict[str, Any]:
    from pygpt.training.run_folder import METRICS_FILE, last_in, steps_in

    steps = steps_in(path)
    values: dict[str, Any] = {"kind": "run", "checkpoints": steps}
    last = _last_line(path / METRICS_FILE)
    if last is not None:
        values |= {"last_step": last["step"], "last_loss": last["loss"]}
    if steps:
        checkpoint = _model(last_in(path))
        values = {**checkpoint, **values}
    return values | {"files_bytes": _bytes_of(path)}


def _last_line(path: Path) -> dict[str, Any] | None:
    """Return the last whole record of a run; None if there is none."""
    last = None
    with suppress(OSError), path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                last = line
    return None if last is None else dict(json.loads(last))


def _bytes_of(path: Path) -> int:
    """Return the size of a folder's files; links do not count."""
    if path.is_file():
        return path.stat().st_size
    files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sum(file.stat().st_size for file in files if not file.is_symlink())
