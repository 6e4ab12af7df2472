"""Many pictures at once on the page: a table that grows as they are answered."""

import html
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import gradio as gr

from cartoons import strict_json
from cartoons.answer_table import Row, csv_text
from cartoons.errors import BusyError, ImageError
from cartoons.model_folder import ModelInfo
from cartoons.page.sentences import ANSWERED, CHOOSE_PICTURES, COLUMNS, DOWNLOAD, HOW_MANY, LIST_DAMAGED, MANY, MANY_FAILED
from cartoons.page.words import all_done, in_words, problem, shares, so_far
from cartoons.serving.picture_batch import PictureBatch
from cartoons.serving.picture_service import PictureService
from cartoons.serving.uploads import UploadFolder

SHOWN_EVERY_S = 0.5
EVENT: dict[str, Any] = {"concurrency_limit": 2, "preprocess": False, "api_visibility": "private", "show_progress": "hidden"}
CHOOSE = f"""<h2>{MANY}</h2><p>{HOW_MANY}</p>
<div class="buttons"><button type="button">{CHOOSE_PICTURES}</button></div>
<input type="file" multiple accept="image/*,.heic,.heif,.zip" hidden><p role="alert"></p>"""


def add_many(service: PictureService, uploads: UploadFolder, script: str, elem_classes: list[str]) -> None:
    """The part of the page; script: its JavaScript, many.js."""
    info, batch = service.classifier.info, PictureBatch(service, uploads)

    def answer_page(chosen: str) -> Iterator[str]:
        try:
            files, rows = batch.rows(_parsed(chosen), "page, many", thumbnails=True)
            done: list[Row] = []
            shown = 0.0
            for row in rows:
                done.append(row)
                if time.monotonic() - shown > SHOWN_EVERY_S and len(done) < files:
                    shown = time.monotonic()
                    yield table(done, files, info)
            yield table(done, files, info)
        except (ImageError, BusyError) as error:
            yield problem(str(error))

    chosen = gr.HTML(
        "", html_template=CHOOSE, js_on_load=script, apply_default_css=False, elem_id="many", elem_classes=elem_classes
    )
    answers = gr.HTML("", elem_id="answers")
    asked = chosen.submit(answer_page, chosen, answers, **EVENT)
    asked.failure(lambda: problem(MANY_FAILED), None, answers, **EVENT)


def table(rows: Sequence[Row], files: int, info: ModelInfo) -> str:
    """The rows that are known of so many files, as HTML; the columns' heads are buttons that sort (many.js)."""
    heads = "".join(f'<th scope="col"><button type="button">{name}</button></th>' for name in COLUMNS)
    body = "".join(f"<tr>{_cells(row, info)}</tr>" for row in rows)
    without = sum(row.prediction is None for row in rows)
    if len(rows) < files:
        state = f'<progress value="{len(rows)}" max="{files}" aria-label="{ANSWERED}"></progress> {so_far(len(rows), files)}'
    else:
        state = all_done(files - without, files)
        address = f"data:text/csv;charset=utf-8,{quote(csv_text(rows, info.characters))}"
        state += f' <a download="answers.csv" href="{address}">{DOWNLOAD}</a>'
    return f'<p role="status">{state}</p><table><thead><tr><td></td>{heads}</tr></thead><tbody>{body}</tbody></table>'


def _cells(row: Row, info: ModelInfo) -> str:
    file, answer = f"<td>{html.escape(row.file)}</td>", row.prediction
    if answer is None:
        return f'<td></td>{file}<td colspan="2">{html.escape(row.reason)}</td>'
    kind, title, _ = in_words(answer, info.certain_threshold)
    share = answer.probabilities[answer.label] if answer.known else 0.0
    sure = f'<td data-value="{share:.6f}">{f"{shares(answer)[answer.label]}%" if answer.known else ""}</td>'
    return f'<td><img src="{row.thumbnail}" alt=""></td>{file}<td class="{kind}">{title}</td>{sure}'


def _parsed(chosen: str) -> Any:
    """What many.js uploaded: a list of uploads. Raises ImageError."""
    try:
        return strict_json.loads(chosen)
    except (ValueError, TypeError) as error:
        raise ImageError(LIST_DAMAGED) from error
