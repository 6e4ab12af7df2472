"""The routes beside Gradio's: /api/classify in the Hugging Face inference format for image classification, and /healthz.

POST /api/classify takes a picture's bytes, or {"inputs": base64, "parameters": {"top_k": n}}, and answers
[{"label", "score"}], highest first: huggingface_hub.InferenceClient(model=".../api/classify").image_classification(picture).
Format: https://huggingface.co/docs/inference-providers/tasks/image-classification
"""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cartoons.errors import BusyError, ImageError
from cartoons.images import MAX_BYTES
from cartoons.serving.picture_service import Answered, PictureService

CLASSIFY = "/api/classify"
HEALTH = "/healthz"
METRICS = "/metrics"
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST, OPTIONS",
    "access-control-allow-headers": "*",
    "access-control-expose-headers": "x-known, x-model-revision, x-milliseconds, retry-after",
    "access-control-max-age": "86400",
}
RETRY_AFTER_S = 2
JSON_FORM = '{"inputs": the picture in base64, "parameters": {"top_k": 4}}'


class RequestError(ValueError):
    """The caller's mistake, in a sentence."""


def lean_api(service: PictureService, more: dict[str, Callable[[], Response]] | None = None) -> Starlette:
    """An ASGI application of these routes; more: further pages for GET, by their path."""

    async def classify(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=CORS)
        try:
            picture, top_k = picture_of(await request.body(), request.headers.get("content-type", ""))
        except RequestError as error:
            return refusal(400, str(error))
        try:
            answered = await service.answer_async(picture, CLASSIFY)
        except ImageError as error:
            return refusal(413 if len(picture) > MAX_BYTES else 400, str(error))
        except BusyError as error:
            return refusal(429, str(error))
        return inference_answer(service, answered, top_k)

    async def health(_: Request) -> Response:
        info = service.classifier.info
        return JSONResponse({"ready": True, "revision": info.revision, "model": info.name})

    def page(made: Callable[[], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def get(_: Request) -> Response:
            return made()

        return get

    routes = [Route(CLASSIFY, classify, methods=["POST", "OPTIONS"]), Route(HEALTH, health, methods=["GET"])]
    return Starlette(routes=routes + [Route(path, page(made), methods=["GET"]) for path, made in (more or {}).items()])


def picture_of(body: bytes, content_type: str) -> tuple[bytes, int | None]:
    """The picture's bytes and top_k (None: all) of a request in either form. Raises RequestError."""
    if not body:
        raise RequestError("The request is empty: send a picture's bytes, or " + JSON_FORM + ".")
    if "json" not in content_type.lower() and body.lstrip()[:1] != b"{":
        return body, None
    try:
        asked = json.loads(body)
        inputs, parameters = asked["inputs"], asked.get("parameters") or {}
        unknown = parameters.keys() - {"top_k", "function_to_apply"}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise RequestError(f"The JSON is not as it should be: send {JSON_FORM}.") from error
    if unknown:
        raise RequestError(f"There is no parameter {sorted(unknown)[0][:40]!r}: top_k is the one that can be given.")
    if parameters.get("function_to_apply") not in (None, "softmax"):
        raise RequestError("function_to_apply can only be softmax here: leave it out.")
    return decoded(inputs), checked_top_k(parameters.get("top_k"))


def decoded(inputs: Any) -> bytes:
    """The bytes of base64 text. Raises RequestError."""
    try:
        return base64.b64decode(inputs, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise RequestError(f'"inputs" is not base64: send {JSON_FORM}.') from error


def checked_top_k(top_k: Any) -> int | None:
    """top_k if it is a number from 1 or absent. Raises RequestError."""
    if top_k is None or (type(top_k) is int and top_k >= 1):
        return top_k
    raise RequestError("top_k must be a whole number from 1: leave it out for all characters.")


def inference_answer(service: PictureService, answered: Answered, top_k: int | None) -> Response:
    """An answer in the inference format; the headers say what it has no field for."""
    answer = answered.prediction
    rows = [{"label": label, "score": score} for label, score in answer.probabilities.items()]
    headers = {
        "x-known": str(answer.known).lower(),
        "x-model-revision": service.classifier.info.revision,
        "x-milliseconds": str(answered.milliseconds),
    }
    return JSONResponse(rows[:top_k], headers=CORS | headers)


def refusal(status: int, sentence: str) -> Response:
    """An error, one sentence, as the inference format gives it."""
    more = {"retry-after": str(RETRY_AFTER_S)} if status == 429 else {}
    return JSONResponse({"error": sentence}, status, headers=CORS | more)
