"""docs/seeds.md: every idea of the talk, and the places that show it exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "seeds.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (?!what was said)(.*) \|$", TEXT, re.MULTILINE)
IDEAS = (
    "computational graph", "layers", "forward", "backward", "optimizer", "metric", "embedding",
    "QKV", "softmax", "residual", "norm", "dropout", "multi-head", "positional encoding", "encoder",
    "decoder", "BPE", "cosine", "dot product", "universal approximation", "two files",
    "pretraining", "fine-tuning", "word vectors", "retrieval", "preferences",
    "LoRA", "DPO", "GRPO", "KL divergence", "reward model",
)  # fmt: skip


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("idea", IDEAS)
def test_an_idea_has_a_row(idea: str) -> None:
    assert sum(f"**{idea}**" in row.split(" | ")[0] for row in ROWS) == 1


def test_the_places_exist() -> None:
    for row in ROWS[1:]:  # after the line of dashes
        said, lesson, page, code = row.split(" | ")
        assert re.match(r"\[\d+\]\(\.\./pygpt/lessons/", lesson), said
        for link in re.findall(r"\]\(([^)]+)\)", row):
            path, _, anchor = link.partition("#")
            assert (DOCS / path).is_file(), link
            assert not anchor or anchor in _anchors(DOCS / path), link
        for number, file in re.findall(r"\[(\d+)\]\(\.\./pygpt/lessons/(\d+)-", lesson):
            assert int(number) == int(file)
        name, target = re.fullmatch(r"\[`([\w.]+)`\]\((.*)\)", code).groups()  # type: ignore[union-attr]
        source = (DOCS / target).read_text(encoding="utf-8")
        assert Path(target).name.startswith(name) or f"class {name}" in source, name
        assert page
