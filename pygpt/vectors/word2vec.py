"""Word2Vec: word vectors from sentences, by skip-gram or CBOW with negative sampling."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from pygpt.engine.word_vectors import WordVectorOptions, train_word_vectors
from pygpt.errors import ConfigError, DataError
from pygpt.fields import from_dict
from pygpt.vectors.config import Word2VecConfig, Word2VecOptions
from pygpt.vectors.keyed import KeyedVectors
from pygpt.vectors.words import count_words, numbered

Sentences = Iterable[Iterable[str]]


class Word2Vec:
    """Mutable: word vectors and their training; the names are gensim's.

    With sentences it counts their words and trains at once. Sentences are gone through twice, so
    that an iterator, which can be gone through once, has to be made a list.

    Args:
        sentences: lists of words; see `pygpt.vectors.words`.
        on_progress: called now and then with the words that are done, and all of them.
        options: fields of `Word2VecConfig`.
    Attributes:
        config: the options.
        wv: the vectors, `KeyedVectors`; of inputs, as everywhere.
        syn1neg: float32, (V, C), the vectors of outputs.
        corpus_count, corpus_total_words: sentences and words that `build_vocab` saw.
    Raises:
        ConfigError: an option that cannot be.
        DataError: no word occurs often enough, or a sentence is a text.
        TooLargeError, EngineError: see `train_word_vectors`.
    """

    def __init__(
        self,
        sentences: Sentences | None = None,
        *,
        on_progress: Callable[[int, int], None] | None = None,
        **options: Unpack[Word2VecOptions],
    ) -> None:
        self.config = from_dict(Word2VecConfig, options)
        self.corpus_count = self.corpus_total_words = 0
        self.wv = KeyedVectors([], np.empty((0, self.config.vector_size), np.float32))
        self.syn1neg: NDArray[np.float32] = self.wv.vectors
        if sentences is not None:
            if iter(sentences) is sentences:
                problem = "expected what can be gone through twice, such as a list; got an iterator"
                raise ConfigError("sentences", problem)
            self.build_vocab(sentences)
            self.train(sentences, on_progress=on_progress)

    def build_vocab(self, sentences: Sentences) -> None:
        """Count words, and draw the first vectors of those that occur often enough.

        Raises:
            DataError: none does, or a sentence is a text.
        """
        counts, self.corpus_count = count_words(sentences)
        self.corpus_total_words = counts.total()
        kept = [(word, n) for word, n in counts.items() if n >= self.config.min_count]
        if not kept:
            least = self.config.min_count
            raise DataError(
                f"sentences: expected a word that occurs at least min_count = {least} times, got "
                f"none among {self.corpus_total_words:,} words"
            )
        kept.sort(key=lambda pair: (-pair[1], pair[0]))
        C = self.config.vector_size
        rng = np.random.default_rng(self.config.seed % 2**64)
        vectors = (2 * rng.random((len(kept), C), np.float32) - 1) / np.float32(C)
        self.wv = KeyedVectors([w for w, _ in kept], vectors, [n for _, n in kept])
        self.syn1neg = np.zeros_like(vectors)

    def train(
        self,
        sentences: Sentences,
        *,
        epochs: int | None = None,
        start_alpha: float | None = None,
        end_alpha: float | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Train the vectors further; words that `build_vocab` did not see are left out.

        Args:
            epochs: passes over the sentences.
            start_alpha, end_alpha: the first and the last learning rate.
        Raises:
            ConfigError: there is no vocabulary yet.
            DataError: no word of the sentences is in it.
            KeyboardInterrupt: Ctrl-C; the vectors are as they were.
        """
        if not len(self.wv):
            raise ConfigError("vocabulary", "expected one: call build_vocab(sentences) first")
        given = {"epochs": epochs, "alpha": start_alpha, "min_alpha": end_alpha}
        changed = {name: value for name, value in given.items() if value is not None}
        config = from_dict(Word2VecConfig, {**self.config.to_dict(), **changed})
        text = numbered(sentences, self.wv.key_to_index)
        if not len(text[0]):
            raise DataError("sentences: expected words of the vocabulary, got none")
        counts = np.array(self.wv.counts, np.int64)
        vectors = self.wv.vectors.copy(), self.syn1neg.copy()
        train_word_vectors(_java_options(config), text, counts, vectors, on_progress)
        self.wv = KeyedVectors(self.wv.index_to_key, vectors[0], self.wv.counts)
        self.syn1neg = vectors[1]


def _java_options(config: Word2VecConfig) -> WordVectorOptions:
    names = ("window", "negative", "sample", "ns_exponent", "alpha", "min_alpha", "epochs", "seed")
    values = {name: getattr(config, name) for name in names}
    return WordVectorOptions(**values, skip_gram=config.sg == 1, workers=config.workers)
