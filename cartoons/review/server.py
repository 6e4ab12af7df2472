"""The review page: pictures of a class, kept, moved or deleted by click, tap or key. It is served to this machine only."""

import base64
import io
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr

from cartoons.classifier import Classifier
from cartoons.errors import CartoonError, DataError
from cartoons.images import load
from cartoons.metadata import text
from cartoons.page.layout import theme
from cartoons.review import decisions
from cartoons.review.apply import apply
from cartoons.review.decisions import DELETE, KEEP, MOVE, UNDO, Decision, Picture
from cartoons.review.ranking import in_order, opinions
from cartoons.serving.api_guard import ApiGuard

HERE = Path(__file__).parent
ADDRESS = "127.0.0.1"
THIS_MACHINE = {ADDRESS, "localhost"}
SMALL_PX, LARGE_PX = 320, 1280
JPEG_QUALITY = 82
Answer = dict[str, Any]
"""Plain values that JSON can hold."""


class Review:
    """A picture folder under review. The page knows pictures by a key, not by a path. Safe to call from several threads."""

    def __init__(self, root: Path, classifier: Classifier | None, folder_of: Callable[[str], str] = str) -> None:
        """Read the folder and have the classifier look at it, if there is one. folder_of: as `apply` takes it.

        Raises DataError when there is nothing to review.
        """
        self.root, self._classifier, self._folder_of = root, classifier, folder_of
        self._lock = threading.RLock()
        self._labels: list[str] = []
        self._read()
        if not self._pictures:
            raise DataError(f"{root} holds no pictures: put the pictures of each character into a folder of its name.")

    def overview(self) -> Answer:
        """The classes, with how many of each are there and are to be looked at, and how many decisions wait."""
        with self._lock:
            classes = [
                {"label": label, "pictures": len(keys), "to_look_at": sum(self._is_to_look_at(key) for key in keys)}
                for label, keys in self._classes.items()
            ]
            waiting = sum(decisions.is_pending(picture, self._decision(picture)) for picture in self._pictures.values())
            model = self._classifier.info.name if self._classifier else ""
            return {"folder": self.root.resolve().name, "model": model, "classes": classes, "waiting": waiting}

    def cards(self, label: str, start: int, count: int) -> Answer:
        """What there is to show of the pictures of a class from start on; {"cards": [...], "pictures": all of the class}."""
        with self._lock:
            keys = self._classes.get(label, [])
            return {"cards": [self._card(key) for key in keys[start : start + count]], "pictures": len(keys)}

    def decide(self, key: str, action: str, to: str) -> Answer:
        """Write a decision down, then tell how the picture and everything stand."""
        if action not in (KEEP, DELETE, MOVE) or (action == MOVE) != (to in self._labels):
            raise DataError(f"There is no {action!r} to {to!r} here: reload the page.")
        with self._lock:
            stays = action == MOVE and to == self._picture(key).label
            self._write(key, *((KEEP, "") if stays else (action, to)))
            return {"card": self._card(key), "overview": self.overview()}

    def undo(self, key: str) -> Answer:
        """Take back the decision on a picture, or with key "" the last one on any; answers as `decide`, and where it is.

        With nothing to take back there is no card in the answer.
        """
        with self._lock:
            key = key or self._last_decided()
            if not key or not self._can_undo(self._picture(key)):
                return {"overview": self.overview()}
            self._write(key, UNDO)
            label = self._picture(key).label
            place = self._classes[label].index(key)
            return {"card": self._card(key), "label": label, "place": place, "overview": self.overview()}

    def apply(self) -> Answer:
        """Carry out what waits; {"deleted": n, "moved": n, "overview": ...}."""
        with self._lock:
            try:
                done = apply(self.root, self._folder_of)
            finally:
                self._read()
            return {"deleted": done.deleted, "moved": done.moved, "overview": self.overview()}

    def picture(self, key: str, large: bool) -> Answer:
        """{"url": a data: URL of a copy, at most LARGE_PX or SMALL_PX a side}. Raises ImageError for a broken one."""
        copy, side_px = load(self._picture(key).path), LARGE_PX if large else SMALL_PX
        copy.thumbnail((side_px, side_px))
        buffer = io.BytesIO()
        copy.save(buffer, "JPEG", quality=JPEG_QUALITY)
        return {"url": f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"}

    def _read(self) -> None:
        """Everything from the disk, in the order to look at it; the classes stay, emptied ones too."""
        pictures = decisions.read_pictures(self.root)
        self._labels = decisions.labels_of(pictures, self._labels)
        self._history = decisions.read_decisions(self.root)
        self._latest = decisions.latest_decisions(self._history)
        self._opinions = opinions(self.root, pictures, self._classifier) if self._classifier and pictures else None
        decided = {picture.file_name: bool(self._decision(picture)) for picture in pictures}
        self._pictures = {picture.key: picture for picture in pictures}
        self._classes = {
            label: [p.key for p in in_order([p for p in pictures if p.label == label], self._opinions, decided)]
            for label in self._labels
        }

    def _write(self, key: str, action: str, to: str = "") -> None:
        picture, now = self._picture(key), datetime.now(UTC).isoformat(timespec="seconds")
        decision = Decision(picture.file_name, picture.sha256, action, to, now)
        try:
            decisions.append(self.root, decision)
        except OSError as error:
            why = f"The decision could not be written ({error}), so it does not count: mend that first."
            raise DataError(why) from error
        self._history.append(decision)
        self._latest = decisions.latest_decisions(self._history)

    def _picture(self, key: str) -> Picture:
        if key not in self._pictures:
            raise DataError("That picture is no longer there: reload the page.")
        return self._pictures[key]

    def _decision(self, picture: Picture) -> Decision | None:
        return decisions.decision_on(picture, self._latest)

    def _can_undo(self, picture: Picture) -> bool:
        """Whether there is a decision on it that was not carried out yet."""
        decision = self._decision(picture)
        return decision is not None and (decision.action == KEEP or decisions.is_pending(picture, decision))

    def _last_decided(self) -> str:
        """The key of the picture that was decided last, or ""."""
        mine = {picture.sha256: key for key, picture in self._pictures.items() if self._can_undo(picture)}
        return next((mine[sha256] for sha256 in reversed(self._latest) if sha256 in mine), "")

    def _is_to_look_at(self, key: str) -> bool:
        picture = self._pictures[key]
        doubted = self._opinions is None or self._opinions[picture.file_name].doubts
        return doubted and self._decision(picture) is None

    def _card(self, key: str) -> Answer:
        picture = self._pictures[key]
        decision, opinion = self._decision(picture), self._opinions[picture.file_name] if self._opinions else None
        shown = {"name": picture.path.name, "source": picture.source, "title": text(picture.row.get("title"))}
        return {name: value.encode("utf-8", "replace").decode() for name, value in shown.items()} | {
            "key": key,
            "label": picture.label,
            "action": decision.action if decision else "",
            "to": decision.to if decision else "",
            "undoable": self._can_undo(picture),
            "looks_like": opinion.label if opinion else "",
            "probability": opinion.probability if opinion else 0.0,
            "suggested": opinion.suggested if opinion else "",
        }


def build(review: Review) -> gr.Blocks:
    """The page of a review."""
    functions: dict[str, Callable[[Answer], Answer]] = {
        "overview": lambda _: review.overview(),
        "cards": lambda asked: review.cards(str(asked["label"]), int(asked["start"]), int(asked["count"])),
        "picture": lambda asked: review.picture(str(asked["key"]), bool(asked["large"])),
        "decide": lambda asked: review.decide(str(asked["key"]), str(asked["action"]), str(asked["to"])),
        "undo": lambda asked: review.undo(str(asked["key"])),
        "apply": lambda _: review.apply(),
    }
    with gr.Blocks(title=f"Review {review.root.resolve().name}", analytics_enabled=False, fill_width=True) as demo:
        gr.HTML(
            "",
            html_template='<div class="review"><p class="quiet">Loading…</p></div>',
            js_on_load=(HERE / "review.js").read_text(encoding="utf-8"),
            server_functions=[_for_this_machine(name, function) for name, function in functions.items()],
            apply_default_css=False,
        )
    return demo  # type: ignore[no-any-return]  # gr.Blocks' context manager is untyped


def serve(root: Path, model: Path | None, folder_of: Callable[[str], str] = str) -> None:
    """Serve the page to this machine until interrupted, and print where it is.

    model: a model folder that says what to look at first; folder_of: as `apply` takes it. Raises DataError and BundleError.
    """
    page = build(Review(root, Classifier.load(model) if model else None, folder_of))
    for sentence in decisions.not_shown(root):
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
        f"The review page is at {url} (Ctrl+C ends it; decisions are kept in {root / decisions.DECISIONS_FILE}).", flush=True
    )
    page.block_thread()


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
        except (KeyError, TypeError, ValueError):
            return {"error": "That was not asked as this page asks it: reload the page."}

    answer.__name__ = name
    return answer
