"""The routes beside Gradio's: /api/classify in the Hugging Face inference format, /healthz, /preview.png, /metrics, and
/api/answer, by which the page's own script uploads a picture and has its answer in one request.

POST /api/classify takes a picture's bytes, or {"inputs": base64, "parameters": {"top_k": n}}, and answers
[{"label", "score"}], highest first: huggingface_hub.InferenceClient(model=".../api/classify").image_classification(picture).
Format: https://huggingface.co/docs/inference-providers/tasks/image-classification
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cartoons import strict_json
from cartoons.errors import BusyError, ImageError
from cartoons.images import MAX_BYTES
from cartoons.serving.picture_service import PictureService

ANSWER, CLASSIFY, HEALTH, METRICS, PREVIEW = "/api/answer", "/api/classify", "/healthz", "/metrics", "/preview.png"
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST, OPTIONS",
    "access-control-allow-headers": "*",
    "access-control-expose-headers": "x-known, x-model-revision, x-milliseconds, retry-after",
    "access-control-max-age": "86400",
}
RETRY_AFTER_S = 2
BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
JSON_FORM = '{"inputs": the picture in base64, "parameters": {"top_k": 4}}'


Preview = Callable[[str], bytes | None]
"""The PNG that stands for a link to an example (of that name) elsewhere, or else to the page."""

AnswerUpload = Callable[[bytes], Awaitable[dict[str, str]]]
"""A picture's bytes to what the page's script takes of it. Raises BusyError."""


class RequestError(ValueError):
    """The caller's mistake, in a sentence."""


class Metrics:
    """Requests counted and timed, in the text format of Prometheus."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram  # a page without metrics starts without it

        self._registry = CollectorRegistry()
        self._requests = Counter("pictures", "Pictures asked about.", ("route", "outcome"), registry=self._registry)
        self._seconds = Histogram(
            "picture_seconds", "From request to answer.", ("route",), buckets=BUCKETS_S, registry=self._registry
        )

    def observe(self, route: str, outcome: str, seconds: float) -> None:
        """Count one request of a PictureService."""
        self._requests.labels(route, outcome).inc()
        self._seconds.labels(route).observe(seconds)

    def response(self, _: Request) -> Response:
        """All counts, as text."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


def lean_api(
    service: PictureService, preview: Preview, answer_upload: AnswerUpload, metrics: Metrics | None = None
) -> Starlette:
    """An ASGI application of these routes; metrics: what /metrics answers, where it is wanted."""
    info = service.classifier.info

    async def classify(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=CORS)
        picture = b""
        try:
            picture, top_k = picture_of(await request.body(), request.headers.get("content-type", ""))
            answered = await asyncio.wrap_future(service.submit(picture, CLASSIFY))
        except (RequestError, ImageError) as error:
            return JSONResponse({"error": str(error)}, 413 if len(picture) > MAX_BYTES else 400, headers=CORS)
        except BusyError as error:
            return JSONResponse({"error": str(error)}, 429, headers=CORS | {"retry-after": str(RETRY_AFTER_S)})
        headers = {  # what the format has no field for
            "x-known": str(answered.prediction.known).lower(),
            "x-model-revision": info.revision,
            "x-milliseconds": str(answered.milliseconds),
        }
        rows = [{"label": label, "score": score} for label, score in answered.prediction.probabilities.items()]
        return JSONResponse(rows[:top_k], headers=CORS | headers)

    async def health(_: Request) -> Response:
        return JSONResponse({"ready": True, "revision": info.revision, "model": info.name})

    def link_preview(request: Request) -> Response:  # no coroutine: drawing it would hold up all others
        picture = preview(request.query_params.get("example", ""))
        return Response(picture, media_type="image/png") if picture else Response(status_code=404)

    routes = [
        answer_route(answer_upload),
        Route(CLASSIFY, classify, methods=["POST", "OPTIONS"]),
        Route(HEALTH, health),
        Route(PREVIEW, link_preview),
    ]
    return Starlette(routes=[*routes, Route(METRICS, metrics.response)] if metrics else routes)


def answer_route(answer_upload: AnswerUpload) -> Route:
    """ANSWER, of the page's own script."""

    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await answer_upload(await request.body()))
        except BusyError as error:
            return JSONResponse({"error": str(error)}, 429, headers={"retry-after": str(RETRY_AFTER_S)})
        except ClientDisconnect:  # page.js sends a smaller picture instead
            return Response(status_code=400)

    return Route(ANSWER, answer, methods=["POST"])


def picture_of(body: bytes, content_type: str) -> tuple[bytes, int | None]:
    """The picture's bytes and top_k (None: all) of a request in either form. Raises RequestError."""
    if not body:
        raise RequestError("The request is empty: send a picture's bytes, or " + JSON_FORM + ".")
    if content_type.lower().startswith("multipart/") and body.startswith(b"--"):
        raise RequestError("This is a form: send the picture's bytes alone, as curl --data-binary @picture.png does.")
    if "json" not in content_type.lower() and body.lstrip()[:1] != b"{":
        return body, None
    try:
        asked = strict_json.loads_bounded(body)
        inputs, parameters = asked["inputs"], asked.get("parameters") or {}
        unknown = parameters.keys() - {"top_k", "function_to_apply"}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RequestError(f"The JSON is not as it should be: send {JSON_FORM}.") from error
    if unknown:
        raise RequestError(f"There is no parameter {sorted(unknown)[0][:40]!r}: top_k is the one that can be given.")
    if parameters.get("function_to_apply") not in (None, "softmax"):
        raise RequestError("function_to_apply can only be softmax here: leave it out.")
    return _decoded(inputs), _checked_top_k(parameters.get("top_k"))


def _decoded(inputs: Any) -> bytes:
    try:
        return base64.b64decode(inputs, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise RequestError(f'"inputs" is not base64: send {JSON_FORM}.') from error


def _checked_top_k(top_k: Any) -> int | None:
    if top_k is None or (type(top_k) is int and top_k >= 1):
        return top_k
    raise RequestError("top_k must be a whole number from 1: leave it out for all characters.")
