"""docs/maths has every op, and what its pages name exists: classes, their members, files, pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "maths").glob("*.md"))
SOURCES = sorted((ROOT / "java" / "src" / "main" / "java").rglob("*.java"))
CLASSES = {path.stem: path.read_text(encoding="utf-8") for path in SOURCES}


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _code(page: Path) -> list[str]:
    """What a page has between backquotes."""
    return re.findall(r"`([^`]+)`", _text(page))


def test_every_op_has_a_page() -> None:
    ops = {name for name, text in CLASSES.items() if re.search(r"\bimplements Op\b", text)}
    assert len(ops) > 5
    named = {name for page in PAGES if page.stem != "README" for name in _code(page)}
    assert not ops - named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_classes_exist(page: Path) -> None:
    """Names in backquotes that are written as classes are: `Loss`, `Loss.backward`."""
    for name, member in re.findall(r"`([A-Z]\w*[a-z]\w*)(?:\.(\w+))?`", _text(page)):
        assert name in CLASSES, name
        assert not member or re.search(rf"\b{member}\(", CLASSES[name]), f"{name}.{member}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", _text(page))
    for link in (link for link in links if not link.startswith("https:")):
        assert (page.parent / link).is_file(), link
    for name in (name for name in _code(page) if re.fullmatch(r"[\w/.]+/[\w.]+", name)):
        assert (ROOT / name).is_file(), name


def test_pages_are_found() -> None:
    """From the index, and from the sources that refer to a page."""
    index = next(page for page in PAGES if page.stem == "README")
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", _text(index)))
    assert linked == {page.name for page in PAGES} - {index.name}
    for name, text in CLASSES.items():
        for page_name in re.findall(r"docs/maths/([\w-]+\.md)", text):
            assert page_name in linked, f"{name} refers to {page_name}"
