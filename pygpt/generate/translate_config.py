"""How targets are made of sources: the options of an encoder-decoder transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from pygpt.errors import ConfigError
from pygpt.fields import Checked, option, same_as, size
from pygpt.generate.config import GenerateConfig

MOST_BEAMS = 8  # Java's `Translator.ROWS`


@dataclass(frozen=True)
class TranslateConfig(Checked):
    """Immutable: how targets are made of sources.

    Attributes:
        seed: source b takes the numbers of `random.Random(seed + b)`, one a token; without it
            every call takes others.
    Raises:
        ConfigError: a value that is not allowed, or beams that are to be drawn.
    """

    max_new_tokens: int = size(0, "the most tokens of a target; 0: as many as the model has", 0)
    temperature: float = same_as(GenerateConfig, "temperature", default=0.0)
    top_k: int | None = same_as(GenerateConfig, "top_k")
    top_p: float | None = same_as(GenerateConfig, "top_p")
    min_p: float | None = same_as(GenerateConfig, "min_p")
    seed: int | None = same_as(GenerateConfig, "seed")
    beams: int = option(
        1,
        "encoder-decoders follow this many unfinished targets at once",
        minimum=1,
        maximum=MOST_BEAMS,
    )
    length_penalty: float = option(
        1.0,
        "encoder-decoders: beams are compared by their log-probability over this power of "
        "their length",
    )

    def _check_together(self) -> None:
        if self.beams > 1 and self.temperature > 0:
            problem = f"expected 0 with {self.beams} beams, got {self.temperature}"
            raise ConfigError("temperature", problem)

    @property
    def sampling(self) -> tuple[float, int, float, float, float]:
        """The fields of Java's `org.pygpt.generate.SamplingOptions`, in its order."""
        return self.temperature, self.top_k or 0, self.top_p or 1.0, self.min_p or 0.0, 1.0


class TranslateOptions(TypedDict, total=False):
    """The fields of `TranslateConfig` as keyword arguments."""

    max_new_tokens: int
    temperature: float
    top_k: int | None
    top_p: float | None
    min_p: float | None
    seed: int | None
    beams: int
    length_penalty: float
