"""The options of word2vec; names, meaning and defaults are gensim's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from pygpt.errors import ConfigError
from pygpt.fields import Checked, option, size


@dataclass(frozen=True)
class Word2VecConfig(Checked):
    """Immutable: how word vectors are trained.

    Attributes:
        workers: threads. The same options give the same bits; so do 1 and 2 workers, while more
            divide the vectors otherwise, and have bits of their own.
    Raises:
        ConfigError: a value that is not allowed, or min_alpha above alpha.
    """

    vector_size: int = size(100, "numbers of a vector")
    window: int = size(5, "the farthest distance, in words, of two that are neighbours")
    min_count: int = size(5, "words that occur less often are left out")
    sg: int = option(
        0, "1: skip-gram, 0: CBOW (the mean of a word's neighbours)", minimum=0, maximum=1
    )
    negative: int = option(
        5, "how many drawn words each word is told from", minimum=1, maximum=1000
    )
    ns_exponent: float = option(
        0.75, "words are drawn by this power of their frequency", minimum=-10, maximum=10
    )
    sample: float = option(
        1e-3,
        "words of more than about this share of the text are left out now and then; 0: never",
        minimum=0,
        maximum=1,
    )
    epochs: int = size(5, "passes over the text")
    alpha: float = option(0.025, "the first learning rate", above=0)
    min_alpha: float = option(1e-4, "the last learning rate", minimum=0)
    seed: int = option(1, "decides the first vectors, and what is drawn")
    workers: int = option(2, "threads; more than 2 change the bits", minimum=1, maximum=256)

    def _check_together(self) -> None:
        if self.min_alpha > self.alpha:
            problem = f"expected at most alpha = {self.alpha}, got {self.min_alpha}"
            raise ConfigError("min_alpha", problem)


class Word2VecOptions(TypedDict, total=False):
    """The fields of `Word2VecConfig` as keyword arguments."""

    vector_size: int
    window: int
    min_count: int
    sg: int
    negative: int
    ns_exponent: float
    sample: float
    epochs: int
    alpha: float
    min_alpha: float
    seed: int
    workers: int
