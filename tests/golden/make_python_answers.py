"""Write python_answers.json: what CPython makes of seeds and files, for the Java tests.

Run it from the repository's root: `python -m tests.golden.make_python_answers`. Seeds that JSON
might round are texts.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

from pygpt import CharTokenizer, read_documents

HERE = Path(__file__).parent
DATA = HERE.parent / "data"

SEEDS = (
    0, 1, 42, -42, 7919, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, -(2**63), 2**64,
    987654321012, 10**40, -(10**40) + 1, 2**20011 - 1,
)  # fmt: skip

WEIGHTS = (0.5, 0.0, 3.0, 1e-3, 7.0, 0.25, 2.0)

BYTES = (
    "61", "c3a9", "f09f9084", "efbbbf61", "ed9fbf", "f48fbfbf", "61e9", "61ff", "80", "c0af",
    "c1bf", "61c3", "61c328", "e282", "e28261", "e2808b", "e0809f", "e09fbf", "eda080", "edbfbf",
    "61edb0", "f0", "f09f", "f09f90", "f09f9061", "f08fbfbf", "f4908080", "f5808080", "fe",
    "f09fc3a9", "e2c3a9", "61e28201",
)  # fmt: skip


def of_seed(seed: int) -> dict[str, Any]:
    """Return what one stream gives, in the order of the keys."""
    rng = random.Random(seed)
    items = list(range(17))
    answers: dict[str, Any] = {
        "seed": format(seed, "x"),
        "random": [rng.random() for _ in range(5)],
        "gauss": [rng.gauss(0.5, 3) for _ in range(7)],  # the eighth stays in the stream
    }
    rng.shuffle(items)
    answers["shuffle"] = items
    answers["getrandbits"] = [rng.getrandbits(count) for count in range(1, 32)]
    answers["choices"] = rng.choices(range(len(WEIGHTS)), WEIGHTS, k=13)
    answers["later_gauss"] = [rng.gauss(0, 0.08) for _ in range(2)]
    answers["later_random"] = [rng.random() for _ in range(1021)][-1]  # the state is renewed thrice
    return answers


def first_bad_byte(data: bytes) -> int | None:
    """Return the offset that the UTF-8 codec names, or None."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None


def of_file(path: Path) -> dict[str, Any]:
    """Return the documents of a file and their characters."""
    documents = read_documents(path)
    tokenizer = CharTokenizer.train(documents)
    ids = [tokenizer.encode_document(document) for document in documents]
    return {"documents": documents, "characters": tokenizer.characters, "ids": ids}


def main() -> None:
    answers = {
        "weights": WEIGHTS,
        "streams": [of_seed(seed) for seed in SEEDS],
        "spaces": [c for c in range(sys.maxunicode + 1) if chr(c).isspace()],
        "utf8": [[text, first_bad_byte(bytes.fromhex(text))] for text in BYTES],
        "files": {path.name: of_file(path) for path in sorted(DATA.glob("*.txt"))},
    }  # fmt: skip
    text = json.dumps(answers, indent=1) + "\n"
    (HERE / "python_answers.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
