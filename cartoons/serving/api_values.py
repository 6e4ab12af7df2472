"""The values of a call of Gradio's API, as Gradio's own checks take them: those let no traceback out then.

Gradio wants an upload as {"path", "orig_name", "meta"}, each of its type; what else a caller says of it is of no use here.
"""

import json
from typing import Any

from cartoons.errors import ImageError
from cartoons.serving.asgi import RefusedError
from cartoons.serving.picture_batch import MOST_FILES, NO_FILES, TOO_MANY
from cartoons.serving.uploads import UploadFolder

FILE_DATA = {"_type": "gradio.FileData"}
NO_PATH = (
    'Each file is given as {"path": an upload}: upload the file to /gradio_api/upload first, which answers with its path.'
)


def named_arguments(request: dict[str, Any], names: list[str]) -> list[Any]:
    """The values of a call by names. Raises RefusedError where one is missing, or has another name."""
    if unknown := request.keys() - {*names}:
        raise RefusedError(
            422, f"There is no parameter {sorted(unknown)[0][:40]!r}: this endpoint takes {', '.join(names)}."
        )
    if missing := [name for name in names if name not in request]:
        raise RefusedError(422, f"The parameter {missing[0]!r} is missing: this endpoint takes {', '.join(names)}.")
    return [request[name] for name in names]


def picture_value(value: object, uploads: UploadFolder) -> dict[str, Any]:
    """An upload, or what a data: URL holds, made one, in Gradio's form. Raises RefusedError for what is neither."""
    try:
        path, data = uploads.locate(value)
    except ImageError as error:
        raise RefusedError(400, str(error)) from error
    assert isinstance(value, dict)
    if path is None:  # it waits on the disk, which has a limit, not in each of the copies that Gradio makes of a request
        uploads.make_room(len(data))
        path = uploads.add("picture", data)
        uploads.hold([str(path)])
        return {"path": str(path), "meta": FILE_DATA}
    name = value.get("orig_name")
    named = {"orig_name": name.encode(errors="replace").decode()} if isinstance(name, str) else {}  # no half of a pair
    return {"path": value["path"], **named, "meta": FILE_DATA}


def file_values(value: object, uploads: UploadFolder) -> list[dict[str, Any]]:
    """A list of uploads, or one, as a list in Gradio's form. Raises RefusedError for anything else, and for too many."""
    values = value if isinstance(value, list) else [value]
    if not 0 < len(values) <= MOST_FILES:
        raise RefusedError(400, TOO_MANY if values else NO_FILES)
    if not all(isinstance(each, dict) and each.get("path") for each in values):
        raise RefusedError(400, NO_PATH)
    return [picture_value(each, uploads) for each in values]


def json_body(request: dict[str, Any]) -> bytes:
    """A request's body. Raises RefusedError for one that is nested too deeply."""
    try:
        return json.dumps(request).encode()
    except RecursionError as error:
        raise RefusedError(400) from error
