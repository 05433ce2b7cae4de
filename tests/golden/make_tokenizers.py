"""Write tokenizers.json and hugging_face.json: what `tokenizers` and tiktoken make of texts.

Run it from the repository's root, in an environment that also has `tokenizers` 0.23.3:
`python -m tests.golden.make_tokenizers`. tokenizers.json has

    shakespeare   the first 1,000 merges of `tokenizers` on pygpt/data/shakespeare.txt
    small         its merges on small texts that are all ties, with each split
    files         the ids that it gives for `TEXTS` when it reads a file that pygpt saved
    tiktoken      the ids that tiktoken's own gpt2 and cl100k_base give for `TEXTS`

and hugging_face.json is a tokenizer.json as `tokenizers` itself writes it. java_tokenizers.json has
what Java's tokenizers have to give: for texts of many scripts the ids by tiktoken, and by Python's
reading of hugging_face.json.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from pygpt import BPETokenizer, CharTokenizer, load_tokenizer, read_text
from pygpt.tokenizers.pretokenize import SPLITS
from tests.reference import tiktoken_files
from tests.tokenizers.families import lines

HERE = Path(__file__).parent

TEXTS = [
    "",
    "hello world",
    "Hello, world! How are you today?",
    "antidisestablishmentarianism",
    "2 + 2 = 4, 1234567890 and 12,345.67",
    "I'm sure they'LL say it's OURS, we've seen'em",
    "  two blanks,\ttab\n\n  newline \r\n end \n",
    "blanks at the end\n  ",
    "'\u017f'S'\u212a",
    "お誕生日おめでとう",
    "na\u00efve caf\u00e9, stra\u00dfe, \u0416\u0438\u0437\u043d\u044c, \u0661\u0662\u0663",
    "\U0001f404\U0001f469\u200d\U0001f469\u200d\U0001f467 \u0301 \ufeff\u00a0\u3000x",
    "<|endoftext|>",
    "\x00\x1c\x1d\x7f\x85\u2028",
    "def f(x):\n    return x ** 2  # a comment\n",
]
SMALL = [
    "abracadabra",
    "aaaaaaaaaaa aaaaaaa",
    "the theme then bathes; bathe the other",
    "zyx\u00ff\u00ad\u00a1 zyx\u00fe\u00ad\u00a0 \u0416\u0438\u0437\u043d\u044c\n\n\n\t\t 01234567",
]


def trained(texts: list[str], vocab_size: int, split: str) -> Any:
    """Return a Tokenizer of `tokenizers`."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    cut: Any = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if split != "gpt2":
        pattern = pre_tokenizers.Split(Regex(SPLITS[split].portable), "isolated")
        spelled = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        cut = pre_tokenizers.Sequence([pattern, spelled])
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = cut
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def merges(texts: list[str], vocab_size: int, split: str) -> list[str]:
    """Return the merges, each `left right` in GPT-2's spelling of bytes."""
    pairs = json.loads(trained(texts, vocab_size, split).to_str())["model"]["merges"]
    return [" ".join(pair) for pair in pairs]


def ids_from_files() -> dict[str, list[list[int]]]:
    """Return the ids of TEXTS after a round through a file; special tokens count as such."""
    from tokenizers import Tokenizer

    shakespeare = read_text("shakespeare")
    ours = {split: BPETokenizer.train(shakespeare, 1031, split) for split in SPLITS}
    tokenizers = {**ours, "char": CharTokenizer.train(TEXTS)}
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, tokenizer in tokenizers.items():
            tokenizer.save(f"{folder}/{name}.json")
            theirs = Tokenizer.from_file(f"{folder}/{name}.json")
            assert theirs.get_vocab_size() == tokenizer.vocab_size
            found[name] = [theirs.encode(text).ids for text in TEXTS]
            assert [theirs.decode(ids, skip_special_tokens=False) for ids in found[name]] == TEXTS
    return found


def ids_from_tiktoken() -> dict[str, list[list[int]]]:
    """Return the ids of TEXTS in tiktoken's own encodings."""
    encodings = {name: tiktoken_files.encoding(name) for name in ("gpt2", "cl100k_base")}
    return {name: [e.encode_ordinary(text) for text in TEXTS] for name, e in encodings.items()}


def answers_for_java() -> dict[str, Any]:
    """Return texts, and their ids by each tokenizer that Java has too."""
    texts = [*TEXTS, *lines(60, seed=11)]
    names = ("gpt2", "cl100k_base", "o200k_base")
    ids = {n: [tiktoken_files.encoding(n).encode_ordinary(t) for t in texts] for n in names}
    file = load_tokenizer(HERE / "hugging_face.json")
    return {"texts": texts, **ids, "hugging_face": [file.encode(text) for text in texts]}


def write(name: str, found: dict[str, Any]) -> None:
    """Write a file with a line for each key."""
    text = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in found.items())
    (HERE / name).write_text(f"{{\n{text}\n}}\n", encoding="utf-8")


def main() -> None:
    small = [
        {"text": text, "split": split, "merges": merges([text], 1000, split)}
        for text in SMALL
        for split in SPLITS
    ]
    found = {
        "shakespeare": merges([read_text("shakespeare")], 256 + 1000, "gpt2"),
        "small": small,
        "texts": TEXTS,
        "files": ids_from_files(),
        "tiktoken": ids_from_tiktoken(),
    }
    write("tokenizers.json", found)
    trained([read_text("shakespeare")], 307, "cl100k").save(str(HERE / "hugging_face.json"))
    write("java_tokenizers.json", answers_for_java())


if __name__ == "__main__":
    main()
