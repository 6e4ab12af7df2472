"""The programs that a visitor copies from the page work as they stand there, filled with its address."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import EXAMPLES, Page
from playwright.sync_api import Browser, expect

from cartoons.page.snippets import ADDRESS, SNIPPETS

pytestmark = pytest.mark.slow


def test_each_program_works_as_it_stands_on_the_page(page: Page, browser: Browser, tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "mickey-mouse-2.png", tmp_path / "picture.png")
    tab = browser.new_page()
    tab.goto(page.url)
    tab.get_by_text("Ask this page from a program").click()
    expect(tab.locator("#snippets code").first).to_contain_text(page.url)
    programs = dict(zip(SNIPPETS, tab.locator("#snippets code").all_inner_texts(), strict=True))
    assert not [name for name, program in programs.items() if ADDRESS in program and page.url != ADDRESS]
    for name, program in programs.items():
        if name.startswith(("curl", "Python")):
            command = ["bash", "-c", program] if name == "curl" else [sys.executable, "-c", program]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
            assert "mickey mouse" in done.stdout, (name, done.stderr)
        elif name.startswith("JavaScript"):
            other = browser.new_page()  # about:blank: an origin of its own, as any other site's
            other.set_content(f"<!doctype html>{program}")
            other.locator("input").set_input_files(tmp_path / "picture.png")
            other.wait_for_function("document.title")
            assert json.loads(other.title())[0]["label"] == "mickey mouse"
        else:
            assert json.loads(program)["mcpServers"]["cartoons"]["url"] == f"{page.url}/gradio_api/mcp/"
