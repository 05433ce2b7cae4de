"""A folder of two token files and their tokenizer: train.bin, val.bin, tokenizer.json."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

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
TRAINED, VALIDATED = "what is to train on", "what is to validate with"


@dataclass(frozen=True)
class Dataset:
    """Immutable: tokens to train on, tokens to validate with, and what they mean.

    Attributes:
        source: what they were made of for a run, as it keeps it in mind; empty if not known.
    """

    folder: Path
    tokenizer: AnyTokenizer
    train: TokenFile
    val: TokenFile
    source: Mapping[str, Any] = field(default_factory=dict)

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
        _check_kind(folder)
        tokenizer = load_tokenizer(folder / TOKENIZER_FILE)
        train = TokenFile.open(folder / TRAIN_FILE, tokenizer)
        return cls(folder, tokenizer, train, TokenFile.open(folder / VAL_FILE, tokenizer))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of the tokens of both files; see `TokenFile.add_to`."""
        found = hashlib.sha256()
        for file in (self.train, self.val):
            file.add_to(found)
        return found.hexdigest()

    @property
    def origin(self) -> dict[str, Any]:
        """What the data are, for a run that goes on with them; see `Streams`."""
        folder = os.path.abspath(self.folder)
        return {"fingerprint": self.fingerprint, "folder": folder, "source": dict(self.source)}

    def streams(self, block_size: int, config: TrainConfig) -> Streams:
        """Return both parts as batches, as `config.batches` says; see `TrainingData`.

        Raises:
            DataError: too few tokens, or for packed batches no documents.
        """

        def sampler(file: TokenFile, what: str) -> Sampler:
            sizes = (block_size, config.batch_size, config.seed)
            try:
                if config.batches == "packed":
                    begin, end = begin_and_end(self.tokenizer) or (None, None)
                    return PackedSampler(file.tokens, begin, *sizes, eos=end)
                return WindowSampler(file.tokens, *sizes)
            except DataError as error:
                where = f"({file.path}, {what})"
                raise DataError(f"{error}{_advice(config, what)} {where}") from error

        bytes_per_token = self.val.text_bytes / len(self.val)
        train, validation = sampler(self.train, TRAINED), sampler(self.val, VALIDATED)
        return Streams(train, validation, bytes_per_token, self.origin)


def _check_kind(folder: Path) -> None:
    """Refuse nanoGPT's token files by name: they are of the same names, without a header."""
    train = folder / TRAIN_FILE
    if train.is_file() and not (folder / TOKENIZER_FILE).exists() and not is_token_file(train):
        raise DataError(
            f"dataset folder {folder}: has token files of nanoGPT, whose tokenizer is not among "
            f"them: prepare the text again, pygpt prepare TEXT --tokenizer char|gpt2 --out DATA"
        )


def _advice(config: TrainConfig, what: str) -> str:
    if config.batches == "packed":
        return ", --batches windows; or prepare documents, such as the --lines of a text"
    return ", or prepare a larger part to validate with, --validation" if what == VALIDATED else ""


def is_dataset(folder: Path) -> bool:
    """Whether a folder has a dataset's files, and no others."""
    if sorted(os.listdir(folder)) != sorted([TOKENIZER_FILE, TRAIN_FILE, VAL_FILE]):
        return False
    return all(is_token_file(folder / name) for name in (TRAIN_FILE, VAL_FILE))
