"""Photograph the page and the review page for the README: make examples runs this last."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageOps
from playwright.sync_api import expect

from bench.browser import opened_tab
from bench.serving import ROOT, running

EXAMPLES = ROOT / "examples"
EXAMPLE = EXAMPLES / "mickey-mouse-2.png"
FOLDER = EXAMPLES / "page"
WRONG = ("shinchan-1", "other-1")
"""Drawings that lie in the wrong folder of the review page, for it to find."""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    photograph_page()
    photograph_review()


def photograph_page() -> None:
    with running("app.py", picture=EXAMPLE.read_bytes()) as (port, _, _), opened_tab(1100, 640) as tab:
        tab.goto(f"http://127.0.0.1:{port}")
        tab.wait_for_selector("#picture input[type=file]", state="attached")
        tab.set_input_files("#picture input[type=file]", EXAMPLE)
        expect(tab.locator("#answer h2")).to_have_text("mickey mouse")
        tab.wait_for_timeout(1000)  # the bars slide in
        tab.screenshot(path=FOLDER / "page.png")


def photograph_review() -> None:
    """Of a folder of this project's drawings, as they are, mirrored and warmer, two of them in the wrong place."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "cartoons"
        for source in sorted(EXAMPLES.glob("*.png")):
            character = source.stem.rpartition("-")[0].replace("-", " ").replace("other", "_other")
            target = folder / ("mickey mouse" if source.stem in WRONG else character)
            target.mkdir(parents=True, exist_ok=True)
            for number, picture in enumerate(versions(source)):
                if number == 0 or source.stem not in WRONG:
                    picture.save(target / f"{source.stem}-{number}.png")
        command = [sys.executable, "-u", "scrape.py", "review", str(folder), "--model", "model"]
        env = os.environ | {"GRADIO_ANALYTICS_ENABLED": "False"}
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout
            [url] = re.findall(r"http://\S+", next(line for line in process.stdout if "http://" in line))
            with opened_tab(1100, 640) as tab:
                tab.goto(url)
                tab.get_by_role("button", name=re.compile("mickey mouse")).first.click()
                tab.wait_for_timeout(1500)
                tab.screenshot(path=FOLDER / "review.png")
        finally:
            process.terminate()
            process.wait()


def versions(source: Path) -> list[Image.Image]:
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    warmer = Image.blend(picture, Image.new("RGB", picture.size, "orange"), 0.15)
    return [picture, ImageOps.mirror(picture), warmer]


if __name__ == "__main__":
    main()
