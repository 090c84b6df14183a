"""A real Chromium for tests of pages: at any size, light, dark or printed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
              "--disable-component-update", "--disable-sync", "--no-first-run")  # fmt: skip
PICTURES = os.environ.get("OUTCOMES_TEST_PICTURES")


def needs_browser():
    """Skip a module where there is no Chromium; in CI that is a failure."""
    pytest.importorskip("playwright.sync_api", reason="needs playwright")
    pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    if CHROMIUM is None:
        reason = "needs chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason, allow_module_level=True)


# Not for a whole session: playwright's loop runs while it is open, and asyncio allows no second.
@pytest.fixture(scope="module")
def browser():
    """A browser; each test opens contexts of its own in it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        yield chromium
        chromium.close()


def violations(page):
    """What axe finds in a page: rule, and the first place."""
    from axe_playwright_python.sync_playwright import Axe

    result = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"][0]["html"]) for each in result]


def is_cut_off(page):
    """Whether a page is wider than its window."""
    return page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )


def picture(page, name, **options):
    """Keep a picture where `OUTCOMES_TEST_PICTURES` names a folder."""
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), **options)
