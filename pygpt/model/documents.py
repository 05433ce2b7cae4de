"""Documents as microgpt trains on them: one a step, BOS at both ends, by Adam without decay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pygpt.tokenizers.char import CharTokenizer
from pygpt.training.config import AdamWOptions

MICROGPT: AdamWOptions = {"beta1": 0.85, "beta2": 0.99, "weight_decay": 0.0, "grad_clip": 0.0}


def document_batches(
    tokenizer: CharTokenizer, documents: Sequence[str], block_size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return a batch of each document, as `Training.run_steps` takes them: ids, targets, sizes.

    A document is BOS, its characters, BOS, cut to `block_size` predictions.

    Raises:
        TokenError: a character that the tokenizer lacks, or a tokenizer without BOS.
    """
    ids: list[int] = []
    targets: list[int] = []
    sizes: list[int] = []
    for document in documents:
        tokens = tokenizer.encode_document(document)[: block_size + 1]
        ids += tokens[:-1]
        targets += tokens[1:]
        sizes += 1, len(tokens) - 1
    return np.array(ids, np.int32), np.array(targets, np.int32), np.array(sizes, np.int32)
