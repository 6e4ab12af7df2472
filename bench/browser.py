"""The Chromium that the benches and make examples measure, draw and photograph with."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

ARGS = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
"""No page here needs another host, and none shall wait for one."""


@contextmanager
def opened_tab(width_px: int, height_px: int) -> Iterator[Page]:
    """An empty tab of that size, closed with its browser at the end."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGS)
        yield browser.new_page(viewport={"width": width_px, "height": height_px})
        browser.close()
