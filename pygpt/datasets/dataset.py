"""A folder of two token files and their tokenizer: train.bin, val.bin, tokenizer.json."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pygpt.datasets.rows import PackedSampler
from pygpt.datasets.sampler import Sampler, Streams, WindowSampler
from pygpt.datasets.token_file import TokenFile, is_token_file
from pygpt.errors import DataError
from pygpt.tokenizers import tokenizer_json
from pygpt.tokenizers.load import AnyTokenizer, load_tokenizer
from pygpt.tokenizers.protocol import begin_and_end
from pygpt.training.config import TrainConfig

TOKENIZER_FILE = tokenizer_json.FILE_NAME
TRAIN_FILE = "train.bin"
VAL_FILE = "val.bin"


@dataclass(frozen=True)
class Dataset:
    """Immutable: tokens to train on, tokens to validate with, and what they mean."""

    folder: Path
    tokenizer: AnyTokenizer
    train: TokenFile
    val: TokenFile

    @property
    def tokenizer_path(self) -> Path:
        """The file of the tokenizer."""
        return self.folder / TOKENIZER_FILE

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Dataset:
        """Return the dataset of a folder that `pygpt.prepare` wrote.

        Raises:
            DataError: there is no such folder, or a token file is missing, damaged, or of another
                tokenizer than the folder's.
            TokenError: the tokenizer is missing or damaged.
        """
        folder = Path(folder)
        if not os.path.isdir(folder):
            state = "is no folder" if os.path.exists(folder) else "does not exist"
            raise DataError(f"dataset folder {folder}: {state}; `pygpt prepare` makes one")
        tokenizer = load_tokenizer(folder / TOKENIZER_FILE)
        train = TokenFile.open(folder / TRAIN_FILE, tokenizer)
        return cls(folder, tokenizer, train, TokenFile.open(folder / VAL_FILE, tokenizer))

    def streams(self, block_size: int, config: TrainConfig) -> Streams:
        """Return both parts as batches, as `config.batches` says; see `TrainingData`.

        Raises:
            DataError: too few tokens, or for packed batches no documents.
        """

        def sampler(file: TokenFile) -> Sampler:
            sizes = (block_size, config.batch_size, config.seed)
            if config.batches == "packed":
                begin, end = begin_and_end(self.tokenizer) or (None, None)
                return PackedSampler(file.tokens, begin, *sizes, eos=end)
            return WindowSampler(file.tokens, *sizes)

        bytes_per_token = self.val.text_bytes / len(self.val)
        return Streams(sampler(self.train), sampler(self.val), bytes_per_token)


def is_dataset(folder: Path) -> bool:
    """Whether a folder has a dataset's files, and no others."""
    if sorted(os.listdir(folder)) != sorted([TOKENIZER_FILE, TRAIN_FILE, VAL_FILE]):
        return False
    return all(is_token_file(folder / name) for name in (TRAIN_FILE, VAL_FILE))
