"""The review page: pictures of a class, kept, moved or deleted by click, tap or key. It is served to this machine only."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr

from cartoons.classifier import Classifier
from cartoons.errors import CartoonError
from cartoons.page.layout import theme
from cartoons.review import decisions
from cartoons.review.corrections import CorrectionsReview
from cartoons.review.review import Answer, Review
from cartoons.serving.api_guard import ApiGuard

HERE = Path(__file__).parent
SCRIPTS = ("review.js", "show.js", "act.js")
ADDRESS = "127.0.0.1"
THIS_MACHINE = {ADDRESS, "localhost"}


def build(review: Review) -> gr.Blocks:
    """The page of a review."""
    functions: dict[str, Callable[[Answer], Answer]] = {
        "overview": lambda _: review.overview(),
        "cards": lambda asked: review.cards(str(asked["label"]), int(asked["start"]), int(asked["count"])),
        "picture": lambda asked: review.picture(str(asked["key"]), bool(asked["large"])),
        "decide": lambda asked: review.decide_all(_keys(asked["keys"]), str(asked["action"]), str(asked["to"])),
        "accept": lambda _: review.accept(),
        "keep_rest": lambda asked: review.keep_rest(str(asked["label"])),
        "next_doubt": lambda asked: review.next_doubt(str(asked["key"])),
        "place": lambda asked: review.place(str(asked["key"])),
        "undo": lambda asked: review.undo(str(asked["key"])),
        "apply": lambda _: review.apply(),
    }
    with gr.Blocks(title=f"Review {review.root.resolve().name}", analytics_enabled=False, fill_width=True) as demo:
        gr.HTML(
            "",
            html_template='<div class="review"><p class="quiet">Loading…</p></div>',
            js_on_load="\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS),
            server_functions=[_for_this_machine(name, function) for name, function in functions.items()],
            apply_default_css=False,
        )
    return demo  # type: ignore[no-any-return]  # gr.Blocks' context manager is untyped


def serve(root: Path, model: Path | None, folder_of: Callable[[str], str] = str, corrections: Path | None = None) -> None:
    """Serve the page to this machine until interrupted, and print where it is.

    model: a model folder that says what to look at first; folder_of: as `apply` takes it.
    corrections: a folder of them to look at instead, of which root takes in what is right. Raises DataError and BundleError.
    """
    classifier = Classifier.load(model) if model else None
    corrected = corrections and CorrectionsReview(corrections, root, classifier, folder_of)
    review = corrected or Review(root, classifier, folder_of)
    page = build(review)
    for sentence in decisions.not_shown(review.root):
        print(sentence, flush=True)

    @asynccontextmanager
    async def guarded(app: Any) -> AsyncIterator[None]:
        app.middleware_stack = ApiGuard(app.middleware_stack, lambda: page.fns)
        yield

    _, url, _ = page.launch(
        prevent_thread_lock=True,
        app_kwargs={"lifespan": guarded},
        quiet=True,
        server_name=ADDRESS,
        share=False,
        theme=theme(),
        css=(HERE / "review.css").read_text(encoding="utf-8"),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
    )
    print(
        f"The review page is at {url} (Ctrl+C ends it; decisions are kept in {review.root / decisions.DECISIONS_FILE}).",
        flush=True,
    )
    page.block_thread()


def _keys(value: object) -> list[str]:
    """Keys of pictures, at least one. Raises ValueError for anything else."""
    if not isinstance(value, list) or not value or not all(isinstance(key, str) for key in value):
        raise ValueError("no keys")
    return value


def _for_this_machine(name: str, function: Callable[[Answer], Answer]) -> Callable[[Answer, gr.Request], Answer]:
    """The function as Gradio serves it by that name: its errors are answered as {"error": sentence}.

    A page of another site, open in the same browser, could send requests here too: by its Origin, or by a Host of its own
    that it let point at this machine, it is turned away.
    """

    def answer(asked: Answer, request: gr.Request) -> Answer:
        names = {urlsplit(f"//{request.headers.get('host', '')}").hostname}
        if origin := request.headers.get("origin"):
            names.add(urlsplit(origin).hostname)
        if not names <= THIS_MACHINE:
            return {"error": "This page answers only on the machine that it runs on."}
        try:
            return function(asked)
        except CartoonError as error:
            return {"error": str(error)}
        except (KeyError, OverflowError, TypeError, ValueError):
            return {"error": "That was not asked as this page asks it: reload the page."}

    answer.__name__ = name
    return answer
