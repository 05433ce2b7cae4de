"""Documents set apart by a marker, wherever pieces end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pygpt.datasets.cut import Piece
from pygpt.datasets.separate import separate


@given(st.lists(st.sampled_from(["a b", "<|", "|>", "<|end|>", "\n", " ", "x"]), max_size=30),
       st.lists(st.integers(0, 40), max_size=8))  # fmt: skip
def test_documents(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)
    places = sorted({min(place, len(text)) for place in [*cuts, 0, len(text)]})
    pieces = [Piece(text[a:b], b == len(text)) for a, b in zip(places, places[1:], strict=False)]
    expected = [d.strip("\r\n") for d in text.split("<|end|>") if d.strip()]
    found = [*separate(pieces, "<|end|>")]
    assert [piece.text for piece in found] == expected
    assert all(piece.ends for piece in found)


def test_of_several_texts() -> None:
    pieces = [Piece("a-b", True), Piece("c-", False), Piece("d", True)]
    assert [*separate(pieces, "-")] == [Piece(text, True) for text in "abcd"]
