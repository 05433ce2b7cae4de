"""What rounding the weights costs in perplexity.

    python -m benchmarks.generate.perplexity CHECKPOINT DATASET

CHECKPOINT is a trained model's folder, DATASET one of `pygpt prepare`. Prints the loss, in nats a
token, and the perplexity of all validation tokens, with the weights as they are and rounded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pygpt import GPT, Dataset, TrainConfig, evaluate
from pygpt.errors import PygptError

TOKENS_AT_ONCE = 1 << 14


def run(arguments: Sequence[str] | None = None) -> None:
    """Evaluate the checkpoint in each format; print a line for each.

    Raises:
        PygptError: the checkpoint or the dataset cannot be used.
    """
    parser = argparse.ArgumentParser(
        prog="benchmarks.generate.perplexity", description="What rounding costs in perplexity."
    )
    parser.add_argument("checkpoint", type=Path, help="folder of a trained model")
    parser.add_argument("dataset", type=Path, help="folder of `pygpt prepare`")
    options = parser.parse_args(arguments)
    dataset = Dataset.load(options.dataset)
    print("weights    loss      perplexity", flush=True)
    for weights in (None, "bfloat16", "int8", "int4"):
        with GPT.from_pretrained(options.checkpoint, weights=weights) as model:
            T = model.config.block_size
            config = TrainConfig(batch_size=max(1, TOKENS_AT_ONCE // T))
            streams = dataset.streams(T, config)
            result = evaluate(model, streams.validation.eval_batches())
        numbers = f"{result.loss:.5f}   {result.perplexity:.4f}"
        print(f"{weights or model.dtype:9}  {numbers}", flush=True)


def main() -> int:
    """Run the command line; return the exit status."""
    try:
        run()
    except PygptError as error:
        print(f"perplexity: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
