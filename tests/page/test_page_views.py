"""Each view of the page shows the numbers that the server has."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from pygpt.learn.lesson import Change, Code, lessons
from pygpt.serve import looks
from tests.page.conftest import AXE, Site

VIEWS = ("train", "flow", "backward", "heads", "lens", "ablate", "sample", "tokens", "embeddings",
         "chat", "compare", "learn")  # fmt: skip


def _values(found: Locator) -> list[float]:
    return [float(text) for text in found.evaluate_all("all => all.map(e => e.dataset.value)")]


def _bars(page: Page, name: str, column: int = 0, columns: int = 1) -> list[float]:
    table = page.locator(f"[data-bars={name}] td")
    table.first.wait_for()
    return _values(table)[column::columns]


def _pick(page: Page, matrix: str, row: int, column: int) -> dict[str, Any]:
    """Pick a number by the keys alone, and return what the page says of it."""
    figure = page.locator(f"[data-matrix={matrix}]")
    canvas = figure.locator("canvas")
    canvas.focus()
    for _ in range(64):
        canvas.press("ArrowUp")
        if figure.locator(".said[data-row='0']").count():
            break
    for _ in range(row):
        canvas.press("ArrowDown")
    for _ in range(column):
        canvas.press("ArrowRight")
    said = figure.locator(f".said[data-row='{row}'][data-column='{column}']")
    said.wait_for()
    return dict(said.evaluate("e => ({...e.dataset})"))


def test_flow(page: Page, site: Site) -> None:
    page.goto(site.url("flow"))
    _, arrays = site.arrays("/api/flow", {"ids": site.ids(), "layer": 0, "checkpoint": "now"})
    for matrix, array, row, column in (
        ("embedding", arrays["embedding"], 2, 5),
        ("q", arrays["qkv"], 1, 3),
        ("probabilities", arrays["probabilities"][0], 3, 2),
        ("attention", arrays["attention"], 2, 1),
        ("hidden", arrays["hidden"], 3, 4),
        ("stream_2", arrays["stream_2"], 4, 6),
    ):
        got = _pick(page, matrix, row, column)
        assert float(got["value"]) == float(array[row, column]), matrix
        sum_cell, engine = page.locator("[data-sum]"), page.locator("[data-engine]")
        expect(sum_cell).to_be_visible()
        assert float(engine.get_attribute("data-engine") or "nan") == float(array[row, column])
        if matrix != "embedding":  # which microgpt norms
            total = float(sum_cell.get_attribute("data-sum") or "nan")
            assert total == pytest.approx(float(array[row, column]), rel=1e-4, abs=1e-6), matrix
    last = len(site.ids()) - 1
    asked = {"ids": site.ids(), "layer": 0, "checkpoint": "now", "target": last}
    _, back = site.arrays("/api/backward", asked)
    _pick(page, "heads", last - 1, 2)
    gradient = page.locator("[data-gradient]").get_attribute("data-gradient")
    assert float(gradient or "nan") == float(back["heads"][last - 1, 2]) != 0
    logits = site.model.logits(site.ids())[0, -1].astype(np.float64)
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    np.testing.assert_allclose(_bars(page, "next"), np.sort(expected)[::-1][:10], rtol=1e-5)


def test_flow_of_another_layer_and_head(page: Page, tiny: Site) -> None:
    page.goto(tiny.url("flow"))
    page.get_by_role("combobox", name="Layer").select_option("1")
    page.get_by_role("combobox", name="Head").select_option("1")
    expect(page.locator("[data-matrix=final]")).to_be_visible()
    expected = float(tiny.model.attention(tiny.ids())[1, 1, 4, 2])
    got = _pick(page, "probabilities", 4, 2)
    for _ in range(100):  # what was shown before stays until the answer comes
        if float(got["value"]) == expected:
            break
        page.wait_for_timeout(100)
        got = _pick(page, "probabilities", 4, 2)
    assert float(got["value"]) == expected
    assert "layer=1&head=1" in page.url


def test_backward(page: Page, site: Site) -> None:
    page.goto(site.url("backward"))
    ids = site.ids()
    page.locator("[data-matrix=norms]").wait_for()
    page.locator("select[name=target]").select_option("3")
    asked = {"ids": ids, "layer": 0, "checkpoint": "now", "target": 3}
    meta, arrays = site.arrays("/api/backward", asked)
    loss = page.locator(f"[data-loss='{meta['loss']}']")
    loss.wait_for()
    logits = site.model.logits(ids)[0].astype(np.float64)
    rows = np.exp(logits - logits.max(axis=1, keepdims=True))
    rows /= rows.sum(axis=1, keepdims=True)
    assert meta["loss"] == pytest.approx(-np.log(rows[2, ids[3]]), rel=1e-5)
    pushes = rows[2] - np.eye(rows.shape[1])[ids[3]]
    largest = np.sort(np.abs(pushes))[::-1][:10]
    np.testing.assert_allclose(np.abs(_bars(page, "pushes")), largest, rtol=1e-3, atol=1e-6)
    for matrix, array, row, column in (
        ("d-embedding", arrays["embedding"], 2, 5),
        ("d-v", arrays["qkv"][:, -site.model.config.n_embd :], 1, 3),
        ("d-hidden", arrays["hidden"], 2, 4),
        ("norms", arrays["norms"], 1, 2),
    ):
        assert float(_pick(page, matrix, row, column)["value"]) == float(array[row, column]), matrix
    assert arrays["norms"][0, :3].all() and not arrays["norms"][:, 3:].any()


def test_heads(page: Page, site: Site) -> None:
    page.goto(site.url("heads", head="1"))
    maps = site.model.attention(site.ids())
    page.locator(".small-map").nth(maps.shape[1] - 1).wait_for()
    assert page.locator(".small-map").count() == maps.shape[0] * maps.shape[1]
    got = _pick(page, "head", 3, 1)
    assert float(got["value"]) == float(maps[0, 1, 3, 1])
    looks = _bars(page, "looks")
    np.testing.assert_array_equal(looks, np.sort(maps[0, 1, 3, :4])[::-1].astype(float))
    assert page.locator("svg .arc").count() > 0
    assert page.locator(".small-map canvas").first.evaluate(
        "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    ) > 4  # it is not blank


def test_lens(page: Page, site: Site) -> None:
    page.goto(site.url("lens"))
    _, arrays = site.arrays("/api/lens", {"ids": site.ids(), "checkpoint": "now"})
    cells = page.locator("[data-table=lens] button")
    cells.first.wait_for()
    tokens = [int(t) for t in cells.evaluate_all("all => all.map(e => e.dataset.token)")]
    np.testing.assert_array_equal(tokens, arrays["top"][..., 0].ravel())
    np.testing.assert_array_equal(_values(cells), arrays["probabilities"][..., 0].ravel())
    last = site.model.logits(site.ids())[0].argmax(-1)
    np.testing.assert_array_equal(tokens[-len(last) :], last)
    cells.nth(1).click()
    np.testing.assert_array_equal(_bars(page, "lens"), arrays["probabilities"][0, 1])


def test_ablate(page: Page, site: Site) -> None:
    page.goto(site.url("ablate"))
    H = site.model.config.n_head
    page.locator(f"[data-part='{H + 1}']").click()  # the MLP of the first layer
    changed = page.locator("[data-change]:not([data-change='0'])")
    changed.wait_for()
    ids = site.ids()
    scales = np.ones((site.model.config.n_layer, H + 2))
    scales[0, H + 1] = 0
    with site.model.probe(len(ids)) as probe:
        targets = [*ids[1:], -1]
        whole, part = probe.forward(ids, targets), probe.forward(ids, targets, scales)
    assert float(changed.get_attribute("data-whole") or "nan") == whole
    assert float(changed.get_attribute("data-part-loss") or "nan") == part
    page.get_by_role("button", name="Rank all").click()
    worth = page.locator(f"[data-part='{H + 1}'][data-worth]")
    worth.wait_for()
    assert float(worth.get_attribute("data-worth") or "nan") == part - whole


def test_sample(page: Page, site: Site) -> None:
    page.goto(site.url("sample"))
    page.locator("[data-bars=sample]").wait_for()
    page.get_by_label("top-k").fill("3")
    page.locator("[data-left='3']").wait_for()
    page.locator("input[name=count]").fill("4")
    page.locator("input[name=seed]").fill("7")
    page.locator("[data-drawn]").wait_for()
    ids = site.ids()
    drawn = site.model.generate(ids, 4, top_k=3, seed=7)[len(ids) :]
    wanted = " ".join(map(str, drawn))
    page.locator(f"[data-drawn='{wanted}']").wait_for()
    after = site.model.next_probabilities(ids, top_k=3)
    shown = _bars(page, "sample", 1, 2)
    np.testing.assert_array_equal(shown[:3], np.sort(after)[::-1][:3])
    assert not any(shown[3:])


def test_tokens(page: Page, site: Site) -> None:
    page.goto(site.url("tokens"))
    shown = page.locator("[data-ids]")
    shown.wait_for()
    assert shown.get_attribute("data-ids") == " ".join(map(str, site.ids()))
    page.locator("textarea").fill(site.text[::-1])
    reverse = site.json("/api/tokens", {"text": site.text[::-1], "begin": True})["ids"]
    page.locator(f"[data-ids='{' '.join(map(str, reverse))}']").wait_for()
    page.locator("input[name=begin]").uncheck()
    page.locator(f"[data-ids='{' '.join(map(str, reverse[1:]))}']").wait_for()
    example = looks.example(site.model)
    page.goto(f"{site.address}/?again")  # without a text the model has made one
    expect(page.locator("textarea")).to_have_value(example)
    assert example


def test_embeddings(page: Page, site: Site) -> None:
    page.goto(site.url("embeddings"))
    page.locator("[data-cloud]").wait_for()
    form = page.locator("[data-ask=near]")
    form.get_by_role("textbox").fill("a")
    form.get_by_role("button").click()
    near = form.locator(".near li")
    near.first.wait_for()
    expected = site.model.embeddings.most_similar("a", 10)
    assert _values(near) == [cosine for _, cosine in expected]
    analogy = page.locator("[data-ask=analogy]")
    for box, letter in zip(analogy.get_by_role("textbox").all(), "abc", strict=True):
        box.fill(letter)
    analogy.get_by_role("button").click()
    analogy.locator(".near li").first.wait_for()
    assert _values(analogy.locator(".near li"))[0] == site.model.embeddings.analogy(*"abc")[0][1]


def test_chat_of_a_model_that_only_goes_on(page: Page, site: Site) -> None:
    page.goto(site.url("chat"))
    page.get_by_label("Your message").fill("ab")
    page.get_by_role("button", name="Send").click()
    again = page.get_by_role("button", name="Answer again")
    expect(again).to_be_enabled()
    words = page.locator(".word")
    if words.count():  # a text may end at once
        words.first.click()
        assert max(_bars(page, "alternatives")) <= 1


def test_learn(page: Page, names: Site) -> None:
    all_lessons = lessons()
    page.goto(names.url("learn", lesson="10"))
    lesson, article = all_lessons[9], page.locator("[data-lesson='10']")
    assert article.locator("h3").inner_text() == lesson.title
    codes = [part.session.rstrip() for part in lesson.parts if isinstance(part, Code)]
    assert article.locator("[data-part=code]").all_inner_texts() == codes
    expect(article.locator("strong", has_text="query").first).to_be_visible()
    (change,) = (part for part in lesson.parts if isinstance(part, Change))
    solution = article.locator("[data-part=change] details").last
    solution.locator("summary").click()
    assert solution.locator("pre").inner_text() == change.solution
    page.get_by_role("button", name=all_lessons[10].title).click()
    expect(page.locator("[data-lesson='11'] h3")).to_have_text(all_lessons[10].title)
    page.get_by_label("Lesson").select_option("17")
    link = page.locator("[data-lesson='17'] a").first
    assert (link.get_attribute("href") or "").startswith("https://") and "lesson=17" in page.url


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious(page: Page, names: Site, view: str) -> None:
    dark = VIEWS.index(view) % 2 == 0
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.set_viewport_size({"width": 400 if dark else 1200, "height": 900})
    page.goto(names.url(view))
    page.locator("h2").wait_for()
    expect(page.get_by_text("The model computes")).to_have_count(0)
    found = _serious(page)
    assert not found, found
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, "the page is wider than its window"


def _serious(page: Page) -> str:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return "\n".join(
        f"{v['id']}: {json.dumps([n['html'][:200] for n in v['nodes'][:3]])}"
        for v in found
        if v["impact"] in ("serious", "critical")
    )


def test_keyboard_alone(page: Page, names: Site) -> None:
    """From the top of the page to a number of the flow without a mouse."""
    page.goto(names.url("train"))
    page.get_by_role("link", name="Flow").focus()
    page.keyboard.press("Enter")
    page.locator("[data-matrix=embedding] canvas").wait_for()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "CANVAS":
            break
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-engine]")).to_be_visible()
