"""The review page: pictures of a class, kept, moved or deleted by click, tap or key. It is served to this machine only."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr

from cartoons.classifier import Classifier
from cartoons.errors import CartoonError
from cartoons.review.decisions import DECISIONS_FILE
from cartoons.review.desk import Desk, Told
from cartoons.review.shelf import not_shown
from cartoons.serving.api_guard import ApiGuard

HERE = Path(__file__).parent
ADDRESS = "127.0.0.1"
THIS_MACHINE = {ADDRESS, "localhost"}
THEME = gr.themes.Soft(
    primary_hue="amber",
    neutral_hue="slate",
    radius_size="lg",
    font=["ui-rounded", "system-ui", "sans-serif"],  # one's own fonts: the page asks no other host for anything
    font_mono=["ui-monospace", "monospace"],
).set(body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_300")


def build(root: Path, model: Path | None, folder_of: Callable[[str], str] = str) -> gr.Blocks:
    """The page for a picture folder; model: a model folder that says what to look at first.

    folder_of: the name of the folder to make for a label that has none. Raises DataError and BundleError.
    """
    desk = Desk(root, Classifier.load(model) if model else None, folder_of)

    def overview(_: dict[str, Any], request: gr.Request) -> Told:
        return _answer(request, desk.overview)

    def cards(asked: dict[str, Any], request: gr.Request) -> Told:
        return _answer(request, lambda: desk.cards(str(asked["label"]), int(asked["start"]), int(asked["count"])))

    def picture(asked: dict[str, Any], request: gr.Request) -> Told:
        return _answer(request, lambda: {"url": desk.picture(str(asked["key"]), bool(asked["large"]))})

    def decide(asked: dict[str, Any], request: gr.Request) -> Told:
        return _answer(request, lambda: desk.decide(str(asked["key"]), str(asked["action"]), str(asked["to"])))

    def undo(asked: dict[str, Any], request: gr.Request) -> Told:
        return _answer(request, lambda: desk.undo(str(asked["key"])))

    def apply(_: dict[str, Any], request: gr.Request) -> Told:
        return _answer(request, desk.apply)

    with gr.Blocks(title=f"Review {root.resolve().name}", analytics_enabled=False, fill_width=True) as demo:
        gr.HTML(
            "",
            html_template='<div class="review"><p class="quiet">Loading…</p></div>',
            js_on_load=(HERE / "page.js").read_text(encoding="utf-8"),
            server_functions=[overview, cards, picture, decide, undo, apply],
            apply_default_css=False,
        )
    return demo  # type: ignore[no-any-return]  # gr.Blocks' context manager is untyped


def serve(root: Path, model: Path | None, folder_of: Callable[[str], str] = str) -> None:
    """Serve the page to this machine until interrupted, and print where it is. As `build`, which see."""
    page = build(root, model, folder_of)
    for sentence in not_shown(root):
        print(sentence, flush=True)

    @asynccontextmanager
    async def guarded(app: Any) -> AsyncIterator[None]:
        app.middleware_stack = ApiGuard(app.middleware_stack, lambda: page.fns)
        yield

    _, url, _ = page.launch(
        prevent_thread_lock=True,
        app_kwargs={"lifespan": guarded},
        run_history=False,
        quiet=True,
        server_name=ADDRESS,
        share=False,
        theme=THEME,
        css=(HERE / "page.css").read_text(encoding="utf-8"),
        footer_links=[],
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
    )
    print(f"The review page is at {url} (Ctrl+C ends it; decisions are kept in {root / DECISIONS_FILE}).", flush=True)
    page.block_thread()


def _answer(request: gr.Request, tell: Callable[[], Told]) -> Told:
    """What the page is told: an error as {"error": sentence}.

    A page of another site, open in the same browser, could send requests here too: by its Origin, or by a Host of its own
    that it let point at this machine, it is turned away.
    """
    names = {urlsplit(f"//{request.headers.get('host', '')}").hostname}
    if origin := request.headers.get("origin"):
        names.add(urlsplit(origin).hostname)
    if not names <= THIS_MACHINE:
        return {"error": "This page answers only on the machine that it runs on."}
    try:
        return tell()
    except CartoonError as error:
        return {"error": str(error)}
    except (KeyError, TypeError, ValueError):
        return {"error": "That was not asked as this page asks it: reload the page."}
