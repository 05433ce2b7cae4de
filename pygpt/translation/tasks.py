"""The tasks by their names: what their pairs are, and what learns them in minutes."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pygpt.checkpoints.pair_folder import SourceTokenizer
from pygpt.errors import ConfigError
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.words import WordTokenizer
from pygpt.translation import dates, numbers
from pygpt.translation.names import TASK_NAMES

TextPair = tuple[str, str]
_LETTERS = string.ascii_lowercase
_SHORTEST_WORD, _LONGEST_WORD = 3, 16


@dataclass(frozen=True)
class Task:
    """Immutable: pairs that are made here.

    Attributes:
        help: what is made of what.
        example: a source to try.
        train_pair: makes a pair to learn from.
        test_pair: makes a pair that has to be right, as they come.
        all_words: texts that have every word of a source, or every character.
        all_characters: texts that have every character of a target.
        by_words: whether a source is read word by word, and not character by character.
        model: fields of `EncoderDecoderConfig`.
        train: fields of `TrainConfig`.
    """

    help: str
    example: str
    train_pair: Callable[[random.Random], TextPair]
    test_pair: Callable[[random.Random], TextPair]
    all_words: tuple[str, ...]
    all_characters: tuple[str, ...]
    by_words: bool
    model: Mapping[str, Any]
    train: Mapping[str, Any] = field(default_factory=dict)

    def source_tokenizer(self) -> SourceTokenizer:
        """Return what reads the sources."""
        if self.by_words:
            return WordTokenizer.train(self.all_words)
        return CharTokenizer.train(self.all_words, bos=False)

    def target_tokenizer(self) -> CharTokenizer:
        """Return what spells the targets."""
        return CharTokenizer.train(self.all_characters)


# ---- numbers ---------------------------------------------------------------------------------


def _number(n: int) -> TextPair:
    return numbers.english(n), numbers.german(n)


def _any_number(rng: random.Random) -> TextPair:
    return _number(rng.randrange(numbers.LIMIT))


def _number_of_any_length(rng: random.Random) -> TextPair:
    """Return a pair of any number, or half of the time of one of any number of digits."""
    return _number(rng.randrange(10 ** rng.choice((1, 2, 3, 4, 5, 6, 6, 6, 6, 6))))


# ---- dates -----------------------------------------------------------------------------------


def _date(rng: random.Random) -> TextPair:
    day = dates.drawn(rng)
    return dates.written(day, rng), day.isoformat()


_DATE_WORDS = (
    *(*dates.MONTHS, *(month[:3] for month in dates.MONTHS), *dates.DAYS),
    *("the", "of", "st", "nd", "rd", "th", ",", ".", "/", *string.digits),
)

# ---- copies ----------------------------------------------------------------------------------


def _word(rng: random.Random) -> str:
    return "".join(rng.choices(_LETTERS, k=rng.randint(_SHORTEST_WORD, _LONGEST_WORD)))


def _copy(rng: random.Random) -> TextPair:
    word = _word(rng)
    return word, word


def _reverse(rng: random.Random) -> TextPair:
    word = _word(rng)
    return word, word[::-1]


_SMALL = {"n_encoder_layer": 1, "n_decoder_layer": 1, "n_head": 4, "n_embd": 64}
_OF_LETTERS = {"source_block_size": _LONGEST_WORD, "target_block_size": _LONGEST_WORD + 1}
_SHORT = {"learning_rate": 3e-3, "max_iters": 1500, "batch_size": 64, "weight_decay": 0.0}

TASKS: dict[str, Task] = {
    "number-words": Task(
        help="numbers from 0 to 999,999 in words, English to German",
        example="three hundred forty-two",
        train_pair=_number_of_any_length,
        test_pair=_any_number,
        all_words=tuple(numbers.english(n) for n in (*range(1000), 1000)),
        all_characters=tuple(numbers.german(n) for n in (*range(1000), 1000)),
        by_words=True,
        model={
            **{"source_block_size": 16, "target_block_size": 80},
            **{"n_encoder_layer": 2, "n_decoder_layer": 2, "n_head": 4, "n_embd": 64},
        },
        train={
            **{"learning_rate": 3e-3, "max_iters": 1500, "batch_size": 64},
            **{"weight_decay": 0.01, "min_lr": 1e-5},
        },
    ),
    "dates": Task(
        help="dates in many forms, to those of ISO 8601",
        example="March 7, 2025",
        train_pair=_date,
        test_pair=_date,
        all_words=_DATE_WORDS,
        all_characters=(string.digits + "-",),
        by_words=True,
        model={"source_block_size": 16, "target_block_size": 11, **_SMALL},
        train=_SHORT,
    ),
    "copy": Task(
        help="words of letters, to themselves",
        example="abracadabra",
        train_pair=_copy,
        test_pair=_copy,
        all_words=(_LETTERS,),
        all_characters=(_LETTERS,),
        by_words=False,
        model={**_OF_LETTERS, **_SMALL},
        train=_SHORT,
    ),
    "reverse": Task(
        help="words of letters, to themselves from the end",
        example="abracadabra",
        train_pair=_reverse,
        test_pair=_reverse,
        all_words=(_LETTERS,),
        all_characters=(_LETTERS,),
        by_words=False,
        model={**_OF_LETTERS, **_SMALL},
        train=_SHORT,
    ),
}


def find_task(name: str) -> Task:
    """Return the task of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in TASKS:
        raise ConfigError("task", f"expected one of {', '.join(TASK_NAMES)}, got {name!r}")
    return TASKS[name]
