"""Write protocols.json: the reference's losses and names for runs that are not the default one.

Run it from the repository's root: `python -m tests.golden.make_protocols`. An option that a case
leaves out has the default of `python -m pygpt names`; `data` is a file in tests/data.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from tests.reference.microgpt import Config, Model, read_documents

HERE = Path(__file__).parent
NAMES = HERE.parents[1] / "pygpt" / "data" / "names.txt"
DATA = HERE.parent / "data"

CASES: dict[str, dict[str, Any]] = {
    "other_seed": {"seed": 7, "steps": 100, "samples": 5},
    "seed_zero_one_head": {"seed": 0, "steps": 60, "samples": 5, "n_head": 1},
    "two_layers": {"seed": 1, "steps": 60, "samples": 5, "n_layer": 2, "n_embd": 24, "n_head": 3},
    "three_layers": {"seed": 3, "steps": 50, "samples": 5, "n_layer": 3, "n_embd": 15, "n_head": 5},
    "block_5": {"seed": 11, "steps": 80, "samples": 10, "block_size": 5},
    "block_8_warm": {
        "seed": 5,
        "steps": 70,
        "samples": 7,
        "temperature": 1.0,
        "n_embd": 24,
        "n_head": 3,
        "block_size": 8,
    },
    "block_1_head_size_1": {
        "seed": 2,
        "steps": 40,
        "samples": 6,
        "n_embd": 7,
        "n_head": 7,
        "block_size": 1,
    },
    "one_step": {"steps": 1, "samples": 3},
    "seed_of_40_bits": {
        "seed": 987654321012,
        "steps": 37,
        "samples": 3,
        "temperature": 1.0,
        "learning_rate": 0.003,
    },
    "unicode": {
        "data": "unicode.txt",
        "seed": 4,
        "steps": 40,
        "samples": 8,
        "n_embd": 15,
        "n_head": 3,
    },
    "one_character_documents": {
        "data": "letters.txt",
        "seed": 6,
        "steps": 30,
        "samples": 8,
        "n_embd": 8,
        "n_head": 2,
    },
}


def run(options: dict[str, Any]) -> dict[str, list[float] | list[str]]:
    """Return the losses and the names of one case."""
    sizes = {f.name: options[f.name] for f in fields(Config) if f.name in options}
    path = DATA / options["data"] if "data" in options else NAMES
    model = Model(read_documents(path), Config(**sizes), options.get("seed", 42))
    losses = list(model.train(options["steps"]))
    temperature = options.get("temperature", 0.5)
    return {
        "losses": losses,
        "names": [model.sample(temperature) for _ in range(options["samples"])],
    }


def main() -> None:
    protocols = {name: {"options": options, **run(options)} for name, options in CASES.items()}
    text = json.dumps(protocols, indent=1, ensure_ascii=False) + "\n"
    (HERE / "protocols.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
