"""Write the pictures of docs/page.md and of the README from the real page: `make pictures`.

The model is a small one of Shakespeare's letters, trained here with a fixed seed; so is the text.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from pygpt import GPT
from pygpt.cli import main as cli
from pygpt.serve.live import RunFeed
from pygpt.serve.show import Shown
from tests.page.conftest import CHROMIUM_FLAGS, ROOT, Site, serving

FOLDER = ROOT / "docs" / "pictures"
TEXT = "To be, or not to b"
STEPS = 150


@contextmanager
def _site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "shakespeare"
        options = (
            f"train shakespeare-char --out {run} --max-iters {STEPS} --keep 10 --n-layer 2 --quiet "
            f"--eval-interval {STEPS // 6} --checkpoint-interval {STEPS // 3} --probe"
        )
        assert cli.run(options.split()) == 0
        shown = Shown(run, RunFeed(run))
        with GPT.from_pretrained(run / "last") as model:
            with serving(model, "shakespeare", TEXT, shown) as site:
                yield site


def _wait(page: Page, what: str) -> None:
    page.locator(what).first.wait_for()
    page.get_by_text("The model computes").wait_for(state="detached")


def _flow(page: Page) -> None:
    _wait(page, "[data-matrix=probabilities]")
    canvas = page.locator("[data-matrix=q] canvas")
    box = canvas.bounding_box()
    assert box is not None
    canvas.click(position={"x": box["width"] * 0.4, "y": box["height"] * 0.9})
    page.mouse.move(0, 0)
    page.locator("[data-gradient]").wait_for()
    page.evaluate("scrollTo(0, 0)")


def _heads(page: Page) -> None:
    _wait(page, "[data-matrix=head]")


def _lens(page: Page) -> None:
    _wait(page, "[data-table=lens] button")


def _ablate(page: Page) -> None:
    _wait(page, "[data-change]")
    page.get_by_role("button", name="Rank all").click()
    page.locator("[data-worth]").first.wait_for()
    page.locator("[data-part='1']").click()
    page.locator("[data-change]:not([data-change='0'])").wait_for()
    page.mouse.move(0, 0)


def _sample(page: Page) -> None:
    _wait(page, "[data-bars=sample]")
    page.get_by_label("Temperature").fill("0.7")
    page.get_by_label("top-p").fill("0.9")
    page.locator("input[name=count]").fill("60")
    page.locator("[data-drawn]").wait_for()
    page.wait_for_timeout(1000)


def _backward(page: Page) -> None:
    _wait(page, "[data-matrix=d-q]")


def _train(page: Page) -> None:
    page.locator(f"[data-step='{STEPS}']").wait_for()
    page.locator(f"[data-evaluation='{STEPS}']").wait_for()


PICTURES = {
    "train": (_train, 1620), "flow": (_flow, 1000), "backward": (_backward, 1000),
    "heads": (_heads, 900), "lens": (_lens, 900), "ablate": (_ablate, 800),
    "sample": (_sample, 960),
}  # fmt: skip


def main() -> None:
    """Take all pictures, light, at 1,200 points' width; the README's is that of Flow."""
    FOLDER.mkdir(exist_ok=True)
    with _site() as site, sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        for view, (prepare, height) in PICTURES.items():
            size = {"width": 1200, "height": height}
            context = browser.new_context(viewport=size, reduced_motion="reduce")
            page = context.new_page()
            page.set_default_timeout(120_000)
            page.goto(site.url(view, layer="1", head="2"))
            prepare(page)
            page.screenshot(path=FOLDER / f"page-{view}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
