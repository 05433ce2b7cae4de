"""Where text is cut into words before the bytes of each are merged: no token crosses a cut."""

from __future__ import annotations

from dataclasses import dataclass

from pygpt.errors import ConfigError


@dataclass(frozen=True)
class Split:
    """One rule, as two patterns that cut every text alike.

    Attributes:
        pattern: tiktoken's, for tiktoken and `regex`. Its quantifiers are possessive: they do not
            step back, which makes it faster, and long words cost no stack.
        portable: without those, which Oniguruma reads otherwise; tokenizer.json has this one.
    """

    pattern: str
    portable: str

    def words(self, text: str) -> list[str]:
        """Return the words, which joined are the text."""
        import regex  # type: ignore[import-untyped]

        words: list[str] = regex.findall(self.pattern, text)
        return words


# https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py
SPLITS = {
    "gpt2": Split(
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
        # https://github.com/openai/gpt-2/blob/master/src/encoder.py
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    ),
    "cl100k": Split(
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
        r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
        # As in Llama 3, but for \s+(?![\s\S]): tiktoken has all blanks at the end in one word.
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?![\s\S])|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
}

# https://huggingface.co/Qwen/Qwen2-7B/blob/main/tokenizer.json
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def split_of(name: str) -> Split:
    """Return the rule of this name; a `ConfigError` if there is none."""
    if name not in SPLITS:
        raise ConfigError("split", f"expected one of {', '.join(SPLITS)}, got {name!r}")
    return SPLITS[name]
