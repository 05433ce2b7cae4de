"""How a prompt is continued: the options of generation, checked when they are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from pygpt.fields import INT_MAX, Checked, option, size

SEED_MAX = 2**62  # a Java long, with room for the number of the sequence


@dataclass(frozen=True)
class GenerateConfig(Checked):
    """Immutable: how a prompt is continued; the order of the options is that of their effect.

    Each field has its meaning beside it; of some there is more to say:

    Attributes:
        repetition_penalty: divides the positive logits of tokens that occurred, in the prompt too,
            and multiplies the negative ones.
        seed: row b takes the numbers of `random.Random(seed + b)`, one a token. Without it,
            every call takes others.
        stop_tokens: a sequence ends after one of these; by default after those that end a text by
            the model's files (`eos_token_id`) or by its tokenizer.
        pad_token_id: tokens of a prompt that the model does not see, nor count as positions.
        stop: texts; a sequence ends with the token that completes one of them, and its text before
            it. What the prompt says does not count.
        top_logprobs: how many of the likeliest tokens `continuations` tells of.
        truncate: a prompt that with max_new_tokens is longer than block_size loses its beginning;
            without it, it is an error.
        slide: prompt and new tokens may be more than block_size: then the model sees the last
            block_size of them, and reads those anew for each token, as nanoGPT does.
        lookup: where the last tokens stood before, what followed them there is read at once as a
            guess, and kept as far as it is what would have been chosen: the same tokens, sooner
            where text repeats itself or the prompt. For up to seven sequences at a time.
        specials: special tokens in a prompt of text, such as `<|endoftext|>`, count as such; if
            not, they are text like any other.
    Raises:
        ConfigError: a value that is not allowed.
    """

    max_new_tokens: int = size(50, "the most tokens to add")
    repetition_penalty: float = option(
        1.0, "a number above 1 makes tokens that have occurred less likely", above=0
    )
    temperature: float = option(
        1.0, "the logits are divided by this; 0 takes the likeliest token", minimum=0
    )
    top_k: int | None = option(
        None, "choose among this many of the likeliest tokens", minimum=1, maximum=INT_MAX
    )
    top_p: float | None = option(
        None,
        "choose among the likeliest tokens that together have this probability",
        above=0,
        maximum=1,
    )
    min_p: float | None = option(
        None,
        "choose among tokens with at least this share of the likeliest one's probability",
        minimum=0,
        maximum=1,
    )
    seed: int | None = option(None, "the seed of the random numbers", minimum=0, maximum=SEED_MAX)
    stop_tokens: tuple[int, ...] | None = option(None, "end after the token with this id")
    pad_token_id: int | None = option(None, "an id that prompts are padded with", minimum=0)
    stop: tuple[str, ...] | str | None = option(None, "end before this text")
    top_logprobs: int = size(0, "how many of the likeliest tokens to report at each step", 0)
    truncate: bool = option(False, "cut off the beginning of a prompt that is too long")
    slide: bool = option(False, "let text be longer than the context; the model sees its end")
    lookup: bool = option(
        False, "guess tokens from what was there before: the same text, sooner where it repeats"
    )
    specials: bool = option(False, "let special tokens in the prompt, such as <|endoftext|>, count")

    @property
    def sampling(self) -> tuple[float, int, float, float, float]:
        """The fields of Java's `org.pygpt.generate.SamplingOptions`, in its order."""
        top_k, top_p, min_p = self.top_k or 0, self.top_p or 1.0, self.min_p or 0.0
        return self.temperature, top_k, top_p, min_p, self.repetition_penalty


class GenerateOptions(TypedDict, total=False):
    """The fields of `GenerateConfig` as keyword arguments, but for `max_new_tokens`."""

    repetition_penalty: float
    temperature: float
    top_k: int | None
    top_p: float | None
    min_p: float | None
    seed: int | None
    stop_tokens: Sequence[int] | int | None
    pad_token_id: int | None
    stop: Sequence[str] | str | None
    top_logprobs: int
    truncate: bool
    slide: bool
    lookup: bool
    specials: bool
