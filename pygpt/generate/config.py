"""How a prompt is continued: the options of generation, checked when they are made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import Field, dataclass, field, fields
from numbers import Integral, Real
from typing import Any

from pygpt.config import INT_MAX, Checked, Rule, rule_of
from pygpt.errors import ConfigError

SEED_MAX = 2**62  # a Java long, with room for the number of the sequence
_KINDS: dict[str, tuple[type, str]] = {  # NumPy's numbers are among these
    "bool": (bool, "true or false"),
    "float": (Real, "a number"),
    "int": (Integral, "a whole number"),
}


def _option(default: Any, rule: Rule) -> Any:
    return field(default=default, metadata={"rule": rule})


@dataclass(frozen=True)
class GenerateConfig(Checked):
    """Immutable: how a prompt is continued; the order of the options is that of their effect.

    Attributes:
        max_new_tokens: most tokens to add.
        repetition_penalty: divides the positive logits of tokens that occurred, in the prompt too,
            and multiplies the negative ones.
        temperature: divides the logits; 0 takes the likeliest token.
        top_k: choose among so many of the likeliest tokens.
        top_p: choose among the likeliest tokens that together have this probability, in (0, 1].
        min_p: choose among tokens of at least this share of the likeliest one's probability.
        seed: row b takes the numbers of `random.Random(seed + b)`, one a token. Without it,
            every call takes others.
        stop_tokens: a sequence ends after one of these; by default the tokenizer's BOS.
        pad_token_id: tokens of a prompt that the model does not see, nor count as positions.
        stop: texts; a sequence ends with the token that completes one of them, and its text before
            it. What the prompt says does not count.
        top_logprobs: how many of the likeliest tokens `continuations` tells of.
        truncate: a prompt that with max_new_tokens is longer than block_size loses its beginning;
            without it, it is an error.
    Raises:
        ConfigError: a value that cannot be.
    """

    max_new_tokens: int = _option(50, Rule("most tokens to add", minimum=1, maximum=INT_MAX))
    repetition_penalty: float = _option(
        1.0, Rule("makes tokens that occurred less likely", above=0)
    )
    temperature: float = _option(
        1.0, Rule("divides the logits; 0: the likeliest token", minimum=0)
    )
    top_k: int | None = _option(
        None, Rule("choose among so many of the likeliest", minimum=1, maximum=INT_MAX)
    )
    top_p: float | None = _option(
        None, Rule("choose among the likeliest of this probability", above=0, maximum=1)
    )
    min_p: float | None = _option(
        None, Rule("least probability, as a share of the largest", minimum=0, maximum=1)
    )
    seed: int | None = _option(
        None, Rule("of the random numbers", minimum=0, maximum=SEED_MAX)
    )
    stop_tokens: tuple[int, ...] | None = _option(None, Rule("end after this token"))
    pad_token_id: int | None = _option(None, Rule("left out of prompts", minimum=0))
    stop: tuple[str, ...] | str | None = _option(None, Rule("end before this text"))
    top_logprobs: int = _option(0, Rule("likeliest tokens to tell of", minimum=0, maximum=INT_MAX))
    truncate: bool = _option(False, Rule("a prompt that is too long loses its beginning"))

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            if value is not None or spec.default is not None:
                object.__setattr__(self, spec.name, _checked(spec, value))

    @property
    def sampling(self) -> tuple[float, int, float, float, float]:
        """The fields of Java's `org.pygpt.generate.SamplingOptions`, in its order."""
        top_k, top_p, min_p = self.top_k or 0, self.top_p or 1.0, self.min_p or 0.0
        return self.temperature, top_k, top_p, min_p, self.repetition_penalty


def _checked(spec: Field[Any], value: Any) -> Any:
    """Return a field's value, checked, as a number of Python's; NumPy's are taken too."""
    kind = str(spec.type).removesuffix(" | None")
    if kind == "tuple[int, ...]":
        values = tuple(value) if isinstance(value, Iterable) else (value,)
        if not all(isinstance(token, Integral) for token in values):
            raise ConfigError(spec.name, f"expected whole numbers, got {value!r}")
        return tuple(map(int, values))
    if kind == "tuple[str, ...] | str":
        texts = (value,) if isinstance(value, str) else value
        if not isinstance(texts, Sequence) or not all(isinstance(t, str) and t for t in texts):
            raise ConfigError(spec.name, f"expected texts that are not empty, got {value!r}")
        return tuple(texts)
    type_, noun = _KINDS[kind]
    if not isinstance(value, type_) or isinstance(value, bool) != (kind == "bool"):
        raise ConfigError(spec.name, f"expected {noun}, got {value!r}")
    number: Any = value
    if kind != "bool":
        number = int(number) if kind == "int" else float(number)
    problem = rule_of(spec).problem(number)
    if problem is not None:
        raise ConfigError(spec.name, problem)
    return number
