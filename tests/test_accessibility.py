"""axe-core on the page in every state, in a real Chromium, light and dark: nothing serious, nothing critical."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import AXE, Page, colour_graph, colour_info, plain
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab

from cartoons import model_folder

pytestmark = pytest.mark.slow
CHARACTERS = ("red fox", "green frog", "blue whale", *(f"character {number}" for number in range(4, 11)))
"""Of which red and green are a character's colours, more than the page names one by one."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("model")
    labels = (*CHARACTERS, "_other")
    model_folder.write(folder, colour_info(labels=labels), colour_graph(len(labels), heat=True))
    running = Page("--model", str(folder), "--corrections", str(tmp_path_factory.mktemp("corrections")))
    yield running
    running.stop()


def faults(tab: Tab, patience_s: float = 3) -> list[tuple[str, str, Any]]:
    """What axe calls serious or critical, once nothing moves any more: its rule, how bad it is, and which elements."""
    deadline = time.monotonic() + patience_s
    while True:
        found = [
            (one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]])
            for one in tab.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        if not found or time.monotonic() > deadline:
            return found
        tab.wait_for_timeout(500)


@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_serious_in_any_state(browser: Browser, served: Page, tmp_path: Path, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 700}, reduced_motion="reduce")
    tab = context.new_page()
    tab.set_default_timeout(20_000)
    tab.goto(served.url)
    tab.wait_for_selector("#picture input[type=file]", state="attached")
    tab.evaluate(AXE)
    (tmp_path / "notes.png").write_text("buy carrots")
    for colour in ("red", "white"):
        plain(colour).save(tmp_path / f"{colour}.png")

    def give(name: str, kind: str) -> None:
        tab.set_input_files("#picture input[type=file]", tmp_path / name)
        expect(tab.locator(f"#answer:not([data-doing]) .{kind}")).to_be_visible()

    def give_many() -> None:
        tab.set_input_files("#many input", [tmp_path / name for name in ("red.png", "white.png", "notes.png")])
        expect(tab.locator("#answers a")).to_be_visible()

    def correct() -> None:
        tab.get_by_role("button", name="That’s wrong").click()
        tab.get_by_label("Who is it?").click()
        tab.get_by_role("option", name="blue whale").click()
        tab.get_by_role("button", name="Send", exact=True).click()
        expect(tab.locator("#told")).to_contain_text("Thank you")

    def open_api_panel() -> None:
        tab.get_by_text("Use via API").click()
        expect(tab.locator(".api-docs .api-name").first).to_be_visible()
        expect(tab.locator(".api-docs").get_by_text("Required").first).to_be_visible()

    states = {
        "first": lambda: None,
        "known": lambda: give("red.png", "known"),
        "lit": lambda: tab.get_by_role("button", name="Where it looked").click(),
        "copied": lambda: tab.get_by_role("button", name="Copy result").click(),
        "wrong": correct,
        "unknown": lambda: give("white.png", "unknown"),
        "all characters": lambda: tab.locator("#top summary").click(),
        "problem": lambda: give("notes.png", "problem"),
        "alert": lambda: tab.evaluate("dispatchEvent(new Event('offline'))"),
        "uploading": lambda: tab.evaluate("document.querySelector('#answer').dataset.doing = 'Uploading 43 %'"),
        "many": give_many,
        "sorted": lambda: tab.get_by_role("button", name="Answer").click(),
        "programs": lambda: tab.get_by_text("Ask this page from a program").click(),
        "camera": lambda: tab.get_by_role("button", name="Camera").click(),
        "API": open_api_panel,
    }
    found = {}
    for state, reach in states.items():
        reach()
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            expect(tab.locator("body.dark")).to_have_count(int(scheme == "dark"))
            found |= {(state, scheme): faults(tab)}
    assert tab.locator(".api-docs-wrap").evaluate(
        "panel => panel.scrollWidth <= innerWidth && panel.offsetWidth <= innerWidth"
    )
    context.close()
    assert {shown: faults for shown, faults in found.items() if faults} == {}
