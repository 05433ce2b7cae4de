"""EncoderDecoder: a model that makes one text of another, with its tokenizers; folders."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Unpack, overload

from pygpt.checkpoints import pair_folder
from pygpt.checkpoints.pair_folder import SourceTokenizer
from pygpt.engine.encoder_decoder import AttentionMaps, EncoderDecoderModel, Target
from pygpt.errors import ConfigError, ShapeError
from pygpt.fields import from_dict
from pygpt.generate.translate_config import TranslateConfig, TranslateOptions
from pygpt.model.encoder_decoder_config import EncoderDecoderConfig
from pygpt.model.pair_batch import Pair, PairBatch, pair_batch
from pygpt.tokenizers.char import CharTokenizer


class EncoderDecoder(EncoderDecoderModel):
    """Mutable: an encoder-decoder transformer, in Java's memory. Use it in a `with` block, call
    `close`, or drop it. Any thread may use it; calls take turns.

    Args:
        config: the architecture; by default the original's base model.
        seed: of the first weights: N(0, 0.02), the n projections to residual streams N(0, 0.02 /
            sqrt(n)), biases 0, gains 1. None leaves them all zero.
        backend, dtype, threads: as of `GPT`.
        source_tokenizer: turns the source's text into ids; needed only for text.
        target_tokenizer: likewise the target's; its BOS begins and ends a target.
    Raises:
        ConfigError: an unknown backend or dtype, a tokenizer of another vocabulary or without BOS.
        TooLargeError: the weights do not fit into memory.
        EngineError: the JVM does not start.
    """

    def __init__(
        self,
        config: EncoderDecoderConfig | None = None,
        *,
        seed: int | None = 1,
        backend: str = "cpu",
        dtype: str | None = None,
        threads: int = 0,
        source_tokenizer: SourceTokenizer | None = None,
        target_tokenizer: CharTokenizer | None = None,
    ) -> None:
        config = EncoderDecoderConfig() if config is None else config
        tokenizers = {"source": source_tokenizer, "target": target_tokenizer}
        for side, tokenizer in tokenizers.items():
            size = getattr(config, f"{side}_vocab_size")
            if tokenizer is not None and tokenizer.vocab_size != size:
                problem = f"expected {tokenizer.vocab_size}, as the tokenizer has, got {size}"
                raise ConfigError(f"{side}_vocab_size", problem)
        if target_tokenizer is not None and target_tokenizer.bos is None:
            raise ConfigError("target_tokenizer", "expected one with BOS, which begins a target")
        super().__init__(config, seed=seed, backend=backend, dtype=dtype, threads=threads)
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = target_tokenizer

    @overload
    def generate(self, source: str, **options: Unpack[TranslateOptions]) -> str: ...
    @overload
    def generate(
        self, source: list[str], **options: Unpack[TranslateOptions]
    ) -> list[str]: ...
    def generate(
        self, source: str | list[str], **options: Unpack[TranslateOptions]
    ) -> str | list[str]:
        """Return the text that the model makes of a text, or of each of several.

        Args:
            source: one text or a list of texts.
            options: fields of `TranslateConfig`; by default the likeliest token is taken.
        Raises:
            ConfigError: an option that cannot be, or a model without tokenizers.
            TokenError: a word or character that the source's tokenizer lacks.
            ShapeError: a source that is empty or too long.
            KeyboardInterrupt: Ctrl-C.
        """
        texts = [source] if isinstance(source, str) else source
        found = [self.spell(target) for target in self.translate(texts, **options)]
        return found[0] if isinstance(source, str) else found

    def translate(
        self, sources: Iterable[str], **options: Unpack[TranslateOptions]
    ) -> list[Target]:
        """Return what the model makes of each text: ids, whether it ended, and its probability.

        Args and errors are those of `generate`.
        """
        config = from_dict(TranslateConfig, options)
        reading, spelling = self._tokenizers()
        ids = [reading.encode(source) for source in sources]
        bound = _bound(spelling)
        seed = secrets.randbits(61) if config.seed is None else config.seed
        return self.targets(ids, bound, bound, config, seed)

    def spell(self, target: Target) -> str:
        """Return the text of a target."""
        return self._tokenizers()[1].decode(target.ids.tolist())

    def batch(self, pairs: Iterable[tuple[str, str]]) -> PairBatch:
        """Return pairs of texts as a batch, for `loss`, `logits` and a training's `step`.

        Raises:
            ConfigError: a model without tokenizers.
            TokenError: a word or character that a tokenizer lacks.
            ShapeError: no pair, or an empty source.
        """
        reading, spelling = self._tokenizers()
        ids: list[Pair] = [(reading.encode(a), spelling.encode(b)) for a, b in pairs]
        return pair_batch(ids, _bound(spelling))

    def attention(self, source: str, target: str) -> AttentionMaps:
        """Return how every head of every layer weighs positions while a target is read.

        Position t of the target is what its character t is predicted at; position 0 is what begins
        a target. Errors are those of `batch`, and ShapeError for texts that are too long.
        """
        batch = self.batch([(source, target)])
        return self.attention_maps(batch.sources[0].tolist(), batch.ids[0].tolist())

    def _tokenizers(self) -> tuple[SourceTokenizer, CharTokenizer]:
        if self.source_tokenizer is None or self.target_tokenizer is None:
            raise ConfigError("tokenizer", "expected a model with tokenizers, since there is text")
        return self.source_tokenizer, self.target_tokenizer

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write the model to a folder, its weights as float32.

        A folder that pygpt wrote before is replaced, in one step; anything else is refused.

        Raises:
            OutputError: the folder is not pygpt's, or cannot be written.
        """
        pair_folder.save(
            Path(folder),
            self.config,
            self.parameters(),
            self.source_tokenizer,
            self.target_tokenizer,
        )

    @classmethod
    def from_pretrained(
        cls,
        folder: str | os.PathLike[str],
        *,
        backend: str = "cpu",
        dtype: str | None = None,
        threads: int = 0,
    ) -> EncoderDecoder:
        """Return a saved model, its numbers converted to `dtype` while they are copied.

        Raises:
            CheckpointError: it is missing, damaged, or another kind of model.
            ConfigError, TooLargeError, EngineError: as in the constructor.
        """
        with pair_folder.opened(Path(folder)) as saved:
            model = cls(
                saved.config,
                seed=None,
                backend=backend,
                dtype=dtype,
                threads=threads,
                source_tokenizer=saved.source_tokenizer,
                target_tokenizer=saved.target_tokenizer,
            )
            try:
                saved.copy_to(model.parameters())
            except BaseException:
                model.close()
                raise
        return model


def _bound(tokenizer: CharTokenizer) -> int:
    """Return the id that begins and ends a target."""
    if tokenizer.bos is None:
        raise ShapeError("target: expected a tokenizer with BOS, got one without")
    return tokenizer.bos
