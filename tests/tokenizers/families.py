"""Tokenizers in the manner of published families, trained small, by the package `tokenizers`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, trainers
from tokenizers import pre_tokenizers as cuts
from tokenizers import processors as after

# First and last code point of a script, and how often it comes.
SCRIPTS = [
    (0x20, 0x7E, 30), (0xA0, 0x24F, 6), (0x300, 0x36F, 2), (0x370, 0x3FF, 3), (0x400, 0x4FF, 4),
    (0x590, 0x5FF, 2), (0x600, 0x6FF, 3), (0x900, 0x97F, 3), (0x1100, 0x11FF, 1),
    (0x1E00, 0x1EFF, 2), (0x2000, 0x206F, 3), (0x2070, 0x209F, 1), (0x2150, 0x218F, 1),
    (0x3000, 0x30FF, 4), (0x4E00, 0x9FFF, 6), (0xAC00, 0xD7A3, 4), (0xFF00, 0xFFEF, 2),
    (0x1F300, 0x1F6FF, 3), (0x1D400, 0x1D7FF, 1), (0, 0x1F, 1), (0x80, 0x9F, 1),
]  # fmt: skip
WORDS = (
    "the of and to in that it is was he for on are with as I his they be at one have this don't "
    "I'll we've you're he'd IT'S 1 12 123 1234 2026 3.14 1,000 x=1 f(x) // /* <s> <|im_start|> "
    "http://a.b/c?d=e \u2581 \u2581\u2581x <extra> zz <tool_call> \u017fs '\u017f \u212a"
).split(" ")
BLANKS = [" "] * 20 + [
    "  ", "   ", "\t", "\n", "\n\n", "\n\n\n", "\r\n", " \n", "    ", "\u3000", "\xa0", "", "", "",
    "'", ".", "...", "!?", "\u200d", "\x85", "\u2028",
]  # fmt: skip


def lines(count: int, seed: int = 5) -> list[str]:
    """Return lines of many scripts, the same for the same seed."""
    rng = random.Random(seed)
    weights = [weight for *_, weight in SCRIPTS]

    def word() -> str:
        if rng.random() < 0.55:
            return rng.choice(WORDS)
        first, last, _ = rng.choices(SCRIPTS, weights)[0]
        return "".join(chr(rng.randint(first, last)) for _ in range(rng.randint(1, 6)))

    return ["".join(word() + rng.choice(BLANKS) for _ in range(rng.randint(0, 24)))
            for _ in range(count)]  # fmt: skip


TEXTS = lines(1200, seed=3)
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_STAR = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def _before(token: str) -> Callable[[Tokenizer], Any]:
    def made(tokenizer: Tokenizer) -> Any:
        pair = (token, tokenizer.token_to_id(token))
        return after.TemplateProcessing(single=f"{token} $A", special_tokens=[pair])

    return made


def _split(pattern: str) -> Any:
    spelled = cuts.ByteLevel(add_prefix_space=False, use_regex=False)
    return cuts.Sequence([cuts.Split(Regex(pattern), "isolated"), spelled])


def _byte_level(
    cut: Any,
    normalizer: Any = None,
    processor: Callable[[Tokenizer], Any] | None = None,
    specials: Sequence[str] = ("<|endoftext|>",),
    added: Sequence[str | AddedToken] = (),
    **options: Any,
) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(**options))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer, tokenizer.decoder = cut, decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1100, special_tokens=list(specials), show_progress=False,
        initial_alphabet=cuts.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_tokens(list(added))
    if processor is not None:
        tokenizer.post_processor = processor(tokenizer)
    return tokenizer


def _sentence_piece(
    normalizer: Any,
    cut: Any,
    decoder: Any,
    specials: Sequence[str] = ("<unk>", "<s>", "</s>"),
    added: Sequence[str | AddedToken] = (),
    **flags: bool,
) -> Tokenizer:
    """Return a BPE over characters, with tokens for bytes, as those that were converted."""
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.pre_tokenizer = cuts.Split(Regex("▁*[^▁]+|▁+"), "isolated")
    trainer = trainers.BpeTrainer(vocab_size=1100, limit_alphabet=600, show_progress=False)
    trained.train_from_iterator(TEXTS, trainer)
    learnt = json.loads(trained.to_str())["model"]
    tokens = [*specials, *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens += sorted(learnt["vocab"].keys() - {*tokens}, key=learnt["vocab"].get)
    model = models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    values = json.loads(Tokenizer(model).to_str())
    values["model"]["vocab"] = {token: i for i, token in enumerate(tokens)}
    values["model"]["merges"] = learnt["merges"]
    tokenizer = Tokenizer.from_str(json.dumps(values))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if cut is not None:
        tokenizer.pre_tokenizer = cut
    tokenizer.decoder = decoder
    marked = {"normalized": False, **flags}
    tokenizer.add_special_tokens([AddedToken(token, **marked) for token in specials])
    tokenizer.add_tokens(list(added))
    first = next(token for token in ("<bos>", "<s>") if token in specials)
    tokenizer.post_processor = _before(first)(tokenizer)
    return tokenizer


def _llama() -> tuple[Any, Any]:
    normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return normalizer, decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)])


def _gemma() -> Tokenizer:
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return _sentence_piece(
        normalizers.Replace(" ", "▁"),
        cuts.Split(" ", "merged_with_previous"),
        decoders.Sequence(steps),
        ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"),
        [AddedToken("\n" * n, normalized=False) for n in (2, 3)],
    )


def _course() -> Tokenizer:
    """The recipe of Hugging Face's course: only bytes that occurred have tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = cuts.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|endoftext|>"], show_progress=False
    )
    tokenizer.train_from_iterator(["the old mills turn", "slow boats"], trainer)
    return tokenizer


def _suffixed() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = cuts.Split(Regex(r"\s+"), "removed")
    trainer = trainers.BpeTrainer(
        vocab_size=160, special_tokens=["<unk>"], end_of_word_suffix="</w>", show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 3, trainer)
    return tokenizer


OWN: dict[str, Callable[[], Tokenizer]] = {
    "gpt2": lambda: _byte_level(
        cuts.ByteLevel(add_prefix_space=False), processor=lambda t: after.ByteLevel()
    ),
    "llama3": lambda: _byte_level(
        _split(_LLAMA3),
        processor=lambda t: after.Sequence([after.ByteLevel(), _before("<|begin_of_text|>")(t)]),
        specials=("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"),
        ignore_merges=True,
    ),
    "qwen2": lambda: _byte_level(
        _split(_LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")),
        normalizers.NFC(),
        lambda t: after.ByteLevel(),
        _STAR,
        [AddedToken("<tool_call>", normalized=False)],
    ),
    "smollm": lambda: _byte_level(
        cuts.Sequence([cuts.Digits(True), cuts.ByteLevel(add_prefix_space=False)]), specials=_STAR
    ),
    "pythia": lambda: _byte_level(
        cuts.ByteLevel(add_prefix_space=False),
        normalizers.NFC(),
        lambda t: after.ByteLevel(),
        ("<|endoftext|>", "<|padding|>"),
        [" " * n for n in range(24, 1, -1)],
    ),
    "phi2": lambda: _byte_level(
        cuts.ByteLevel(add_prefix_space=False),
        added=[*(" " * n for n in range(31, 1, -1)), *("\t" * n for n in range(9, 1, -1))],
    ),
    "tekken": lambda: _byte_level(
        _split(_O200K), None, _before("<s>"), ("<unk>", "<s>", "</s>", "[INST]"),
        ignore_merges=True,
    ),  # fmt: skip
    "roberta": lambda: _byte_level(
        cuts.ByteLevel(add_prefix_space=True),
        specials=("<s>", "<pad>", "</s>", "<unk>"),
        added=[AddedToken("<mask>", lstrip=True), AddedToken("zz", single_word=True)],
    ),
    "middle": lambda: _byte_level(
        cuts.Sequence([cuts.ByteLevel(add_prefix_space=False), cuts.Digits(True)])
    ),
    "several": lambda: _byte_level(
        cuts.Sequence([
            cuts.Split(Regex("[\r\n]"), "isolated"), cuts.Split(Regex(r"\s?\p{L}+"), "isolated"),
            cuts.Split(Regex(r"\s?\p{P}+"), "isolated"),
            cuts.Split(Regex("[一-龥가-힣]+"), "isolated"),
            cuts.Digits(False), cuts.ByteLevel(add_prefix_space=False, use_regex=False),
        ])
    ),
    "llama2": lambda: _sentence_piece(_llama()[0], None, _llama()[1]),
    "phi3": lambda: _sentence_piece(
        _llama()[0], None, _llama()[1], ("<unk>", "<s>", "</s>", "<|end|>"), rstrip=True
    ),
    "legacy": lambda: _sentence_piece(
        _llama()[0], None, _llama()[1], added=["<extra>", "zz"], normalized=True
    ),
    "mistral": lambda: _sentence_piece(
        None, cuts.Metaspace("▁", prepend_scheme="first", split=False), _llama()[1]
    ),
    "metaspace": lambda: _sentence_piece(
        None, cuts.Metaspace("▁", prepend_scheme="always"), decoders.Metaspace("▁")
    ),
    "gemma": _gemma,
    "course": _course,
    "suffixed": _suffixed,
}  # fmt: skip
"""What pygpt runs by itself."""


def _unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Nmt()
    tokenizer.pre_tokenizer, tokenizer.decoder = cuts.Metaspace(), decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=90, special_tokens=["<unk>", "</s>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(WORDS[:40])] * 9 + WORDS[:40], trainer)
    return tokenizer


def _word_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.decoder = normalizers.BertNormalizer(), decoders.WordPiece()
    tokenizer.pre_tokenizer = cuts.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=900, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def _falcon() -> Tokenizer:
    """Its punctuation is that of an older Unicode."""
    steps = [
        cuts.Punctuation("contiguous"), cuts.ByteLevel(add_prefix_space=False),
        cuts.Digits(False), cuts.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
    ]  # fmt: skip
    return _byte_level(cuts.Sequence(steps))


PACKAGE: dict[str, Callable[[], Tokenizer]] = {
    "unigram": _unigram, "word_piece": _word_piece, "falcon": _falcon
}  # fmt: skip
"""What the package `tokenizers` runs."""
