"""Encoder-decoder transformers on the command line: `train TASK`, and `generate`."""

from __future__ import annotations

import argparse
import json
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pygpt.cli.flags import UsageError, add_fields, flag, given_fields
from pygpt.fields import specs_of
from pygpt.generate.config import GenerateConfig
from pygpt.generate.translate_config import TranslateConfig
from pygpt.model.encoder_decoder_config import EncoderDecoderConfig
from pygpt.training.config import TrainConfig

_OWN = ("n_encoder_layer", "n_decoder_layer", "norm_order", "scale_embedding")
_NOT_SIZES = ("block_size", "vocab_size", "n_layer")  # flags that mean something else here
_SHOWN_WRONG = 3


def add_flags(group: Any) -> None:
    """Add the fields of `EncoderDecoderConfig` that no other model has."""
    none = dict.fromkeys(specs_of(EncoderDecoderConfig))
    add_fields(group, EncoderDecoderConfig, only=_OWN, defaults=none)


def refuse_flags(given: Mapping[str, Any], recipe: str) -> None:
    """Raise UsageError if a flag of a task was given with another recipe."""
    for name in _OWN:
        if name in given:
            raise UsageError(f"{flag(name)} does not go with {recipe}, which is no task")


def train(arguments: argparse.Namespace) -> None:
    """Train a task, test it on unseen pairs, and save the model."""
    given, name = vars(arguments), arguments.recipe
    model, options = _options(given, name)
    folder, quiet = Path(given.get("out", Path("runs", name))), "quiet" in given

    from pygpt.checkpoints.pair_folder import check_writable
    from pygpt.cli.progress import RECENT, alive, mean, progress_on, say_next
    from pygpt.translation.train import TaskTraining

    folder.parent.mkdir(parents=True, exist_ok=True)
    check_writable(folder)
    with progress_on(sys.stderr, quiet, steps=True) as progress:
        backend = given.get("backend", "cpu")
        with TaskTraining(name, model, options, backend=backend) as training:
            built = training.model
            progress.note(
                f"{name}: {training.task.help}; {built.num_parameters:,} parameters; "
                f"backend {built.backend}: {built.description}"
            )
            losses: deque[float] = deque(maxlen=RECENT)
            steps = training.config.max_iters

            def on_step(step: int, loss: float) -> None:
                losses.append(loss)
                progress.update(
                    step, lambda: f"loss {mean(losses):.4f}  {progress.per_s(step):,.1f} steps/s"
                )

            progress.begin(steps)
            training.run(on_step)
            progress.close()
            built.save_pretrained(folder)
            with alive(sys.stderr, quiet, lambda: "testing on unseen pairs"):
                unseen = training.test()
            print(f"{unseen.exact:,} of {unseen.count:,} unseen exact ({unseen.share:.2%})")
            for source, target, got in unseen.wrong[:_SHOWN_WRONG]:
                progress.note(f"{source}: expected {target}, got {got}")
            say_next(quiet, "generate", folder, training.task.example)


def _options(given: Mapping[str, Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return fields of the model and of its training that were given.

    Raises:
        UsageError: a flag that does not go with a task.
    """
    namespace = argparse.Namespace(**given)
    fields = {*specs_of(EncoderDecoderConfig)} - {*_NOT_SIZES}
    model = {key: given[key] for key in fields if key in given}
    if "n_layer" in given:
        for key in ("n_encoder_layer", "n_decoder_layer"):
            model.setdefault(key, given["n_layer"])
    known = {*model, *specs_of(TrainConfig), "n_layer"}
    known |= {"recipe", "run", "command", "debug", "version", "out", "quiet", "backend", "device"}
    for key in given:
        if key not in known:
            raise UsageError(f"{flag(key)} does not go with {name}, which makes its own data")
    return model, given_fields(namespace, TrainConfig)


# ---- generate --------------------------------------------------------------------------------


def generate(arguments: argparse.Namespace, folder: str, text: str) -> None:
    """Print what an encoder-decoder transformer makes of each line of a text.

    Raises:
        UsageError: a flag of `generate` that is for models that go on with a text.
    """
    given = vars(arguments)
    for name in specs_of(GenerateConfig):
        if name in given and name not in specs_of(TranslateConfig):
            raise UsageError(f"{flag(name)} does not go with an encoder-decoder transformer")
    for name, usual in (("samples", 1), ("weights", "float32"), ("kv_cache", "float32")):
        if getattr(arguments, name) != usual:
            raise UsageError(f"{flag(name)} does not go with an encoder-decoder transformer")

    from pygpt.cli.progress import alive
    from pygpt.fields import from_dict
    from pygpt.model.encoder_decoder import EncoderDecoder

    options = given_fields(arguments, TranslateConfig)
    from_dict(TranslateConfig, options)
    with alive(sys.stderr, False, lambda: f"loading {folder}"):
        model = EncoderDecoder.from_pretrained(
            folder, backend=arguments.backend, threads=arguments.threads
        )
    with model:
        lines = text.splitlines() or [text]
        found = model.translate(lines, **options)
        for line, target in zip(lines, found, strict=True):
            spelled = model.spell(target)
            if arguments.json:
                values = {
                    "prompt": line,
                    "text": spelled,
                    "ids": target.ids.tolist(),
                    "log_probability": target.log_probability,
                    "stopped": target.ended,
                }
                spelled = json.dumps(values)
            print(spelled, flush=True)


def refuse_beams(given: Mapping[str, Any]) -> None:
    """Raise UsageError if a flag of an encoder-decoder was given with another model."""
    for name in specs_of(TranslateConfig):
        if name in given and name not in specs_of(GenerateConfig):
            raise UsageError(f"{flag(name)} goes with an encoder-decoder transformer alone")
