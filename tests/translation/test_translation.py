"""Tasks of pairs: what they say, beside independent spellers, and that they are learned."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from num2words import num2words

import pygpt
from pygpt.cli import main as cli
from pygpt.errors import ConfigError
from pygpt.tokenizers.words import WordTokenizer
from pygpt.translation.dates import drawn, written
from pygpt.translation.names import TASK_NAMES
from pygpt.translation.numbers import english, german
from pygpt.translation.tasks import TASKS
from pygpt.translation.train import TaskTraining


def _sample() -> list[int]:
    rng = random.Random(1)
    return [*range(1200), *(rng.randrange(1_000_000) for _ in range(1500)), 100_000, 999_999]


def test_numbers_are_num2words_numbers() -> None:
    for n in _sample():
        assert english(n) == num2words(n).replace(" and ", " ").replace(",", "")
        # before another word it is "ein", also in 101,000, where num2words has "einstausend"
        assert german(n) == num2words(n, lang="de").replace("einstausend", "eintausend")


def test_numbers_that_the_readme_shows() -> None:
    assert english(342) == "three hundred forty-two"
    assert german(342) == "dreihundertzweiundvierzig"
    assert german(100) == "einhundert" and german(1001) == "eintausendeins"


def test_dates_say_their_day() -> None:
    rng = random.Random(2)
    for _ in range(200):
        day = drawn(rng)
        text = written(day, rng)
        assert str(day.year) in text and re.search(rf"\b0?{day.day}(st|nd|rd|th|\b)", text)
    assert {written(date(2025, 3, 7), rng) for _ in range(300)} >= {
        "7 March 2025", "March 7, 2025", "Friday, March 7, 2025", "Friday 7 March 2025",
        "the 7th of March, 2025", "7 Mar 2025", "Mar 7, 2025", "07.03.2025", "7.3.2025",
        "2025/03/07",
    }  # fmt: skip


def test_words_letters_digits_and_signs_are_tokens() -> None:
    assert WordTokenizer.split("Forty-two, 7th  of März") == [
        "Forty", "-", "two", ",", "7", "th", "of", "März",
    ]  # fmt: skip


def test_every_task_has_all_its_words() -> None:
    assert tuple(TASKS) == TASK_NAMES
    for task in TASKS.values():
        rng = random.Random(3)
        reading, spelling = task.source_tokenizer(), task.target_tokenizer()
        for _ in range(300):
            source, target = task.train_pair(rng)
            assert 1 <= len(reading.encode(source)) <= task.model["source_block_size"]
            assert len(spelling.encode(target)) < task.model["target_block_size"]
        reading.encode(task.example)


def test_the_same_seed_gives_the_same_bits_and_unseen_pairs_stay_unseen() -> None:
    def trained(seed: int) -> tuple[list[float], bytes]:
        losses: list[float] = []
        options = {"max_iters": 3, "batch_size": 8, "seed": seed}
        with TaskTraining("reverse", {"n_embd": 16}, options) as training:
            training.run(lambda step, loss: losses.append(loss))
            kept = {source for source, _ in training.unseen}
            for batch in (next(training._batches()) for _ in range(5)):
                for ids, length in zip(batch.sources, batch.lengths, strict=True):
                    reading = training.task.source_tokenizer()
                    text = "".join(reading.characters[i] for i in ids[:length])  # type: ignore[union-attr]
                    assert text not in kept
            weights = training.model.parameters()
            return losses, b"".join(weight.tobytes() for weight in weights.values())

    assert trained(1) == trained(1) != trained(2)


def test_an_option_that_does_not_count_is_refused() -> None:
    with pytest.raises(ConfigError, match="eval_interval does not go with copy"):
        TaskTraining("copy", train={"eval_interval": 5})
    with pytest.raises(ConfigError, match="task: expected one of number-words"):
        TaskTraining("sort")


def test_a_task_is_trained_saved_and_generated(
    python: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("--max-iters", "12", "--batch-size", "8", "--n-embd", "32", "--norm-order", "post")
    result = python("-m", "pygpt", "train", "reverse", "--out", "model", *few)
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(r"\d+ of 2,000 unseen exact \(\d\.\d\d%\)\n", result.stdout)
    assert result.stderr.endswith("next: python -m pygpt generate model abracadabra\n")
    wrong = python("-m", "pygpt", "train", "copy", "--data", "a.txt")
    assert (wrong.returncode, wrong.stderr) == (
        2, "pygpt: error: --data does not go with copy, which makes its own data\n",
    )  # fmt: skip
    assert cli.run(["info", str(tmp_path / "model")]) == 0
    assert "kind                                encoder-decoder\n" in capsys.readouterr().out
    options = ("--max-new-tokens", "4", "--beams", "2")
    result = python("-m", "pygpt", "generate", "model", "abc", *options)
    assert result.returncode == 0, result.stderr
    with pygpt.load(tmp_path / "model") as model:
        (text,) = model.generate(["abc"], max_new_tokens=4, beams=2)
    assert result.stdout == f"{text}\n"
