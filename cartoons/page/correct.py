"""What a visitor can say of a wrong answer: the right name, from a list, and whether the picture may be kept."""

import html
import re

import gradio as gr

from cartoons.errors import BusyError, DataError
from cartoons.page.sentences import CORRECTION_FAILED, KEPT, SEND, THANKS, WHO, WITH_PICTURE, WRONG
from cartoons.page.words import MOST_LISTED, capitalised
from cartoons.serving.corrections import ANOTHER, NONE_OF_THESE, Corrections

PICTURE = re.compile(r'data-picture="([0-9a-f]{64})"')
RESET = "() => [null, false, '', {__type__: 'update', open: false}]"


def add_corrections(corrections: Corrections, answer: gr.HTML) -> None:
    """The fold under an answer; answer: what is shown, which names its picture."""

    def correct(shown: str, right: str, with_picture: bool) -> str:
        found = PICTURE.search(str(shown)[:10_000])
        try:
            corrections.add(found[1] if found else "", right, with_picture)
        except (DataError, BusyError) as error:
            return said(str(error))
        return said(THANKS)

    names = [(name if name in (NONE_OF_THESE, ANOTHER) else capitalised(name), name) for name in corrections.names]
    with gr.Accordion(WRONG, open=False, elem_id="correct") as fold:
        right = (gr.Radio if len(names) <= MOST_LISTED else gr.Dropdown)(names, value=None, label=WHO)
        with_picture = gr.Checkbox(label=WITH_PICTURE)
        gr.HTML(f"<p>{KEPT}</p>")
        send = gr.Button(SEND)
        told = gr.HTML("", elem_id="told")
    sent = send.click(
        correct,
        [answer, right, with_picture],
        told,
        concurrency_limit=4,
        preprocess=False,
        api_visibility="private",
        show_progress="minimal",
    )
    sent.failure(lambda: said(CORRECTION_FAILED), None, told, api_visibility="private")
    answer.change(None, None, [right, with_picture, told, fold], js=RESET, api_visibility="private")


def said(sentence: str) -> str:
    """A sentence that is read aloud as well."""
    return f'<p role="status">{html.escape(sentence)}</p>'
