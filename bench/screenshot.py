"""Photograph the page for the README: make examples runs this last."""

from playwright.sync_api import expect

from bench.browser import opened_tab
from bench.serving import ROOT, running

EXAMPLE = ROOT / "examples" / "mickey-mouse-2.png"
TARGET = ROOT / "examples" / "page" / "page.png"


def main() -> None:
    with running("app.py", picture=EXAMPLE) as (client, _, _), opened_tab(1100, 640) as tab:
        tab.goto(str(client.base_url))
        tab.wait_for_selector("#picture input[type=file]", state="attached")
        tab.set_input_files("#picture input[type=file]", EXAMPLE)
        expect(tab.locator("#said h2")).to_have_text("mickey mouse")
        tab.wait_for_timeout(1000)  # the bars slide in
        TARGET.parent.mkdir(exist_ok=True)
        tab.screenshot(path=TARGET)


if __name__ == "__main__":
    main()
