"""The page as gr.Blocks: a picture in, the likeliest characters out."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from cartoons.errors import BusyError, ImageError
from cartoons.examples import DRAWINGS, small_jpeg
from cartoons.model_folder import Example
from cartoons.page.answers import PageAnswers, answer_to, clearest, picture_id
from cartoons.page.api import add_api
from cartoons.page.correct import add_corrections
from cartoons.page.many import add_many
from cartoons.page.sentences import (
    ALT_TEXT,
    BUTTONS,
    FAILED,
    PLACEHOLDER,
    SCRIPTS,
    SHARE_BUTTONS,
    TRY_DRAWINGS,
    TRY_PICTURES,
)
from cartoons.page.snippets import FILL_IN, snippets_html
from cartoons.page.words import about_examples, colophon, opening, problem, question, title
from cartoons.serving.corrections import Corrections
from cartoons.serving.picture_batch import MOST_FILES
from cartoons.serving.picture_fetcher import PictureFetcher
from cartoons.serving.picture_service import MAX_WAITING

PAGE_EVENT: dict[str, Any] = {"preprocess": False, "queue": False, "api_visibility": "private", "show_progress": "hidden"}
"""Past Gradio's queue, which takes a second request and an event stream for an answer: `PictureService` bounds the load."""

HERE = Path(__file__).parent
CSS = (HERE / "style.css").read_text(encoding="utf-8")
GIVE_ADDRESS = "window.giveAddress = (address) => { props.value = address; trigger('submit'); };"
SHOW_ANSWER = "window.showAnswer = (answer) => { props.value = answer; };"
ANSWERED = "() => { document.dispatchEvent(new Event('answered')); return []; }"
NEEDS_ANSWER = "(picture) => window.needsAnswer(picture)"


def build_demo(
    answers: PageAnswers, examples: Sequence[tuple[Path, Example]], notice: str, fetcher: PictureFetcher
) -> gr.Blocks:
    """The page; examples: of the model, the clearest of which it opens with.

    notice: why another model than the one asked for answers, or "". fetcher: of pictures' addresses.
    """
    service, uploads = answers.service, answers.uploads
    info = service.classifier.info
    files = [path if path.parent == DRAWINGS else uploads.add(path.name, small_jpeg(path)) for path, _ in examples]
    first = clearest(service.classifier, files)
    with gr.Blocks(title=title(info), analytics_enabled=False, fill_width=True) as demo:
        gr.HTML(opening(info.characters, notice), elem_id="top")
        with gr.Row(equal_height=False):
            picture = picture_column(str(first.path) if first else None)
            first_id = picture_id(picture.value)
            said = answer_to(first.look, first.size, info, first_id, is_example=True) if first else question(info.characters)
            answer = answer_column(said, answers.corrections)
        add_page_events(answers, picture, answer)
        add_address_event(answers, fetcher, [picture, answer])
        add_examples(picture, files, examples)
        add_api(service, uploads, fetcher)
        below = ["below-examples"] if examples else []
        add_many(service, uploads, script("many.js"), below)
        gr.HTML(snippets_html(), js_on_load=FILL_IN, apply_default_css=False, elem_id="snippets", elem_classes=below)
        gr.HTML(colophon(info, answers.corrections is not None), elem_id="colophon", elem_classes=below)
    return demo.queue(max_size=MAX_WAITING)  # type: ignore[no-any-return]  # gr.Blocks' context manager is untyped


def picture_column(shown: str | None) -> gr.Image:
    """The picture, with one shown (a path) at first, and the buttons below it."""
    with gr.Column():
        picture = gr.Image(
            shown,
            show_label=False,
            sources=["upload", "webcam"],
            buttons=["fullscreen"],
            placeholder=PLACEHOLDER,
            alt_text=ALT_TEXT,
            elem_id="picture",
        )
        add_buttons(BUTTONS, "alert", "page.js", "take")
    return picture


def answer_column(said: str, corrections: Corrections | None) -> gr.HTML:
    """The answer, with what is said at first, and what can be done with it."""
    with gr.Column():
        answer = gr.HTML(said, js_on_load=SHOW_ANSWER, elem_id="answer")
        add_buttons(SHARE_BUTTONS, "status", "answer.js", "share")
        if corrections:
            add_corrections(corrections, answer)
    return answer


def script(name: str) -> str:
    """The JavaScript of a component, with the sentences that it says and how many files it may take at once."""
    return f"const WORDS = {json.dumps(SCRIPTS)}, MOST = {MOST_FILES};\n{(HERE / name).read_text(encoding='utf-8')}"


def add_buttons(names: Sequence[str], role: str, script_name: str, elem_id: str) -> None:
    """Buttons of these names, the script that gives them something to do, and a place of that ARIA role where it says so."""
    each = "".join(f'<button type="button">{name}</button>' for name in names)
    template = f'<div class="buttons">{each}</div><p role="{role}"></p>'
    gr.HTML("", html_template=template, js_on_load=script(script_name), apply_default_css=False, elem_id=elem_id)


def add_examples(picture: gr.Image, files: Sequence[Path], examples: Sequence[tuple[Path, Example]]) -> None:
    """Pictures to click on, in `files` as the page stores them, with what each shows."""
    if not examples:
        return
    are_drawings = examples[0][0].parent == DRAWINGS
    gr.Examples(
        [str(path) for path in files],
        picture,
        cache_examples=False,
        label=TRY_DRAWINGS if are_drawings else TRY_PICTURES,
        elem_id="examples",
        examples_per_page=20,
        api_visibility="private",
    )
    gr.HTML(about_examples(examples), elem_id="about-examples")


def add_page_events(answers: PageAnswers, picture: gr.Image, answer: gr.HTML) -> None:
    """What the page does when the picture changes, but for an upload, whose answer page.js has with it."""
    service, uploads = answers.service, answers.uploads
    info = service.classifier.info

    def answer_page(upload: Any) -> tuple[Any, Any]:
        if upload is None:  # leave the picture alone: the visitor may have dropped the next one already
            return gr.skip(), question(info.characters)
        try:
            found = service.submit(uploads.read(upload), "page", look=True).result()
        except (ImageError, BusyError) as error:
            return None, problem(str(error))
        finally:
            uploads.release(upload, shown=True)
        return gr.skip(), answers.to_html(found, picture_id(upload))

    # "change" follows whatever fills or clears the picture, an example's click included ("input" and "clear" come with
    # the value of before when a visitor clears an example), but too often: page.js throws where there is nothing to ask.
    changed = picture.change(None, picture, None, js=NEEDS_ANSWER, api_visibility="private")
    asked = changed.success(answer_page, picture, [picture, answer], trigger_mode="always_last", **PAGE_EVENT)
    asked.failure(lambda: (None, problem(FAILED)), None, [picture, answer], **PAGE_EVENT)


def add_address_event(answers: PageAnswers, fetcher: PictureFetcher, shown: list[gr.components.Component]) -> None:
    """What the page does with a picture's address, which page.js gives to a component that shows nothing.

    shown: the picture and the answer.
    """

    async def answer_address(address: str, request: gr.Request) -> tuple[Any, Any]:
        try:
            data = await fetcher.fetch(address, request.session_hash or "")
            path, answer = await answers.answer(data, "address")
        except (ImageError, BusyError) as error:
            return None, problem(str(error))
        return str(path), answer

    # what an address holds is anybody's, and never becomes HTML: the template leaves the value out
    address = gr.HTML("", js_on_load=GIVE_ADDRESS, html_template=" ", apply_default_css=False, elem_id="address")
    asked = address.submit(answer_address, address, shown, **PAGE_EVENT)
    asked.failure(lambda: (None, problem(FAILED)), None, shown, **PAGE_EVENT)
    asked.then(None, js=ANSWERED, api_visibility="private")


def look() -> dict[str, Any]:
    """What gr.Blocks.launch takes of it: colours, styles, the sign in a browser's tab."""
    return {"theme": theme(), "css": CSS, "favicon_path": str(HERE / "favicon.svg")}


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
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        block_title_background_fill="none",
        block_title_background_fill_dark="none",
        block_title_padding="0",
        checkbox_border_color="*neutral_500",
        checkbox_border_color_dark="*neutral_400",
        input_border_color="*neutral_500",
        input_border_color_dark="*neutral_400",
        input_border_width="1px",
        checkbox_label_text_color_selected="*neutral_950",
        checkbox_label_text_color_selected_dark="*neutral_950",
        button_secondary_background_fill_hover_dark="*neutral_700",
    )
