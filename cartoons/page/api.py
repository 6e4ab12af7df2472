"""Endpoints for programs, apart from the page's own events so that they stay as they are when the page changes.

/predict, /classify and /classify_many take uploads; /classify_url takes an address, and is the tool for MCP clients.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import gradio as gr

from cartoons.answer_table import answer_json
from cartoons.errors import BusyError, ImageError
from cartoons.model_folder import ModelInfo
from cartoons.serving.mcp_guard import TOOL
from cartoons.serving.picture_batch import PictureBatch
from cartoons.serving.picture_fetcher import PictureFetcher
from cartoons.serving.picture_service import Answered, PictureService
from cartoons.serving.uploads import UploadFolder

TOP = 4
EVENT: dict[str, Any] = {"concurrency_limit": 4, "preprocess": False}
"""Without preprocessing a listener gets the upload itself, for `UploadFolder.read`: gr.Image's own decoding answers a bad
file with a stack trace, and a good one with other pixels than training saw."""

FILE_ROUTE = "/gradio_api/file="
C = TypeVar("C", gr.JSON, gr.Label)
PICTURE = {"path": "picture.png", "meta": {"_type": "gradio.FileData"}, "orig_name": "picture.png"}
"""An example for the API page: Gradio's own are files of another host, which this page does not fetch."""

MOST_NAMED = 20
"""Characters named to an MCP client."""


def add_api(service: PictureService, uploads: UploadFolder, fetcher: PictureFetcher) -> None:
    """The endpoints. Their components are others than the page's, whose first value would be the default of theirs."""
    info, batch = service.classifier.info, PictureBatch(service, uploads)

    def answered(upload: Any, route: str) -> Answered:
        try:
            return service.submit(uploads.read(upload), route).result()
        finally:
            uploads.release(upload)

    def predict(picture: Any) -> dict[str, float]:
        """The four likeliest characters and their probabilities; missing from 1 are all others and "none of these"."""
        with said():
            found = answered(picture, "/predict")
        return dict(list(found.prediction.probabilities.items())[:TOP])

    def classify(picture: Any) -> dict[str, Any]:
        """Every character's probability, known or not, the model that answered, and the milliseconds it took."""
        with said():
            return in_full(answered(picture, "/classify"), info)

    def classify_many(files: Any) -> list[dict[str, Any]]:
        """A row for each of up to 50 pictures, or for those in a zip: its answer, or the reason why there is none."""
        with said():
            return [row.as_json() for row in batch.rows(files, "/classify_many")[1]]

    with gr.Row(visible=False):
        call, given = gr.Button(), gr.Image(label="Picture")
        files = gr.File(file_count="multiple", label="Pictures, or a zip")
        label, rows, facts = likeliest(info), answer_rows(info), full_answer(info)
    given.example_payload = lambda: PICTURE  # type: ignore[method-assign]
    files.example_payload = lambda: [PICTURE]  # type: ignore[method-assign]
    for function in (predict, classify, classify_many):
        vars(function)["_mcp_type"] = "none"  # else Gradio offers them as tools, which mcp_guard.py would refuse
    call.click(predict, given, label, api_name="predict", **EVENT)
    call.click(classify, given, facts, api_name="classify", **EVENT)
    call.click(classify_many, files, rows, api_name="classify_many", **EVENT | {"concurrency_limit": 2})
    add_tool(service, uploads, fetcher)


def add_tool(service: PictureService, uploads: UploadFolder, fetcher: PictureFetcher) -> None:
    """The endpoint that takes an address, which is the tool of MCP clients as well."""
    info = service.classifier.info

    async def classify_url(picture: str, request: gr.Request) -> dict[str, Any]:
        """The answer of /classify to the picture at an address.

        Args:
            picture: its address on the public web, or, for a local file, a data: URL (data:image/png;base64,...)
        """
        client = request.headers.get("x-forwarded-for") or getattr(request.client, "host", "")
        with said():
            data = await bytes_of(picture, uploads, fetcher, client)
            return in_full(await asyncio.wrap_future(service.submit(data, "/classify_url")), info)

    with gr.Row(visible=False):
        call, address, facts = gr.Button(), gr.Textbox(label="Picture's address"), full_answer(info)
    address.example_payload = lambda: "https://example.org/picture.png"  # type: ignore[method-assign]
    tool: dict[str, Any] = {"api_name": TOOL, "api_description": tool_description(info), "queue": False}
    call.click(classify_url, address, facts, preprocess=False, postprocess=False, **tool)


@contextmanager
def said() -> Iterator[None]:
    """The caller's mistake, inside, becomes gr.Error, the one that Gradio shows the words of."""
    try:
        yield
    except (ImageError, BusyError) as error:
        raise gr.Error(str(error), print_exception=False) from error


def in_full(found: Answered, info: ModelInfo) -> dict[str, Any]:
    """All that there is to say of a picture, as /classify answers it."""
    return {
        **answer_json(found.prediction),
        "model": {"name": info.name, "revision": info.revision, "created": info.created},
        "milliseconds": found.milliseconds,
    }


async def bytes_of(address: str, uploads: UploadFolder, fetcher: PictureFetcher, client: str) -> bytes:
    """The bytes at a data: URL, at an upload's own address here, or at an address of the public web.

    client: who asks. Raises ImageError and BusyError.
    """
    if not isinstance(address, str):
        return uploads.read(address)  # which says what is wrong with it
    if address.startswith("data:"):
        return uploads.read({"url": address})
    upload = {"path": address.partition(FILE_ROUTE)[2]}
    if upload["path"]:
        try:
            return uploads.read(upload)
        finally:
            uploads.release(upload)
    return await fetcher.fetch(address, client)


def tool_description(info: ModelInfo) -> str:
    """What an API page and an MCP client are told of /classify_url."""
    names = ", ".join(info.characters[:MOST_NAMED]) + (" and others" if info.characters[MOST_NAMED:] else "")
    return (
        f"Names the cartoon character in a picture ({names}), or says that it shows none of them (known is false). "
        "Answers with the likeliest character (label), whether it is known, and each character's probability."
    )


def likeliest(info: ModelInfo) -> gr.Label:
    """What /predict gives."""
    fields = {"label": {"type": "string"}, "confidences": {"type": "array", "items": {"type": "object"}}}
    confidences = [{"label": name, "confidence": share} for name, share in zip(info.characters, (0.94, 0.02), strict=False)]
    example = {"label": info.characters[0], "confidences": confidences}
    return returns(gr.Label(num_top_classes=TOP, label="Likeliest"), {"type": "object", "properties": fields}, example)


def full_answer(info: ModelInfo) -> gr.JSON:
    """What /classify and /classify_url give."""
    fields, example = answer_fields(info)
    fields |= {"model": {"type": "object"}, "milliseconds": {"type": "number"}}
    example |= {"model": {"name": info.name, "revision": info.revision, "created": info.created}, "milliseconds": 12.3}
    return returns(gr.JSON(label="Answer"), {"type": "object", "properties": fields}, example)


def answer_rows(info: ModelInfo) -> gr.JSON:
    """What /classify_many gives."""
    fields, example = answer_fields(info)
    fields = {"file": {"type": "string"}, **fields, "reason": {"type": "string"}}
    rows = [{"file": "picture.png", **example}, {"file": "notes.txt", "reason": "This is not a picture but text."}]
    return returns(gr.JSON(label="Rows"), {"type": "array", "items": {"type": "object", "properties": fields}}, rows)


def answer_fields(info: ModelInfo) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON schema of each field of an answer, and an example."""
    share = {"type": "number", "minimum": 0, "maximum": 1}
    fields = {
        "label": {"type": "string", "enum": list(info.characters)},
        "known": {"type": "boolean"},
        "unknown_score": share,
        "probabilities": {"type": "object", "additionalProperties": share},
    }
    first = info.characters[0]
    return fields, {"label": first, "known": True, "unknown_score": 0.06, "probabilities": {first: 0.94}}


def returns(component: C, schema: dict[str, Any], example: Any) -> C:
    """The component, which the API page and /gradio_api/info say that of: a JSON schema, and an example."""
    described = {**schema, "examples": [example], "description": f"for example {json.dumps(example)}"}
    component.api_info = lambda: described  # type: ignore[method-assign]
    return component
