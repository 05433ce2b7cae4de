"""What the page says when something goes wrong, trainings that are watched, and saved pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from pygpt import GPT, GPTConfig, TrainConfig
from pygpt.serve import looks
from pygpt.serve.live import Live, RunFeed
from pygpt.serve.probes import Probes
from pygpt.serve.show import Shown
from pygpt.training.trainer import Trainer
from tests.page.conftest import Site, serving
from tests.support.training_runs import TOKENIZER, Data

LOOKED_AT = np.array([1, 5, 2, 4, 3], np.int32)
SMALL = GPTConfig.microgpt(16, TOKENIZER.vocab_size, 2, 2, 8)


@pytest.fixture
def model() -> Iterator[GPT]:
    with GPT(SMALL, tokenizer=TOKENIZER) as made:
        yield made


def test_reload_finds_its_place(page: Page, tiny: Site) -> None:
    page.goto(tiny.url("heads", layer="1", head="1"))
    chosen = page.locator(".small-map[aria-pressed=true]")
    expect(chosen).to_have_attribute("aria-label", "Layer 1, head 1")
    page.reload()
    expect(chosen).to_have_attribute("aria-label", "Layer 1, head 1")
    expect(page.locator("textarea")).to_have_value(tiny.text)
    page.get_by_role("link", name="Sample").click()
    page.locator("[data-bars=sample]").wait_for()
    page.go_back()
    expect(chosen).to_have_attribute("aria-label", "Layer 1, head 1")


def test_a_server_that_ends(page: Page, model: GPT) -> None:
    with serving(model, "small", "ABC") as site:
        port = int(site.address.rpartition(":")[2])
        page.goto(site.url("sample"))
        page.locator("[data-bars=sample]").wait_for()
    expect(page.get_by_role("heading", name="The server has gone")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Start it again")
    with serving(model, "small", "ABC", port=port):
        page.get_by_role("button", name="Try again").click()
        page.locator("[data-bars=sample]").wait_for()


def test_a_text_that_is_too_long_or_unknown(page: Page, model: GPT) -> None:
    with serving(model, "small", "ABC") as site:
        page.goto(site.url("flow"))
        page.locator("[data-matrix=embedding]").wait_for()
        page.locator("textarea").fill("A" * 40)
        expect(page.get_by_role("alert")).to_contain_text("reads 16 tokens at most")
        page.locator("textarea").fill("xyz")
        expect(page.get_by_role("alert")).to_contain_text("'x'")
        page.locator("textarea").fill("AB")
        page.locator("[data-matrix=embedding]").wait_for()
        expect(page.get_by_role("alert")).to_have_count(0)


def test_a_long_context(page: Page) -> None:
    """1,024 positions: windows and tiles, and the same numbers."""
    config = GPTConfig.microgpt(1024, TOKENIZER.vocab_size, 1, 2, 128)
    text = "ABCDEFGHIJ" * 102
    with GPT(config, tokenizer=TOKENIZER) as model, serving(model, "long", text) as site:
        ids = site.ids()
        page.goto(site.url("flow"))
        expect(page.get_by_text("The text has 1020 tokens: the last 64 are shown")).to_be_visible()
        page.locator("[data-matrix=probabilities]").wait_for()
        _, arrays = site.arrays("/api/flow", {"ids": ids, "layer": 0, "checkpoint": "now"})
        assert arrays["probabilities"].shape == (2, 64, 64)
        whole = model.attention(ids)
        np.testing.assert_array_equal(arrays["probabilities"], whole[0, :, -64:, -64:])
        page.goto(site.url("heads"))
        page.locator("[data-matrix=head]").wait_for()
        expect(page.get_by_text("Maps of long texts have tiles")).to_be_visible()
        _, small = site.arrays("/api/heads", {"ids": ids, "checkpoint": "now"})
        assert small["maps"].shape == (1, 2, 48, 48)
        assert small["maps"].max() == whole.max()
        page.goto(site.url("lens"))
        page.locator("[data-table=lens] button").first.wait_for()


def test_a_key(page: Page, model: GPT) -> None:
    with serving(model, "small", "ABC", api_key="secret") as site:
        page.goto(site.url("sample"))
        expect(page.get_by_role("alert")).to_contain_text("wants its key")
        page.get_by_label("Key of the server").fill("wrong")
        page.get_by_role("button", name="Use this key").click()
        expect(page.get_by_role("alert")).to_contain_text("wants its key")
        page.get_by_label("Key of the server").fill("secret")
        page.get_by_role("button", name="Use this key").click()
        page.locator("[data-bars=sample]").wait_for()


def test_a_saved_page(page: Page, tiny: Site, tmp_path: Path) -> None:
    page.goto(tiny.url("flow"))
    page.locator("[data-matrix=embedding]").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save page").click()
    file = tmp_path / "tiny.html"
    download.value.save_as(file)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{file.as_uri()}#{tiny.url('flow', layer='1').partition('#')[2]}")
    expect(page.get_by_text("A saved page")).to_be_visible()
    _, arrays = tiny.arrays("/api/flow", {"ids": tiny.ids(), "layer": 1, "checkpoint": "now"})
    canvas = page.locator("[data-matrix=stream_2] canvas")
    canvas.focus()
    said = page.locator("[data-matrix=stream_2] .said[data-value]")
    row = int(said.get_attribute("data-row") or "-1")
    assert float(said.get_attribute("data-value") or "nan") == float(arrays["stream_2"][row, 0])
    for view, shown in (
        ("Heads", "[data-matrix=head]"), ("Lens", "[data-table=lens]"),
        ("Ablate", "[data-change]"), ("Sample", "[data-bars=sample]"),
        ("Backward", "[data-bars=pushes]"),
        ("Embeddings", "[data-cloud]"), ("Tokens", "[data-ids]"),
    ):  # fmt: skip
        page.get_by_role("link", name=view).click()
        page.locator(shown).wait_for()
    assert all(url.startswith("file:") for url in asked)


def test_without_the_page_the_server_says_how_to_get_it(
    model: GPT, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("pygpt.serve.show.resources.files", lambda _: tmp_path)
    with serving(model, "small", "ABC") as site, httpx2.Client() as client:
        answer = client.get(f"{site.address}/")
        assert answer.status_code == 200 and "make page" in answer.text
        assert client.get(f"{site.address}/v1/models").status_code == 200


# ---- trainings -------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with two checkpoints."""
    folder = tmp_path / "run"
    with GPT(SMALL) as model:
        config = TrainConfig(max_iters=20, eval_interval=10, checkpoint_interval=10, batch_size=4)
        with Trainer(model, Data(), config, run=folder) as trainer:
            probes = Probes(folder, 0, LOOKED_AT)
            for record in trainer:
                if record.validation_loss is not None:
                    probes.record(record.step, model, f"made at {record.step}")
    return folder


def test_a_run_that_has_ended(page: Page, run: Path) -> None:
    with GPT.from_pretrained(run / "last") as model:
        with serving(model, "run", "ABC", Shown(run, RunFeed(run))) as site:
            assert site.json("/api/model")["checkpoints"] == ["untrained", "10", "20", "now"]
            page.goto(site.url("train"))
            status = page.locator("[data-step='20']")
            expect(status).to_contain_text("This training has ended")
            assert page.get_by_role("button", name="Pause").count() == 0
            _check_evaluations(page, run)
            page.goto(site.url("compare"))
            page.locator("[data-compare=untrained]").wait_for()
            page.get_by_label("First").select_option("10")
            page.locator("[data-compare='10']").wait_for()
            shown = page.locator("[data-compare='10']").get_attribute("data-drawn")
            with GPT.from_pretrained(run / "step-00000010") as then:
                ids = then.generate(site.ids(), 13, temperature=0.8, seed=1, slide=True)
            assert shown == " ".join(map(str, ids[len(site.ids()) :]))
            page.goto(site.url("lens"))
            slider = page.get_by_role("slider", name="Checkpoint")
            slider.fill("0")
            expect(page.locator(".slider output")).to_have_text("untrained")
            page.locator("[data-table=lens] button").first.wait_for()


def _check_evaluations(page: Page, run: Path) -> None:
    """The looks that the run has kept are those of the models that it was."""
    page.locator("[data-evaluation='20']").wait_for()
    page.get_by_role("slider", name="Evaluation").fill("0")
    page.locator("[data-evaluation='10']").wait_for()
    expect(page.get_by_text("made at 10")).to_be_visible()
    with GPT.from_pretrained(run / "step-00000010") as then:
        expected, maps = looks.lens(then, LOOKED_AT), then.attention(LOOKED_AT)
    guesses = page.locator("[data-table=looked] button")
    tokens = guesses.evaluate_all("all => all.map(e => Number(e.dataset.token))")
    np.testing.assert_array_equal(tokens, expected["top"][..., 0].ravel())
    canvas = page.locator("[data-matrix=looked-head] canvas")
    canvas.focus()
    said = page.locator("[data-matrix=looked-head] .said[data-value]")
    shown = float(said.get_attribute("data-value") or "nan")
    assert shown == float(maps[0, 0, len(LOOKED_AT) - 1, 0])


def _check_gradients(page: Page, trainer: Trainer) -> None:
    """What the page shows of the last step's gradient is what the trainer has."""
    page.get_by_text("Gradient of each weight").first.click()
    table = page.locator(f"[data-bars=gradients][data-step='{trainer.step}']")
    table.wait_for()
    sums = trainer.gradient_sums()
    assert table.locator("tbody tr").count() == len(sums)
    for name, gradient in sums.items():
        cells = table.locator(f"[data-weight='{name}'] td[data-value]")
        norm, largest = cells.evaluate_all("all => all.map(e => Number(e.dataset.value))")
        assert norm == pytest.approx(np.linalg.norm(gradient.astype(np.float64)), rel=1e-5)
        assert abs(largest) == np.abs(gradient).max()
    name = "h.1.mlp.c_fc.weight"
    table.get_by_role("button", name=name).click()
    page.get_by_text(f"Gradient of {name}, after step {trainer.step}").wait_for()
    page.locator("[data-matrix=gradient] canvas").focus()
    said = page.locator("[data-matrix=gradient] .said[data-value]")
    row = int(said.get_attribute("data-row") or "-1")
    assert float(said.get_attribute("data-value") or "nan") == float(sums[name][row, 0])
    before = trainer.model.parameters()[name].copy()
    step = trainer.step
    page.get_by_role("button", name="One step").click()
    page.locator(f"[data-bars=gradients][data-step='{step + 1}']").wait_for()
    expect(table.first).to_have_count(0)
    moved = page.locator(f"[data-weight='{name}'] [data-moved]").get_attribute("data-moved")
    change = np.abs(trainer.model.parameters()[name] - before).max()
    assert abs(float(moved or "nan")) == change


def test_a_training_that_is_watched(page: Page, model: GPT) -> None:
    """It pauses, does one step, goes on; and learns what it would have learnt unwatched."""
    config = TrainConfig(max_iters=2000, eval_interval=0, batch_size=2)
    live = Live()
    trainer = Trainer(model, Data(), config, writers=[live])
    stop = threading.Event()
    losses: list[float] = []

    def train() -> None:
        for record in trainer:
            losses.append(record.loss)
            live.gate(trainer, stop.is_set)
            if stop.is_set():
                break

    with serving(model, "live", "ABC", Shown(None, live)) as site:
        live.control("pause")
        thread = threading.Thread(target=train)
        thread.start()
        try:
            page.goto(site.url("train"))
            page.locator("[data-step='1']").wait_for()
            page.get_by_role("button", name="One step").click()
            page.locator("[data-step='2']").wait_for()
            page.locator("[data-bars=norms]").wait_for()
            loss = page.locator("[data-curves=loss] .line-faint[data-last]")
            assert float(loss.get_attribute("data-last") or "nan") == losses[-1]
            _check_gradients(page, trainer)
            page.goto(site.url("flow"))
            page.locator("[data-matrix=embedding]").wait_for()
            page.goto(site.url("train"))
            page.get_by_role("button", name="Go on").click()
            expect(page.locator("[data-step='2']")).to_have_count(0)
            page.get_by_role("button", name="Pause").click()
            expect(page.get_by_text("Paused.")).to_be_visible()
        finally:
            stop.set()
            thread.join(30)
    trainer.close()
    with GPT(SMALL, tokenizer=TOKENIZER) as other, Trainer(other, Data(), config) as alone:
        assert [next(alone).loss for _ in losses] == losses
