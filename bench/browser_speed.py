"""What a visitor waits for, in a real Chromium: this page against a plain gr.Interface with the same model, in the same run.

The model is the same embedded one on both sides, so that the page alone makes the difference; behind fastai, the usual
template would be slower still (bench.template, which make bench measures over HTTP). Each visit has an empty cache, and the
sides take turns. No time is counted for the visitor's own hand: Submit of gr.Interface is clicked the moment it shows the
picture. Other hosts cannot be reached.
"""

import json
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser

from bench.browser import opened_tab
from bench.serving import ROOT, running

DRAWING = ROOT / "examples" / "mickey-mouse-2.png"
VISITS = 5
SLOW_LINE_BYTES_PER_S = 750_000 // 8
ADDRESS = "http://127.0.0.1:{port}"


@dataclass(frozen=True)
class Side:
    """A page to measure, as CSS selectors."""

    command: tuple[str, ...]
    """Of Python, which serves it."""
    input: str
    """A picture can be given when it is there, and page.js has run where the page has one."""
    answer: str
    submit: str = ""
    """The button to click when the picture is shown, "" where the answer comes by itself."""


SIDES = {
    "this page": Side(("app.py",), "#picture input[type=file]", "#answer:not([data-doing]) [data-picture]"),
    "plain gr.Interface": Side(
        ("-m", "bench.template", "plain"), "input[type=file]", "[data-testid=label-output-value]", "button.primary"
    ),
}
MEASURE = """(side) => {
    let chosen, before, isSubmitted = !side.submit;
    const find = (selector) => document.querySelector(selector);
    const said = () => find(side.answer) && (find(side.answer).dataset.picture || find(side.answer).textContent);
    const look = () => {
        if (find(side.input) && (side.submit || window.shrunk)) window.readyMs ??= performance.now();
        if (chosen === undefined) return;
        if (!isSubmitted && find("[data-testid=image] img")) {
            isSubmitted = true;
            find(side.submit).click();
        }
        if (said() && said() !== before) window.answeredMs ??= performance.now() - chosen;
    };
    new MutationObserver(look).observe(document, {attributes: true, characterData: true, childList: true, subtree: true});
    addEventListener("change", () => [chosen, before] = [performance.now(), said()], {capture: true, once: true});
}"""
PAINT = """() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime"""
Times = dict[str, dict[str, list[float]]]
"""Milliseconds by what is measured and by side."""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, opened_tab(390, 664) as tab:
        assert tab.context.browser
        times = measured(tab.context.browser, pictures(Path(folder)))
    print("| | this page (ms) | plain gr.Interface (ms) | ratio |\n|---|---|---|---|")
    for words, sides in times.items():
        mine, theirs = (statistics.median(sides[name]) for name in SIDES)
        print(f"| {words} | {mine:,.0f} | {theirs:,.0f} | {theirs / mine:.1f} |")
    print(f"\nMedians of {VISITS} visits; load {os.getloadavg()[0]:.1f} at the end.")
    return 0


def pictures(folder: Path) -> dict[str, Path]:
    """The drawing of 300 px, and a photograph of it with the grain of a camera."""
    with Image.open(DRAWING) as opened:
        drawing = opened.convert("RGB")
    small, large = folder / "small.jpg", folder / "large.jpg"
    drawing.resize((300, 300), Image.Resampling.LANCZOS).save(small, quality=90)
    grain = Image.effect_noise((4000, 3000), 30).convert("RGB")
    Image.blend(drawing.resize(grain.size), grain, 0.2).save(large, quality=90)
    return {"300 px": small, f"12 MP ({large.stat().st_size / 1e6:.1f} MB)": large}


def measured(browser: Browser, shown: dict[str, Path]) -> Times:
    """Both pages, visit by visit: the first paint, when a picture can be given, and from each picture to its answer."""
    times: Times = {}
    first = DRAWING.read_bytes()
    mine, theirs = SIDES.values()
    with running(*mine.command, picture=first) as (port, _, _), running(*theirs.command, picture=first) as (other, _, _):
        ports = dict(zip(SIDES, (port, other), strict=True))
        for name, at in ports.items():  # the first visit of all waits for more than the page
            visit(browser, SIDES[name], at, next(iter(shown.values())))
        for name, at in list(ports.items()) * VISITS:
            for words, milliseconds in visits(browser, name, at, shown).items():
                times.setdefault(words, {}).setdefault(name, []).append(milliseconds)
    return times


def visits(browser: Browser, name: str, port: int, shown: dict[str, Path]) -> dict[str, float]:
    """One visit for each picture, and one more by a slow line."""
    times = {}
    for words, path in shown.items():
        paint, ready, answered = visit(browser, SIDES[name], port, path)
        times |= {"first contentful paint": paint, "a picture can be given": ready, f"{words}, to its answer": answered}
    words, path = list(shown.items())[-1]
    times[f"{words} at 750 kbit/s, to its answer"] = visit(browser, SIDES[name], port, path, SLOW_LINE_BYTES_PER_S)[2]
    return times


def visit(
    browser: Browser, side: Side, port: int, picture: Path, upload_bytes_per_s: int = -1
) -> tuple[float, float, float]:
    """Milliseconds to the first contentful paint and until a picture can be given, and from the picture to its answer."""
    context = browser.new_context(viewport={"width": 390, "height": 664})
    tab = context.new_page()
    selectors = {"input": side.input, "answer": side.answer, "submit": side.submit}
    tab.add_init_script(f"({MEASURE})({json.dumps(selectors)})")
    tab.goto(ADDRESS.format(port=port))
    tab.wait_for_function("window.readyMs")
    tab.wait_for_timeout(1000)  # nothing loads any more
    line: dict[str, Any] = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload_bytes_per_s}
    context.new_cdp_session(tab).send("Network.emulateNetworkConditions", line)
    tab.set_input_files(side.input, picture)
    tab.wait_for_function("window.answeredMs", timeout=180_000)
    times = tab.evaluate(PAINT), tab.evaluate("window.readyMs"), tab.evaluate("window.answeredMs")
    context.close()
    return times


if __name__ == "__main__":
    sys.exit(main())
