"""Text token by token, against what the whole text says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pygpt.generate.text_stream import TextStream

TEXTS = st.text("aé𝄞", max_size=40)
STOPS = st.lists(st.text("aé𝄞", min_size=1, max_size=4), max_size=4).map(tuple)


def before_stop(text: str, stops: tuple[str, ...]) -> str:
    """Return what comes before the stop string that is complete first, the longest of such."""
    for end in range(1, len(text) + 1):
        found = [len(stop) for stop in stops if text[:end].endswith(stop)]
        if found:
            return text[: end - max(found)]
    return text


@given(TEXTS, STOPS, st.data())
def test_any_tokens(text: str, stops: tuple[str, ...], data: st.DataObject) -> None:
    """Cut anywhere, within characters too; nothing is taken back, and nothing kept back longer."""
    whole = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)))) | {0, len(whole)})
    expected = before_stop(text, stops)
    stream, got = TextStream(stops), ""
    for start, end in zip(cuts, cuts[1:], strict=False):
        stream.add(whole[start:end])
        got += stream.take()
        assert expected.startswith(got)
        if stream.stopped:
            assert got == expected
        else:
            rest = whole[:end].removeprefix(got.encode()).decode(errors="ignore")
            assert not rest or any(stop.startswith(rest) for stop in stops)
    assert stream.stopped == (expected != text)
    stream.end()
    assert got + stream.take() == expected


def test_a_token_that_spells_more_than_the_stop_string() -> None:
    stream = TextStream(("\n", "b\nc"))
    stream.add(b"ab\ncd")
    assert (stream.stopped, stream.take()) == (True, "ab")
    stream.add(b"e")
    stream.end()
    assert stream.take() == ""


def test_what_is_no_text() -> None:
    """Bytes that are no UTF-8 are one replacement character each, or each broken beginning."""
    stream = TextStream(("é",))
    for token in (b"a\xff", b"\xc3", b"b\xe2\x82"):
        stream.add(token)
    assert stream.take() == "a\ufffd\ufffdb"
    stream.end()
    assert stream.take() == "\ufffd"
