"""The page and its API (/predict, /classify) as gr.Blocks: a picture in, the likeliest characters out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from cartoons.classifier import Prediction
from cartoons.errors import BusyError, ImageError
from cartoons.page.words import colophon, headline, looked, opening
from cartoons.serving.picture_service import Answered, PictureService
from cartoons.serving.uploads import UploadFolder

TOP = 4
SHOWN_BY_NO_BROWSER = {"HEIF", "TIFF"}
EVENT: dict[str, Any] = {"concurrency_limit": 4, "preprocess": False}
"""Without preprocessing a listener gets the upload itself, for `UploadFolder.read`: gr.Image's own decoding answers a bad
file with a stack trace, and a good one with other pixels than training saw."""

PAGE_EVENT: dict[str, Any] = EVENT | {"api_visibility": "private", "show_progress": "minimal"}
CSS = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")


def build_demo(service: PictureService, uploads: UploadFolder, examples: Sequence[Path], notice: str = "") -> gr.Blocks:
    """The page; examples: pictures to click on; notice: why another model than the one asked for answers."""
    info = service.classifier.info
    with gr.Blocks(title="Cartoon Classifier", analytics_enabled=False, fill_width=True) as demo:
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
        add_page_events(service, uploads, picture, said, bars)
        if examples:
            gr.Examples(
                [str(path) for path in examples],
                picture,
                cache_examples=False,
                label="Or try one of these drawings",
                elem_id="examples",
                examples_per_page=20,
                api_visibility="private",
            )
        gr.HTML(colophon(info), elem_id="colophon")
        add_api(service, uploads, picture)
    return demo  # type: ignore[no-any-return]  # gr.Blocks' context manager is untyped


def answered(service: PictureService, uploads: UploadFolder, upload: Any, route: str) -> Answered:
    """The answer to an upload, which is deleted then. Raises gr.Error, the one that Gradio shows the words of."""
    on_page = route == "page"
    try:
        return service.submit(uploads.read(upload), route, look=on_page).result()
    except (ImageError, BusyError) as error:
        raise gr.Error(str(error), print_exception=False) from error
    finally:
        uploads.release(upload, shown=on_page)


def confidences(answer: Prediction) -> dict[str, float]:
    """The top characters and their probabilities, as gr.Label takes them."""
    return dict(list(answer.probabilities.items())[:TOP])


def add_page_events(
    service: PictureService, uploads: UploadFolder, picture: gr.Image, said: gr.HTML, bars: gr.Label
) -> None:
    """What the page does when the picture changes."""
    characters = service.classifier.info.characters

    def answer_page(upload: Any) -> tuple[Any, str, Any]:
        if upload is None:  # leave the picture alone: the visitor may have dropped the next one already
            return gr.skip(), *start_over()[1:]
        found = answered(service, uploads, upload, "page")
        answer, shown = found.prediction, found.picture if found.picture.format in SHOWN_BY_NO_BROWSER else gr.skip()
        label = gr.Label(value=confidences(answer), visible=True, elem_classes=[] if answer.known else ["muted"])
        return shown, headline(answer, characters) + looked(found.look), label

    def start_over() -> tuple[Any, str, Any]:
        return None, headline(None, characters), gr.Label(value=None, visible=False)

    # "change" follows whatever fills or clears the picture, an example's click included ("input" and "clear" come with
    # the value of before when a visitor clears an example).
    asked = picture.change(answer_page, picture, [picture, said, bars], show_progress_on=said, **PAGE_EVENT)
    asked.failure(start_over, None, [picture, said, bars], **PAGE_EVENT)


def add_api(service: PictureService, uploads: UploadFolder, picture: gr.Image) -> None:
    """Endpoints for programs, apart from the page's own events so that they stay as they are when the page changes."""
    info = service.classifier.info

    def predict(picture: Any) -> dict[str, float]:
        """The four likeliest characters with their probabilities; what is missing from 1 is "none of these"."""
        return confidences(answered(service, uploads, picture, "/predict").prediction)

    def classify(picture: Any) -> dict[str, Any]:
        """Every character's probability, known or not, the model that answered, and the milliseconds it took."""
        found = answered(service, uploads, picture, "/classify")
        return {
            "label": found.prediction.label,
            "known": found.prediction.known,
            "unknown_score": found.prediction.unknown_score,
            "probabilities": found.prediction.probabilities,
            "model": {"name": info.name, "revision": info.revision, "created": info.created},
            "milliseconds": found.milliseconds,
        }

    with gr.Row(visible=False):
        call, label, facts = gr.Button(), gr.Label(num_top_classes=TOP), gr.JSON()
    call.click(predict, picture, label, api_name="predict", **EVENT)
    call.click(classify, picture, facts, api_name="classify", **EVENT)


def theme() -> gr.themes.Base:
    """The colours and the visitor's own fonts, of the review page as well: neither asks another host for anything."""
    return gr.themes.Soft(
        primary_hue="amber",
        neutral_hue="slate",
        radius_size="lg",
        font=["ui-rounded", "system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color="*primary_800",
        block_label_text_color_dark="*primary_200",
    )
