"""The page: a picture in, the likeliest characters out, or "I don't know this one".

    python app.py                        serve the embedded model (model/)
    python app.py --model DIR            serve a model folder that train.py wrote
    MODEL_REPO=user/name python app.py   serve a model of the Hugging Face Hub, at MODEL_REVISION if that is set
    python app.py --deploy user/space --model user/name      make a Hugging Face Space that does, and wait for its answer

As a Space it starts unchanged on ZeroGPU and on cpu-basic.
"""

import argparse
import base64
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from cartoons import console, proxies
from cartoons.errors import BundleError, CartoonError, HubError, ImageError
from cartoons.hub.deploy import deploy
from cartoons.hub.pull import PULL_TIMEOUT_S, cached, pull
from cartoons.images import MAX_BYTES, load
from cartoons.page import CSS, colophon, headline, looked, opening
from cartoons.predict import Classifier, Prediction

try:
    import spaces
except ImportError:  # only Hugging Face's ZeroGPU hardware brings it
    spaces = None

HERE = Path(__file__).parent
EMBEDDED_MODEL = HERE / "model"
EXAMPLES = HERE / "examples"
TOP = 4
SHOWN_BY_NO_BROWSER = {"HEIF", "TIFF"}
UPLOADS_KEPT_S = 3600
CONCURRENT_ANSWERS = 4
PAGE_EVENT: dict[str, Any] = {
    "api_visibility": "private",
    "concurrency_limit": CONCURRENT_ANSWERS,
    "preprocess": False,
    "show_progress": "minimal",
}
"""Without preprocessing a listener gets the upload itself, for `open_upload`: gr.Image's own decoding answers a bad file
with a stack trace, and a good one with other pixels than training saw."""
Upload = dict[str, Any]
log = logging.getLogger("app")


def on_gpu(function: Callable[[], None]) -> Callable[[], None]:
    """ZeroGPU stops an app that decorates no function, though this model answers in milliseconds without a GPU."""
    return spaces.GPU(function) if spaces else function


@on_gpu
def keep_zero_gpu_content() -> None:
    """Never called: it is there to be decorated."""


def open_upload(upload: Upload | None) -> Image.Image:
    """What gr.Image received (a file, or a data: URL from an API client) as an RGB picture; gr.Error when it is none."""
    if upload is None:
        message = "No picture was given: send one, for example with gradio_client's handle_file(path)."
        raise gr.Error(message, print_exception=False)
    try:
        if (upload["url"] or "").startswith("data:"):
            return load(base64.b64decode(upload["url"].partition(",")[2]))
        return load(upload["path"] or "")
    except ImageError as error:
        raise gr.Error(str(error), print_exception=False) from error
    except ValueError as error:
        raise gr.Error(f"The picture's base64 data is damaged ({error}): send it again.", print_exception=False) from error


def choose_model(repo: str | None, revision: str | None, timeout_s: float = PULL_TIMEOUT_S) -> tuple[Classifier, str]:
    """The model asked for, else a cached copy, else the embedded one; and a notice saying which and why, or ""."""
    if not repo:
        return Classifier.load(EMBEDDED_MODEL), ""
    try:
        return Classifier.load(pull(repo, revision, timeout_s=timeout_s)), ""
    except (HubError, BundleError) as error:
        why = str(error)
    for copy in cached(repo, revision):
        try:
            return Classifier.load(copy), f"{why} Answering with the copy that was cached earlier."
        except BundleError:  # it is the one that was refused above, or another of its kind
            continue
    return Classifier.load(EMBEDDED_MODEL), f"{why} Answering with the embedded model."


def confidences(answer: Prediction) -> dict[str, float]:
    """The top characters and their probabilities, as gr.Label takes them."""
    return dict(list(answer.probabilities.items())[:TOP])


def build_demo(classifier: Classifier, notice: str = "") -> gr.Blocks:
    """The page and its API (/predict, /classify) around a classifier; notice: why another model than asked answers."""
    info = classifier.info

    def answer_page(upload: Upload | None) -> tuple[Any, str, Any]:
        if upload is None:  # leave the picture alone: the visitor may have dropped the next one already
            return gr.skip(), *start_over()[1:]
        picture = open_upload(upload)
        look = classifier.look(picture)
        answer = look.answer
        shown = picture if picture.format in SHOWN_BY_NO_BROWSER else gr.skip()
        bars = gr.Label(value=confidences(answer), visible=True, elem_classes=[] if answer.known else ["muted"])
        return shown, headline(answer, info.characters) + looked(look), bars

    def start_over() -> tuple[Any, str, Any]:
        return None, headline(None, info.characters), gr.Label(value=None, visible=False)

    def predict(picture: Upload | None) -> dict[str, float]:
        """The four likeliest characters with their probabilities; what is missing from 1 is "none of these"."""
        return confidences(classifier.predict([open_upload(picture)])[0])

    def classify(picture: Upload | None) -> dict[str, Any]:
        """Every character's probability, known or not, the model that answered, and the milliseconds it took."""
        started = time.perf_counter()
        [answer] = classifier.predict([open_upload(picture)])
        return {
            "label": answer.label,
            "known": answer.known,
            "unknown_score": answer.unknown_score,
            "probabilities": answer.probabilities,
            "model": {"name": info.name, "revision": info.revision, "created": info.created},
            "milliseconds": round((time.perf_counter() - started) * 1000, 2),
        }

    with gr.Blocks(
        title="Cartoon Classifier",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(UPLOADS_KEPT_S, UPLOADS_KEPT_S),
    ) as demo:
        gr.HTML(opening(info.characters, notice), elem_id="top")
        with gr.Row(equal_height=False):
            picture = gr.Image(
                label="Picture",
                sources=["upload", "webcam", "clipboard"],
                buttons=["fullscreen"],
                height=380,
                alt_text="the picture to name",
                elem_id="picture",
            )
            with gr.Column():
                said = gr.HTML(headline(None, info.characters), elem_id="said")
                bars = gr.Label(num_top_classes=TOP, show_heading=False, show_label=False, visible=False, elem_id="bars")
        # "change" follows whatever fills or clears the picture, an example's click included ("input" and "clear" come with
        # the value of before when a visitor clears an example).
        asked = picture.change(answer_page, picture, [picture, said, bars], show_progress_on=said, **PAGE_EVENT)
        asked.failure(start_over, None, [picture, said, bars], **PAGE_EVENT)
        if pictures := sorted(str(path) for path in EXAMPLES.glob("*.png")):
            gr.Examples(
                pictures,
                picture,
                cache_examples=False,
                label="Or try one of these drawings",
                elem_id="examples",
                examples_per_page=20,
                api_visibility="private",
            )
        gr.HTML(colophon(info), elem_id="colophon")
        add_api(picture, predict, classify)
    return demo  # type: ignore[no-any-return]  # gr.Blocks' context manager is untyped


def add_api(picture: gr.Image, predict: Callable[..., Any], classify: Callable[..., Any]) -> None:
    """Endpoints for programs, apart from the page's own events so that they stay as they are when the page changes."""
    with gr.Row(visible=False):
        call, label, facts = gr.Button(), gr.Label(num_top_classes=TOP), gr.JSON()
    call.click(predict, picture, label, api_name="predict", concurrency_limit=CONCURRENT_ANSWERS, preprocess=False)
    call.click(classify, picture, facts, api_name="classify", concurrency_limit=CONCURRENT_ANSWERS, preprocess=False)


THEME = gr.themes.Soft(
    primary_hue="amber",
    neutral_hue="slate",
    radius_size="lg",
    font=["ui-rounded", "system-ui", "sans-serif"],  # the visitor's own fonts: the page asks no other host for anything
    font_mono=["ui-monospace", "monospace"],
).set(
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_label_text_color="*primary_800",
    block_label_text_color_dark="*primary_200",
)


def main(argv: list[str] | None = None) -> int:
    """Serve the page until interrupted, or deploy it; 2 with one sentence when that cannot be."""
    parser = argparse.ArgumentParser(prog="app.py", description="Serve a cartoon classifier as a web page.")
    parser.add_argument("--model", metavar="DIR", help="a model folder, as train.py writes it")
    parser.add_argument(
        "--deploy",
        metavar="USER/SPACE",
        help="instead, make a Hugging Face Space that serves it; --model may then be user/name of a model there",
    )
    parser.add_argument("--private", action="store_true", help="let nobody else see the Space")
    console.open_streams()
    proxies.prepare()
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    log.setLevel(logging.INFO)
    try:
        if arguments.deploy:
            print(deploy(arguments.deploy, arguments.model, private=arguments.private))
            return 0
        if arguments.model:
            classifier, notice = Classifier.load(Path(arguments.model)), ""
        else:
            classifier, notice = choose_model(os.environ.get("MODEL_REPO"), os.environ.get("MODEL_REVISION"))
    except CartoonError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    if notice:
        log.warning(notice)
    log.info("Model %s, revision %s.", classifier.info.name, classifier.info.revision)
    build_demo(classifier, notice).launch(
        theme=THEME,
        css=CSS,
        footer_links=["api"],
        max_file_size=MAX_BYTES,
        enable_monitoring=False,
        show_error=True,
        ssr_mode=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
