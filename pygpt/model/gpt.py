"""GPT: a model with its tokenizer: text in and out, documents, folders."""

from __future__ import annotations

import operator
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pygpt.engine.generation import EngineGenerator, drawn_from, sample_documents
from pygpt.engine.model import check_format, check_kv_cache
from pygpt.engine.training import Losses
from pygpt.errors import ConfigError, ShapeError
from pygpt.fields import from_dict
from pygpt.generate.config import GenerateConfig, GenerateOptions
from pygpt.generate.generation import Generation
from pygpt.generate.generator import PARALLEL, Continuation, Generator
from pygpt.generate.prompts import Prompt, is_texts, needed, never_tokens, prompt_rows
from pygpt.model.adapted import Adapted
from pygpt.model.config import GPTConfig
from pygpt.model.documents import MICROGPT, document_batches
from pygpt.model.embeddings import Embeddings
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.protocol import NO_SPECIAL_IDS, Tokenizer

if TYPE_CHECKING:
    from pygpt.model.encoder_decoder import EncoderDecoder


class GPT(Adapted):
    """Mutable: a model, in Java's memory. Use it in a `with` block, call `close`, or drop it.

    Any thread may use it, and its trainings and generators: calls take turns in the order in which
    they come, and those that generate at the same time share steps, with the tokens that each would
    get alone. `close` waits for its turn; calls after it raise ClosedError.

    Args:
        config: the architecture; by default GPT-2's.
        seed: of the first weights, which are drawn as nanoGPT does: N(0, 0.02), projections to the
            residual stream N(0, 0.02 / sqrt(2 * n_layer)), biases 0, gains 1. The same seed gives
            the same weights on every backend. None leaves them all zero.
        backend: `cpu` (fast), `cuda` (an NVIDIA card; docs/cuda.md), `auto` (`cuda` for large
            models where there is a card), `nd4j` (each matrix operation is one of ND4J's) or
            `plain` (scalar loops: the reference).
        dtype: `float32` or `float64`; by default float64 on `plain`, which alone has it.
        threads: of backend `cpu`; 0 for one a processor.
        tokenizer: turns text into ids and back; needed only for text.

    Attributes:
        special_ids: those of the folder that it came from; none by default.
        adapter: what its adapter is, of LoRA; None without one; see `add_adapter`.
        chat_template: Jinja's, which makes a prompt of a conversation; that of the folder that it
            came from, or of what it was fine-tuned on; None by default.
        tokenizer_problem: why the tokenizer of its folder cannot be used, or None.
        quantized: `int8` or `bfloat16` once `quantize` has rounded the weights, else None; also
            `rounded`, its older name.

    Raises:
        ConfigError: an unknown backend or dtype, a tokenizer of another vocabulary.
        TooLargeError: the weights do not fit into memory.
        EngineError: the JVM does not start.
    """

    def __init__(
        self,
        config: GPTConfig | None = None,
        *,
        seed: int | None = 1,
        backend: str = "cpu",
        dtype: str | None = None,
        threads: int = 0,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        config = GPTConfig() if config is None else config
        if tokenizer is not None and tokenizer.vocab_size != config.vocab_size:
            expected = f"{tokenizer.vocab_size}, as the tokenizer has"
            raise ConfigError("vocab_size", f"expected {expected}, got {config.vocab_size}")
        super().__init__(config, seed=seed, backend=backend, dtype=dtype, threads=threads)
        self.tokenizer = tokenizer
        self.tokenizer_problem: str | None = None
        self.special_ids = NO_SPECIAL_IDS
        self.chat_template: str | None = None

    @classmethod
    def preset(
        cls,
        name: str,
        *,
        seed: int | None = 1,
        backend: str = "cpu",
        dtype: str | None = None,
        threads: int = 0,
        tokenizer: Tokenizer | None = None,
    ) -> GPT:
        """Return a new model of a known architecture; the options are the constructor's.

        Raises:
            ConfigError: there is no architecture of this name.
        """
        config = GPTConfig.preset(name)
        return cls(
            config,
            seed=seed,
            backend=backend,
            dtype=dtype,
            threads=threads,
            tokenizer=tokenizer,
        )

    @property
    def embeddings(self) -> Embeddings:
        """The token embeddings, to compare tokens by; shared with Java, not copied."""
        return Embeddings(self.parameters()["wte.weight"], self.tokenizer)

    def train_documents(
        self,
        documents: Sequence[str],
        learning_rates: Sequence[float] | NDArray[np.float64],
        on_losses: Losses | None = None,
    ) -> NDArray[np.float64]:
        """Train on one document a step, as microgpt does; return the loss of each step.

        Step s takes document s mod n: BOS, its characters, BOS, cut to `block_size` predictions.
        Adam starts anew with each call: β = (0.85, 0.99), ε = 1e-8, bias-corrected.

        Args:
            documents: text, not empty.
            learning_rates: one for each step.
            on_losses: called about 20 times a second with the number of the first step (from 0)
                and the losses of the steps since the last call.
        Returns:
            float64, (steps,): mean nats per predicted token, taken before the step's update.
        Raises:
            ConfigError: the weights are rounded.
            ShapeError: no documents, or rates that are no row of numbers.
            TokenError: a character that the tokenizer lacks.
            TooLargeError: what training needs beside the weights does not fit into memory.
            KeyboardInterrupt: Ctrl-C; the training stops within half a second.
        """
        rates = np.array(learning_rates, dtype=np.float64)
        if rates.ndim != 1:
            raise ShapeError(f"learning_rates: expected (steps,), got {rates.shape}")
        if not documents:
            raise ShapeError("documents: expected at least one, got none")
        tokenizer = self._text()
        self._require_unquantized("load the model again without rounding it")
        if not len(rates):
            return rates
        used = documents[: len(rates)]
        batches = document_batches(tokenizer, used, self.config.block_size)
        with self.training(1, int(batches[-1].max()), **MICROGPT) as training:
            return training.run_steps(*batches, rates, on_losses)

    def sample_documents(
        self, count: int, rng: random.Random, temperature: float = 1.0
    ) -> list[str]:
        """Return new documents, each ended by BOS or after `block_size` characters.

        A token takes one number of the stream, and chooses as `random.choices` does. All that
        could be needed, count * block_size, are drawn before the first.

        Args:
            count: how many, 0 or more.
            rng: where the numbers come from.
            temperature: divides the logits; more than 0.
        Raises:
            ConfigError: count or temperature out of range, or a tokenizer without BOS.
            KeyboardInterrupt: Ctrl-C.
        """
        if count < 0:
            raise ConfigError("count", f"expected at least 0, got {count}")
        if not 0 < temperature < float("inf"):
            raise ConfigError("temperature", f"expected more than 0, got {temperature}")
        tokenizer, length = self._text(), self.config.block_size
        if tokenizer.bos is None:
            raise ConfigError("tokenizer", "expected one with BOS, which begins a document")
        uniform = rng.random
        uniforms = np.fromiter((uniform() for _ in range(count * length)), np.float64)
        sampled = sample_documents(self, tokenizer.bos, count, length, temperature, uniforms)
        return [tokenizer.decode(ids) for ids in sampled]

    @overload
    def generate(  # type: ignore[overload-overlap]  # a str is an ArrayLike too
        self, prompt: str, max_new_tokens: int = ..., **options: Unpack[GenerateOptions]
    ) -> str: ...
    @overload
    def generate(
        self, prompt: list[str], max_new_tokens: int = ..., **options: Unpack[GenerateOptions]
    ) -> list[str]: ...
    @overload
    def generate(
        self, prompt: ArrayLike, max_new_tokens: int = ..., **options: Unpack[GenerateOptions]
    ) -> NDArray[np.int64]: ...
    def generate(
        self, prompt: Prompt, max_new_tokens: int = 50, **options: Unpack[GenerateOptions]
    ) -> str | list[str] | NDArray[np.int64]:
        """Return prompts and what the model makes follow them, many at a time.

        Args:
            prompt: text, a list of texts, or ids: int32 or int64, (T,) or (B, T), each in [0, V).
            max_new_tokens: most tokens to add; with the prompt at most block_size.
            options: fields of `GenerateConfig`: temperature, top_k, top_p, seed, stop and others.
        Returns:
            Of text the text, without the stop token or stop string that may have ended it; of ids
            int64, (T + new,) or (B, T + new), with the token that ended a row. Rows that ended
            early are filled up with `pad_token_id`, or else the first stop token.
        Raises:
            ConfigError: an option that cannot be, or text or stop strings without a tokenizer.
            ShapeError: an empty prompt, or one that with max_new_tokens is above block_size and
                is not to be truncated.
            TokenError: an id outside the vocabulary, a character that the tokenizer lacks.
            EngineError: the logits are no numbers.
            KeyboardInterrupt: Ctrl-C.
        """
        with self._generation(prompt, max_new_tokens, options) as generation:
            generation.run()
            if isinstance(prompt, str):
                return prompt + generation.texts()[0]
            if is_texts(prompt):
                return [*map(operator.add, prompt, generation.texts())]
            ids = generation.ids()
            return ids[0] if np.ndim(prompt) == 1 else ids

    def stream(
        self, prompt: str | ArrayLike, max_new_tokens: int = 50, **options: Unpack[GenerateOptions]
    ) -> Iterator[str]:
        """Yield the text that follows a prompt, piece by piece; what `generate` adds to a text.

        No piece ends within a character, or with what may be the beginning of a stop string. The
        model works while the next piece is waited for, and between two pieces may be used for
        anything else.

        Args:
            prompt: one, as text or as ids, (T,).
        Args and errors are those of `generate`; errors in arguments are raised at once.
        """
        if not isinstance(prompt, str) and np.ndim(prompt) != 1:
            raise ShapeError(f"prompt: expected text or (T,), got {np.shape(prompt)}")
        generation = self._generation(prompt, max_new_tokens, options, spells=True)
        return (piece for (piece,) in generation.pieces())

    def streams(
        self, prompts: list[str], max_new_tokens: int = 50, **options: Unpack[GenerateOptions]
    ) -> Iterator[list[str]]:
        """Yield what follows many texts at a time: a new piece of each, which may be empty.

        Else as `stream`.
        """
        return self._generation(prompts, max_new_tokens, options).pieces()

    def continuations(
        self, prompt: Prompt, max_new_tokens: int = 50, **options: Unpack[GenerateOptions]
    ) -> list[Continuation]:
        """Return what follows each prompt, with the probabilities of its tokens.

        Args and errors are those of `generate`.
        """
        with self._generation(prompt, max_new_tokens, options) as generation:
            generation.run()
            return generation.continuations()

    def next_probabilities(
        self, prompt: str | ArrayLike, **options: Unpack[GenerateOptions]
    ) -> NDArray[np.float64]:
        """Return the probabilities that `generate` draws the next token by.

        Args:
            prompt: one, as text or as ids, (T,).
            options: fields of `GenerateConfig`: temperature, top_k, top_p and min_p count; the
                penalty of repetitions does not.
        Returns:
            float64, (V,); tokens that the options leave out have 0.
        Args and errors are those of `generate`.
        """
        config = from_dict(GenerateConfig, {"max_new_tokens": 1, **options})
        if not isinstance(prompt, str) and np.ndim(prompt) != 1:
            raise ShapeError(f"prompt: expected text or (T,), got {np.shape(prompt)}")
        (row,) = prompt_rows(prompt, self.tokenizer, self.config, config.specials)
        never = never_tokens(self.config, self.tokenizer)
        return drawn_from(self.logits(row)[0, -1], config.sampling, never)

    def generator(self, parallel: int = PARALLEL, *, exact: bool = False) -> Generator:
        """Return what continues prompts that come one by one; use it in a `with` block.

        Args:
            parallel: most prompts that are continued at once, 1 to 32; others wait.
            exact: whether every prompt is read whole, as it would be alone. Else long ones are read
                in parts, so that they do not stop the others, and a prompt that begins as one that
                was read before is read from where it differs; logits then differ by rounding.
        Raises:
            ConfigError: parallel is out of range.
        """
        return Generator(self, self.tokenizer, parallel, exact, special_ids=self.special_ids)

    def _generation(
        self,
        prompt: Prompt,
        max_new_tokens: int,
        options: GenerateOptions,
        spells: bool = False,
    ) -> Generation:
        config = from_dict(GenerateConfig, {"max_new_tokens": max_new_tokens, **options})
        rows = prompt_rows(prompt, self.tokenizer, self.config, config.specials)
        if spells:
            needed(self.tokenizer)
        spells = spells or isinstance(prompt, str) or is_texts(prompt)
        engine = EngineGenerator.shared(self)
        generator = Generator(
            self, self.tokenizer, exact=True, engine=engine, special_ids=self.special_ids
        )
        return Generation(generator, config, rows, spells)

    def _text(self) -> CharTokenizer:
        tokenizer = needed(self.tokenizer)
        if not isinstance(tokenizer, CharTokenizer):
            raise ConfigError("tokenizer", "expected one of characters, which documents are")
        return tokenizer

    def save_pretrained(self, folder: str | os.PathLike[str], format: str | None = None) -> None:
        """Write the model to a folder, its weights as float32.

        A folder that pygpt wrote before is replaced, in one step; anything else is refused.

        Args:
            format: `huggingface` is for `transformers`, which gives the same logits; `pygpt` holds
                every architecture. By default Hugging Face's if one of its families has it.
        Raises:
            ConfigError: Hugging Face has no such architecture, the format is unknown, or there is
                an adapter, which is to be merged before, or saved by `save_adapter`.
            OutputError: the folder is not pygpt's, or cannot be written.
        """
        from pygpt.checkpoints import written

        self._require_merged("save_adapter writes it alone")
        written.save(
            Path(folder),
            self.config,
            self.parameters(),
            tokenizer=self.tokenizer,
            special_ids=self.special_ids,
            chat_template=self.chat_template,
            format=format,
        )

    def export_gguf(self, path: str | os.PathLike[str], *, weights: str = "float32") -> None:
        """Write the model with its tokenizer to a new file that llama.cpp runs, and pygpt too.

        Args:
            path: whose name ends in .gguf.
            weights: what matrices are rounded to: `float32`, `float16`, `bfloat16`, `q8_0` or
                `q4_0`.
        Raises:
            ConfigError: another format, or an architecture that is neither GPT-2's nor Llama's.
            TokenError: GGUF has no form for the tokenizer.
            OutputError: the file exists, or cannot be written.
        """
        from pygpt.checkpoints import gguf_models

        self._require_merged("GGUF has no place for it")
        gguf_models.write(
            Path(path),
            self.config,
            self.parameters(),
            kind=weights,
            tokenizer=self.tokenizer,
            special_ids=self.special_ids,
            chat_template=self.chat_template,
        )

    def _require_merged(self, hint: str) -> None:
        if self.adapter is not None:
            problem = f"expected a model without one: merge_and_unload first; {hint}"
            raise ConfigError("adapter", problem)

    @classmethod
    def from_pretrained(
        cls,
        source: str | os.PathLike[str],
        *,
        backend: str = "cpu",
        dtype: str | None = None,
        threads: int = 0,
        weights: str | None = None,
        kv_cache: str | None = None,
    ) -> GPT:
        """Return a saved model, its numbers converted to `dtype` while they are copied.

        Args:
            source: a folder of an adapter, whose base is then loaded with it; a folder that
                `save_pretrained` or Java's `org.pygpt.Names` wrote, or with a
                family of Hugging Face's that docs/models.md lists (float32, float16 or bfloat16);
                or its .safetensors file, or nanoGPT's ckpt.pt, or a .gguf file of llama.cpp's with
                GPT-2's or Llama's architecture (also Q8_0 and Q4_0); or, as text, a name on the
                Hugging Face hub if there is no such folder.
            backend: and dtype and threads: as in the constructor.
            weights: what to round them to, as `quantize` does: `int4`, `int8`, `bfloat16`, or None.
            kv_cache: `int8` for smaller key/value caches, as in `keep_caches_as`; None: as `dtype`.
        Raises:
            CheckpointError: it is missing, damaged, or a model that the engine does not have.
            ConfigError, TooLargeError, EngineError: as in the constructor and in `quantize`.
        """
        from pygpt.checkpoints import folder as checkpoint
        from pygpt.checkpoints import hub

        if weights is not None:
            check_format(weights)
        if kv_cache is not None:
            check_kv_cache(kv_cache, backend)
        path = hub.fetch(source) if isinstance(source, str) and hub.is_name(source) else source
        with checkpoint.opened(Path(path)) as saved:
            model = cls(saved.config, seed=None, backend=backend, dtype=dtype, threads=threads)
            try:
                saved.copy_to(model.parameters())
                model.weights_changed()
                if weights is not None:
                    model.quantize(weights)
                if kv_cache is not None:
                    model.keep_caches_as(kv_cache)
                if saved.adapter is not None:
                    model.load_adapter(saved.adapter)
            except BaseException:
                model.close()
                raise
        is_file = path is source
        model.name_or_path = saved.base or os.path.realpath(path) if is_file else str(source)
        model.tokenizer = saved.tokenizer
        model.tokenizer_problem = saved.tokenizer_problem
        model.special_ids = saved.special_ids
        model.chat_template = saved.chat_template
        return model


def load(
    source: str | os.PathLike[str],
    *,
    backend: str = "cpu",
    dtype: str | None = None,
    threads: int = 0,
    weights: str | None = None,
    kv_cache: str | None = None,
) -> GPT | EncoderDecoder:
    """Return any saved model that pygpt knows; see `GPT.from_pretrained`.

    A folder of an encoder-decoder transformer gives an `EncoderDecoder`, which cannot be rounded,
    nor its caches.
    """
    from pygpt.checkpoints import pair_folder
    from pygpt.model.encoder_decoder import EncoderDecoder

    if pair_folder.is_pair_folder(source):
        for name, value in (("weights", weights), ("kv_cache", kv_cache)):
            if value is not None:
                problem = f"expected None for an encoder-decoder transformer, got {value!r}"
                raise ConfigError(name, problem)
        return EncoderDecoder.from_pretrained(source, backend=backend, dtype=dtype, threads=threads)
    return GPT.from_pretrained(
        source,
        backend=backend,
        dtype=dtype,
        threads=threads,
        weights=weights,
        kv_cache=kv_cache,
    )
