"""Photograph the page for the README: make examples runs this last."""

import shutil

from playwright.sync_api import expect, sync_playwright

from bench.serving import ROOT, running

EXAMPLE = ROOT / "examples" / "mickey-mouse-2.png"
TARGET = ROOT / "examples" / "page" / "page.png"


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with running("app.py", picture=EXAMPLE) as (client, _, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1100, "height": 640})
        tab.goto(str(client.base_url))
        tab.wait_for_selector("#picture input[type=file]", state="attached")
        tab.set_input_files("#picture input[type=file]", EXAMPLE)
        expect(tab.locator("#said h2")).to_have_text("mickey mouse")
        tab.wait_for_timeout(1000)  # the bars slide in
        TARGET.parent.mkdir(exist_ok=True)
        tab.screenshot(path=TARGET)
        browser.close()


if __name__ == "__main__":
    main()
