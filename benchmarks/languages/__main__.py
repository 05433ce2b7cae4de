"""`python -m benchmarks.languages`: the same training and generation from Java and from Python.

Both train the preset shakespeare-char and continue prompts with one model of random weights; the
sides take turns, each in a fresh process, and warm up first. The table has the medians of the
rounds, and Java's time as a share of Python's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.harness.peer import ROOT
from benchmarks.harness.report import machine, spread, write
from benchmarks.talk.__main__ import java

MEASURES = {"step": "a training step", "prompt": "a prompt of 240 tokens", "token": "a new token"}
HERE = Path(__file__).parent


def model(folder: Path) -> str:
    """Save a model of six layers with random weights; return a prompt for it."""
    import pygpt

    text = pygpt.read_text("shakespeare")
    tokenizer = pygpt.CharTokenizer.train([text], bos=False)
    sizes = pygpt.GPTConfig(
        block_size=256, vocab_size=tokenizer.vocab_size, n_layer=6, n_head=6, n_embd=384
    )
    with pygpt.GPT(sizes, tokenizer=tokenizer, seed=1) as made:
        made.save_pretrained(folder)
    return text[:240]


def measure(side: list[str], arguments: list[str]) -> dict[str, float]:
    """Return what one side needs for each measure, in seconds."""
    done = subprocess.run([*side, *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"benchmarks.languages: {side[-1]}: {done.stderr.strip()[-2000:]}")
    lines = [line.split() for line in done.stdout.splitlines()]
    pairs = [words for words in lines if len(words) == 2]
    return {name: float(number) for name, number in pairs if name in MEASURES}


def main() -> None:
    """Measure both sides, alternating; print the table and write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.languages", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--steps", type=int, default=200, metavar="N", help="default: 200")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measure there")
    options = parser.parse_args()
    sides = {
        "Java": [*java(), str(HERE / "Speed.java")],
        "Python": [sys.executable, str(HERE / "speed.py")],
    }
    os.environ["PYTHONPATH"] = str(ROOT)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    with tempfile.TemporaryDirectory() as folder:
        prompt = model(Path(folder, "model"))
        for number in range(options.rounds):
            for name, side in sides.items():
                run = f"{folder}/{name}{number}"
                arguments = [run, str(options.steps), f"{folder}/model", prompt, "100", "3"]
                found[name].append(measure(side, arguments))
    print("| | Java, ms | Python, ms | Java / Python |\n|---|---|---|---|")
    for key, what in MEASURES.items():
        times = {name: [1e3 * one[key] for one in rounds] for name, rounds in found.items()}
        shares = [a / b for a, b in zip(times["Java"], times["Python"], strict=True)]
        cells = [spread(times[name], ".3f") for name in sides]
        cells.append(f"{statistics.median(shares):.3f}")
        print(f"| {what} | {' | '.join(cells)} |")
    about = machine(os.cpu_count() or 1)
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    if options.json is not None:
        write(options.json, {"machine": about, "seconds": found})


if __name__ == "__main__":
    main()
